"""One run from its config to its best checkpoints; only what is missing is done."""

import logging
import time
from typing import TYPE_CHECKING

import numpy as np

from jobs.data.dataset import Dataset
from jobs.data.split import Fold
from jobs.files import remove
from jobs.models.model import Fitted, OneShotModel
from jobs.ownership import owning
from jobs.temporaries import remove_abandoned_temporaries
from jobs.train.checkpoint import Checkpoint, drop_all_but
from jobs.train.config import RunConfig
from jobs.train.history import History, HistoryRow
from jobs.train.run import Outcome, Run
from jobs.train.validation import ValidationPredictions

if TYPE_CHECKING:
    from jobs.extract.store.feature_set import FeatureSet
    from jobs.train.compute.setup import DeviceShare

log = logging.getLogger(__name__)


def train_run(
    run: Run,
    config: RunConfig,
    dataset: Dataset,
    fold: Fold,
    features: "FeatureSet",
    share: "DeviceShare | None" = None,
    until: int | None = None,
) -> None:
    """Train one run to its end, or pause it after an epoch; do only what is missing.

    Killed at any moment and called again, it goes on after its last saved epoch and ends bit
    for bit like an undisturbed run (same CPU kind, versions and `threads`). So does a run that
    was paused and is called again with a later epoch, or none.

    Args:
        run: the folder that holds everything.
        config: what to train.
        dataset: labelled clips and their classes.
        fold: which of them train and which validate.
        features: of the config's feature set, over the labelled clips.
        share: what the run may take of its device; None for all of it.
        until: the epoch after which it pauses; None for its end.

    Raises:
        InputError: no validation clip, or none of a class's training clips, can be read; the
            config balances a label that the data lacks.
        DamagedFileError: a shard's checksum does not fit.
    """
    config.require_suited_to(dataset.counts(fold.training))
    run.folder.mkdir(parents=True, exist_ok=True)
    with owning(run.lock):
        if run.is_trained_to(until):
            _remove_states_of_ended(run)
            return
        remove_abandoned_temporaries(run.folder)
        config.save(run.config)
        if isinstance(config.model, OneShotModel):
            _fit(run, config, config.model, dataset, fold, features)
        else:
            _train(run, config, dataset, fold, features, share, until)


def _remove_states_of_ended(run: Run) -> None:
    """A kill between writing the outcome and removing the states leaves them."""
    outcome = run.outcome()
    for path in run.states() if outcome and outcome.ended else []:
        remove(path)


def _train(
    run: Run,
    config: RunConfig,
    dataset: Dataset,
    fold: Fold,
    features: "FeatureSet",
    share: "DeviceShare | None",
    until: int | None,
) -> None:
    """Train a net; what it took of the memory is free again afterwards."""
    from jobs.train.clips.labelled import load_fold
    from jobs.train.compute.memory import give_back_freed_memory
    from jobs.train.compute.setup import DeviceShare, set_up
    from jobs.train.compute.trial import free_gpu_memory
    from jobs.train.trainer import Trainer

    bytes_of_all = len(dataset.labelled) * features.config.bytes_per_clip
    setup = set_up(run, config, len(dataset.classes), share or DeviceShare(), bytes_of_all)
    try:
        training, validation = load_fold(features, dataset, fold, setup.storage)
        Trainer(run, config, dataset, setup, training, validation).train(until)
        del training, validation
    finally:
        give_back_freed_memory()
        free_gpu_memory()


def _fit(
    run: Run,
    config: RunConfig,
    model: OneShotModel,
    dataset: Dataset,
    fold: Fold,
    features: "FeatureSet",
) -> None:
    """Fit a model at once and leave what a net leaves after its only epoch."""
    from joblib import parallel_config
    from threadpoolctl import threadpool_limits

    from jobs.train.clips.readable import readable_clips
    from jobs.train.compute.device import Hardware, record_hardware

    started = time.monotonic()
    readable = readable_clips(features, dataset, fold)
    record_hardware(run, Hardware.of_scikit_learn(config.threads))
    # Another number of threads rounds sums differently; with one, BLAS gives the same everywhere.
    with threadpool_limits(config.threads), parallel_config("threading", n_jobs=config.threads):
        training = features.load(readable.training)
        labels = np.array(dataset.labels(readable.training), dtype=np.int64)
        fitted = model.fit(training, labels, dataset.classes, config.seed)
        train_loss, train_accuracy, _ = _scores(fitted, training, labels)
        del training
        labels = np.array(dataset.labels(readable.validation), dtype=np.int64)
        held_out = features.load(readable.validation)
        val_loss, val_accuracy, probabilities = _scores(fitted, held_out, labels)
    checkpoint = Checkpoint(run.checkpoints, 1, val_accuracy, val_loss, model.suffix)
    checkpoint.save(fitted, config)
    drop_all_but(run.checkpoints, [1])
    ids = tuple(dataset.labelled.clips[p].id for p in readable.validation)
    predictions = ValidationPredictions(run.validation, ids, labels, dataset.classes)
    predictions.keep(0)
    predictions.append(1, probabilities)
    seconds = round(time.monotonic() - started, 3)
    row = HistoryRow(1, None, train_loss, train_accuracy, val_loss, val_accuracy, seconds)
    History([row]).save(run.history)
    Outcome.of("whole", "fitted at once", 1, [checkpoint]).save(run.done)
    log.info("%s is fitted: val loss %.4f acc %.3f", model.name, val_loss, val_accuracy)


def _scores(
    fitted: Fitted, features: np.ndarray, labels: np.ndarray
) -> tuple[float, float, np.ndarray]:
    """Return mean cross entropy, accuracy and probabilities."""
    probabilities = fitted.predict_proba(features)
    of_label = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    # A probability that float32 rounds to 0 would make the mean infinite.
    loss = -np.log(np.maximum(of_label, np.finfo(np.float32).tiny)).mean()
    return float(loss), float((probabilities.argmax(axis=1) == labels).mean()), probabilities
