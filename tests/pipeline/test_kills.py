"""kill -9 at random moments costs nothing: launched again, the results are the same bytes."""

import json
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import Launch, Started

KILLS = 10


def kept_results(out: Path) -> dict[str, bytes]:
    """Everything whose bytes must not depend on the kills."""
    patterns = (
        "submission.csv",
        "votes.csv",
        "estimate.json",
        "launch/holdout.json",
        "launch/rung-*.json",
        "labels_to_check.csv",
        "**/shard-*.h5",
        "**/epoch-*",
        "**/test-epoch-*",
        "**/validation.*",
    )
    files = (path for pattern in patterns for path in out.glob(pattern))
    found = {str(path.relative_to(out)): path.read_bytes() for path in files}
    # Of the report all but times and hosts.
    results = json.loads((out / "report.json").read_text())["results"]
    return found | {"report.json": json.dumps(results).encode()}


def changes(out: Path, process: Started) -> Iterator[None]:
    """Yield at each file that appears, changes or goes below `out` while the process lives."""
    before: set[tuple[str, int]] = set()
    while process.poll() is None:
        now = set()
        for path in out.rglob("*"):
            try:
                now.add((str(path), path.stat().st_mtime_ns))
            except FileNotFoundError:
                continue
        yield from (None for _ in now ^ before)
        before = now
        time.sleep(0.01)  # looking takes a core from what is looked at


def kill_somewhere(command: list[object], out: Path, rng: random.Random) -> bool:
    """Start the launch and kill it after a random number of changes; False if it ended first."""
    running = Started("launch", *command)
    first = len(list(out.rglob("*")))
    after = first + rng.randint(1, 25)
    for count, _ in enumerate(changes(out, running)):
        if count >= after:
            time.sleep(rng.uniform(0, 0.02))
            running.send_signal(signal.SIGKILL)
            break
    return running.wait() == -signal.SIGKILL


@pytest.mark.parametrize(
    ("executor", "halving"), [("debug", "null"), ("local", "null"), ("debug", "2")]
)
def test_ten_kills_at_random_moments_change_no_byte(
    launch: Launch,
    made_clips: Path,
    sharded_grid: Path,
    tmp_path: Path,
    executor: str,
    halving: str,
) -> None:
    common: list[object] = [
        "--grid",
        sharded_grid,
        "--data",
        made_clips,
        "--set",
        "epochs=15",
        "--set",
        "holdout=0.2",
        "--set",
        f"halving={halving}",
    ]
    one = launch(*common, "--executor", "debug", "--out", tmp_path / "one", fresh=True)
    assert one.returncode == 0
    rng = random.Random(0)
    command = [*common, "--executor", executor, "--out", tmp_path / "two"]
    killed = sum(kill_somewhere(command, tmp_path / "two", rng) for _ in range(KILLS))
    # With the local executor, jobs of a killed launcher go on, and may end it all the sooner.
    assert killed == KILLS if executor == "debug" else killed >= 2
    last = launch(*command)
    assert last.returncode == 0, last.stdout + last.stderr
    undisturbed = kept_results(tmp_path / "one")
    assert "launch/holdout.json" in undisturbed
    assert ("launch/rung-2.json" in undisturbed) == (halving != "null")
    assert kept_results(tmp_path / "two") == undisturbed
    assert not list((tmp_path / "two").rglob("*.tmp"))
