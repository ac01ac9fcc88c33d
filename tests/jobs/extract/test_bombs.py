"""A recording that claims more than it can be costs neither memory nor time."""

import resource
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from jobs.extract.audio import decode as decoding
from jobs.extract.audio.decode import DecodeError, decode
from jobs.extract.config import FeatureConfig

CONFIG = FeatureConfig()
HOURS = 10**9  # bytes of samples

# Decodes a file, and says how much memory that took at most beyond its start.
MEASURED = """\
import resource, sys
from pathlib import Path
from jobs.extract.audio.decode import DecodeError, decode
from jobs.extract.config import FeatureConfig
import numpy, soundfile, soxr
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decode(Path(sys.argv[1]), FeatureConfig())
except DecodeError as error:
    print(error, file=sys.stderr)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def wav(path: Path, rate: int, channels: int, claimed: int, there: int) -> Path:
    """Write a WAV file of 16 bits that claims more bytes than there are (and those are a hole)."""
    block = 2 * channels
    fmt = struct.pack("<HHIIHH", 1, channels, rate, min(rate * block, 2**32 - 1), block, 16)
    head = b"WAVEfmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", claimed)
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", min(36 + claimed, 2**32 - 1)) + head)
        file.truncate(44 + there)
    return path


def au(path: Path, rate: int, channels: int, claimed: int, there: int) -> Path:
    with path.open("wb") as file:
        file.write(struct.pack(">4sIIIII", b".snd", 24, claimed, 3, rate, channels))
        file.truncate(24 + there)
    return path


def aiff(path: Path, rate: int, channels: int, claimed: int, there: int) -> Path:
    frames = claimed // (2 * channels)
    exponent = rate.bit_length() - 1
    extended = struct.pack(">HQ", 16383 + exponent, rate << (63 - exponent))
    common = struct.pack(">hIh", channels, frames, 16) + extended
    with path.open("wb") as file:
        file.write(b"FORM" + struct.pack(">I", min(46 + claimed, 2**32 - 1)) + b"AIFF")
        file.write(b"COMM" + struct.pack(">I", 18) + common)
        file.write(b"SSND" + struct.pack(">III", min(claimed + 8, 2**32 - 1), 0, 0))
        file.truncate(54 + there)
    return path


def flac(path: Path, rate: int, channels: int, claimed: int, there: int) -> Path:
    """Write silence, with a header that claims hours of it."""
    soundfile.write(path, np.zeros((min(there // 2, rate), channels)), rate)
    data = bytearray(path.read_bytes())
    data[21] |= 0x0F  # the upper bits of the number of samples
    data[22:26] = b"\xff" * 4
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("write", [wav, au, aiff], ids=lambda write: write.__name__)
@pytest.mark.parametrize(
    ("rate", "channels", "claimed", "there"),
    [
        (22_050, 1, HOURS, 1000),
        (22_050, 1, HOURS, HOURS),
        (48_000, 800, 2 * HOURS, 2 * HOURS),
        (100_000_000, 2, 2 * HOURS, 2 * HOURS),
        (2**31 - 1, 1, 2 * HOURS, 2 * HOURS),
    ],
)
def test_what_a_header_claims_costs_no_memory(
    tmp_path: Path, write: object, rate: int, channels: int, claimed: int, there: int
) -> None:
    assert callable(write)
    path = write(tmp_path / "a.mp3", rate, channels, claimed, there)
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 800 * 1024, done.stderr  # kilobytes
    assert time.monotonic() - started < 30


def test_a_flac_file_that_claims_hours_costs_no_memory(tmp_path: Path) -> None:
    path = flac(tmp_path / "a.flac", 22_050, 1, HOURS, 1000)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 200 * 1024, done.stderr


def test_a_rate_that_no_converter_has_is_refused(tmp_path: Path) -> None:
    path = wav(tmp_path / "a.wav", 100_000_000, 1, 1000, 1000)
    with pytest.raises(DecodeError, match="claims 100000000 Hz"):
        decode(path, CONFIG)


@pytest.mark.parametrize("channels", [1, 2, 3, 9, 40])
def test_what_is_decoded_in_pieces_has_the_same_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels: int
) -> None:
    path, rng = tmp_path / "a.wav", np.random.default_rng(channels)
    soundfile.write(path, rng.normal(0, 0.1, (50_001, channels)), 22_050, subtype="FLOAT")
    whole, facts = decode(path, CONFIG)
    monkeypatch.setattr(decoding, "BYTES_AT_ONCE", 40_000)
    pieces, same_facts = decode(path, CONFIG)
    assert np.array_equal(whole, pieces)
    assert facts == same_facts


def test_memory_that_a_clip_takes_too_much_of_is_refused_to_its_worker_alone() -> None:
    program = (
        "import resource; from jobs.extract.workers.worker import limit_memory\n"
        "limit_memory(300 * 2**20)\n"
        "try:\n    bytearray(2**30)\nexcept MemoryError:\n    print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "refused\n", done.stderr
    assert resource.getrlimit(resource.RLIMIT_DATA)[0] == resource.RLIM_INFINITY
