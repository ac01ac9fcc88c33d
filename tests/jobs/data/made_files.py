"""Small sounds in any format, and lists of them."""

from pathlib import Path

import numpy as np
import soundfile

FORMATS = {
    "mp3": ("MP3", None), "wav": ("WAV", None), "flac": ("FLAC", None), "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"), "aiff": ("AIFF", None),
}  # fmt: skip


def sound(path: Path, format: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    container, subtype = FORMATS[format or path.suffix[1:]]
    rng = np.random.default_rng(len(path.name))
    samples = 0.1 * rng.standard_normal(2_400)
    soundfile.write(path, samples, 24_000, format=container, subtype=subtype)
    return path


def listed(folder: Path, *labels: str) -> Path:
    for number, _ in enumerate(labels):
        sound(folder / f"{number}.wav")
    rows = [f"{number}.wav,{label}" for number, label in enumerate(labels)]
    (folder / "train.csv").write_text("\n".join(["path,label", *rows]), encoding="utf-8")
    return folder
