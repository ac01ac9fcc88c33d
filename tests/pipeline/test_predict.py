"""Predict: the launch's own answers, for whatever clips are named."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.commands import ROOT, command
from tests.pipeline.predictions import predict, require_as_voted, rows_of


def test_an_output_predicts_the_test_clips_as_its_vote_did(
    output: Path, made_clips: Path, tmp_path: Path
) -> None:
    assert predict(output, made_clips, out=tmp_path / "a.csv").returncode == 0
    require_as_voted(tmp_path / "a.csv", output)
    # In any company and order, and as files.
    files = [made_clips / "test_mp3s" / f"{n}.mp3" for n in (7, 3)]
    assert predict(output, *files, out=tmp_path / "b.csv").returncode == 0
    by_id = {row["id"]: row for row in rows_of(tmp_path / "a.csv")}
    assert rows_of(tmp_path / "b.csv") == [by_id["7"], by_id["3"]]


def test_to_predict_imports_none_of_torchs_compiler_which_takes_seconds(
    output: Path, made_clips: Path, tmp_path: Path
) -> None:
    clip = made_clips / "test_mp3s" / "0.mp3"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pipeline.predict", output, clip,
         "--out", tmp_path / "a.csv"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "torch" in imported
    assert not {"torch._dynamo", "torch._inductor", "sklearn"} & imported


def test_bad_files_are_named_with_the_reason_and_get_no_label(
    exported: Path, made_clips: Path, tmp_path: Path
) -> None:
    clips = tmp_path / "clips"
    shutil.copytree(made_clips / "test_mp3s", clips / "good")
    (clips / "bad.mp3").write_bytes(b"no sound at all" * 100)
    (clips / "empty.wav").write_bytes(b"")
    done = predict(exported, clips, out=tmp_path / "said.json")
    assert done.returncode == 0
    assert "2 clips without a label" in done.stdout + done.stderr
    said = {each["id"]: each for each in json.loads((tmp_path / "said.json").read_text())}
    assert len(said) == 14
    for name in ("bad", "empty"):
        assert said[name]["category"] is None
        assert said[name]["probabilities"] is None
        assert said[name]["problem"]
    assert sum(said["3"]["probabilities"].values()) == pytest.approx(1)
    only_bad = predict(exported, clips / "bad.mp3", out=tmp_path / "none.csv")
    assert only_bad.returncode == 1
    assert rows_of(tmp_path / "none.csv")[0]["category"] == ""


def test_a_csv_file_lists_clips_by_path(exported: Path, made_clips: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.csv"
    source = made_clips / "test_mp3s"
    listed.write_text(f"path,id\n{source / '5.mp3'},five\n{source / '2.mp3'},two\n")
    assert predict(exported, listed, out=tmp_path / "a.csv").returncode == 0
    assert [row["id"] for row in rows_of(tmp_path / "a.csv")] == ["five", "two"]
    for wrong, message in (
        (tmp_path / "nowhere.mp3", "nowhere.mp3 does not exist"),
        (exported / "weights", "no sound file lies there"),
    ):
        done = predict(exported, wrong, out=tmp_path / "b.csv")
        assert done.returncode == 2
        assert message in done.stderr
    twice = predict(exported, source / "5.mp3", source / "5.mp3", out=tmp_path / "b.csv")
    assert "is named twice" in twice.stderr


def test_of_a_long_recording_the_beginning_is_heard_and_that_is_said(
    exported: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "long.wav", rng.normal(0, 0.1, 22_050 * 3), 22_050)
    done = predict(exported, tmp_path / "long.wav", out=tmp_path / "a.csv")
    assert "1 recording of more than 1.5 times 0.5 s" in done.stdout + done.stderr


def test_a_folder_that_is_no_model_is_refused_with_what_was_expected(
    made_clips: Path, tmp_path: Path
) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        done = predict(folder, made_clips, out=tmp_path / "a.csv")
        assert done.returncode == 2
        assert "an export" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--hop", 0), "--hop 0 must be more than 0"),
        (("--labels", "x"), "say --hop"),
        (("--out", "said.txt"), "must end in .csv or .json"),
    ],
)
def test_a_wrong_option_is_refused(
    exported: Path, made_clips: Path, options: tuple[object, ...], message: str
) -> None:
    done = command("predict", exported, made_clips, *options)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_vote_of_an_earlier_state_of_the_data_is_not_predicted_with(
    output: Path, made_clips: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(output, out)
    rows = (out / "manifest.csv").read_text().splitlines()
    number = next(k for k, row in enumerate(rows) if row.startswith("labelled,") and ",3,," in row)
    rows[number] = rows[number].replace(",3,,", ",2,,")
    (out / "manifest.csv").write_text("\n".join(rows) + "\n")
    done = predict(out, made_clips, out=tmp_path / "a.csv")
    assert done.returncode == 2
    assert "is out of date, the data has changed" in done.stderr
