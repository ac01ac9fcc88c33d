"""What a recording turned out to be, once it was decoded."""

from dataclasses import dataclass

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
    missing_s: float

    @property
    def is_partial(self) -> bool:
        return self.missing_s > 0


def rms(mono: Floats) -> float:
    """Return the root of the mean square."""
    with np.errstate(over="ignore"):
        total = float(np.dot(mono, mono))
    if not TINY < total < np.inf:  # squares of extreme samples are no float32; others take 0.01 ms
        total = float(np.square(mono, dtype=np.float64).sum())
    return float(np.sqrt(total / len(mono)))


def silent_share(mono: Floats, rate: int) -> float:
    """Return the share of blocks of 50 ms whose root mean square is below -60 dB."""
    block = max(1, int(SILENCE_BLOCK_S * rate))
    count = max(1, len(mono) // block)
    blocks = mono[: count * block].reshape(count, 1, -1)
    power = np.matmul(blocks, blocks.transpose(0, 2, 1)).ravel() / blocks.shape[2]
    return float((power < SILENT_BELOW**2).mean())
