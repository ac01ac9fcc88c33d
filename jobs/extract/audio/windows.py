"""A long recording as windows, decoded in one pass: memory does not grow with its length."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jobs.extract.audio.decode import (
    DecodeError,
    Floats,
    decode,
    fixed_length,
    in_words,
    mono_samples,
    opened,
    require_sound,
    resampled,
)
from jobs.extract.config import FeatureConfig

# What is left at the end is a window too if it has at least this share of one.
LEAST_SHARE = 0.5


@dataclass(frozen=True)
class Window:
    """A part of a recording.

    Attributes:
        start, end: in seconds; less than a window at the end of the recording.
        samples: float32 [samples of a window], mono; what is missing is zeros.
    """

    start: float
    end: float
    samples: Floats


def windows_of(path: Path, config: FeatureConfig, hop: float) -> Iterator[Window]:
    """Yield a window each `hop` seconds; the first one is what `decode` returns.

    Args:
        path: of the recording.
        config: sample rate in Hz, and seconds of a window.
        hop: seconds from the start of one to the start of the next.

    Raises:
        DecodeError: no audio can be read from it, or not to its end.
        OSError: it cannot be read now.
    """
    import soundfile

    try:
        decode(path, config)  # what is refused as a clip is refused here
        with opened(path) as file:
            require_sound(file, path)
            rate, wanted = file.samplerate, int(config.seconds * file.samplerate)
            held, first, ended, number = np.zeros(0, np.float32), 0, False, 0
            while True:
                start = round(number * hop * rate)
                missing = start + wanted - (first + len(held))
                if missing > 0 and not ended:
                    block = mono_samples(file, missing)
                    ended = len(block) < missing
                    held = np.concatenate([held, block])
                held, first = held[start - first :], start
                heard = held[:wanted]
                if len(heard) < (LEAST_SHARE * wanted if number else 1):
                    break
                if not np.isfinite(heard).all():
                    raise DecodeError("the decoded samples are not finite")
                samples = fixed_length(resampled(heard, rate, config.sample_rate), config.samples)
                yield Window(start / rate, (start + len(heard)) / rate, samples)
                number += 1
    except soundfile.LibsndfileError as error:
        said = error.error_string.strip().rstrip(".").removeprefix("Error : ")
        raise DecodeError(in_words(path, said)) from error
    except RuntimeError as error:
        raise DecodeError(f"the decoder gave up: {error}") from error
    if number == 0:
        raise DecodeError("the file has a header but no audio")
