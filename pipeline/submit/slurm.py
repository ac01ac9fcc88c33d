"""All stages onto Slurm at once: arrays, tiers, edges; what is already queued is not doubled."""

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import submitit

from jobs.data.workspace import Workspace
from jobs.errors import InputError
from pipeline import task
from pipeline.plan import OpenedPlan
from pipeline.site import Resources, Site
from pipeline.stages import AUDIT, STAGES, TRAIN, VOTE, Stage
from pipeline.submit import queue
from pipeline.submit.records import JobRecord, latest_jobs, read_records, write_record
from pipeline.together import grouped, items_per_job, work_of

DEFAULT_MAX_ARRAY = 1001


@dataclass(frozen=True)
class Submitted:
    """One job or array as it was handed to Slurm."""

    stage: str
    tier: str | None
    job: str
    items: int
    dependency: str | None


@dataclass
class Submission:
    """One launch onto Slurm. `jobs` holds the ids of each stage, queued before or submitted now."""

    opened: OpenedPlan
    retry_oom: frozenset[int] = frozenset()
    jobs: dict[str, list[str]] = field(default_factory=dict)
    done: list[Submitted] = field(default_factory=list)
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
        if "%" in root or not root.isprintable():
            raise InputError(
                f"{root!r}: Slurm's scripts allow neither % nor line breaks in a path; choose "
                "another --out"
            )
        self.records = read_records(self.workspace)
        self.queued = queue.queued(self.workspace.root)
        self.alive = self._alive_items()
        # Jobs of a launcher that died before it could say what they are for.
        known = {record.job for record in self.records}
        queue.cancel([job.id for job in self.queued if job.id.split("_")[0] not in known])

    def submit(self, stages: Sequence[Stage]) -> None:
        """Submit what is missing on disk and not in the queue.

        Raises:
            InputError: Slurm refuses.
        """
        for stage in stages:
            known = {item: job for (name, item), job in self.alive.items() if name == stage.name}
            self.jobs[stage.name] = sorted({job.split("_")[0] for job in known.values()})
            missing = [item for item in stage.items if item not in known]
            if stage.name == VOTE:
                missing = self._vote_again(missing, known)
            for tier, items in self._by_tier(stage, missing).items():
                most = self._max_array() * items_per_job(self.opened, stage)
                for chunk in grouped(items, most):
                    self._submit_array(stage, tier, chunk)

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

    def _vote_again(self, missing: list[int], known: dict[int, str]) -> list[int]:
        """Replace a vote that waits, if training jobs were submitted that it does not wait for."""
        if not known or not any(each.stage not in (AUDIT, VOTE) for each in self.done):
            return missing
        waiting = {job.id for job in self.queued if job.is_waiting}
        queue.cancel([job for job in known.values() if job in waiting])
        self.jobs[VOTE] = [job for job in known.values() if job not in waiting]
        return [0]

    def _by_tier(self, stage: Stage, items: list[int]) -> dict[str | None, list[int]]:
        if not items:
            return {}
        if stage.name != TRAIN:
            return {None: items}
        tiers: dict[str | None, list[int]] = {tier.name: [] for tier in self.site.tiers}
        latest = latest_jobs(self.records, self.opened.plan.identity)
        for item in items:
            tiers[self._tier(item, latest.get((TRAIN, item)))].append(item)
        return {tier: found for tier, found in tiers.items() if found}

    def _tier(self, item: int, before: JobRecord | None) -> str:
        """Return a run's tier: what the grid says, where it was last, or one more after that."""
        run = self.opened.plan.runs[item]
        name = run.tier or self.site.default_tier(run.config.features)
        if before is not None and before.tier in {tier.name for tier in self.site.tiers}:
            name = str(before.tier)
        if item in self.retry_oom:
            larger = self.site.tier_after(name)
            if larger is None:
                raise InputError(
                    f"run '{run.name}' ran out of memory in '{name}', the largest tier of this "
                    "site. Give it a smaller batch_size, or the site a larger tier"
                )
            name = larger.name
        return self.site.tier(name).name

    def _max_array(self) -> int:
        if self.site.max_array_size is not None:
            return self.site.max_array_size
        text = queue.cluster_settings().get("MaxArraySize", "")
        return int(text) if text.isdigit() and int(text) else DEFAULT_MAX_ARRAY

    def _submit_array(self, stage: Stage, tier: str | None, items: list[int]) -> None:
        dependency = self._dependency(stage)
        resources = self.site.tier(tier) if tier else self.site.resources(stage.name)
        part = f"{stage.name}-{tier}" if tier else stage.name
        per_job = items_per_job(self.opened, stage)
        groups = grouped(items, per_job)
        executor = self._executor(stage, resources, part, groups, dependency)
        root = str(self.workspace.root)
        call, work = work_of(groups, per_job)
        with _explaining(stage.name):
            submitted = executor.map_array(call, [stage.name] * len(work), [root] * len(work), work)
        job = submitted[0].job_id.split("_")[0]
        plan = self.opened.plan.identity
        write_record(self.workspace, job, stage.name, tier, items, plan, per_job)
        self.jobs[stage.name].append(job)
        self.done.append(Submitted(stage.name, tier, job, len(items), dependency))

    def _dependency(self, stage: Stage) -> str | None:
        """Return sbatch's --dependency: the nearest earlier stage that has jobs."""
        edge = stage.rule.edge
        # A vote that replaces a running one must come after it, so that the newer result stays.
        earlier = self.jobs.get(VOTE, []) if stage.name == VOTE else []
        parts = [f"afterany:{':'.join(earlier)}"] if earlier else []
        while edge is not None:
            jobs = self.jobs.get(edge.after, [])
            if jobs:
                kind = "afterok" if edge.on == "success" else "afterany"
                parts.append(f"{kind}:{':'.join(jobs)}")
                break
            edge = next(rule.edge for rule in STAGES if rule.name == edge.after)
        return ",".join(parts) or None

    def _executor(
        self,
        stage: Stage,
        resources: Resources,
        part: str,
        groups: list[list[int]],
        dependency: str | None,
    ) -> submitit.SlurmExecutor:
        site = self.site
        cpus = resources.cpus or 1
        if stage.name == TRAIN:
            cpus = max(cpus, *map(self.opened.plan.threads, groups))
        gres = resources.gres or (f"gpu:{resources.gpus}" if resources.gpus else None)
        task.make_private(self.workspace.logs)
        executor = submitit.SlurmExecutor(
            folder=self.workspace.jobs, max_num_timeout=site.max_requeues, python=site.python
        )
        optional = {
            "account": site.account,
            "partition": resources.partition or site.partition,
            "qos": site.qos,
            "comment": site.comment,
            "constraint": resources.constraint,
            "gres": gres,
            "dependency": dependency,
            "setup": list(site.setup) or None,
        }
        executor.update_parameters(
            job_name=queue.job_name(self.workspace.root, part),
            time=resources.timeout_min,
            mem=f"{round(resources.mem_gb * 1024)}M",
            cpus_per_task=cpus,
            nodes=1,
            ntasks_per_node=1,
            array_parallelism=site.concurrency,
            signal_delay_s=site.signal_delay_s,
            # A dependency that can no longer be met cancels the job instead of leaving it pending.
            additional_parameters={"kill-on-invalid-dep": "yes", "requeue": True},
            **{name: value for name, value in optional.items() if value is not None},
        )
        return executor


@contextlib.contextmanager
def _explaining(stage: str) -> Iterator[None]:
    """Turn sbatch's refusal into words."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    except (submitit.core.utils.FailedJobError, submitit.core.utils.FailedSubmissionError) as error:
        raise InputError(f"Slurm refuses the {stage} stage: {str(error).strip()}") from None
