"""grids/report.yaml: every system of the report, launched as one grid, voting as one."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.planning.grid import read_grid
from tests.commands import Launch

GRID = Path(__file__).parents[2] / "grids" / "report.yaml"
# Small enough for a test: models, features and sampling stay those of the report.
SMALL = ("seconds=0.5", "depth=8", "epochs=2", "threads=2", "balance={1: 0.9, 2: 0.9}", "shards=2")


def settings(*texts: str) -> list[str]:
    return [part for text in texts for part in ("--set", text)]


def test_it_has_the_reports_systems() -> None:
    rows = {entry.name: (entry.config, entry.tier) for entry in read_grid(GRID).entries}
    said = {name: config.settings() for name, (config, _) in rows.items()}
    assert [(name, s["model"], s["features"], s["epochs"]) for name, s in said.items()] == [
        ("cnn", "cnn", "v1", 50),
        ("inception", "inception", "v1", 50),
        ("densenet", "densenet", "v1", 50),
        ("resnet_v1", "resnet", "v1", 50),
        ("resnet_v2", "resnet", "v2", 40),
        ("resnet_v3", "resnet", "v3", 150),
        ("resnet_v4", "resnet", "v1", 50),
    ]
    assert said["resnet_v1"]["balance"] == {"1": 0.8608, "2": 0.8608}
    best = {"batch_size": 128, "lr": 1e-2, "momentum": 0.9, "weight_decay": 1e-2, "min_loss": 0.1}
    for settings in said.values():
        assert {name: settings[name] for name in best} == best
        assert settings["warmup_epochs"] == 2
        assert (settings["plateau_factor"], settings["plateau_patience"]) == (0.1, 10)
    changed = {"shift_p", "noise_p", "pitch_p", "speed_p", "mask_p"}
    assert {name for name in said["resnet_v1"] if name.endswith("_p")} >= changed
    assert said["resnet_v4"]["balance"] == "equal"
    assert {name for name, (_, tier) in rows.items() if tier == "large"} == {"resnet_v2"}
    assert {settings["depth"] for settings in said.values() if "depth" in settings} == {110}


def test_every_row_trains_and_votes(launch: Launch, made_clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = launch(
        "--grid", GRID, "--data", made_clips, "--out", out, "--executor", "debug",
        *settings(*SMALL, "votes=12"),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    # With one balance for all rows, two of them are the same run.
    assert "'resnet_v4' is equal to an earlier run; it is trained once" in done.stdout
    with (out / "votes.csv").open(newline="") as file:
        header, *rows = list(csv.reader(file))
    assert len(rows) == 12
    voters = {title.split()[0] for title in header if " epoch " in title}
    assert voters == {"cnn", "inception", "densenet", "resnet_v1", "resnet_v2", "resnet_v3"}


@pytest.mark.parametrize("classes", [2, 50])
def test_a_grid_trains_on_as_few_and_as_many_classes(
    launch: Launch, write_mp3: Callable[..., Path], tmp_path: Path, classes: int
) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    for label in range(classes):
        for clip in range(200 // classes):
            path = data / "train" / f"class {label:02d}" / f"{clip}.mp3"
            write_mp3(path, frequency=200 + 60 * label + clip)
        write_mp3(data / "test" / f"{label}.mp3", frequency=200 + 60 * label)
    grid = tmp_path / "grid.yaml"
    grid.write_text(
        "seconds: 0.5\nepochs: 1\nbatch_size: 16\nthreads: 2\ndepth: 8\ndensenet_depth: 10\n"
        "mixup_p: 0.5\nbalance: equal\nsweep: {model: [resnet, cnn, inception, densenet]}\n"
    )
    done = launch("--grid", grid, "--data", data, "--out", out, "--executor", "debug")
    assert done.returncode == 0, done.stdout + done.stderr
    with (out / "submission.csv").open(newline="") as file:
        answers = list(csv.DictReader(file))
    assert len(answers) == classes
    assert {row["category"] for row in answers} <= {f"class {n:02d}" for n in range(classes)}


def test_an_unknown_label_is_refused_before_anything_starts(
    launch: Launch, made_clips: Path, tmp_path: Path
) -> None:
    done = launch(
        "--grid", GRID, "--data", made_clips, "--out", tmp_path / "out", "--executor", "debug",
        *settings("balance={9: 40}"),
    )  # fmt: skip
    assert done.returncode == 2
    assert "run 'cnn': `balance` names the label '9', which no training clip has" in done.stderr
    assert not (tmp_path / "out" / "launch" / "plan.json").exists()
