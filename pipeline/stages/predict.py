"""Predict: predictions that training did not make, for instance of test clips that came later."""

import logging
from typing import TYPE_CHECKING

from jobs.errors import DamagedFileError
from jobs.predict.predict import unpredicted
from jobs.words import count
from pipeline.planning.resources import Resources
from pipeline.stages.rungs import LAST_TRAINING
from pipeline.stages.stage import Stage, Wait

if TYPE_CHECKING:
    from pipeline.planning.plan import OpenedPlan

log = logging.getLogger(__name__)


class Predict(Stage):
    """One item: all runs. Where training has just ended it finds everything done."""

    name = "predict"
    does = "what checkpoints say of clips that they do not know"
    script = "vote"
    # Of a grid in which some runs failed, the others predict.
    waits_for = Wait(LAST_TRAINING, "end")
    default = Resources(cpus=4, mem_gb=8, timeout_min=120)
    repeats = True

    def total(self, opened: "OpenedPlan") -> int:
        return 1 if opened.targets else 0

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
    """Predict test and held out clips with the checkpoints of one run that have not done so."""
    run, planned = opened.run(number), opened.plan.runs[number]
    for target in opened.targets:
        if not unpredicted(run, target):
            continue
        from jobs.predict.predict import predict_missing
        from jobs.train.compute.device import prepare_device

        device = prepare_device(planned.config.threads)
        features = opened.store.open(opened.dataset.sides[target.side], planned.config.features)
        made = predict_missing(run, target, opened.dataset, features, device)
        what = f"{target.name} predictions of {count(made, 'checkpoint')}"
        log.info("run '%s': %s", planned.name, what)


def _runs_to_predict(opened: "OpenedPlan") -> list[int]:
    return [
        number
        for number in range(len(opened.plan.runs))
        if opened.run(number).is_trained()
        and any(unpredicted(opened.run(number), target) for target in opened.targets)
    ]


PREDICT = Predict()
