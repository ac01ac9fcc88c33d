"""Which runs ran out of memory, and where: known to accounting for some days only, so kept."""

from typing import TYPE_CHECKING

from pydantic import Field

from jobs.data.workspace import Workspace
from jobs.errors import DamagedFileError, InputError
from jobs.files import read_json, write_json
from jobs.schema import Schema

if TYPE_CHECKING:
    from pipeline.planning.plan import Plan


class OutOfMemory(Schema):
    """By run and not by task: after a rung other tasks go on with the same run.

    Attributes:
        tiers: the tier in which a run was last out of memory, by its signature; None where it had
            none, in a launch on one machine.
    """

    tiers: dict[str, str | None] = Field(default_factory=dict)

    def with_runs(self, tiers: dict[str, str | None]) -> "OutOfMemory":
        return OutOfMemory(tiers=self.tiers | tiers)

    def is_hopeless(self, plan: "Plan", number: int) -> bool:
        """Return whether a run has failed where nobody can give it more memory.

        Without halving nobody ranks it: it is tried again, as any run that failed.
        """
        signature = plan.runs[number].signature
        if not plan.halving.shares or signature not in self.tiers:
            return False
        tier = self.tiers[signature]
        known = {each.name for each in plan.site.tiers}
        return tier not in known or plan.site.tier_after(str(tier)) is None

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
