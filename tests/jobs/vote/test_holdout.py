"""What was scored on clips held out is remembered, each result once."""

from pathlib import Path

import pytest

from jobs.data.manifest import Clip, Manifest
from jobs.vote.estimate.scored import Scored


def clips(*contents: str) -> Manifest:
    return Manifest(Path("/data"), tuple(Clip(c, f"{c}.mp3", sha256=c) for c in contents))


def test_each_result_counts_once_and_other_clips_are_others(tmp_path: Path) -> None:
    path = tmp_path / "holdout.json"
    ours, others = clips("a", "b"), clips("c")
    Scored.load(path).and_by(ours, "first").and_by(ours, "first").save(path)
    assert Scored.load(path).on(ours) == 1
    again = Scored.load(path).and_by(ours, "second").and_by(others, "third")
    assert (again.on(ours), again.on(others), again.on(clips("d"))) == (2, 1, 0)


def test_clips_that_were_scored_in_other_company_have_been_seen() -> None:
    scored = Scored().and_by(clips("a", "b"), "first").and_by(clips("a", "b", "c"), "second")
    assert scored.on(clips("b", "d")) == 2
    # A result that was scored on both is one.
    assert scored.and_by(clips("b", "d"), "first").on(clips("b", "d")) == 2


def test_what_was_remembered_without_clips_still_counts() -> None:
    ours = clips("a", "b")
    before = Scored.checked({"results": {ours.fingerprint: ["first"]}}, "holdout.json")
    assert before.on(ours) == 1
    assert before.and_by(ours, "first").on(ours) == 1
    assert before.and_by(ours, "second").on(ours) == 2


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
