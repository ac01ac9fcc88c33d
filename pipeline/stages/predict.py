"""Predict: test predictions that training did not make, for instance of clips that came later."""

import logging
from typing import TYPE_CHECKING

from jobs.errors import DamagedFileError
from jobs.predict.predict import unpredicted
from jobs.words import count
from pipeline.planning.resources import Resources
from pipeline.stages.stage import Stage, Wait
from pipeline.stages.train import TRAIN

if TYPE_CHECKING:
    from pipeline.planning.plan import OpenedPlan

log = logging.getLogger(__name__)


class Predict(Stage):
    """One item: all runs. Where training has just ended it finds everything done."""

    name = "predict"
    does = "what checkpoints say of the test clips"
    script = "vote"
    # Of a grid in which some runs failed, the others predict.
    waits_for = Wait(TRAIN, "end")
    default = Resources(cpus=4, mem_gb=8, timeout_min=120)
    repeats = True

    def total(self, opened: "OpenedPlan") -> int:
        return 1 if len(opened.dataset.test) else 0

    def missing(self, opened: "OpenedPlan") -> list[int]:
        return [0] if _runs_to_predict(opened) else []

    def do(self, opened: "OpenedPlan", item: int, cpus: int) -> None:
        # One by one: each checkpoint's predictions are kept at once, so a job that reaches its time
        # limit goes on where it was.
        damaged = []
        for number in _runs_to_predict(opened):
            try:
                predict_run(opened, number)
            except DamagedFileError as error:
                if opened.run(number).is_trained():
                    raise  # of the features that all runs share, and not of this run's weights
                damaged.append(f"run '{opened.plan.runs[number].name}': {error}")
        if damaged:  # the others have predicted, and can vote
            raise DamagedFileError("; ".join(damaged))


def predict_run(opened: "OpenedPlan", number: int) -> None:
    """Predict the test clips with the checkpoints of one run that have not done so."""
    run, config = opened.run(number), opened.plan.runs[number].config
    if not len(opened.dataset.test) or not unpredicted(run, opened.dataset):
        return
    from jobs.predict.predict import predict_missing
    from jobs.train.compute.device import prepare_device

    features = opened.store.open(opened.dataset.test, config.features)
    made = predict_missing(run, opened.dataset, features, prepare_device(config.threads))
    name = opened.plan.runs[number].name
    log.info("run '%s': test predictions of %s", name, count(made, "checkpoint"))


def _runs_to_predict(opened: "OpenedPlan") -> list[int]:
    return [
        number
        for number in range(len(opened.plan.runs))
        if opened.run(number).is_trained() and unpredicted(opened.run(number), opened.dataset)
    ]


PREDICT = Predict()
