"""Clips as a page shows them: a picture of what was heard, and sound that a browser plays."""

import base64
import contextlib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from jobs.data.file_kind import head_of
from jobs.data.manifest import Manifest
from jobs.errors import DamagedFileError
from jobs.extract.audio.decode import DecodeError, decode
from jobs.extract.config import FeatureConfig
from jobs.extract.store.feature_set import FeatureSet
from jobs.report.content import ShownClip

Floats = npt.NDArray[np.float32]
# What every browser of today plays, by the first bytes, and what it is called.
PLAYED = ((b"ID3", "audio/mpeg"), (b"\xff\xfb", "audio/mpeg"), (b"\xff\xf3", "audio/mpeg"),
          (b"\xff\xf2", "audio/mpeg"), (b"fLaC", "audio/flac"), (b"OggS", "audio/ogg"))  # fmt: skip
# A larger file is converted, to what was heard of it.
MOST_BYTES = 200_000
# Of a picture; it is shown a few hundred pixels wide.
MOST_COLUMNS = 400
# Of matplotlib's magma, from black over purple and orange to almost white.
MAGMA = (
    (0, 0, 4), (28, 16, 68), (79, 18, 123), (129, 37, 129), (181, 54, 122),
    (229, 80, 100), (251, 135, 97), (254, 194, 135), (252, 253, 191),
)  # fmt: skip


@dataclass(frozen=True)
class Media:
    """What a page needs of one clip; "" for what is not to be had.

    Attributes:
        picture: a PNG as a data URI.
        sound: as a data URI, or a link to the file.
        is_embedded: whether the sound lies in the page.
        seconds: how much of the recording the picture shows.
    """

    picture: str
    sound: str
    is_embedded: bool
    seconds: float


def media_of(
    clip: ShownClip, clips: Manifest, features: FeatureSet, folder: Path, embed: bool
) -> Media:
    """Return picture and sound of a clip.

    Args:
        clip: to be shown.
        clips: of its side.
        features: over that side; of v1, or nothing is drawn.
        folder: in which the page will lie; links start there.
        embed: whether the sound is to lie in the page.
    """
    path = clips.file_of(clip.position)
    picture = ""
    if features.config.features == "v1" and features.readable([clip.position]):
        with contextlib.suppress(DamagedFileError):
            picture = data_uri("image/png", png_of(features.load([clip.position])[0]))
    sound = sound_of(path, features.config) if embed else ""
    return Media(picture, sound or link(path, folder), bool(sound), features.config.seconds)


def link(path: Path, folder: Path) -> str:
    """Return a relative URL from a page to a file."""
    return quote(os.path.relpath(path, folder))


def data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def sound_of(path: Path, config: FeatureConfig) -> str:
    """Return a recording as a data URI, converted where a browser could not play it; "" if lost."""
    try:
        data = path.read_bytes() if path.stat().st_size <= MOST_BYTES else b""
        kind = next((k for start, k in PLAYED if head_of(path).startswith(start)), None)
        if data and kind:
            return data_uri(kind, data)
        return data_uri("audio/mpeg", as_mp3(decode(path, config)[0], config.sample_rate))
    # RuntimeError and ValueError: this libsndfile encodes no MP3.
    except (OSError, DecodeError, RuntimeError, ValueError):
        return ""


def as_mp3(samples: Floats, rate: int) -> bytes:
    """Encode mono samples, at the nearest rate that MP3 has."""
    import soundfile

    buffer = io.BytesIO()
    if rate not in (16_000, 22_050, 24_000, 32_000, 44_100, 48_000):
        import soxr

        samples, rate = soxr.resample(samples, rate, 32_000), 32_000
    soundfile.write(buffer, np.clip(samples, -1, 1), rate, format="MP3")
    return buffer.getvalue()


def png_of(features: Floats) -> bytes:
    """Draw a spectrogram, low bands below.

    Args:
        features: float32 [bands, frames], in dB below the loudest.
    """
    from PIL import Image

    together = -(-features.shape[1] // MOST_COLUMNS)
    if together > 1:
        whole = features.shape[1] // together * together
        features = features[:, :whole].reshape(len(features), -1, together).mean(axis=2)
    low, high = float(features.min()), float(features.max())
    scaled = (features - low) / (high - low) if high > low else np.zeros_like(features)
    image = Image.fromarray((255 * scaled[::-1]).astype(np.uint8), mode="L")
    image = image.convert("P")
    image.putpalette(_palette())
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _palette() -> list[int]:
    at = np.linspace(0, len(MAGMA) - 1, 256)
    known = np.arange(len(MAGMA))
    columns = [np.interp(at, known, [colour[k] for colour in MAGMA]) for k in range(3)]
    values: list[int] = np.stack(columns, axis=1).round().astype(int).ravel().tolist()
    return values
