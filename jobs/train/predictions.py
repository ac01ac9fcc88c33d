"""A run's test predictions as they lie on disk. Imports no torch."""

import zipfile

import numpy as np

from jobs.errors import DamagedFileError
from jobs.train.run import Run

SUBMISSION_HEADER = ("id", "category")
TEST_ROW = "test_row"


def epoch_key(epoch: int) -> str:
    """Return the name of one checkpoint's array in probabilities.npz."""
    return f"epoch-{epoch:05d}"


def load_probabilities(run: Run, test_fingerprint: str, tests: int) -> dict[int, np.ndarray]:
    """Return float32 [test clips, classes] of each kept epoch; rows of unreadable clips are NaN.

    Args:
        run: with predictions of these test clips.
        test_fingerprint: of the manifest.
        tests: how many test clips it has.

    Raises:
        DamagedFileError: the file cannot be read.
    """
    path = run.probabilities(test_fingerprint)
    result = {}
    try:
        with np.load(path) as arrays:
            rows = arrays[TEST_ROW]
            for epoch in run.epochs_kept():
                probabilities = arrays[epoch_key(epoch)]
                full = np.full((tests, probabilities.shape[1]), np.nan, dtype=np.float32)
                full[rows] = probabilities
                result[epoch] = full
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        path.unlink(missing_ok=True)
        raise DamagedFileError(
            f"{path} was damaged ({error!r}) and is removed; launch again: it is made from weights"
        ) from error
    return result
