"""From a folder to its classifier, whichever of both kinds it is."""

from pathlib import Path

from jobs.errors import NotReadyError
from jobs.inference.bundle import CHECKSUMS, EXPORT, Bundle
from jobs.inference.classifier import Classifier
from jobs.inference.of_output import classifier_of


def open_classifier(folder: Path) -> Classifier:
    """Open an output folder of a launch, or an export.

    Raises:
        NotReadyError: it is neither, or has no finished vote.
        DamagedFileError: a file of it is missing, cut or changed.
    """
    if not folder.is_dir():
        raise NotReadyError(f"{folder} is no folder; expected an output of a launch or an export")
    if (folder / EXPORT).exists() or (folder / CHECKSUMS).exists():
        return Bundle.open(folder).classifier()
    return classifier_of(folder)
