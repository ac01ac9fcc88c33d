"""Which clips are to be classified: files, folders, CSV lists, a data folder without labels."""

from collections.abc import Sequence
from pathlib import Path

from jobs.data.layouts import clips_to_test, csv_manifest
from jobs.data.layouts.listing import ids_from_paths, sound_files
from jobs.data.layouts.verify import hashed
from jobs.data.manifest import Clip, Manifest
from jobs.data.recordings import RecordingHashes
from jobs.errors import InputError


def clips_in(paths: Sequence[Path], hashes: RecordingHashes | None = None) -> Manifest:
    """List the clips that paths name, each recording hashed; see `listed`."""
    return hashed(Path("/"), listed(paths), hashes or RecordingHashes())


def listed(paths: Sequence[Path]) -> list[Clip]:
    """List the clips that paths name, by absolute paths.

    A folder is a data folder if it has test clips in one of the three layouts (`test.csv`,
    `test_mp3s/`, `test/`), which keep their ids and their order; else all sound files below it are
    meant. A CSV file has a column `path`, relative to its folder, and perhaps `id`.

    Args:
        paths: what the user named.

    Raises:
        InputError: nothing is there, or an id occurs twice.
    """
    found = [clip for path in paths for clip in _below(path.absolute())]
    if not found:
        raise InputError(f"no clip in {', '.join(map(str, paths))}: no sound file lies there")
    if len({clip.id for clip in found}) < len(found):
        # Of several folders, whose files may be called alike.
        found = [Clip(id=clip.path, path=clip.path, where=clip.where) for clip in found]
    seen: dict[str, str] = {}
    for clip in found:
        if clip.id in seen:
            raise InputError(f"{clip.where}: the clip {clip.id!r} is named twice; name it once")
        seen[clip.id] = clip.where
    return found


def _below(path: Path) -> list[Clip]:
    if path.is_dir():
        of_layout = clips_to_test(path)
        if of_layout:
            return [_absolute(path, clip) for clip in of_layout]
        names = sound_files(path)
        ids = ids_from_paths(names)
        return [
            Clip(id=id_, path=str(path / name), where=str(path / name))
            for name, id_ in zip(names, ids, strict=True)
        ]
    if not path.exists():
        raise InputError(f"{path} does not exist; expected sound files, folders or CSV files")
    if path.suffix.lower() == ".csv":
        return [_absolute(path.parent, clip) for clip in csv_manifest.read_clips(path)]
    return [Clip(id=path.stem, path=str(path), where=str(path))]


def _absolute(root: Path, clip: Clip) -> Clip:
    return Clip(id=clip.id, path=str(root / clip.path), where=clip.where)
