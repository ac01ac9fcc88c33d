"""What happens to files: a disk that filled up, a bit that flipped."""

from pathlib import Path


def cut(path: Path) -> None:
    """Drop the last 100 bytes."""
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    """Change one bit in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
