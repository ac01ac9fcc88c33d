"""kill -9 at random moments costs nothing: launched again, the results are the same bytes."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

Launch = Callable[..., "subprocess.CompletedProcess[str]"]
KILLS = 10
ROOT = Path(__file__).parent.parent.parent


def kept_results(out: Path) -> dict[str, bytes]:
    """Everything whose bytes must not depend on the kills."""
    patterns = ("submission.csv", "votes.csv", "**/shard-*.h5", "**/epoch-*", "**/validation.npz")
    files = (path for pattern in patterns for path in out.glob(pattern))
    return {str(path.relative_to(out)): path.read_bytes() for path in files}


def test_ten_kills_at_random_moments_change_no_byte(
    launch: Launch, made_clips: Path, tiny_grid: Path, tmp_path: Path
) -> None:
    command = ["--grid", tiny_grid, "--data", made_clips, "--executor", "debug"]
    started = time.monotonic()
    assert launch(*command, "--out", tmp_path / "one").returncode == 0
    undisturbed_s = time.monotonic() - started
    rng = random.Random(0)
    again = [sys.executable, "-m", "pipeline.launch", *map(str, command), "--out"]
    killed = 0
    for _ in range(KILLS):
        running = subprocess.Popen(
            [*again, str(tmp_path / "two")], cwd=ROOT, stdout=subprocess.DEVNULL
        )
        try:
            running.wait(rng.uniform(0.2, 0.7) * undisturbed_s)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
            running.wait()
            killed += 1
    assert killed
    last = launch(*command, "--out", tmp_path / "two")
    assert last.returncode == 0, last.stdout + last.stderr
    assert kept_results(tmp_path / "two") == kept_results(tmp_path / "one")
    assert not list((tmp_path / "two").rglob("*.tmp"))
