"""What a recording turned out to be, once it was decoded."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

TINY = 1e-30
SILENT_BELOW = 10 ** (-60 / 20)
SILENCE_BLOCK_S = 0.05


@dataclass(frozen=True, slots=True)
class RecordingFacts:
    """The facts about one recording. "Decoded" means the seconds that features are made of.

    Attributes:
        sample_rate: its own, in Hz.
        channels: how many were averaged.
        codec: the container and what is in it: MP3/MPEG_LAYER_III, WAV/PCM_16, FLAC/PCM_24.
        bit_rate: in bit/s: the size of the file by its duration, tags included.
        duration_s: what its header says, the part that is not decoded included.
        peak: the largest magnitude of what was decoded, 1 is full scale.
        rms: the root of its mean square; a full-scale sine has 0.707.
        silence: share of it whose level is below -60 dB of full scale.
        leading_silence_s: seconds before the first 50 ms that are not below it, all if none are.
        missing_s: seconds of the wanted part that the header promises and the file does not hold.
    """

    sample_rate: int
    channels: int
    codec: str
    bit_rate: int
    duration_s: float
    peak: float
    rms: float
    silence: float
    leading_silence_s: float
    missing_s: float

    @property
    def is_partial(self) -> bool:
        return self.missing_s > 0


class Loudness(NamedTuple):
    """What the squares of the samples tell; see `RecordingFacts`."""

    rms: float
    silence: float
    leading_silence_s: float


def loudness(mono: Floats, rate: int) -> Loudness:
    """Look at the level of a recording, in blocks of 50 ms.

    Args:
        mono: float32 [samples], at least one.
        rate: in Hz.
    """
    block = min(len(mono), max(1, int(SILENCE_BLOCK_S * rate)))
    count = len(mono) // block
    blocks, rest = mono[: count * block].reshape(count, 1, block), mono[count * block :]
    with np.errstate(over="ignore"):
        energies = np.matmul(blocks, blocks.transpose(0, 2, 1)).ravel()
        total = float(energies.sum(dtype=np.float64)) + float(np.dot(rest, rest))
    if not TINY < total < np.inf:  # squares of extreme samples are no float32
        total = float(np.square(mono, dtype=np.float64).sum())
    silent = energies / block < SILENT_BELOW**2
    leading = len(mono) if silent.all() else int(silent.argmin()) * block
    return Loudness(
        rms=float(np.sqrt(total / len(mono))),
        silence=float(silent.mean()),
        leading_silence_s=leading / rate,
    )
