"""What a launch decided, written down once and read by every task."""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jobs.data.manifest import Manifest
from jobs.data.split import Split, SplitConfig, split_fingerprint
from jobs.data.workspace import Workspace
from jobs.errors import DamagedFileError, InputError, NotReadyError
from jobs.extract.config import FeatureConfig, library_versions
from jobs.extract.quarantine import Limits
from jobs.files import read_json, write_json
from jobs.schema import Schema, fingerprint
from jobs.train.config import RunConfig, run_signature
from jobs.train.run import Run
from jobs.vote.rank import Contender
from pipeline.grid import Grid
from pipeline.site import Site

CLIPS_PER_SHARD = 500


class PlannedRun(Schema):
    """One run: the grid's name for it, its folder's name, its config."""

    name: str
    signature: str
    config: RunConfig
    tier: str | None = None


class Plan(Schema):
    """Everything that tasks need to know, as strings and numbers.

    Tasks are given (stage, workspace, index); what the index means stands here.
    """

    grid: str
    data: str
    site: Site
    classes: tuple[str, ...]
    class_names: dict[str, str]
    labelled_fingerprint: str
    test_fingerprint: str
    split: SplitConfig
    split_fingerprint: str
    features: tuple[FeatureConfig, ...]
    feature_folders: tuple[str, ...]
    shards: int
    runs: tuple[PlannedRun, ...]
    votes: int
    bad_clips: float
    strict: bool
    runs_per_gpu: int
    data_gb: float | None
    code: str

    @classmethod
    def make(cls, grid: Grid, manifest: Manifest, site: Site, split: Split) -> "Plan":
        """Plan a grid over some data; nothing is written."""
        for entry in grid.entries:
            site.tier(entry.tier or site.tiers[0].name)
            try:
                entry.config.require_labels(manifest.classes)
            except InputError as error:
                raise InputError(f"{grid.path}: run '{entry.name}': {error}") from None
        # dict.fromkeys: each feature set once, in the order of the runs.
        features = tuple(dict.fromkeys(entry.config.feature_config for entry in grid.entries))
        return cls(
            grid=grid.name,
            data=str(manifest.root),
            site=site,
            classes=manifest.classes,
            class_names=manifest.class_names,
            labelled_fingerprint=manifest.labelled_fingerprint,
            test_fingerprint=manifest.test_fingerprint,
            split=grid.options.split,
            split_fingerprint=split_fingerprint(grid.options.split, manifest),
            features=features,
            feature_folders=tuple(config.folder_name(manifest) for config in features),
            shards=min(grid.options.shards or default_shards(len(manifest)), len(manifest)),
            runs=tuple(
                PlannedRun(
                    name=entry.name,
                    signature=run_signature(entry.config, manifest, split),
                    config=entry.config,
                    tier=entry.tier,
                )
                for entry in grid.entries
            ),
            votes=grid.options.votes,
            bad_clips=grid.options.bad_clips,
            strict=grid.options.strict,
            runs_per_gpu=grid.options.runs_per_gpu,
            data_gb=grid.options.data_gb,
            code=code_hash(),
        )

    @property
    def identity(self) -> str:
        """Changes with what indices of tasks mean; resources, names and code may change freely."""
        return fingerprint(
            [
                self.feature_folders,
                self.shards,
                [run.signature for run in self.runs],
                self.test_fingerprint,
                self.votes,
            ]
        )

    @property
    def audited_features(self) -> FeatureConfig:
        """The feature set in which the audit compares clips: the simplest of the grid."""
        return min(self.features, key=lambda config: config.features)

    @property
    def limits(self) -> Limits:
        """How much of the data may be bad."""
        return Limits(self.strict, self.bad_clips)

    def threads(self, runs: Iterable[int]) -> int:
        """Return how many threads runs use that share one job."""
        return sum(self.runs[run].config.threads for run in runs)

    def contenders(self, workspace: Workspace) -> list[Contender]:
        """Return the runs that may vote, in grid order."""
        return [
            Contender(Run(workspace.run(run.signature)), run.name, position)
            for position, run in enumerate(self.runs)
        ]


@dataclass(frozen=True)
class OpenedPlan:
    """A plan with the manifest that it was made for."""

    workspace: Workspace
    plan: Plan
    manifest: Manifest
    split: Split

    def save(self) -> None:
        """Write manifest and split, then the plan that names them."""
        self.manifest.save(self.workspace.manifest)
        self.split.save(self.workspace.split(self.plan.split_fingerprint))
        write_json(self.workspace.plan, self.plan.model_dump(mode="json"))

    @classmethod
    def load(cls, workspace: Workspace) -> "OpenedPlan":
        """Read what `save` wrote.

        Raises:
            NotReadyError: there is no plan.
            DamagedFileError: plan and manifest don't belong together.
        """
        if not workspace.plan.exists():
            raise NotReadyError(f"{workspace.plan} is missing; launch writes it")
        plan = Plan.checked(read_json(workspace.plan), str(workspace.plan))
        manifest = Manifest.load(
            workspace.manifest, Path(plan.data), plan.classes, plan.class_names
        )
        found = (manifest.labelled_fingerprint, manifest.test_fingerprint)
        if found != (plan.labelled_fingerprint, plan.test_fingerprint):
            raise DamagedFileError(
                f"{workspace.manifest} is not the manifest of {workspace.plan}; launch again"
            )
        opened = cls(workspace, plan, manifest, Split.load(workspace.split(plan.split_fingerprint)))
        opened._require_same_libraries()
        return opened

    def _require_same_libraries(self) -> None:
        """Refuse a machine whose libraries would compute other features than were planned."""
        here = tuple(config.folder_name(self.manifest) for config in self.plan.features)
        if here != self.plan.feature_folders:
            raise InputError(
                f"this machine has other versions of {', '.join(library_versions())} than the one "
                f"that launched ({library_versions()} here). Launch again in the environment in "
                "which jobs run"
            )


def default_shards(clips: int) -> int:
    """Return how many shards there are unless the grid says otherwise."""
    return math.ceil(clips / CLIPS_PER_SHARD)


@cache
def code_hash() -> str:
    """Return a hash of this project's Python files, to tell when code changed under a plan."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for package in ("jobs", "pipeline"):
        for path in sorted((root / package).rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
