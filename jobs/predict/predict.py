"""Predictions of a run's checkpoints: those that are missing, and of these the new clips."""

import logging
from collections.abc import Iterable, Sequence

import numpy as np

from jobs.data.dataset import TEST, Dataset
from jobs.errors import DamagedFileError
from jobs.extract.store.feature_set import FeatureSet
from jobs.files import remove
from jobs.ownership import owning
from jobs.predict.predictions import Predictions, Probabilities, Source, source_of
from jobs.predict.target import Target
from jobs.train.checkpoint import Checkpoint
from jobs.train.config import RunConfig
from jobs.train.run import Run

log = logging.getLogger(__name__)


def unpredicted(run: Run, target: Target) -> list[Checkpoint]:
    """Return the checkpoints of a run that have no predictions of the present clips."""
    return [
        checkpoint
        for checkpoint in run.checkpoints_kept()
        if not has_predictions(run, checkpoint, target)
    ]


def has_predictions(run: Run, checkpoint: Checkpoint, target: Target) -> bool:
    """Return whether a checkpoint has predictions of the present clips."""
    source = source_of(run, checkpoint, target.clips)
    return Predictions.are_current(run.predictions_of(target.name, checkpoint.epoch), source)


def predict_missing(
    run: Run, target: Target, dataset: Dataset, features: FeatureSet, device: str
) -> int:
    """Predict clips with each checkpoint that has not done so; return how many had not.

    A clip's probabilities do not depend on what is predicted beside it, so the ones that a
    checkpoint has given to a recording before are taken over: a new test clip costs one batch.

    Args:
        run: a trained run.
        target: the clips.
        dataset: the classes.
        features: of the run's feature set, over the target's side.
        device: what computes: cpu or cuda.

    Raises:
        DamagedFileError: weights cannot be read; the run then counts as untrained.
    """
    with owning(run.predictions_lock):
        missing = unpredicted(run, target)
        if missing:
            _predict(run, missing, target, dataset, features, device)
        _remove_others(run, target)
    return len(missing)


def _predict(
    run: Run,
    checkpoints: Sequence[Checkpoint],
    target: Target,
    dataset: Dataset,
    features: FeatureSet,
    device: str,
) -> None:
    """Read each shard once and let every checkpoint predict it."""
    from threadpoolctl import threadpool_limits

    from jobs.train.fitted import load_fitted

    clips = target.clips.clips
    of_side = np.asarray(target.positions)
    has_row = set(features.readable(target.positions))
    readable = [p for p, position in enumerate(target.positions) if position in has_row]
    known = [_known(run, target, source_of(run, each, target.clips)) for each in checkpoints]
    # By recording and not by position: a clip may have moved, and two may be the same recording.
    new = [p for p in readable if any(clips[p].sha256 not in rows for rows in known)]
    # All at once: a shard is read from disk once, and what is kept of a run is a few megabytes.
    models = [load_fitted(run, each, device) for each in checkpoints] if new else []
    results = [np.full((len(clips), len(dataset.classes)), np.nan, np.float32) for _ in checkpoints]
    for result, rows in zip(results, known, strict=True):
        _put(result, ((p, rows[clips[p].sha256]) for p in set(readable) - set(new)))
    # BLAS rounds sums by its number of threads, and a machine's default is not the run's.
    with threadpool_limits(RunConfig.load(run.config).threads):
        for offsets, block in features.blocks(of_side[new].tolist()):
            positions = np.asarray(new)[offsets]
            for result, model in zip(results, models, strict=True):
                result[positions] = model.predict_proba(block)
    sha256 = tuple(clip.sha256 for clip in clips)
    for checkpoint, result in zip(checkpoints, results, strict=True):
        source = source_of(run, checkpoint, target.clips)
        predictions = Predictions(source, tuple(target.clips.ids), sha256, result)
        if target.name == TEST:
            predictions.write_submission(run.test_submission(checkpoint.epoch), dataset)
        # Last: these say that the checkpoint has predicted.
        predictions.save(run.predictions_of(target.name, checkpoint.epoch))


def _put(result: Probabilities, rows: Iterable[tuple[int, Probabilities]]) -> None:
    for position, row in rows:
        result[position] = row


def _known(run: Run, target: Target, source: Source) -> dict[str, Probabilities]:
    """Return what these very weights have said of recordings before, by SHA-256."""
    try:
        earlier = Predictions.load(run.predictions_of(target.name, source.epoch))
    except FileNotFoundError:
        return {}
    except DamagedFileError as error:
        log.warning("%s; it is made again from the weights", error)
        return {}
    return earlier.by_recording() if earlier.source.weights == source.weights else {}


def _remove_others(run: Run, target: Target) -> None:
    """Remove predictions of checkpoints that are no longer kept."""
    kept = {checkpoint.epoch for checkpoint in run.checkpoints_kept()}
    wanted = {run.predictions_of(target.name, epoch) for epoch in kept}
    wanted |= {run.test_submission(epoch) for epoch in kept}
    for path in run.predictions.glob(f"{target.name}-epoch-*"):
        if path not in wanted:
            remove(path)
