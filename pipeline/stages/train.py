"""Train: one run per hyper-parameter set and fold; its checkpoints then predict at once."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobs.errors import DamagedFileError, InputError
from jobs.ownership import is_owned
from jobs.train.history import History
from jobs.words import count, duration
from pipeline.planning.out_of_memory import HOPELESS, OutOfMemory
from pipeline.planning.resources import Resources, cpus_available
from pipeline.stages.index import INDEX
from pipeline.stages.stage import Request, Space, Stage, Wait

if TYPE_CHECKING:
    from jobs.train.run import Run
    from pipeline.planning.plan import OpenedPlan, PlannedRun

log = logging.getLogger(__name__)

FILES_PER_RUN = 30
RECENT_EPOCHS = 5


class Train(Stage):
    """Items are the planned runs; with halving each is trained to the first rung."""

    name = "train"
    does = "one run per hyper-parameter set"
    script = "train"
    waits_for = Wait(INDEX, "success")
    # Of runs that need no GPU; all others ask for their tier.
    default = Resources(cpus=4, mem_gb=8, timeout_min=120)

    def total(self, opened: "OpenedPlan") -> int:
        return len(opened.plan.runs)

    def missing(self, opened: "OpenedPlan") -> list[int]:
        out = OutOfMemory.load(opened.workspace)
        return [
            number
            for number in range(len(opened.plan.runs))
            if not is_far_enough(opened, number, 1) and not out.is_hopeless(opened, number)
        ]

    def title(self, opened: "OpenedPlan", item: int) -> str:
        return title_of(opened.plan.runs[item])

    def do(self, opened: "OpenedPlan", item: int, cpus: int) -> None:
        train(opened, item, rung=1)

    def request(
        self, opened: "OpenedPlan", item: int, tier_before: str | None, after_oom: bool
    ) -> Request:
        return self.request_of(opened, opened.plan.runs[item], tier_before, after_oom)

    def request_of(
        self, opened: "OpenedPlan", planned: "PlannedRun", tier_before: str | None, after_oom: bool
    ) -> Request:
        """Ask for the run's tier: what the grid says, where it was last, or one more than that."""
        site = opened.plan.site
        asked, known = self.resources(site), {tier.name for tier in site.tiers}
        if not planned.config.needs_gpu and planned.tier is None and tier_before not in known:
            # Without a tier: the first one with more memory is the next step.
            more = [tier for tier in site.tiers if tier.mem_gb > asked.mem_gb]
            return Request(more[0], more[0].name) if after_oom and more else Request(asked)
        name = planned.tier or site.default_tier(planned.config.features.features)
        if tier_before in known:
            name = str(tier_before)
        if after_oom:
            larger = site.tier_after(name)
            if larger is None:
                raise InputError(
                    f"run '{planned.name}' ran out of memory in '{name}', the largest tier of this "
                    "site. Give it a smaller batch_size, or the site a larger tier"
                )
            name = larger.name
        return Request(site.tier(name), name)

    def items_per_job(self, opened: "OpenedPlan") -> int:
        return opened.plan.runs_per_gpu

    def cpus(self, opened: "OpenedPlan", items: Sequence[int]) -> int:
        return opened.plan.threads(items)

    def cpus_here(self, opened: "OpenedPlan", items: Sequence[int]) -> int:
        return min(opened.plan.threads(items), cpus_available())

    def impossible_here(self, opened: "OpenedPlan", items: Sequence[int]) -> str | None:
        runs = [planned for item in items if (planned := self.run_of(opened, item))]
        runs = [planned for planned in runs if planned.config.needs_gpu]
        if not runs:
            return None
        import torch

        from jobs.memory import memory_limit
        from jobs.train.compute.memory import too_little_memory

        if torch.cuda.is_available():
            return None
        classes, available = len(opened.dataset.classes), memory_limit()
        # Many runs of a grid differ in nothing that takes memory.
        asked: dict[object, PlannedRun] = {}
        for planned in runs:
            config = planned.config
            shape = config.features.input_shape
            asked.setdefault((config.net, shape, config.training.batch_size), planned)
        for planned in asked.values():
            if said := too_little_memory(planned.config, classes, available):
                return f"run '{planned.name}': {said}"
        return None

    def run_of(self, opened: "OpenedPlan", item: int) -> "PlannedRun | None":
        return opened.plan.runs[item]

    def progress(self, opened: "OpenedPlan", item: int, running: bool) -> str:
        return progress_of(opened, item, 1, running)

    def is_working_here(self, opened: "OpenedPlan", item: int) -> bool:
        return is_owned(opened.run(item).lock)

    def space(self, opened: "OpenedPlan", items: Sequence[int]) -> Space:
        sizes = [opened.plan.runs[item].config.bytes_on_disk for item in items]
        return Space(sum(sizes), FILES_PER_RUN * len(items))


def title_of(planned: "PlannedRun") -> str:
    return f"run '{planned.name}' ({planned.signature})"


def until(opened: "OpenedPlan", number: int, rung: int) -> int | None:
    """Return the epoch to which a run is trained on its way to a rung; None: to its end."""
    ladder = opened.ladder
    if rung > ladder.rungs or not ladder.takes_part(opened.plan.runs[number]):
        return None
    return ladder.epoch(rung, number)


def is_far_enough(opened: "OpenedPlan", number: int, rung: int) -> bool:
    """Return whether nothing is left to train of a run on its way to a rung."""
    ladder, epoch = opened.ladder, until(opened, number, rung)
    # Who trains on from there is known, so that nobody needs the others any more.
    if epoch is not None and ladder.decided(rung) is not None:
        return True
    return opened.run(number).is_trained_to(epoch)


def train(opened: "OpenedPlan", number: int, rung: int) -> None:
    """Train a run to a rung, or to its end if there is none; then its checkpoints predict."""
    from jobs.train.compute.setup import DeviceShare
    from jobs.train.training import train_run
    from pipeline.stages.predict import predict_run

    planned, run = opened.plan.runs[number], opened.run(number)
    log.info("run '%s' (%s)", planned.name, planned.signature)
    features = opened.store.open(opened.dataset.labelled, planned.config.features)
    share = DeviceShare(opened.plan.data_gb, opened.plan.runs_per_gpu)
    fold, epoch = opened.fold(number), until(opened, number, rung)
    train_run(run, planned.config, opened.dataset, fold, features, share, epoch)
    if run.is_trained():
        # Here, where there may be a GPU, and not in a second queue.
        predict_run(opened, number)


def progress_of(opened: "OpenedPlan", number: int, rung: int, running: bool) -> str:
    """Return how far a run is on its way to a rung, or what came of it."""
    run, planned = opened.run(number), opened.plan.runs[number]
    if running:
        return _epochs(run, planned, until(opened, number, rung) or planned.config.epochs)
    stopped = opened.ladder.stopped_at(planned.entry)
    if stopped is not None:
        return stopped.words if stopped.rung == rung else ""
    if OutOfMemory.load(opened.workspace).is_hopeless(opened, number):
        return f"{HOPELESS}: it will rank last"
    return _result(run)


def _epochs(run: "Run", planned: "PlannedRun", last: int) -> str:
    """Return a running run's epoch, accuracy and time left."""
    try:
        rows = History.load(run.history).rows
    except (DamagedFileError, OSError):  # what is shown of a run must not keep others from sight
        rows = []
    if not rows:
        return "before its first epoch ends"
    recent = rows[-RECENT_EPOCHS:]
    left = sum(row.seconds for row in recent) / len(recent) * (last - len(rows))
    epochs = f"epoch {len(rows)}/{planned.config.epochs}"
    return f"{epochs}, val {100 * rows[-1].val_accuracy:.1f} %, about {duration(left)} left"


def _result(run: "Run") -> str:
    """Return what came of a run that has ended."""
    outcome = run.outcome()
    if outcome is None:
        return ""
    early = "" if outcome.is_whole else f"; {outcome.reason}"
    if outcome.val_accuracy is None:
        return f"no checkpoint{early}"
    return f"val {100 * outcome.val_accuracy:.1f} %, {count(outcome.epochs, 'epoch')}{early}"


TRAIN = Train()
