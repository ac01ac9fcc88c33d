"""The graph of stages, as data: what follows what, on which condition, and what is left to do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from jobs.audit.files import is_audited
from jobs.errors import InputError
from jobs.extract.feature_set import FeatureSet, is_indexed
from jobs.extract.quarantine import is_quarantine_written, list_quarantined, require_usable
from jobs.extract.shard import ShardName, is_complete
from jobs.train.run import Run
from jobs.vote.ensemble import Ballot, is_voted
from pipeline.plan import OpenedPlan

EXTRACT, INDEX, AUDIT, TRAIN, VOTE = "extract", "index", "audit", "train", "vote"


@dataclass(frozen=True)
class Edge:
    """A stage starts once `after` has ended; with `on: success` only if it ended well."""

    after: str
    on: Literal["end", "success"]


@dataclass(frozen=True)
class StageRule:
    """One node of the graph, whatever the data."""

    name: str
    does: str
    edge: Edge | None


STAGES: tuple[StageRule, ...] = (
    StageRule(EXTRACT, "MP3 to features in HDF5", None),
    # The index heals what extraction left undone, so it follows any end of it.
    StageRule(INDEX, "verify and join the shards", Edge(EXTRACT, "end")),
    # Nothing waits for it: it tells people what their scores may suffer from.
    StageRule(AUDIT, "duplicates, silence and other oddities", Edge(INDEX, "success")),
    StageRule(TRAIN, "one run per hyper-parameter set", Edge(INDEX, "success")),
    # A grid in which some runs failed still votes over the rest.
    StageRule(VOTE, "the best checkpoints of all runs vote", Edge(TRAIN, "end")),
)


@dataclass(frozen=True)
class Stage:
    """A stage with the items that are left to do; `total` counts the done ones too."""

    rule: StageRule
    items: tuple[int, ...]
    total: int

    @property
    def name(self) -> str:
        return self.rule.name

    def title(self, opened: OpenedPlan, item: int) -> str:
        """Return the words for one item: `run lr=0.01`, `shard 3 of 40`."""
        plan = opened.plan
        if self.name == EXTRACT:
            return f"shard {item} of {plan.shards}"
        if self.name in (INDEX, AUDIT):
            return self.name
        if self.name == TRAIN:
            return f"run '{plan.runs[item].name}' ({plan.runs[item].signature})"
        return "vote"


def remaining(opened: OpenedPlan) -> list[Stage]:
    """Return all stages with what is missing on disk, in their order. Files are the truth."""
    counters: dict[str, Callable[[OpenedPlan], tuple[list[int], int]]] = {
        EXTRACT: _missing_shards,
        INDEX: _missing_indexes,
        AUDIT: _missing_audit,
        TRAIN: _missing_runs,
    }
    stages = []
    for rule in STAGES[:-1]:
        items, total = counters[rule.name](opened)
        stages.append(Stage(rule, tuple(items), total))
    working = any(stage.items for stage in stages if stage.name != AUDIT)
    stages.append(Stage(STAGES[-1], (0,) if working or not _is_voted(opened) else (), 1))
    return stages


def _unindexed(opened: OpenedPlan) -> list[int]:
    root = opened.workspace.features_root
    return [
        number
        for number, config in enumerate(opened.plan.features)
        if not is_indexed(root, opened.manifest, config)
    ]


def _missing_shards(opened: OpenedPlan) -> tuple[list[int], int]:
    missing: set[int] = set()
    for number in _unindexed(opened):
        config = opened.plan.features[number]
        folder = opened.workspace.features(opened.plan.feature_folders[number])
        for index in range(opened.plan.shards):
            name = ShardName(index, opened.plan.shards)
            if not is_complete(folder, opened.manifest, config, name):
                missing.add(index)
    return sorted(missing), opened.plan.shards


def _missing_indexes(opened: OpenedPlan) -> tuple[list[int], int]:
    if _unindexed(opened):
        return [0], 1
    root, manifest, plan = opened.workspace.features_root, opened.manifest, opened.plan
    sets = [FeatureSet.open(root, manifest, config) for config in plan.features]
    try:
        for features in sets:
            require_usable(manifest, opened.split.training, features, plan.limits)
    except InputError:
        return [0], 1  # the index job says what is wrong
    bad = [each for features in sets for each in list_quarantined(manifest, features)]
    return ([] if is_quarantine_written(opened.workspace.quarantine, bad) else [0]), 1


def _missing_audit(opened: OpenedPlan) -> tuple[list[int], int]:
    config, root = opened.plan.audited_features, opened.workspace.features_root
    if not is_indexed(root, opened.manifest, config):
        return [0], 1
    features = FeatureSet.open(root, opened.manifest, config)
    return ([] if is_audited(opened.workspace.audit, opened.manifest, features) else [0]), 1


def _missing_runs(opened: OpenedPlan) -> tuple[list[int], int]:
    fingerprint, has_test = opened.plan.test_fingerprint, bool(opened.manifest.test)
    missing = [
        number
        for number, run in enumerate(opened.plan.runs)
        if not Run(opened.workspace.run(run.signature)).is_complete(fingerprint, has_test)
    ]
    return missing, len(opened.plan.runs)


def _is_voted(opened: OpenedPlan) -> bool:
    contenders = opened.plan.contenders(opened.workspace)
    return is_voted(opened.workspace, Ballot.draw(opened.manifest, contenders, opened.plan.votes))
