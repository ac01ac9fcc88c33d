"""Ten made words by speakers that differ: a labelled set whose test is new voices.

    python benchmarks/made_words.py DATA --speakers 20 --clips 400

Source and filter (Fant 1960): harmonics of a voice, or noise, through the formants of vowels as
Peterson & Barney 1952 measured them. Of a speaker are pitch, length of the vocal tract (it scales
all formants), pace, breath, microphone and room noise; all clips of a speaker share a group.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile as sf

Samples = npt.NDArray[np.float64]

RATE = 16_000
FRAME = 80  # samples between two values of pitch, formants and loudness: 5 ms
# Of vowels the first three formants, of hisses the band, in Hz.
VOWELS = {
    "i": (270, 2290, 3010), "e": (530, 1840, 2480), "a": (730, 1090, 2440), "o": (570, 840, 2410),
    "u": (300, 870, 2240), "m": (250, 1100, 2100), "n": (250, 1500, 2500), "w": (300, 700, 2200),
}  # fmt: skip
HISSES = {
    "s": (4500, 7500),
    "S": (2200, 5000),
    "f": (1500, 7500),
    "t": (3000, 6000),
    "k": (1200, 2500),
}
BURSTS = "tk"
WORDS = ("sino", "Sino", "tano", "kano", "wamu", "namu", "feto", "seto", "Soke", "some")
SECONDS = {"vowel": 0.11, "nasal": 0.07, "hiss": 0.09, "burst": 0.03}


@dataclass(frozen=True)
class Speaker:
    """What all clips of one voice share."""

    pitch: float
    tract: float
    pace: float
    breath: float
    tilt: float
    noise: float

    @classmethod
    def drawn(cls, rng: np.random.Generator, noise: float) -> "Speaker":
        """Draw one, from deep to high, near to far: `noise` is added to their noise, in dB."""
        tract = rng.uniform(0.85, 1.25)
        return cls(
            pitch=100 * tract**2.2 * rng.uniform(0.8, 1.25),
            tract=tract,
            pace=rng.uniform(0.7, 1.5),
            breath=rng.uniform(0.01, 0.1),
            tilt=rng.uniform(-1, 1),
            noise=10 ** ((noise - rng.uniform(5, 25)) / 20),
        )


def spoken(word: str, speaker: Speaker, rng: np.random.Generator) -> Samples:
    """Return a word as samples in [-1, 1], of 0.4 to 2 s."""
    sounds = [_sound(phone, speaker, rng) for phone in word]
    said = np.concatenate(sounds)
    said = said / np.abs(said).max()
    before, after = rng.uniform(0.02, 0.35, 2)
    said = np.pad(said, (int(before * RATE), int(after * RATE)))
    said = _tilted(said, speaker.tilt) + _coloured_noise(len(said), speaker.noise * 0.2, rng)
    said = said[: 2 * RATE]
    return said / np.abs(said).max() * rng.uniform(0.2, 0.9)


def _sound(phone: str, speaker: Speaker, rng: np.random.Generator) -> Samples:
    kind = "burst" if phone in BURSTS else "hiss" if phone in HISSES else "nasal"
    kind = "vowel" if phone in "aeiou" else kind
    frames = max(6, int(SECONDS[kind] * speaker.pace * rng.uniform(0.7, 1.4) * RATE / FRAME))
    if phone in HISSES:
        return _hiss(*HISSES[phone], frames, speaker, rng, closed=phone in BURSTS)
    loudness = 1.0 if kind == "vowel" else 0.4
    return loudness * _voiced(np.array(VOWELS[phone], float), frames, speaker, rng)


def _voiced(formants: Samples, frames: int, speaker: Speaker, rng: np.random.Generator) -> Samples:
    """Harmonics of a gliding pitch, each as loud as the formants let it through."""
    formants = formants * speaker.tract * rng.normal(1, 0.05, 3)
    start, end = speaker.pitch * rng.normal(1, 0.12, 2)
    pitch = np.linspace(max(start, 60), max(end, 60), frames * FRAME)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    said = np.zeros(len(phase))
    for harmonic in range(1, int(0.9 * RATE / 2 / pitch.max()) + 1):
        at = harmonic * pitch
        gain = sum(
            weight / (1 + ((at - formant) / (40 + 0.04 * formant)) ** 2)
            for weight, formant in zip((1, 0.6, 0.35), formants, strict=True)
        )
        said += gain * np.sin(harmonic * phase)
    said += speaker.breath * rng.standard_normal(len(said))
    return said / np.abs(said).max() * _edges(len(said))


def _hiss(low: float, high: float, frames: int, speaker: Speaker, rng: np.random.Generator,
          *, closed: bool) -> Samples:  # fmt: skip
    """Noise of one band; before a burst the mouth is closed for 50 ms."""
    count = frames * FRAME
    spectrum = np.fft.rfft(rng.standard_normal(count))
    at = np.fft.rfftfreq(count, 1 / RATE)
    scale = speaker.tract * rng.normal(1, 0.06)
    inside = (at > low * scale) & (at < high * scale)
    noise = np.fft.irfft(spectrum * np.where(inside, 1, 0.03), count)
    noise = rng.uniform(0.2, 0.6) * noise / np.abs(noise).max() * _edges(count)
    return np.concatenate([np.zeros(int(0.05 * RATE)) if closed else np.zeros(0), noise])


def _edges(count: int) -> Samples:
    """Fade in and out over 10 ms."""
    ramp = np.minimum(np.arange(count), np.arange(count)[::-1]) / (0.01 * RATE)
    return np.minimum(ramp, 1)


def _tilted(samples: Samples, tilt: float) -> Samples:
    """A microphone that hears highs more or less: `tilt` times 6 dB an octave, up to 1."""
    at = np.fft.rfftfreq(len(samples), 1 / RATE)
    heard = np.fft.irfft(np.fft.rfft(samples) * (np.maximum(at, 50) / 1000) ** tilt, len(samples))
    return heard / np.abs(heard).max()


def _coloured_noise(count: int, level: float, rng: np.random.Generator) -> Samples:
    at = np.maximum(np.fft.rfftfreq(count, 1 / RATE), 50)
    colour = at ** -rng.uniform(0, 1)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(count)) * colour, count)
    return level * noise / noise.std()


def write_words(root: Path, speakers: int, clips: int, noise: float, seed: int) -> None:
    """Write a data folder: recordings and train.csv with path, label and group."""
    rng = np.random.default_rng(seed)
    voices = [Speaker.drawn(rng, noise) for _ in range(speakers)]
    (root / "recordings").mkdir(parents=True)
    rows = ["path,label,group"]
    for k in range(clips):
        who, word = k % speakers, WORDS[(k // speakers) % len(WORDS)]
        path = f"recordings/{k:05d}.wav"
        sf.write(root / path, spoken(word, voices[who], rng), RATE)
        rows.append(f"{path},{word},speaker {who}")
    (root / "train.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--speakers", type=int, default=20)
    parser.add_argument("--clips", type=int, default=400)
    parser.add_argument("--noise", type=float, default=0, help="dB more of it")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if (options.data / "recordings").exists():
        parser.error(f"{options.data} has recordings already; choose another folder")
    write_words(options.data, options.speakers, options.clips, options.noise, options.seed)


if __name__ == "__main__":
    main()
