"""One byte of memory that a worker and its task share: does it read, or does it compute?

Whoever is silent while reading waits for a file server; whoever is silent while computing has a
clip that hangs the decoder. A message would have to be read while nothing else is; a byte is
simply there.
"""

import mmap
import os


class Phase:
    """The byte, as the process sees it that has its descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, 1)

    @staticmethod
    def create() -> int:
        """Return the descriptor of a new byte, which lives as long as someone has it open."""
        descriptor = os.memfd_create("phase")
        os.ftruncate(descriptor, 1)
        return descriptor

    @property
    def is_computing(self) -> bool:
        return bool(self._memory[0])

    @is_computing.setter
    def is_computing(self, value: bool) -> None:
        self._memory[0] = value

    def close(self) -> None:
        self._memory.close()
