"""clean lists what nobody needs, removes it when told to, and never touches a result."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import Done, command


def clean(out: Path, *options: str) -> Done:
    return command("clean", out, *options)


@pytest.fixture
def out(tmp_path: Path, finished: Callable[[Path], None]) -> Path:
    folder = tmp_path / "out"
    finished(folder)
    jobs = folder / "logs" / "submitit"
    jobs.mkdir(parents=True, exist_ok=True)
    for name in ("7_0_submitted.pkl", "7_0_0_log.err", "7_submission.sh"):
        (jobs / name).write_text("x" * 100)
    old = folder / "runs" / "0123456789abcdef"
    old.mkdir()
    (old / "config.json").write_text("{}")
    (folder / "runs" / "notes").mkdir()
    (folder / "features" / "v1-0000000000000000").mkdir()
    (folder / "features" / "v1-0000000000000000" / "index.h5").write_text("old")
    (folder / "features" / "mine.txt").write_text("a note")
    return folder


def files(out: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def test_it_lists_and_removes_nothing_until_it_is_told_to(out: Path) -> None:
    before = files(out)
    listed = clean(out)
    assert listed.returncode == 0, listed.stderr
    assert "runs/0123456789abcdef" in listed.stdout
    assert "features/v1-0000000000000000" in listed.stdout
    assert "5 files" in listed.stdout
    assert files(out) == before


def test_what_no_plan_names_goes_and_results_and_what_is_not_ours_stay(out: Path) -> None:
    before = files(out)
    removed = clean(out, "--yes")
    assert removed.returncode == 0, removed.stderr
    gone = set(before) - set(files(out))
    assert gone == {
        "logs/submitit/7_0_submitted.pkl", "logs/submitit/7_0_0_log.err",
        "logs/submitit/7_submission.sh", "runs/0123456789abcdef/config.json",
        "features/v1-0000000000000000/index.h5",
    }  # fmt: skip
    assert (out / "runs" / "notes").is_dir()
    assert "Nothing to remove." in clean(out).stdout


def test_logs_stay_while_something_is_left_to_do(out: Path) -> None:
    next(out.glob("runs/*/done.json")).unlink()
    assert clean(out, "--yes").returncode == 0
    assert (out / "logs" / "submitit" / "7_0_0_log.err").exists()
    assert not (out / "runs" / "0123456789abcdef").exists()


def test_runs_that_the_submission_stands_on_stay_whatever_the_plan_names(out: Path) -> None:
    plan = out / "launch" / "plan.json"
    text = plan.read_text()
    for run in out.glob("runs/*/done.json"):
        text = text.replace(run.parent.name, "fedcba9876543210")
    plan.write_text(text)
    listed = clean(out).stdout
    ensemble = json.loads((out / "ensemble.json").read_text())
    voters = {c["signature"] for voter in ensemble["voters"] for c in voter["checkpoints"]}
    assert voters
    assert not [name for name in voters if name in listed]
