"""One run from its config to its best checkpoints, resumed wherever it was killed."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from jobs.data.manifest import Manifest
from jobs.data.split import Split
from jobs.extract.feature_set import FeatureSet
from jobs.files import remove_abandoned_temporaries, write_json
from jobs.ownership import owning
from jobs.progress import Progress as Bar
from jobs.train.augment.augmentation import Augmentation
from jobs.train.checkpoint import Checkpoint, drop_all_but
from jobs.train.clips.labelled import LabelledClips, load_split
from jobs.train.clips.order import batch_sizes, epoch_order, epoch_seed
from jobs.train.compute.device import prepare_device
from jobs.train.compute.memory import give_back_freed_memory
from jobs.train.compute.setup import Room, Setup, set_up, storage_for
from jobs.train.compute.trial import free_gpu_memory
from jobs.train.config import RunConfig
from jobs.train.journal import HISTORY_HEADER, add_events, publish, recording_events, tell_epoch
from jobs.train.learner import Learner
from jobs.train.loop import Batch, DivergedError, evaluate, train_epoch
from jobs.train.predict import predict_test
from jobs.train.run import Run
from jobs.train.schedule import stop_reason
from jobs.train.state import Progress, forget_states, restore_state, save_state
from jobs.train.weights import save_checkpoint

log = logging.getLogger(__name__)


def train_run(
    run: Run,
    config: RunConfig,
    manifest: Manifest,
    split: Split,
    features: FeatureSet,
    room: Room | None = None,
) -> None:
    """Train one run to its end and predict the test clips; do only what is missing.

    Killed at any moment and called again, it goes on after its last saved epoch and ends bit
    for bit like an undisturbed run (same CPU kind, versions and `threads`).

    Args:
        run: the folder that holds everything.
        config: what to train.
        manifest: clips, labels, classes.
        split: which clips train and which validate.
        features: of the config's feature set, over this manifest.
        room: what the run may take of its device; None for all of it.

    Raises:
        InputError: no validation clip, or none of a class's training clips, can be read; the
            config balances a label that the manifest has not.
        DamagedFileError: a shard's checksum does not fit.
    """
    config.require_labels(manifest.classes)
    run.folder.mkdir(parents=True, exist_ok=True)
    with owning(run.lock):
        if run.is_trained():
            forget_states(run)
        else:
            remove_abandoned_temporaries(run.folder)
            write_json(run.config, config.model_dump())
            _train(run, config, manifest, split, features, room or Room())
        if manifest.test and not run.is_complete(manifest.test_fingerprint, has_test=True):
            storage = storage_for(config, prepare_device(config), room or Room())
            predict_test(run, manifest, features, storage)


def _train(
    run: Run,
    config: RunConfig,
    manifest: Manifest,
    split: Split,
    features: FeatureSet,
    room: Room,
) -> None:
    """Train; what it took of the memory is free again afterwards."""
    bytes_of_all = len(manifest.labelled) * features.config.bytes_per_clip
    setup = set_up(run, config, len(manifest.classes), room, bytes_of_all)
    try:
        training, validation = load_split(features, manifest, split, setup.storage)
        Trainer(run, config, manifest, setup, training, validation).train()
        del training, validation
    finally:
        give_back_freed_memory()
        free_gpu_memory()


@dataclass
class Trainer:
    """Trains one model; `train` holds the order of a run's epochs."""

    run: Run
    config: RunConfig
    manifest: Manifest
    setup: Setup
    training: LabelledClips
    validation: LabelledClips

    def train(self) -> None:
        steps = len(batch_sizes(len(self._order(epoch=1)), self.config.batch_size))
        device, choices = self.setup.device, self.setup.choices
        learner = Learner(self.config, len(self.manifest.classes), steps, device, choices)
        progress = restore_state(self.run, learner)
        if progress.epoch:
            log.info("resuming after epoch %d of %d", progress.epoch, self.config.epochs)
        reason = stop_reason(progress.history, self.config) if progress.epoch else None
        with recording_events(self.run, progress.history) as events:
            while reason is None:
                try:
                    row = self._epoch(progress, learner)
                except DivergedError as error:
                    reason = f"diverged in epoch {progress.epoch + 1}: {error}"
                    log.warning("%s; the checkpoints before it are kept", reason)
                    break
                reason = stop_reason(progress.history, self.config)
                save_state(self.run, progress, learner)
                drop_all_but(self.run, progress.needed)
                publish(self.run, progress, self.validation)
                add_events(events, row)
        self._finish(progress, reason)

    def _epoch(self, progress: Progress, learner: Learner) -> dict[str, Any]:
        """Train and evaluate one epoch, keep its checkpoint if it is among the best."""
        started = time.monotonic()
        epoch = progress.epoch + 1
        torch.manual_seed(epoch_seed(self.config.seed, epoch))
        train_loss, train_accuracy = train_epoch(learner, self._batches(epoch))
        lr = learner.lr
        val_loss, val_accuracy, probabilities = evaluate(learner, self.validation)
        if not np.isfinite(val_loss):
            raise DivergedError("the validation loss is no longer a finite number")
        learner.schedule.after_epoch(val_loss)
        self._keep(progress, Checkpoint(epoch, val_accuracy, val_loss), learner)
        progress.validation.append(probabilities.cpu().numpy())
        seconds = round(time.monotonic() - started, 3)
        values = (epoch, lr, train_loss, train_accuracy, val_loss, val_accuracy, seconds)
        row = dict(zip(HISTORY_HEADER, values, strict=True))
        progress.history.append(row)
        tell_epoch(row, progress.history, self.config.epochs)
        return row

    def _order(self, epoch: int) -> np.ndarray:
        config, classes = self.config, self.manifest.classes
        return epoch_order(self.training.labels, classes, config, config.seed, epoch)

    def _batches(self, epoch: int) -> Iterator[Batch]:
        """Yield an epoch's batches, augmented: features, targets, class indices."""
        order = self._order(epoch)
        sizes = batch_sizes(len(order), self.config.batch_size)
        augmentation = Augmentation.of_epoch(
            self.config,
            self.config.input_shape,
            len(self.manifest.classes),
            self.config.seed,
            epoch,
            len(order),
            self.setup.device,
        )
        bar = Bar(f"epoch {epoch}/{self.config.epochs}", len(sizes), "batches", lines=False)
        for place, x, labels in bar.over(self.training.batches(order, sizes)):
            if augmentation is None:
                yield x, labels, labels
            else:
                yield *augmentation.apply(place, x, labels), labels

    def _keep(self, progress: Progress, checkpoint: Checkpoint, learner: Learner) -> None:
        ranked = sorted([*progress.best, checkpoint], key=lambda c: c.rank)
        progress.best_before, progress.best = progress.best, ranked[: self.config.keep]
        if checkpoint in progress.best:
            save_checkpoint(self.run, checkpoint, learner.result, self.config, self.manifest)

    def _finish(self, progress: Progress, reason: str | None) -> None:
        drop_all_but(self.run, {checkpoint.epoch for checkpoint in progress.best})
        if progress.epoch:
            publish(self.run, progress, self.validation)
        best = progress.best[0] if progress.best else None
        outcome: dict[str, Any] = {
            "reason": reason,
            "epochs": progress.epoch,
            "kept": sorted(checkpoint.epoch for checkpoint in progress.best),
            "best_epoch": best.epoch if best else None,
            "val_accuracy": best.val_accuracy if best else None,
            "val_loss": best.val_loss if best else None,
        }
        write_json(self.run.done, outcome)
        forget_states(self.run)
        log.info("ended: %s; best epoch %s", reason, best.epoch if best else "none")
