"""One owner at a time, and no stale lock after a kill."""

import subprocess
import sys
from pathlib import Path

import pytest

from jobs.errors import BusyError
from jobs.ownership import owning

HOLD = (
    "import sys, time; from pathlib import Path; from jobs.ownership import owning\n"
    "with owning(Path(sys.argv[1])):\n"
    "    print('held', flush=True); time.sleep(60)\n"
)


def test_a_held_folder_names_its_owner_and_is_free_once_the_owner_is_killed(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(BusyError, match=f"process {holder.pid}"), owning(lock, wait=False):
        pass
    holder.kill()
    holder.wait()
    with owning(lock, wait=False):
        pass
