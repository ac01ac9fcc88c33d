"""torch's archives, every byte checked; a damaged file is told from one that fails just now.

They are zip files, as numpy's are, but torch itself ignores the checksums in them.
"""

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.errors import DamagedFileError, is_out_of_memory


def to_bytes(content: dict[str, Any]) -> bytes:
    """Serialise through memory: the bytes then don't depend on the file's name."""
    import torch

    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def from_file(path: Path) -> dict[str, Any]:
    """Read what `to_bytes` made into host memory, every byte checked, running no code from it.

    Raises:
        DamagedFileError: the file is missing, cut or changed.
        OSError, MemoryError: it cannot be read now.
    """
    import torch

    data = whole_bytes(path)
    try:
        content: dict[str, Any] = torch.load(
            io.BytesIO(data), map_location="cpu", weights_only=True
        )
    except Exception as error:  # torch raises many kinds for a damaged archive
        raise damaged(path, error) from error
    return content


def whole_bytes(path: Path) -> bytes:
    """Read an archive, torch's or numpy's, and check every byte of it against its checksums.

    The file is read here and not by zipfile, which says of a server that fails that the file is no
    archive.

    Raises:
        DamagedFileError: the file is missing, cut or changed.
        OSError, MemoryError: it cannot be read now.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DamagedFileError(f"{path} is missing") from error
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            changed = archive.testzip()
    except Exception as error:  # zipfile raises many kinds for a damaged archive
        raise damaged(path, error) from error
    if changed is not None:
        raise DamagedFileError(f"{path} is damaged: a checksum of {changed} does not fit")
    return data


def arrays_from_file(path: Path, names: Iterable[str]) -> dict[str, npt.NDArray[Any]]:
    """Read some arrays of numpy's archive, their checksums verified.

    Raises:
        DamagedFileError: the file is cut or changed, or lacks one of them.
        FileNotFoundError: there is none.
        OSError, MemoryError: it cannot be read now.
    """
    data = path.read_bytes()
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return {name: archive[name] for name in names}
    except Exception as error:  # numpy and zipfile raise many kinds for a damaged archive
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> Exception:
    """Return what to raise where bytes cannot be understood.

    Too little memory is no damage, and neither is what the system says.
    """
    if is_out_of_memory(error) or (isinstance(error, OSError) and error.errno):
        return error
    return DamagedFileError(f"{path} is damaged: {error!r}")
