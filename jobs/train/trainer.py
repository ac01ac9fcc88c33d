"""A net from its first epoch to its last, resumed wherever it was killed."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from jobs.data.dataset import Dataset
from jobs.models.fitted_net import FittedNet
from jobs.progress import Progress
from jobs.train.augment.augmentation import Batch
from jobs.train.augment.epoch import EpochChanges
from jobs.train.checkpoint import Checkpoint, drop_all_but
from jobs.train.clips.labelled import LabelledClips
from jobs.train.clips.order import Balance, batch_sizes, epoch_order, epoch_seed
from jobs.train.compute.setup import Setup
from jobs.train.config import RunConfig
from jobs.train.history import History, HistoryRow, log_epoch, recording_events
from jobs.train.keeping import kept
from jobs.train.learner import Learner
from jobs.train.loop import DivergedError, evaluate, train_epoch
from jobs.train.recipe import EarlyStopping, MinLoss
from jobs.train.run import End, Outcome, Run
from jobs.train.state import State, forget_states, restore_state, save_state
from jobs.train.validation import ValidationPredictions

log = logging.getLogger(__name__)

# Why training stops: the kind, and words.
Stop = tuple[End, str]


@dataclass
class Trainer:
    """Trains one net; `train` holds the order of a run's epochs."""

    run: Run
    config: RunConfig
    dataset: Dataset
    setup: Setup
    training: LabelledClips
    validation: LabelledClips

    def train(self, until: int | None = None) -> None:
        """Train to the end, or pause after epoch `until`; go on where the run was left."""
        steps = len(batch_sizes(len(self._order(epoch=1)), self.config.training.batch_size))
        device, choices = self.setup.device, self.setup.choices
        learner = Learner(self.config, len(self.dataset.classes), steps, device, choices)
        predictions = self._predictions()
        # First: what an earlier pause or end said no longer holds, once checkpoints are dropped
        # that the state does not know.
        self.run.forget_outcome()
        state = restore_state(self.run, learner, predictions)
        if state.epoch:
            log.info("resuming after epoch %d of %d", state.epoch, self.config.epochs)
        stop = self._stop(state, until)
        with recording_events(self.run, state.history) as events:
            while stop is None:
                try:
                    self._epoch(state, learner, predictions)
                except DivergedError as error:
                    reason = f"diverged in epoch {state.epoch + 1}: {error}"
                    log.warning("%s; the checkpoints before it are kept", reason)
                    stop = "diverged", reason
                    break
                stop = self._stop(state, until)
                save_state(self.run, state, learner)
                state.history.save(self.run.history)
                if events is not None:
                    events.add(state.history.rows[-1])
        self._finish(state, stop)

    def _predictions(self) -> ValidationPredictions:
        clips = [self.dataset.labelled.clips[p] for p in self.validation.positions]
        ids, labels = tuple(clip.id for clip in clips), self.validation.labels
        return ValidationPredictions(self.run.validation, ids, labels, self.dataset.classes)

    def _stop(self, state: State, until: int | None) -> Stop | None:
        """Return why training stops after the last epoch done, or None if it goes on."""
        if not state.epoch:
            return None
        if stop := reason_to_stop(state.history, self.config):
            return stop
        if until is not None and state.epoch >= until:
            return "paused", f"paused after epoch {state.epoch} of {self.config.epochs}"
        return None

    def _epoch(self, state: State, learner: Learner, predictions: ValidationPredictions) -> None:
        """Train and evaluate one epoch, keep its checkpoint if it is one to keep."""
        started = time.monotonic()
        epoch = state.epoch + 1
        # Whatever asks torch for chance in an epoch gets the same after a resume as before it.
        torch.manual_seed(epoch_seed(self.config.seed, epoch))
        train_loss, train_accuracy = train_epoch(learner, self._batches(epoch))
        lr = learner.lr  # of the last step; the schedule may change it once the epoch is judged
        val_loss, val_accuracy, probabilities = evaluate(learner, self.validation)
        if not np.isfinite(val_loss):
            raise DivergedError("the validation loss is no longer a finite number")
        learner.schedule.after_epoch(val_loss)
        # Checkpoint, predictions, then the state that counts both: a kill between any two of them
        # leaves files that the resumed epoch writes again with the same bytes.
        self._keep(state, learner, epoch, val_accuracy, val_loss)
        predictions.append(epoch, probabilities.cpu().numpy())
        seconds = round(time.monotonic() - started, 3)
        row = HistoryRow(epoch, lr, train_loss, train_accuracy, val_loss, val_accuracy, seconds)
        state.history.rows.append(row)
        log_epoch(state.history, self.config.epochs)

    def _order(self, epoch: int) -> np.ndarray:
        balance = self.config.part(Balance)
        labels, classes = self.training.labels, self.dataset.classes
        return epoch_order(labels, classes, balance, self.config.seed, epoch)

    def _batches(self, epoch: int) -> Iterator[Batch]:
        """Yield an epoch's batches, normalised and augmented."""
        order = self._order(epoch)
        sizes = batch_sizes(len(order), self.config.training.batch_size)
        changes = EpochChanges(
            self.config.augmentations,
            self.config.features.input_shape,
            len(self.dataset.classes),
            self.config.seed,
            epoch,
            len(order),
            self.setup.device,
        )
        bar = Progress(f"epoch {epoch}/{self.config.epochs}", len(sizes), "batches", lines=False)
        for offset, clips, labels in bar.over(self.training.batches(order, sizes)):
            yield changes.apply(offset, clips, labels)

    def _keep(
        self, state: State, learner: Learner, epoch: int, val_accuracy: float, val_loss: float
    ) -> None:
        net, shape = self.config.net, self.config.features.shape
        checkpoint = Checkpoint(self.run.checkpoints, epoch, val_accuracy, val_loss, net.suffix)
        state.best_before, state.best = state.best, kept([*state.best, checkpoint], self.config)
        if checkpoint in state.best:
            classes, device = self.dataset.classes, self.setup.device
            checkpoint.save(FittedNet(net, learner.result, classes, shape, device), self.config)

    def _finish(self, state: State, stop: Stop | None) -> None:
        kind, reason = stop or ("whole", "")
        if state.epoch:
            state.history.save(self.run.history)
        outcome = Outcome.of(kind, reason, state.epoch, state.best)
        if outcome.ended:
            drop_all_but(self.run.checkpoints, outcome.kept)
        # The states go last: without the outcome they are what the run goes on from.
        outcome.save(self.run.done)
        if outcome.ended:
            forget_states(self.run)
        log.info("ended: %s; best epoch %s", reason, outcome.best_epoch or "none")


def reason_to_stop(history: History, config: RunConfig) -> Stop | None:
    """Return why training ends after the last epoch of `history`, or None if it goes on."""
    for part in (config.part(MinLoss), config.part(EarlyStopping)):
        if part and (reason := part.reason_to_stop(history)):
            return "early", reason
    if len(history.rows) >= config.epochs:
        return "whole", f"all {config.epochs} epochs done"
    return None
