"""The made words: voices of their own, and the same ones from the same seed."""

from collections import Counter
from pathlib import Path

import soundfile

from benchmarks.made_words import WORDS, write_words
from jobs.data.layouts import read_data


def test_each_voice_says_each_word_and_is_a_group(tmp_path: Path) -> None:
    write_words(tmp_path, speakers=3, clips=60, noise=0, seed=0)
    clips = read_data(tmp_path).labelled.clips
    assert Counter(clip.group for clip in clips) == {f"speaker {k}": 20 for k in range(3)}
    assert Counter((clip.group, clip.label) for clip in clips).keys() == {
        (f"speaker {k}", word) for k in range(3) for word in WORDS
    }
    seconds = [soundfile.info(path).duration for path in tmp_path.glob("recordings/*")]
    assert 0.3 < min(seconds) < max(seconds) <= 2


def test_the_same_seed_gives_the_same_sounds_and_another_one_others(tmp_path: Path) -> None:
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_words(tmp_path / folder, speakers=2, clips=4, noise=0, seed=seed)
    sounds = [
        [path.read_bytes() for path in sorted((tmp_path / each / "recordings").iterdir())]
        for each in "abc"
    ]
    assert sounds[0] == sounds[1]
    assert not set(sounds[0]) & set(sounds[2])
    assert len(set(sounds[0])) == 4
