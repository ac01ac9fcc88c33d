"""torch's archives, every byte checked; a damaged file is told from one that fails just now.

They are zip files, as numpy's are, but torch itself ignores the checksums in them.
"""

import errno
import io
import zipfile
from pathlib import Path
from typing import Any

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

    require_whole(path)
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged archive
        raise damaged(path, error) from error
    return content


def require_whole(path: Path) -> None:
    """Check every byte of an archive, torch's or numpy's, against its checksums.

    Raises:
        DamagedFileError: the file is missing, cut or changed.
        OSError, MemoryError: it cannot be read now.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            changed = archive.testzip()
    except Exception as error:  # zipfile raises many kinds for a damaged archive
        raise damaged(path, error) from error
    if changed is not None:
        raise DamagedFileError(f"{path} is damaged: a checksum of {changed} does not fit")


def damaged(path: Path, error: Exception) -> Exception:
    """Return what to raise: a file is not damaged because memory or its server fails just now."""
    # zipfile seeks before the start of a file that is cut, which the system calls invalid.
    of_the_file = not isinstance(error, OSError) or error.errno in (errno.ENOENT, errno.EINVAL)
    if is_out_of_memory(error) or not of_the_file:
        return error
    return DamagedFileError(f"{path} is damaged: {error!r}")
