"""What was scored on clips held out is remembered, each result once."""

from pathlib import Path

import pytest

from jobs.vote.estimate.holdout import Scored


def test_each_result_counts_once_and_other_clips_are_others(tmp_path: Path) -> None:
    path = tmp_path / "holdout.json"
    Scored.load(path).and_by("clips", "first").and_by("clips", "first").save(path)
    assert Scored.load(path).results == {"clips": ("first",)}
    again = Scored.load(path).and_by("clips", "second").and_by("others", "first")
    assert {name: len(found) for name, found in again.results.items()} == {"clips": 2, "others": 1}


def test_a_damaged_memory_is_set_aside_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "holdout.json"
    path.write_text('{"results": 7}')
    assert Scored.load(path) == Scored()
    assert not path.exists()
    assert [file.read_text() for file in tmp_path.rglob("*holdout*") if file.is_file()] == [
        '{"results": 7}'
    ]
    assert "set aside" in caplog.text
