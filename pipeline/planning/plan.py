"""What a launch decided, written down once and read by every task."""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from jobs.data.dataset import Dataset
from jobs.data.split import Fold, Split, SplitConfig, split_fingerprint
from jobs.data.workspace import Workspace
from jobs.errors import DamagedFileError, InputError, NotReadyError
from jobs.extract.config import FeatureConfig, library_versions
from jobs.extract.extraction import Extraction
from jobs.extract.quarantine import Limits
from jobs.extract.store.feature_store import FeatureStore
from jobs.files import read_json, write_json
from jobs.predict.target import Target, targets
from jobs.schema import Fingerprint, Schema, fingerprint
from jobs.train.halving import Halving
from jobs.train.run import Run
from jobs.trust import make_private
from jobs.vote.rules import VoteRules
from pipeline.planning.grid import Grid
from pipeline.planning.ladder import Ladder
from pipeline.planning.planned_run import PlannedRun, planned_runs
from pipeline.planning.site import Site

# 500 clips of v1 are 33 MB: large enough to be few files on a quota of inodes, small enough that a
# task takes seconds to minutes and a lost one costs no more.
CLIPS_PER_SHARD = 500


class Plan(Schema):
    """Everything that tasks need to know, as strings and numbers.

    Tasks are given (stage, workspace, index); what the index means is written here.
    """

    grid: str
    data: str
    site: Site
    labelled_fingerprint: Fingerprint
    test_fingerprint: Fingerprint
    split: SplitConfig
    split_fingerprint: Fingerprint
    features: tuple[FeatureConfig, ...]
    feature_folders: tuple[str, ...]
    shards: dict[str, int]
    runs: tuple[PlannedRun, ...]
    vote: VoteRules
    limits: Limits
    runs_per_gpu: int
    data_gb: float | None
    code: str
    halving: Halving = Halving()

    @classmethod
    def make(cls, grid: Grid, dataset: Dataset, site: Site, split: Split) -> "Plan":
        """Plan a grid over some data; nothing is written."""
        # dict.fromkeys: each feature set once, in the order of the runs.
        features = tuple(dict.fromkeys(entry.config.features for entry in grid.entries))
        options = grid.options
        return cls(
            grid=grid.name,
            data=str(dataset.root),
            site=site,
            labelled_fingerprint=dataset.labelled_fingerprint,
            test_fingerprint=dataset.test.fingerprint,
            split=options.split,
            split_fingerprint=split_fingerprint(options.split, dataset),
            features=features,
            feature_folders=_feature_folders(dataset, features),
            shards=shards_of_sides(dataset, options.launch.shards),
            runs=planned_runs(grid, dataset, split),
            vote=options.vote,
            limits=options.limits,
            runs_per_gpu=options.launch.runs_per_gpu,
            data_gb=options.launch.data_gb,
            code=code_hash(),
            halving=options.halving,
        )

    @property
    def identity(self) -> str:
        """Changes with what indices of tasks mean; resources, names and code may change freely."""
        # Jobs of one identity may be joined by a relaunch; those of another must end first.
        parts = [
            self.feature_folders,
            self.shards,
            [run.signature for run in self.runs],
            self.test_fingerprint,
            self.vote.model_dump(),
        ]
        # Places after a rung are counted by tier.
        tiers = [run.tier for run in self.runs], self.site.tier_of
        halving = [self.halving.model_dump(), *tiers] if self.halving.shares else []
        return fingerprint(parts + halving)

    def threads(self, runs: Iterable[int]) -> int:
        """Return how many threads runs use that share one job."""
        return sum(self.runs[run].config.threads for run in runs)


@dataclass(frozen=True)
class OpenedPlan:
    """A plan with the data that it was made for, and what follows from both."""

    workspace: Workspace
    plan: Plan
    dataset: Dataset
    split: Split

    def save(self) -> None:
        """Write manifest and split, then the plan that names them."""
        make_private(self.workspace.launches)
        self.dataset.save(self.workspace.manifest)
        self.split.save(self.workspace.split(self.plan.split_fingerprint))
        write_json(self.workspace.plan, self.plan.model_dump(mode="json"))

    @classmethod
    def load(cls, workspace: Workspace) -> "OpenedPlan":
        """Read what `save` wrote.

        Raises:
            NotReadyError: no plan.
            DamagedFileError: a file is missing, of another version, or not of this plan.
            InputError: others may have written what lies in the output.
        """
        workspace.require_ours()
        path = workspace.plan
        if not path.exists():
            if workspace.prediction.exists():
                raise NotReadyError(
                    f"{workspace.root} is the folder of a prediction; the same predict command "
                    "again says how far it is"
                )
            what = "has no plan of a launch" if workspace.root.exists() else "does not exist"
            raise NotReadyError(f"{workspace.root} {what}; is it what --out named?")
        try:
            plan = Plan.checked(read_json(path), str(path))
            dataset = Dataset.load(workspace.manifest, Path(plan.data))
            split = Split.load(workspace.split(plan.split_fingerprint))
        except (InputError, AttributeError) as error:
            raise DamagedFileError(
                f"{path} was written by another version of this program; launch again ({error})"
            ) from error
        except FileNotFoundError as error:
            raise DamagedFileError(f"{error.filename} is missing; launch again") from error
        # They are two files, and a launcher may be killed between them.
        planned = plan.labelled_fingerprint, plan.test_fingerprint
        if planned != (dataset.labelled_fingerprint, dataset.test.fingerprint):
            raise DamagedFileError(
                f"{workspace.manifest} is not the manifest of {path}; launch again"
            )
        opened = cls(workspace, plan, dataset, split)
        opened._require_same_libraries()
        return opened

    @cached_property
    def store(self) -> FeatureStore:
        return FeatureStore(self.workspace.features)

    @cached_property
    def extractions(self) -> dict[str, Extraction]:
        """The extraction of each side of the data, labelled clips first.

        Each remembers which sets it found complete; `replace(opened)` looks again.
        """
        return {
            side: Extraction(self.store, manifest, self.plan.features, self.plan.shards[side])
            for side, manifest in self.dataset.sides.items()
        }

    @cached_property
    def targets(self) -> list[Target]:
        """What trained runs predict: the test, and what was held out."""
        return targets(self.dataset, self.split)

    @cached_property
    def ladder(self) -> Ladder:
        """Who trains how far, where successive halving stops most runs early."""
        return Ladder(self.plan, self.workspace)

    def run(self, number: int) -> Run:
        """Return the folder of a planned run."""
        return Run(self.workspace.run(self.plan.runs[number].signature))

    def fold(self, number: int) -> Fold:
        """Return the fold of a planned run."""
        return self.split.folds[self.plan.runs[number].fold]

    def _require_same_libraries(self) -> None:
        """Refuse a machine whose libraries would compute other features than were planned."""
        if _feature_folders(self.dataset, self.plan.features) != self.plan.feature_folders:
            raise InputError(
                f"this machine has other versions of {', '.join(library_versions())} than the one "
                f"that launched ({library_versions()} here). Launch in the jobs' own environment"
            )


def _feature_folders(dataset: Dataset, features: Iterable[FeatureConfig]) -> tuple[str, ...]:
    store = FeatureStore(Path())
    return tuple(
        store.folder(manifest, config).name
        for config in features
        for manifest in dataset.sides.values()
    )


def shards_of_sides(dataset: Dataset, wanted: int | None = None) -> dict[str, int]:
    """Return how many files the features of each side are cut into.

    The labelled clips into `wanted`, by default one for each 500 clips, and the test clips into
    files of the same size.
    """
    labelled = len(dataset.labelled)
    # By size and not by number: with as many files for 50 test clips as for 5,000 labelled ones,
    # most tasks would start for a handful of clips.
    count = min(wanted or math.ceil(labelled / CLIPS_PER_SHARD), labelled)
    size = math.ceil(labelled / count)
    return {
        side: count if manifest is dataset.labelled else math.ceil(len(manifest) / size)
        for side, manifest in dataset.sides.items()
    }


@cache
def code_hash() -> str:
    """Return a hash of this project's Python files, to tell when code changed under a plan."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for package in ("jobs", "pipeline"):
        for path in sorted((root / package).rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
