"""Two cuts of one recording are found wherever each begins; other recordings never are."""

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from jobs.audit.duplicates import OVERLAP, in_common
from jobs.audit.files import write_findings
from jobs.audit.near.candidates import Candidates
from jobs.audit.near.landmarks import Landmarks, landmarks
from jobs.audit.near.overlaps import overlapping
from jobs.audit.near.samples import SAME
from jobs.audit.recordings import load_recordings
from jobs.data.synthetic import MadeClips, write_clips
from tests.jobs.audit.sounds import (
    RATE,
    Samples,
    call_in_noise,
    encoded,
    log_mel,
    rain,
    waves,
)
from tests.jobs.audit.test_audit import audited

SECONDS = 6.0
KINDS = (rain, waves, call_in_noise)
# Where the second cut begins, in seconds: two to four seconds are in common.
BEGINS = (2.0, 2.77, 3.413, 4.0)


def recording(kind: int, number: int) -> Samples:
    """Twelve seconds and more."""
    rng = np.random.default_rng([20, kind, number])
    return np.concatenate([KINDS[kind](rng) for _ in range(3)])


def cut(samples: Samples, begins_s: float) -> Samples:
    start = int(begins_s * RATE)
    return samples[start : start + int(SECONDS * RATE)]


@cache
def cuts() -> list[tuple[Samples, Samples]]:
    """Two cuts, of each kind and beginning; the second one encoded at 64 kbit/s, 6 dB softer."""
    made = []
    for kind in range(len(KINDS)):
        for number, begins in enumerate(BEGINS):
            whole = recording(kind, number)
            made.append((cut(whole, 0), encoded(0.5 * cut(whole, begins), 64)))
    return made


def test_landmarks_tell_which_cuts_overlap_and_by_how_much() -> None:
    samples = [first for first, _ in cuts()] + [second for _, second in cuts()]
    features = np.stack([log_mel(each) for each in samples])
    parts = [landmarks(features[start : start + 5], start) for start in range(0, len(samples), 5)]
    frames = features.shape[2]
    found = overlapping(Landmarks.joined(parts), len(samples), frames, int(1.8 * RATE / 512))
    lags = dict(zip(map(tuple, found.pairs.tolist()), found.shifts.tolist(), strict=True))
    for number in range(len(cuts())):
        expected = -BEGINS[number % len(BEGINS)] * RATE / 512
        assert lags[number, number + len(cuts())] == pytest.approx(expected, abs=2)
    # Of the other 264 pairs few need a closer look.
    assert len(lags) <= len(cuts()) + 6


def test_landmarks_do_not_depend_on_the_block() -> None:
    features = np.stack([log_mel(first) for first, _ in cuts()[:4]])
    whole = landmarks(features, 0)
    parts = Landmarks.joined([landmarks(features[:1], 0), landmarks(features[1:], 1)])
    for name in ("numbers", "clips", "frames"):
        np.testing.assert_array_equal(np.sort(getattr(whole, name)), np.sort(getattr(parts, name)))


def test_thinned_out_landmarks_are_the_same_in_every_clip() -> None:
    features = np.stack([log_mel(cuts()[0][0])] * 2)
    marks = landmarks(features, 0)
    fewer = marks.some(0.25)
    assert 0.15 * len(marks) < len(fewer) < 0.35 * len(marks)
    first, second = (np.sort(fewer.numbers[fewer.clips == clip]) for clip in (0, 1))
    np.testing.assert_array_equal(first, second)


def test_where_landmarks_are_thinned_out_fewer_in_common_are_enough() -> None:
    samples = [first for first, _ in cuts()] + [second for _, second in cuts()]
    features = np.stack([log_mel(each) for each in samples])
    few, share = landmarks(features, 0).some(0.03), 0.03
    shape = (len(samples), features.shape[2], int(1.8 * RATE / 512))
    found, as_if_all = (overlapping(few, *shape, each) for each in (share, 1.0))
    true = {(number, number + len(cuts())) for number in range(len(cuts()))}
    pairs, fewer_pairs = (set(map(tuple, each.pairs.tolist())) for each in (found, as_if_all))
    assert fewer_pairs < pairs <= true


def test_silence_has_no_landmarks() -> None:
    silent = np.full((2, 64, 200), -80, np.float32)
    found = overlapping(landmarks(silent, 0), 2, 200, 80)
    assert len(found) == 0


def test_a_pair_that_seems_alike_at_two_shifts_is_looked_at_in_both() -> None:
    pair = np.array([[0, 1]])
    near, cut = Candidates(pair, np.array([2])), Candidates(pair, np.array([-150]))
    found = near.and_(cut)
    assert found.pairs.tolist() == [[0, 1], [0, 1]]
    assert sorted(found.shifts.tolist()) == [-150, 2]
    assert len(near.and_(near)) == 1


@pytest.mark.parametrize("lag", [-3, 0, 3])
def test_what_two_cuts_have_in_common_is_the_same_part(lag: int) -> None:
    whole = np.arange(20, dtype=np.float32)
    one, other = (whole[:10], whole[3:13]) if lag < 0 else (whole[3:13], whole[:10])
    if lag == 0:
        one = other = whole[:10]
    first, second = in_common(one, other, lag)
    np.testing.assert_array_equal(first, second)
    assert len(first) == 10 - abs(lag)


def write(path: Path, samples: npt.NDArray[np.float32]) -> None:
    soundfile.write(path, np.clip(samples, -1, 1), RATE, format="MP3", compression_level=0.6)


def test_overlapping_cuts_in_a_data_folder_become_one_recording_and_nothing_else(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    write_clips(data, MadeClips(train=24, test=8, seconds=SECONDS))
    # Cuts of one recording: two with a label, and one in the test.
    whole = recording(0, 77)
    write(data / "train_mp3s" / "3.mp3", cut(whole, 0))
    write(data / "train_mp3s" / "9.mp3", cut(whole, 3.7))
    write(data / "test_mp3s" / "2.mp3", cut(whole, 5.9))
    other = recording(2, 5)
    write(data / "train_mp3s" / "4.mp3", cut(other, 0))
    write(data / "train_mp3s" / "20.mp3", cut(other, 3.0))
    found, _ = audited(data, tmp_path / "out", seconds=SECONDS)
    pairs = {(pair.one, pair.other): pair for pair in found.duplicates}
    assert set(pairs) == {(3, 9), (9, 26), (4, 20)}
    assert {pair.kind for pair in pairs.values()} == {OVERLAP}
    assert pairs[3, 9].shift_s == pytest.approx(-3.7, abs=0.01)
    assert all(pair.similarity > SAME for pair in pairs.values())
    assert found.groups == {3: "same-as-3", 9: "same-as-3", 4: "same-as-4", 20: "same-as-4"}
    write_findings(tmp_path / "audit", found)
    assert [each.kind for each in load_recordings(tmp_path / "audit")] == [OVERLAP, OVERLAP]
    assert "overlap_in_training_and_test" in found.summary().duplicates
