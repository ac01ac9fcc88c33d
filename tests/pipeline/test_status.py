"""Status tells what an output folder's stages and runs are doing."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobs.data.workspace import Workspace
from tests.commands import Started, command


def status(out: Path) -> dict[str, Any]:
    done = command("status", out, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_launch_on_this_machine_is_seen_while_it_works_and_afterwards(
    made_clips: Path, tiny_grid: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    launched = Started(
        "launch", "--grid", tiny_grid, "--data", made_clips, "--out", out,
        "--executor", "debug", "--set", "epochs=60",
    )  # fmt: skip
    while not list(out.glob("runs/*/history.csv")):
        assert launched.poll() is None
        time.sleep(0.1)
    first, second = (item for item in status(out)["items"] if item["stage"] == "train")
    assert launched.wait(120) == 0
    assert (first["state"], second["state"]) in {("running", "waiting"), ("done", "running")}
    stages = status(out)["stages"]
    assert stages == {
        "extract": {"done": 2}, "index": {"done": 1}, "audit": {"done": 1},
        "train": {"done": 2}, "predict": {"done": 1}, "vote": {"done": 1}, "estimate": {"done": 1},
        "report": {"done": 1},
    }  # fmt: skip


def test_what_is_only_to_be_done_again_did_not_fail(
    finished: Callable[[Path], None], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    finished(out)
    for done in out.glob("runs/*/done.json"):
        done.unlink()
    items = {item["stage"]: item for item in status(out)["items"]}
    for stage in ("train", "predict", "vote", "estimate"):
        assert (items[stage]["state"], items[stage]["cause"]) == ("open", None)
    assert items["predict"]["detail"] == "to be done again after the stages before it"


def test_an_output_of_another_version_is_said(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.prepare()
    workspace.plan.write_text('{"grid": "old", "classes": []}')
    done = command("status", tmp_path)
    assert done.returncode == 2
    assert "plan.json was written by another version of this program" in done.stderr


def test_a_folder_without_a_launch_is_said(tmp_path: Path) -> None:
    done = command("status", tmp_path)
    assert done.returncode == 2
    assert "is it what --out named?" in done.stderr
