"""The quota commands of clusters are read, and a launch that would exceed one is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.planning.quota import Quota, quota_of
from tests.commands import Launch
from tests.pipeline.test_doctor import doctor

Stub = Callable[[str, str], None]

MYQUOTA = """\
Hostname: log-1 at Sat Nov 28 03:00:00 EST 2026

Filesystem   Environment   Backed up?   Allocation       Current Usage
Space        Variable      /Flushed?    Space / Files    Space(%) / Files(%)

/            $NOTHING      No/No        1.0GB/1.0K       0.10GB(10.00%)/1(0.10%)
{folder}     $SCRATCH      No/Yes       5.0TB/1.0M       811.09GB(15.84%)/999700(99.97%)
/elsewhere   $ARCHIVE      Yes/No       2.0TB/20.0K      0.00GB(0.00%)/1(0.00%)
"""
LUSTRE = """\
Disk quotas for usr me (uid 1000):
      Filesystem  kbytes   quota   limit   grace   files   quota   limit   grace
/a/very/long/name/of/a/file/system
                 1000000* 2000000  3000000   6d23h  812345       0 1000000       -
"""
NFS = """\
Disk quotas for user me (uid 1000):
     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace
server:/export/home 400000  0  0  0  29500  30000  33000  0
"""


def print_of(text: str) -> str:
    return f"cat <<'END'\n{text}END"


def test_myquota_is_read_in_the_row_of_the_folder(stub: Stub, tmp_path: Path) -> None:
    stub("myquota", print_of(MYQUOTA.format(folder=tmp_path)))
    found = quota_of(tmp_path)
    assert found == Quota("myquota", pytest.approx(811.09e9), 5e12, 999_700, 1_000_000)  # type: ignore[arg-type]
    assert found.files_left == 300


def test_lustres_quota_is_read_though_a_long_name_wraps_the_line(
    stub: Stub, tmp_path: Path
) -> None:
    stub("lfs", f'[ "$1" = quota ] || exit 1\n{print_of(LUSTRE)}')
    assert quota_of(tmp_path) == Quota(
        "lfs quota", 1_000_000 * 1024, 2_000_000 * 1024, 812_345, 1_000_000
    )


def test_the_quota_of_a_server_is_read_though_it_is_exceeded(stub: Stub, tmp_path: Path) -> None:
    stub("quota", f"{print_of(NFS)}\nexit 1")
    found = quota_of(tmp_path)
    assert found == Quota("quota", 400_000 * 1024, None, 29_500, 30_000)
    assert str(found) == "0 GB and 29,500 of 30,000 files are used, says quota"


@pytest.mark.parametrize("said", ["quota: no filesystem has quota", "", "1 2 3", "none"])
def test_a_command_that_knows_nothing_bounds_nothing(stub: Stub, tmp_path: Path, said: str) -> None:
    for name in ("myquota", "lfs", "quota"):
        stub(name, f"echo '{said}'")
    assert quota_of(tmp_path) is None


def test_doctor_warns_of_a_quota_that_is_nearly_used_up(stub: Stub, tmp_path: Path) -> None:
    stub("myquota", print_of(MYQUOTA.format(folder=tmp_path)))
    looked = doctor(tmp_path / "out")
    assert "999,700 of 1,000,000 files are used" in " ".join(looked.stdout.split())


def test_a_launch_that_the_quota_cannot_hold_is_refused_before_any_work(
    stub: Stub, launch: Launch, tiny_grid: Path, made_clips: Path, tmp_path: Path
) -> None:
    full = MYQUOTA.format(folder=tmp_path).replace("999700", "999999")
    stub("myquota", print_of(full))
    arguments = ("--grid", tiny_grid, "--data", made_clips, "--executor", "debug")
    refused = launch(*arguments, "--out", tmp_path / "out")
    assert refused.returncode == 2
    assert "the quota of" in refused.stderr
    assert "999,999 of 1,000,000 files" in refused.stderr
    assert not (tmp_path / "out" / "features").exists()
