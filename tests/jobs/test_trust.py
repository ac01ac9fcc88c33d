"""What is trusted, nobody but its user can have written."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.data.workspace import Workspace
from jobs.errors import InputError
from jobs.trust import keep_others_from_writing, read_ours, require_no_links_of_others

COLLEAGUE = 40_001

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: needs root, to be two users")


@pytest.fixture(autouse=True)
def shared_umask() -> Iterator[None]:
    """As on clusters whose users share a group: what they create, the group may write."""
    before = os.umask(0o002)
    yield
    os.umask(before)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    found = Workspace(tmp_path / "out")
    found.prepare()
    for folder in (found.features, found.runs):
        folder.mkdir(mode=0o755)
    return found


def open_to_writers(path: Path) -> None:
    path.chmod(0o775)


def somebody_elses(path: Path) -> None:
    os.chown(path, COLLEAGUE, COLLEAGUE)


def a_link(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to(path.with_name("moved"))


CHANGES = [
    pytest.param(open_to_writers, "others can write in", id="open to writers"),
    pytest.param(somebody_elses, f"user {COLLEAGUE}", id="somebody else's", marks=needs_root),
    pytest.param(a_link, "not a link", id="a link"),
]


@pytest.mark.parametrize("name", ["launches", "logs", "features", "runs"])
@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_a_task_refuses_an_output_with_a_folder_that_is(
    workspace: Workspace, name: str, change: Callable[[Path], None], words: str
) -> None:
    workspace.require_ours()
    folder = getattr(workspace, name)
    change(folder)
    with pytest.raises(InputError, match=words) as refused:
        workspace.require_ours()
    assert str(folder) in str(refused.value)


def test_a_launch_closes_its_folders_to_other_writers(workspace: Workspace) -> None:
    inner = workspace.runs / "0123456789abcdef" / "checkpoints"
    inner.mkdir(parents=True)
    for folder in (workspace.launches, workspace.runs, inner):
        folder.chmod(0o2777)
    workspace.prepare()
    workspace.require_ours()
    assert workspace.launches.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o7777 for path in (workspace.runs, inner)] == [0o2755, 0o2755]


def test_whatever_the_umask_others_write_nothing_and_the_group_may_read(tmp_path: Path) -> None:
    keep_others_from_writing()
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir()
    file.touch()
    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o755, 0o644)


def test_only_a_file_that_its_user_alone_can_write_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pickle"
    path.write_bytes(b"mine")
    path.chmod(0o644)
    assert read_ours(path) == b"mine"

    path.chmod(0o664)
    with pytest.raises(InputError, match="mode 664"):
        read_ours(path)
    path.chmod(0o600)
    path.with_name("planted").hardlink_to(path)
    with pytest.raises(InputError, match="2 names"):
        read_ours(path)
    path.with_name("planted").unlink()
    path.rename(tmp_path / "other")
    path.symlink_to(tmp_path / "other")
    with pytest.raises(InputError, match="is a link"):
        read_ours(path)


@needs_root
def test_a_file_or_a_link_of_somebody_else_is_named_with_its_owner(tmp_path: Path) -> None:
    path, link = tmp_path / "pickle", tmp_path / "link"
    path.write_bytes(b"theirs")
    somebody_elses(path)
    with pytest.raises(InputError, match=f"written by user {COLLEAGUE}"):
        read_ours(path)
    link.symlink_to(tmp_path)
    require_no_links_of_others(link / "out")
    os.chown(link, COLLEAGUE, COLLEAGUE, follow_symlinks=False)
    with pytest.raises(InputError, match=f"link of user {COLLEAGUE}"):
        require_no_links_of_others(link / "out")
