"""All stages onto Slurm at once: arrays, tiers, edges; what is already queued is not doubled."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic

from jobs.data.workspace import Workspace
from jobs.errors import InputError
from jobs.trust import make_private
from pipeline.executors import edges, queue, sbatch
from pipeline.executors.arrays import Array, arrays_of
from pipeline.executors.limits import DEFAULT_MAX_ARRAY, job_limit_of, max_array
from pipeline.executors.records import JobRecord, latest_jobs
from pipeline.executors.refusals import refusal_in_words, require_accepted
from pipeline.executors.sharing import work_of
from pipeline.executors.slurm_command import SlurmError
from pipeline.planning.site import Site
from pipeline.stages.stage import AnyStage, P, Work

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Submitted:
    """One job or array as it was handed to Slurm."""

    stage: str
    tier: str | None
    job: str
    items: int
    dependency: str | None


@dataclass(frozen=True)
class Refused:
    """What Slurm did not take of a stage, after it had taken something."""

    stage: str
    items: int
    said: str


@dataclass
class Submission(Generic[P]):
    """One launch onto Slurm.

    Attributes:
        opened: the plan.
        after_oom: (stage, item) of what ran out of memory and is to get more.
        max_array: how many tasks an array may have; None to ask Slurm.
        after: jobs that must all have ended well before any of these starts: of a canary.
        jobs: the ids of each stage's jobs, queued before or submitted now.
        done: what was submitted now.
        refused: what Slurm refused, and its words; what follows it was not tried.
        alive: (stage, item) of what is queued or running, with its job.
    """

    opened: P
    after_oom: frozenset[tuple[str, int]] = frozenset()
    after: tuple[str, ...] = ()
    max_array: int | None = None
    jobs: dict[str, list[str]] = field(default_factory=dict)
    done: list[Submitted] = field(default_factory=list)
    refused: Refused | None = None
    alive: dict[tuple[str, int], str] = field(default_factory=dict)
    queued: list[queue.QueuedJob] = field(default_factory=list)
    records: list[JobRecord] = field(default_factory=list)

    @property
    def workspace(self) -> Workspace:
        return self.opened.workspace

    @property
    def site(self) -> Site:
        return self.opened.plan.site

    def look(self) -> None:
        """Find this output's jobs in the queue, before anything is written.

        Raises:
            InputError: jobs of another plan are still queued.
        """
        root = str(self.workspace.root)
        # sbatch expands % in the paths of logs, drops \\, and a line break ends the directive.
        if "%" in root or "\\" in root or not root.isprintable():
            raise InputError(
                f"{root!r}: Slurm's scripts allow neither %, \\ nor line breaks in a path; choose "
                "another folder"
            )
        self.records = JobRecord.load_all(self.workspace)
        self.queued = queue.queued(self.workspace.root)
        self.alive = self._alive_items()
        self._cancel_unknown()

    def _cancel_unknown(self) -> None:
        """Cancel waiting jobs that nobody knows the items of: their launcher died too early.

        One that runs is left to its end, in case it is the record that got lost: whoever is
        submitted for the same items waits for it, and finds them done.
        """
        known = {record.job for record in self.records}
        unknown = [job for job in self.queued if job.id.split("_")[0] not in known]
        waiting = [job.id for job in unknown if job.is_waiting]
        queue.cancel(self.workspace.root, waiting)
        if waiting:
            log.warning("cancelled, because no record says what they do: %s", ", ".join(waiting))
        if running := [job.id for job in unknown if not job.is_waiting]:
            log.warning(
                "running without a record of what they do, and left to their end: %s",
                ", ".join(running),
            )

    def submit(self, stages: Sequence[Work]) -> None:
        """Submit what is missing on disk and not in the queue.

        Where Slurm refuses a stage after it took another, both is kept in mind: the same launch
        submits the rest later.

        Raises:
            SlurmError: it refuses the first one.
        """
        for work in stages:
            try:
                self._submit_stage(work)
            except SlurmError as error:
                if not self.done:
                    raise
                taken = sum(each.items for each in self.done if each.stage == work.name)
                queued = sum((work.name, item) in self.alive for item in work.items)
                left = len(work.items) - queued - taken
                self.refused = Refused(work.name, left, str(error))
                return

    @property
    def alive_jobs(self) -> tuple[str, ...]:
        """All jobs, queued before or submitted now, that have yet to end."""
        return tuple(dict.fromkeys(job for jobs in self.jobs.values() for job in jobs))

    def require_accepted(self, stages: Sequence[Work]) -> None:
        """Ask Slurm whether it would take what is missing, before the first job is real.

        Raises:
            SlurmError: it would refuse a stage.
        """
        require_accepted(self.opened, self.planned(stages))

    def planned(self, stages: Sequence[Work]) -> list[Array]:
        """Return the arrays that `submit` would submit."""
        arrays = []
        for work in stages:
            missing = [item for item in work.items if (work.name, item) not in self.alive]
            arrays += self._arrays(work, missing)
        return arrays

    def _arrays(self, work: Work, items: Sequence[int]) -> list[Array]:
        latest = latest_jobs(self.records, self.opened.plan.identity)
        if items and self.max_array is None:
            self.max_array = max_array(self.site)  # asked once: the controller may be busy
        most = self.max_array or DEFAULT_MAX_ARRAY
        return arrays_of(self.opened, work.stage, items, most, latest, self.after_oom)

    def _submit_stage(self, work: Work) -> None:
        known = {item: job for (name, item), job in self.alive.items() if name == work.name}
        self.jobs[work.name] = sorted({job.split("_")[0] for job in known.values()})
        missing = [item for item in work.items if item not in known]
        # A vote that waits in the queue was submitted to wait for the jobs of then. Work that
        # is submitted now must be voted on too, so the waiting one is replaced.
        follows = work.stage.repeats or work.stage.follows
        if known and follows and self._has_new_work_before(work.stage):
            missing = self._replace_waiting(work, known)
        for array in self._arrays(work, missing):
            self._submit_array(array)

    def _alive_items(self) -> dict[tuple[str, int], str]:
        """Map (stage, item) to the queued or running job that does it."""
        ids = {job.id for job in self.queued}
        alive: dict[tuple[str, int], str] = {}
        for record in self.records:
            for item, job in record.jobs.items():
                if job not in ids:
                    continue
                if record.plan != self.opened.plan.identity:
                    raise InputError(
                        f"job {job} of an earlier launch with other data or settings still "
                        f"works in {self.workspace.root}. Wait for it, or end it with "
                        f"`python -m pipeline.cancel {self.workspace.root}`"
                    )
                alive[record.stage, item] = job
        return alive

    def _has_new_work_before(self, stage: AnyStage) -> bool:
        before = {each.name for each in stage.before()}
        return any(each.stage in before for each in self.done)

    def _replace_waiting(self, work: Work, known: dict[int, str]) -> list[int]:
        """Cancel jobs that wait, but not for what was submitted now; return the items to submit."""
        waiting = {job.id for job in self.queued if job.is_waiting}
        queue.cancel(self.workspace.root, [job for job in known.values() if job in waiting])
        kept = {item: job for item, job in known.items() if job not in waiting}
        self.jobs[work.name] = list(kept.values())
        # What repeats is done once more after one that works now.
        return list(work.items) if work.stage.repeats else [i for i in work.items if i not in kept]

    def _submit_array(self, array: Array) -> None:
        """Submit an array, or as much of it as the cluster's limit of jobs leaves room for.

        Raises:
            SlurmError: it, or the rest of it, is refused.
        """
        try:
            self._submit_tasks(array)
        except SlurmError as error:
            limit = job_limit_of(str(error))
            # An array above the limit would never be taken whole.
            if limit is not None and limit.left and limit.left < len(array.groups):
                self._submit_tasks(array.part(0, limit.left))
            raise refusal_in_words(array.stage.name, error, limit) from None

    def _submit_tasks(self, array: Array) -> None:
        stage = array.stage
        dependency = edges.dependency(stage, self.jobs, self.after)
        make_private(self.workspace.logs)
        for item in array.items:  # why another attempt failed, perhaps of another run
            self.workspace.failure(stage.name, item).unlink(missing_ok=True)
            self.workspace.begun(stage.name, item).unlink(missing_ok=True)
        per_job = stage.items_per_job(self.opened)
        executor = sbatch.executor(self.opened, array, dependency)
        root = str(self.workspace.root)
        call, work = work_of(array.groups, per_job)
        submitted = executor.map_array(call, [stage.name] * len(work), [root] * len(work), work)
        job, tier = submitted[0].job_id.split("_")[0], array.request.tier
        # Killed before this line, the launcher leaves a job that nobody knows the items of: the
        # next launch finds it by its name, cancels it and submits the items again (see `look`).
        JobRecord(
            job=job, stage=stage.name, tier=tier, items=array.items,
            plan=self.opened.plan.identity, per_job=per_job, number=self._next_number(),
            after=self.after,
        ).save(self.workspace)  # fmt: skip
        self.jobs[stage.name].append(job)
        self.done.append(Submitted(stage.name, tier, job, len(array.items), dependency))

    def _next_number(self) -> int:
        before = max((record.number for record in self.records), default=0)
        return before + len(self.done) + 1
