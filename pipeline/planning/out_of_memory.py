"""Which runs ran out of memory, and where: known to accounting for some days only, so kept."""

from typing import TYPE_CHECKING

from pydantic import Field

from jobs.data.workspace import Workspace
from jobs.errors import DamagedFileError, InputError
from jobs.files import read_json, write_json
from jobs.schema import Schema, fingerprint

if TYPE_CHECKING:
    from pipeline.planning.plan import OpenedPlan, Plan


class LastTier(Schema):
    """Where a run was last out of memory.

    Attributes:
        tier: its name; None in a launch on one machine, which has no other.
        tiers: fingerprint of the site's tiers then: with others, or larger ones, it may fit.
    """

    tier: str | None
    tiers: str


# Why a run that nobody can give more memory ranks last.
HOPELESS = "out of memory in the largest tier"


class OutOfMemory(Schema):
    """By the run's signature and not by its task: after a rung other tasks go on with it."""

    runs: dict[str, LastTier] = Field(default_factory=dict)

    def with_runs(self, plan: "Plan", tiers: dict[str, str | None]) -> "OutOfMemory":
        """Add runs, given the tier of each by its signature."""
        known = tiers_of(plan)
        return OutOfMemory(
            runs=self.runs | {name: LastTier(tier=t, tiers=known) for name, t in tiers.items()}
        )

    def is_hopeless(self, opened: "OpenedPlan", number: int) -> bool:
        """Return whether a run cannot reach its next rung: nobody can give it more memory.

        Whatever no rung ranks is tried again, as any run that failed.
        """
        ladder, plan = opened.ladder, opened.plan
        place, rung = self.runs.get(plan.runs[number].signature), ladder.next_rung(number)
        if place is None or rung is None or place.tiers != tiers_of(plan):
            return False
        if opened.run(number).is_trained_to(ladder.epoch(rung, number)):
            return False
        known = {each.name for each in plan.site.tiers}
        return place.tier not in known or plan.site.tier_after(str(place.tier)) is None

    def save(self, workspace: Workspace) -> None:
        write_json(workspace.out_of_memory, self.model_dump(mode="json"))

    @classmethod
    def load(cls, workspace: Workspace) -> "OutOfMemory":
        """Read what `save` wrote; without it no run is known to have been out of memory."""
        path = workspace.out_of_memory
        try:
            return cls.checked(read_json(path), str(path))
        except (FileNotFoundError, DamagedFileError, InputError, AttributeError, TypeError):
            return cls()


def tiers_of(plan: "Plan") -> str:
    """Return a fingerprint of what memory there is to be had."""
    return fingerprint([[tier.name, tier.mem_gb] for tier in plan.site.tiers])
