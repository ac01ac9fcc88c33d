"""What the audit's search for copies costs where everything sounds alike: takes of spoken words.

    python benchmarks/near_duplicates.py
    python benchmarks/near_duplicates.py --sizes 1750 12000 200000
    python benchmarks/near_duplicates.py --overlaps 12000 200000

The clips are takes of 35 made words by five made voices, 0.3 to 0.7 s long. Up to 2,000 of them are
made as sound, and their pairs are compared by their samples too; of more, spectrograms are those
of 2,000 takes, each changed at random by some dB, because making them as sound would take longer
than all that is measured. Prints seconds, pairs and peak memory; none of these pairs is a copy.

With --overlaps: the search for cuts of one recording, among spectrograms of random fluctuations, of
five seconds each; one in a hundred is cut from the sound of another one, two seconds in common.
"""

import argparse
import platform
import resource
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from scipy.signal import lfilter

if not __package__:
    # Run as a script: not from this folder, in which `coverage` is not the package of that name.
    sys.path[0] = str(Path(__file__).parent.parent)

from jobs.audit.near.candidates import candidates
from jobs.audit.near.fingerprint import fingerprint
from jobs.audit.near.landmarks import Landmarks, landmarks
from jobs.audit.near.overlaps import overlapping, share_kept
from jobs.audit.near.samples import Heard, match
from jobs.audit.near.similarity import SimilarPair, verified
from jobs.extract.config import FeatureConfig
from jobs.extract.features.analysis import compute

Floats = npt.NDArray[np.float32]
RATE, SECONDS = 22_050, 0.75
CONFIG = FeatureConfig(seconds=SECONDS)
WORDS, VOICES = 35, 5
MADE_AS_SOUND = 2_000
BLOCK = 64


def take(number: int) -> Floats:
    """Make one take of a word by a voice: buzzes through three formants, hisses in between."""
    word, voice = number % WORDS, number // WORDS % VOICES
    of_word, of_voice = np.random.default_rng([word]), np.random.default_rng([99, voice])
    rng = np.random.default_rng([word, voice, number])
    pitch, parts = 90 + 120 * of_voice.random(), []
    for _ in range(of_word.integers(2, 4)):
        is_hiss, seconds = of_word.random() < 0.3, 0.08 + 0.14 * of_word.random()
        time_ = np.arange(int(seconds * (1 + 0.08 * rng.standard_normal()) * RATE)) / RATE
        hz = (250, 900, 2300) + (500, 1200, 700) * of_word.random(3)
        part = 0.05 * rng.standard_normal(len(time_))
        if not is_hiss:
            glide = pitch * (1 + 0.04 * rng.standard_normal()) * (1 + 0.1 * np.sin(3 * time_))
            part += np.diff(np.floor(np.cumsum(glide) / RATE), prepend=0) > 0
        for number_, formant in enumerate(hz * (1 + 0.04 * rng.standard_normal(3))):
            radius = np.exp(-np.pi * (80 + 40 * number_) / RATE)
            angle = 2 * np.pi * formant / RATE
            part = lfilter([1], [1, -2 * radius * np.cos(angle), radius**2], part)
        rise = np.minimum(time_, time_[::-1]) / time_[-1]
        parts.append(part / np.abs(part).max() * np.minimum(1, 8 * rise))
    spoken = np.concatenate(parts)[: CONFIG.samples] * 10 ** (rng.uniform(-6, 0) / 20)
    spoken = spoken + 2e-4 * rng.standard_normal(len(spoken))
    return np.pad(0.5 * spoken, (0, CONFIG.samples - len(spoken))).astype(np.float32)


def spectrograms(takes: list[Floats], clips: int) -> Floats:
    """Return float32 [clips, bands, frames]: those of the takes, or changed ones of them."""
    made = np.stack([compute(samples, CONFIG) for samples in takes])
    if clips <= len(made):
        return made[:clips]
    rng, found = np.random.default_rng(0), np.empty((clips, *CONFIG.shape), np.float32)
    for start in range(0, clips, len(made)):
        part = made[: clips - start]
        change = gaussian_filter(rng.standard_normal(part.shape, np.float32), (0, 2, 1))
        found[start : start + len(part)] = np.clip(part + 4 * change / change.std(), -80, 0)
    return found


def measure(takes: list[Floats], clips: int) -> None:
    features, started = spectrograms(takes, clips), time.monotonic()
    prints = np.concatenate([fingerprint(features[n : n + BLOCK]) for n in range(0, clips, BLOCK)])
    seconds = {"fingerprints": time.monotonic() - started}
    started = time.monotonic()
    found = candidates(prints)
    seconds["candidates"] = time.monotonic() - started
    started = time.monotonic()
    similar = verified(found, features)
    seconds["spectrograms"] = time.monotonic() - started
    copies, per_pair_ms = confirm(takes, [p for p in similar if p.other < len(takes)])
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    shown = ", ".join(f"{name} {value:.1f}" for name, value in seconds.items())
    print(
        f"{clips:>7} clips: {len(found)} candidates, {len(similar)} look alike; seconds: {shown}; "
        f"by samples {per_pair_ms:.1f} ms a pair, {copies} taken for copies; peak {peak_gb:.1f} GB",
        flush=True,
    )


def noisy(rng: np.random.Generator, clips: int, frames: int) -> Floats:
    """Return spectrograms that fluctuate at random, float32 [clips, 64, frames], in dB."""
    rough = gaussian_filter(rng.standard_normal((clips, 64, frames), np.float32), (0, 1, 1.5))
    return np.asarray(-30 + 6 * rough / rough.std(), np.float32)


def measure_overlaps(clips: int) -> None:
    """Print how many planted cuts are candidates, how many others, and what it costs."""
    frames, shift = 216, 130  # five seconds, and two of them in common
    share = share_kept(clips, frames)
    rng, marks, seconds = np.random.default_rng(0), [], 0.0
    for start in range(0, clips, 100):
        block = noisy(rng, min(100, clips - start), frames)
        if len(block) > 1:  # the second one is cut from the first one's sound
            block[1, :, : frames - shift] = block[0, :, shift:]
            block[1] += rng.standard_normal(block[1].shape, np.float32)
        started = time.monotonic()
        marks.append(landmarks(block, start).some(share))
        seconds += time.monotonic() - started
    started = time.monotonic()
    found = overlapping(Landmarks.joined(marks), clips, frames, int(1.8 * RATE / 512), share)
    searched = time.monotonic() - started
    lower, higher = found.pairs.T
    planted = int(((lower % 100 == 0) & (higher == lower + 1)).sum())
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{clips:>7} clips: {planted} of {clips // 100} planted cuts and {len(found) - planted} "
        f"others are candidates; seconds: landmarks {seconds:.1f}, search {searched:.1f}; peak "
        f"{peak_gb:.1f} GB",
        flush=True,
    )


def confirm(takes: list[Floats], pairs: list[SimilarPair]) -> tuple[int, float]:
    """Compare pairs by their samples; return how many are the same, and ms a pair."""
    started = time.monotonic()
    heard = {p: Heard.of(takes[p], RATE) for pair in pairs for p in (pair.one, pair.other)}
    same = sum(match(heard[pair.one], heard[pair.other]).is_same for pair in pairs)
    return same, 1e3 * (time.monotonic() - started) / max(1, len(pairs))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_750, 12_000])
    parser.add_argument("--overlaps", type=int, nargs="+", default=[])
    arguments = parser.parse_args()
    print(f"python {platform.python_version()}, numpy {np.__version__}")
    for clips in arguments.overlaps:
        measure_overlaps(clips)
    if arguments.overlaps:
        return 0
    takes = [take(number) for number in range(min(max(arguments.sizes), MADE_AS_SOUND))]
    for clips in arguments.sizes:
        measure(takes, clips)
    return 0


if __name__ == "__main__":
    sys.exit(main())
