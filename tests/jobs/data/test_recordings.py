"""Recordings are known by their content, and are read again only when that may have changed."""

import hashlib
import os
from pathlib import Path

import pytest

from jobs.data import recordings
from jobs.data.layouts import read_data
from jobs.data.recordings import RecordingFile, RecordingHashes, TooMuchToReadError
from jobs.errors import InputError

LONG_AGO = 1_700_000_000


def described(path: Path) -> RecordingFile:
    status = path.stat()
    inode = (status.st_dev, status.st_ino)
    return RecordingFile(str(path), status.st_size, status.st_mtime_ns, inode)


def made(folder: Path, count: int = 3) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"{number}.mp3" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(b"%d" % number * 1000)
        os.utime(path, (LONG_AGO, LONG_AGO))
    return paths


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read, in any order."""
    seen: list[str] = []
    original = recordings.sha256_of

    def reading(path: str) -> str:
        seen.append(path)
        return original(path)

    monkeypatch.setattr(recordings, "sha256_of", reading)
    return seen


def test_a_hash_is_that_of_the_bytes_and_is_looked_up_the_next_time(
    tmp_path: Path, read: list[str]
) -> None:
    paths, kept = made(tmp_path / "data"), tmp_path / "recordings.csv"
    wanted = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    assert RecordingHashes(kept).of([described(path) for path in paths]) == wanted
    assert sorted(read) == sorted(map(str, paths))
    read.clear()
    assert RecordingHashes(kept).of([described(path) for path in paths]) == wanted
    assert not read


def test_a_file_too_large_for_a_recording_is_never_read(tmp_path: Path, read: list[str]) -> None:
    small, large = made(tmp_path / "data", 2)
    with large.open("r+b") as file:
        file.truncate(100 * 10**9)  # sparse
    first, second = RecordingHashes(tmp_path / "recordings.csv").of(
        [described(path) for path in (small, large)]
    )
    assert (len(first), second) == (64, "")
    assert read == [str(small)]


def test_only_a_file_whose_size_or_time_changed_is_read_again(
    tmp_path: Path, read: list[str]
) -> None:
    paths, kept = made(tmp_path / "data"), tmp_path / "recordings.csv"
    before = RecordingHashes(kept).of([described(path) for path in paths])
    read.clear()
    paths[1].write_bytes(b"x" * 1000)
    os.utime(paths[2], (LONG_AGO + 1, LONG_AGO + 1))
    after = RecordingHashes(kept).of([described(path) for path in paths])
    assert sorted(read) == [str(paths[1]), str(paths[2])]
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True]


def test_a_byte_changed_behind_our_back_is_seen_by_a_rehash(tmp_path: Path) -> None:
    (path, *_), kept = made(tmp_path / "data"), tmp_path / "recordings.csv"
    (before,) = RecordingHashes(kept).of([described(path)])
    path.write_bytes(b"9" * 1000)
    os.utime(path, (LONG_AGO, LONG_AGO))
    assert RecordingHashes(kept).of([described(path)]) == [before]
    (after,) = RecordingHashes(kept, rehash=True).of([described(path)])
    assert after == hashlib.sha256(b"9" * 1000).hexdigest()
    assert RecordingHashes(kept).of([described(path)]) == [after]


def test_a_file_that_may_still_change_within_the_clocks_grain_is_not_remembered(
    tmp_path: Path, read: list[str]
) -> None:
    (path, *_), kept = made(tmp_path / "data"), tmp_path / "recordings.csv"
    path.write_bytes(b"just written")
    RecordingHashes(kept).of([described(path)])
    read.clear()
    RecordingHashes(kept).of([described(path)])
    assert read == [str(path)]


def test_a_time_in_the_future_is_a_time_like_any_other(tmp_path: Path, read: list[str]) -> None:
    (path, *_), kept = made(tmp_path / "data"), tmp_path / "recordings.csv"
    os.utime(path, (4_000_000_000, 4_000_000_000))
    RecordingHashes(kept).of([described(path)])
    read.clear()
    RecordingHashes(kept).of([described(path)])
    assert not read


def test_two_data_folders_may_share_an_output(tmp_path: Path, read: list[str]) -> None:
    kept = tmp_path / "recordings.csv"
    both = [[described(path) for path in made(tmp_path / name)] for name in ("one", "other")]
    for files in both:
        RecordingHashes(kept).of(files)
    read.clear()
    for files in both:
        RecordingHashes(kept).of(files)
    assert not read


def test_links_to_one_file_are_read_once(tmp_path: Path, read: list[str]) -> None:
    (path, *_) = made(tmp_path / "data")
    link = tmp_path / "link.mp3"
    os.link(path, link)
    one, other = RecordingHashes().of([described(path), described(link)])
    assert one == other
    assert len(read) == 1


def test_reading_more_than_was_allowed_is_refused_before_anything_is_read(
    tmp_path: Path, read: list[str]
) -> None:
    files = [described(path) for path in made(tmp_path / "data")]
    with pytest.raises(TooMuchToReadError, match=r"3 recordings, 0\.0 GB"):
        RecordingHashes(most_bytes=2999).of(files)
    assert not read
    assert len(RecordingHashes(most_bytes=3000).of(files)) == 3


def test_a_launch_that_may_write_nothing_keeps_nothing(tmp_path: Path) -> None:
    (path, *_), kept = made(tmp_path / "data"), tmp_path / "recordings.csv"
    RecordingHashes(kept, may_write=False).of([described(path)])
    assert not list(tmp_path.glob("*recordings*"))


@pytest.mark.parametrize("damage", ["", "path,size\n", "path,size,mtime_ns,sha256\na,b,c,d\n"])
def test_a_damaged_list_of_hashes_is_made_again(tmp_path: Path, damage: str) -> None:
    (path, *_), kept = made(tmp_path / "data"), tmp_path / "recordings.csv"
    (wanted,) = RecordingHashes(kept).of([described(path)])
    whole = kept.read_bytes()
    kept.write_text(damage)
    assert RecordingHashes(kept).of([described(path)]) == [wanted]
    assert kept.read_bytes() == whole


def test_a_folder_and_a_file_that_may_not_be_read_have_no_hash(tmp_path: Path) -> None:
    folder = tmp_path / "folder.mp3"
    folder.mkdir()
    assert RecordingHashes().of([described(folder)]) == [""]


def test_a_file_that_vanished_is_named(tmp_path: Path) -> None:
    (path, *_) = made(tmp_path / "data")
    file = described(path)
    path.unlink()
    with pytest.raises(InputError, match=r"0\.mp3 cannot be read now: No such file"):
        RecordingHashes().of([file])


def test_a_changed_byte_makes_another_recording(own_clips: Path) -> None:
    before = read_data(own_clips)
    clip = own_clips / "train_mp3s" / "0.mp3"
    clip.write_bytes(clip.read_bytes()[:-1] + b"\0")
    after = read_data(own_clips)
    changed = [
        p
        for p, (a, b) in enumerate(zip(before.labelled.clips, after.labelled.clips, strict=True))
        if a != b
    ]
    assert changed == [0]
