"""Export: one folder that predicts the same without its output, and files that run anywhere."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from jobs.data.layouts import read_data
from jobs.data.synthetic import MadeClips, write_clips
from tests.commands import Launch, command
from tests.pipeline.predictions import predict, require_as_voted, rows_of

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


@pytest.fixture
def mixed(launch: Launch, made_clips: Path, tmp_path: Path) -> Path:
    grid = tmp_path / "mixed.yaml"
    grid.write_text(MIXED)
    where = ("--grid", grid, "--data", made_clips, "--out", tmp_path / "mixed")
    done = launch(*where, "--executor", "debug")
    assert done.returncode == 0, done.stdout + done.stderr
    return tmp_path / "mixed"


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
