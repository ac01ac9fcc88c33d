"""Short runs of benchmarks/fuzz.py: damaged sounds harm neither the task nor the features."""

from pathlib import Path

from benchmarks.fuzz import fuzz, in_all_formats
from jobs.data.synthetic import MadeClips, write_clips


def test_damaged_mp3s_are_decoded_partial_or_in_quarantine(tmp_path: Path) -> None:
    write_clips(tmp_path, MadeClips(train=16, test=8, seconds=3))
    report = fuzz(sorted(tmp_path.rglob("*.mp3")), n=300, seed=1, cpus=2)
    assert report.breaches == []
    assert sum(report.statuses.values()) == 300
    assert min(report.statuses[status] for status in ("ok", "partial", "quarantined")) > 10
    assert report.compared >= 3


def test_damaged_sounds_of_all_formats_are_decoded_partial_or_in_quarantine(tmp_path: Path) -> None:
    write_clips(tmp_path, MadeClips(train=16, test=4, seconds=3))
    mp3s = sorted(tmp_path.rglob("*.mp3"))
    sounds = in_all_formats(mp3s, tmp_path)
    assert {path.suffix for path in sounds} == {".mp3", ".wav", ".flac", ".ogg", ".opus", ".aiff"}
    report = fuzz(sounds[len(mp3s) :], n=600, seed=2, cpus=2)
    assert report.breaches == []
    assert sum(report.statuses.values()) == 600
    assert report.compared >= 3
