"""What a stage is: its items, what is missing of them, what one asks for, and how it is done."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeVar

from jobs.data.workspace import Workspace
from pipeline.planning.resources import Resources

if TYPE_CHECKING:  # a site asks the graph for the names of stages, and a plan holds a site
    from pipeline.planning.plan import OpenedPlan, PlannedRun
    from pipeline.planning.site import Site


class PlanOfTasks(Protocol):
    """What executors know of a plan, whatever its stages do."""

    @property
    def site(self) -> "Site":
        """What tasks may ask for."""

    @property
    def code(self) -> str:
        """A hash of the code that planned."""

    @property
    def identity(self) -> str:
        """Changes with what the numbers of items mean."""


class Opened(Protocol):
    """A plan in the folder where its tasks find it."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def workspace(self) -> Workspace: ...

    @property
    def plan(self) -> PlanOfTasks: ...


P = TypeVar("P", bound=Opened)


@dataclass(frozen=True)
class Wait:
    """A stage starts once another has ended; with `on: success` only if that ended well."""

    stage: "AnyStage"
    on: Literal["end", "success"]


@dataclass(frozen=True)
class Request:
    """What a task of some items asks for; `tier` names a size of job, where there are several."""

    resources: Resources
    tier: str | None = None


@dataclass(frozen=True)
class Space:
    """What is still to be written on disk, about."""

    bytes: int = 0
    files: int = 0


class StageOf(ABC, Generic[P]):
    """One node of a graph of tasks over plans of one kind.

    Everything that is particular to a stage is said in its module.

    An item is a number from 0 to `total(...) - 1`; what it means follows from the plan, so that a
    task needs nothing but strings and integers.

    Attributes:
        name: as in messages, logs and a site's file.
        does: the same in half a sentence.
        script: the file slurm/<script>.sbatch that does it by hand.
        waits_for: the stage before it.
        also_after: stages of another branch whose end it waits for, if they have something to do.
        default: what a task asks for where the site does not say.
        repeats: whether it is done again after any work of the stages before it.
        follows: whether one that waits in the queue is submitted anew after new work before it.
        in_site: the name under which a site says what a task asks for; by default its own.
        asks_how_others_ended: whether its task needs to know which runs were out of memory.
    """

    name: str
    does: str
    script: ClassVar[str]
    waits_for: Wait | None = None
    also_after: "ClassVar[tuple[AnyStage, ...]]" = ()
    default: ClassVar[Resources] = Resources(cpus=1, mem_gb=4, timeout_min=30)
    repeats: ClassVar[bool] = False
    follows: ClassVar[bool] = False
    in_site: ClassVar[str | None] = None
    asks_how_others_ended: ClassVar[bool] = False

    @property
    def site_name(self) -> str:
        return self.in_site or self.name

    @abstractmethod
    def open(self, workspace: Workspace) -> P:
        """Read the plan that lies in a workspace.

        Raises:
            NotReadyError: there is none.
            DamagedFileError: it is of another version, or does not fit what lies beside it.
        """

    def is_part_of(self, opened: P) -> bool:
        """Return whether a plan has this stage at all."""
        return True

    def total(self, opened: P) -> int:
        """Return how many items there are, done ones included."""
        return 1

    @abstractmethod
    def missing(self, opened: P) -> list[int]:
        """Return the items that are not done. Files are the truth.

        Asked before anything is there, too: where what the items are made of is missing, they are.
        """

    @abstractmethod
    def do(self, opened: P, item: int, cpus: int) -> None:
        """Do one item; what is already done is not done again.

        Args:
            opened: the plan.
            item: which one.
            cpus: that this task may use.
        """

    def title(self, opened: P, item: int) -> str:
        """Return the words for one item: `run 'lr=0.01'`, `shard 3 of 40`."""
        return self.name

    def resources(self, site: "Site") -> Resources:
        """Return what a task asks for."""
        return site.stages.get(self.site_name, self.default)

    def request(self, opened: P, item: int, tier_before: str | None, after_oom: bool) -> Request:
        """Return what the task of one item asks for.

        Args:
            opened: the plan.
            item: which one.
            tier_before: in which tier it was submitted last, if it was.
            after_oom: whether it ran out of memory there and is to get more.
        """
        return Request(self.resources(opened.plan.site))

    def earlier(self, opened: P, item: int) -> list[tuple[str, int]]:
        """Return the (stage, item) that worked on the same thing before, latest first."""
        return []

    def items_per_job(self, opened: P) -> int:
        """Return how many items share a job, each in a process of its own."""
        return 1

    def cpus(self, opened: P, items: Sequence[int]) -> int:
        """Return how many CPUs the items of one job need, whatever the site says."""
        return 1

    def cpus_here(self, opened: P, items: Sequence[int]) -> int:
        """Return how many of this machine's CPUs a job of these items takes."""
        return self.resources(opened.plan.site).cpus_here()

    def impossible_here(self, opened: P, items: Sequence[int]) -> str | None:
        """Return what this machine lacks for these items and what to do, before any work starts."""
        return None

    def run_of(self, opened: P, item: int) -> "PlannedRun | None":
        """Return the run that an item is; None in all stages whose items are no runs."""
        return None

    def progress(self, opened: P, item: int, running: bool) -> str:
        """Return how far an item is, or what came of it; "" if there is nothing to say."""
        return ""

    def is_working_here(self, opened: P, item: int) -> bool:
        """Return whether a process is known to work on an item right now."""
        return False

    def space(self, opened: P, items: Sequence[int]) -> Space:
        """Return what these items will write."""
        return Space(files=5 * len(items))

    def wait_in(self, opened: P) -> Wait | None:
        """Return what it waits for in a plan; a stage that the plan lacks is passed over."""
        wait = self.waits_for
        while wait is not None and not wait.stage.is_part_of(opened):
            wait = wait.stage.waits_for
        return wait

    def before(self) -> "list[AnyStage]":
        """Return the stages that this one waits for, the nearest first."""
        if self.waits_for is None:
            return []
        return [self.waits_for.stage, *self.waits_for.stage.before(), *self.also_after]


AnyStage = StageOf[Any]


class Stage(StageOf["OpenedPlan"]):
    """A stage of a launch."""

    def open(self, workspace: Workspace) -> "OpenedPlan":
        from pipeline.planning.plan import OpenedPlan

        return OpenedPlan.load(workspace)


@dataclass(frozen=True)
class Work:
    """A stage with the items that are left to do.

    Attributes:
        stage: which.
        items: that are left to do.
        total: done ones included.
        repeated: of the items, those that are done but will be done again after earlier stages.
    """

    stage: AnyStage
    items: tuple[int, ...]
    total: int
    repeated: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        return self.stage.name

    def title(self, opened: Opened, item: int) -> str:
        return self.stage.title(opened, item)
