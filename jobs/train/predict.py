"""Test predictions of a run's checkpoints, made from their weights."""

import contextlib
import shutil

import numpy as np
import numpy.typing as npt

from jobs.data.manifest import Manifest
from jobs.extract.feature_set import FeatureSet
from jobs.files import replacing, write_csv
from jobs.train.clips.placement import Placed, Storage
from jobs.train.compute.choices import Choices
from jobs.train.loop import logits_of
from jobs.train.predictions import SUBMISSION_HEADER, TEST_ROW, epoch_key
from jobs.train.run import Run
from jobs.train.weights import load_model


def predict_test(run: Run, manifest: Manifest, features: FeatureSet, storage: Storage) -> None:
    """Write the test predictions of every kept checkpoint, as CSV files and as probabilities.

    A test clip in quarantine has no probabilities; its row in the CSV files has the majority
    class, as in the vote. Predictions of older test clips are removed.

    Args:
        run: with its checkpoints.
        manifest: the test clips and the class list.
        features: of the run's feature set.
        storage: where the models run, and what features may take there.
    """
    # In float32 and with the same bits each time, whatever the run trained in.
    Choices().set_kernels()
    fingerprint = manifest.test_fingerprint
    first_test = len(manifest.labelled)
    readable = features.readable(range(first_test, len(manifest)))
    clips = storage.place(features, readable, storage.fits(features, len(readable)))
    arrays: dict[str, npt.NDArray[np.generic]] = {
        TEST_ROW: np.array(readable, dtype=np.int64) - first_test
    }
    for epoch in run.epochs_kept():
        probabilities = _probabilities(run, epoch, clips, len(manifest.classes), storage.device)
        arrays[epoch_key(epoch)] = probabilities
        chosen = dict(zip(readable, probabilities.argmax(axis=1), strict=True))
        rows = (
            (clip.id, manifest.classes[chosen[p]] if p in chosen else manifest.majority_class)
            for p, clip in enumerate(manifest.test, start=first_test)
        )
        write_csv(run.prediction_csv(fingerprint, epoch), SUBMISSION_HEADER, rows)
    with replacing(run.probabilities(fingerprint)) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    _remove_outdated(run, fingerprint)


def _probabilities(
    run: Run, epoch: int, clips: Placed, classes: int, device: str
) -> npt.NDArray[np.float32]:
    if not len(clips):
        return np.zeros((0, classes), dtype=np.float32)
    model = load_model(run, epoch, device)
    logits = logits_of(model, clips, device, Choices())
    result: npt.NDArray[np.float32] = logits.softmax(dim=1).cpu().numpy()
    return result


def _remove_outdated(run: Run, fingerprint: str) -> None:
    for folder in run.predictions(fingerprint).parent.iterdir():
        if folder.name != fingerprint:
            with contextlib.suppress(OSError):
                shutil.rmtree(folder)
