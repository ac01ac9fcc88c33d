"""Predict and export: the launch's own answers, from an output and from a folder that went away."""

import csv
import json
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import soundfile

from jobs.data.layouts import read_data
from jobs.data.synthetic import MadeClips, write_clips
from tests.commands import Launch, command

# Nets and models without epochs, each in two folds, voting as one.
MIXED = """\
seconds: 0.5
n_fft: 512
n_mels: 16
depth: 8
epochs: 3
batch_size: 8
lr: 0.05
threads: 1
shards: 1
folds: 2
choose: best-per-run
votes: 4
combine: soft
runs:
  - {name: net}
  - {name: wide, model: wide_resnet, width: 8, optimizer: adamw, lr: 3e-3, augment: strong}
  - {name: trees, model: extra_trees, features: v1pooled, trees: 20}
  - {name: linear, model: logistic, features: v1pooled}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("predict")


@pytest.fixture(scope="module")
def output(launch: Launch, made_clips: Path, folder: Path) -> Path:
    """An output whose voters are nets of v1, one checkpoint an entry."""
    grid = folder / "nets.yaml"
    text = MIXED.partition("folds:")[0]
    grid.write_text(f"{text}votes: 3\nsweep: {{momentum: [0.9, 0.5]}}\n")
    where = ("--grid", grid, "--data", made_clips, "--out", folder / "nets")
    done = launch(*where, "--executor", "debug")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "nets"


@pytest.fixture(scope="module")
def mixed(launch: Launch, made_clips: Path, folder: Path) -> Path:
    grid = folder / "mixed.yaml"
    grid.write_text(MIXED)
    where = ("--grid", grid, "--data", made_clips, "--out", folder / "mixed")
    done = launch(*where, "--executor", "debug")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "mixed"


@pytest.fixture(scope="module")
def exported(output: Path, folder: Path) -> Path:
    """An export that stands alone."""
    done = command("export", output, "--to", folder / "exported")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "exported"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def predict(*arguments: object, out: Path) -> Any:
    return command("predict", *arguments, "--out", out)


def require_as_voted(said: Path, output: Path) -> None:
    """Compare what was predicted with the launch's votes, digit by digit."""
    ours, votes = rows_of(said), rows_of(output / "votes.csv")
    assert len(ours) == len(votes) == 12
    shared = [name for name in ours[0] if name in votes[0]]
    assert {"id", "category", "agreement", "confidence", "p_0", "p_3"} <= set(shared)
    assert [[r[n] for n in shared] for r in ours] == [[r[n] for n in shared] for r in votes]


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


def test_nets_trees_and_folds_vote_as_one_and_are_exported(
    mixed: Path, made_clips: Path, tmp_path: Path
) -> None:
    ensemble = json.loads((mixed / "ensemble.json").read_text())
    assert {voter["run"] for voter in ensemble["voters"]} == {"net", "wide", "trees", "linear"}
    assert predict(mixed, made_clips, out=tmp_path / "a.csv").returncode == 0
    require_as_voted(tmp_path / "a.csv", mixed)
    done = command("export", mixed, "--to", tmp_path / "gone")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no ONNX file for trees epoch 1, fold 1: `extra_trees` is no network" in done.stdout
    assert "no ONNX file for the ensemble: not all of its voters begin at" in done.stdout
    assert len(list((tmp_path / "gone" / "onnx").glob("*.onnx"))) == 4
    assert predict(tmp_path / "gone", made_clips, out=tmp_path / "b.csv").returncode == 0
    assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()


def test_an_export_predicts_the_same_bytes_without_its_output(
    exported: Path, output: Path, made_clips: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(exported, moved)
    assert predict(moved, made_clips, out=tmp_path / "a.csv").returncode == 0
    require_as_voted(tmp_path / "a.csv", output)
    checked = subprocess.run(
        ["sha256sum", "--check", "--quiet", "checksums.sha256"], cwd=moved, check=False
    )
    assert checked.returncode == 0
    assert not [p for p in moved.rglob("*") if p.suffix in (".pkl", ".pt", ".npz")]


@pytest.mark.parametrize("name", ["weights", "onnx", "export.json", "README.md"])
def test_an_export_with_one_byte_changed_is_refused(
    exported: Path, made_clips: Path, tmp_path: Path, name: str
) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(exported, moved)
    path = moved / name
    if path.is_dir():
        path = sorted(path.iterdir())[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    done = predict(moved, made_clips, out=tmp_path / "a.csv")
    assert done.returncode == 2
    assert f"{path.name} is not what was exported" in done.stderr
    path.unlink()
    gone = predict(moved, made_clips, out=tmp_path / "a.csv")
    assert gone.returncode == 2
    assert f"{path.name} is missing" in gone.stderr
    assert not (tmp_path / "a.csv").exists()


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


TEN_LINES = """\
import json, sys
import numpy as np, onnxruntime, soundfile
session = onnxruntime.InferenceSession(sys.argv[1])
known = session.get_modelmeta().custom_metadata_map
rate, seconds = int(known["sample_rate"]), float(known["seconds"])
samples, found = soundfile.read(sys.argv[2], dtype="float32")
assert found == rate
clip = np.zeros((1, round(rate * seconds)), np.float32)
clip[0, : len(samples)] = samples[: clip.shape[1]]
label, embedding = session.run(["label", "embedding"], {"samples": clip})
print(json.dumps({"classes": json.loads(known["classes"]), "label": label[0].tolist()}))
"""


def test_an_onnx_file_is_run_by_ten_lines_that_know_nothing_of_this_project(
    exported: Path, made_clips: Path, tmp_path: Path
) -> None:
    script = tmp_path / "ten_lines.py"
    script.write_text(TEN_LINES)
    clip = made_clips / "test_mp3s" / "4.mp3"
    command_line = [sys.executable, "-I", script, exported / "onnx" / "ensemble.onnx", clip]
    done = subprocess.run(
        [str(part) for part in command_line], cwd=tmp_path, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert predict(exported, clip, out=tmp_path / "a.csv").returncode == 0
    (row,) = rows_of(tmp_path / "a.csv")
    label = said["label"][said["classes"].index(row["category"])]
    assert label == pytest.approx(float(row["confidence"]), abs=1e-3)
    assert sum(said["label"]) == pytest.approx(1, abs=1e-5)
    model = onnx.load(exported / "onnx" / "ensemble.onnx")
    onnx.checker.check_model(model)
    shape = model.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_value for dim in shape] == [0, 11_025]  # any batch


def test_a_card_says_what_it_is_and_takes_nothing_from_a_label_for_markdown(
    launch: Launch, exported: Path, tiny_grid: Path, tmp_path: Path
) -> None:
    text = (exported / "README.md").read_text()
    for said in ("pipeline_tag: audio-classification", "should give", "ensemble.onnx", "4 classes"):
        assert said in text
    clips = tmp_path / "clips"
    write_clips(clips, MadeClips(train=40, test=4, seconds=0.5))
    evil = "<script>alert(1)</script> | `x`"
    rows = ["path,label"]
    for clip in read_data(clips).labelled.clips:
        rows.append(f"{clip.path},{evil if clip.label == '0' else f'class {clip.label}'}")
    (clips / "train.csv").write_text("\n".join(rows) + "\n")
    out = tmp_path / "out"
    where = ("--grid", tiny_grid, "--data", clips, "--out", out)
    assert launch(*where, "--executor", "debug", "--set", "epochs=1").returncode == 0
    done = command("export", out, "--to", tmp_path / "card", "--no-onnx")
    assert done.returncode == 0, done.stdout + done.stderr
    text = (tmp_path / "card" / "README.md").read_text()
    assert "<script>" not in text
    assert "&lt;script>alert(1)&lt;/script> \\| 'x'" in text
    assert "onnx" not in text.partition("---\n\n")[0]


def test_an_export_is_whole_or_not_there(output: Path, exported: Path, tmp_path: Path) -> None:
    again = command("export", output, "--to", exported)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    assert not [p for p in exported.parent.iterdir() if p.name.startswith(".exported")]


@pytest.mark.parametrize("suffix", ["wav", "mp3", "flac"])
def test_with_hop_each_window_has_a_row_and_is_what_a_file_of_it_would_be(
    exported: Path, tmp_path: Path, suffix: str
) -> None:
    rng, rate = np.random.default_rng(0), 44_100
    samples = rng.normal(0, 0.1, int(2.3 * rate))
    long = tmp_path / f"long.{suffix}"
    soundfile.write(long, samples, rate)
    arguments = (exported, long, "--hop", 0.25, "--labels", tmp_path / "labels")
    done = predict(*arguments, out=tmp_path / "a.csv")
    assert done.returncode == 0, done.stderr
    rows = rows_of(tmp_path / "a.csv")
    # 0.5 s each 0.25 s over 2.3 s; the last has at least half a window.
    assert [row["start"] for row in rows] == [f"{0.25 * k:.3f}" for k in range(9)]
    assert [float(row["end"]) for row in rows[:7]] == [0.25 * k + 0.5 for k in range(7)]
    assert 2.25 < float(rows[-1]["end"]) < 2.4
    parts = [long]
    heard, _ = soundfile.read(long, dtype="float32")
    for k in (1, 5):
        begin = round(0.25 * k * rate)
        parts.append(tmp_path / f"part{k}.wav")
        soundfile.write(parts[-1], heard[begin : begin + rate // 2], rate, subtype="FLOAT")
    assert predict(exported, *parts, out=tmp_path / "b.csv").returncode == 0
    shared = ("category", "p_0", "p_1", "p_2", "p_3", "confidence")
    for part, k in zip(rows_of(tmp_path / "b.csv"), (0, 1, 5), strict=True):
        if k == 0 or suffix != "mp3":
            assert [part[name] for name in shared] == [rows[k][name] for name in shared], k
        else:  # what an MP3 decoder gives depends in the last bits on what was read before
            assert part["category"] == rows[k]["category"]
            assert float(part["p_1"]) == pytest.approx(float(rows[k]["p_1"]), abs=1e-6)
    label = (tmp_path / "labels" / "long.txt").read_text().splitlines()
    first, last = label[0].split("\t"), label[-1].split("\t")
    assert float(first[0]) == 0
    assert float(last[1]) == pytest.approx(float(rows[-1]["end"]))


def test_windows_of_bad_files_are_named_and_the_others_go_on(
    exported: Path, made_clips: Path, tmp_path: Path
) -> None:
    (tmp_path / "a_bad.mp3").write_bytes(b"nothing" * 500)
    shutil.copy(made_clips / "test_mp3s" / "2.mp3", tmp_path / "b_good.mp3")
    done = predict(exported, tmp_path, "--hop", 1, out=tmp_path / "a.json")
    assert done.returncode == 0, done.stderr
    assert "1 row without a label" in done.stdout + done.stderr
    bad, good = json.loads((tmp_path / "a.json").read_text())
    assert (bad["category"], good["problem"], good["start"]) == (None, None, 0)
    assert bad["problem"]


def test_memory_does_not_grow_with_the_length_of_a_recording(tmp_path: Path) -> None:
    from jobs.extract.audio.windows import windows_of
    from jobs.extract.config import FeatureConfig

    config = FeatureConfig.checked({"seconds": 0.5, "n_fft": 512, "n_mels": 16}, "test")
    with soundfile.SoundFile(tmp_path / "long.wav", "w", 22_050, 1) as file:
        for _ in range(60):
            file.write(np.zeros(22_050 * 10, np.float32))
    next(iter(windows_of(tmp_path / "long.wav", config, 0.5)))  # what is imported is not counted
    tracemalloc.start()
    count = sum(1 for _ in windows_of(tmp_path / "long.wav", config, 0.5))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 1200
    assert most < 2_000_000  # ten minutes are 53 million bytes


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


def test_an_export_is_no_more_than_its_checksums_name(
    exported: Path, made_clips: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(exported, moved)
    (moved / "weights" / "more.safetensors").write_bytes(b"x")
    done = predict(moved, made_clips, out=tmp_path / "a.csv")
    assert "does not name weights/more.safetensors" in done.stderr
    (moved / "weights" / "more.safetensors").unlink()
    with (moved / "checksums.sha256").open("a") as file:
        file.write(f"{'0' * 64}  ../../etc/passwd\n")
    assert "leads out of the export" in predict(moved, made_clips, out=tmp_path / "a.csv").stderr


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
    assert "is of an earlier state of the data" in done.stderr
