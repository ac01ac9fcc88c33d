"""A small launch that goes first: what would end the night's work ends it in minutes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from jobs.data.dataset import Dataset
from jobs.data.drawn_split import draw_split
from jobs.data.manifest import Clip, Manifest
from jobs.data.split import SplitConfig
from jobs.data.workspace import Workspace
from jobs.errors import InputError
from jobs.train.clips.order import Balance
from jobs.train.config import RunConfig
from pipeline.planning.grid import Grid, GridEntry
from pipeline.planning.options import LaunchOptions
from pipeline.planning.plan import OpenedPlan, Plan
from pipeline.planning.site import Site

FOLDER = "canary"
CLIPS, TEST_CLIPS, EPOCHS = 40, 10, 2
# A short job is put into gaps between others.
MOST_MINUTES = 30


def canary_workspace(root: Path) -> Workspace:
    """Return where the canary of an output lies. Nothing in it votes."""
    return Workspace(root / FOLDER)


def canary_of(grid: Grid, opened: OpenedPlan) -> OpenedPlan:
    """Return a plan of some clips over all classes and a run of two epochs in each tier.

    It asks of the site what the real one asks, but for the time, so that it goes the same way:
    the same Python, the same nodes, every stage, to a submission.

    Args:
        grid: of the real launch.
        opened: its plan.
    """
    dataset, site = _some_clips(opened.dataset), _in_short(opened.plan.site)
    entries = tuple(
        GridEntry(entry.name, _in_short_of(entry.config), entry.tier)
        for entry in _one_of_each_tier(grid.entries, site)
    )
    options = replace(grid.options, split=SplitConfig(), launch=LaunchOptions())
    short = replace(grid, options=options, entries=entries)
    split = draw_split(dataset, options.split)
    workspace = canary_workspace(opened.workspace.root)
    return OpenedPlan(workspace, Plan.make(short, dataset, site, split), dataset, split)


def _one_of_each_tier(entries: Iterable[GridEntry], site: Site) -> list[GridEntry]:
    found: dict[str | None, GridEntry] = {}
    for entry in entries:
        tier = entry.tier or site.default_tier(entry.config.features.features)
        found.setdefault(tier if entry.config.needs_gpu or entry.tier else None, entry)
    return list(found.values())


def _in_short_of(config: RunConfig) -> RunConfig:
    """Return a run with few epochs and without a balance that so few clips cannot have."""
    parts = {n: part for n, part in config.parts.items() if not isinstance(part, Balance)}
    short = RunConfig(parts)
    if config.epochs <= EPOCHS:
        return short
    try:
        return short.but(epochs=EPOCHS)
    except InputError:  # a warm-up that is longer
        return short.but(epochs=EPOCHS, warmup_epochs=0)


def _in_short(site: Site) -> Site:
    def short(minutes: int) -> dict[str, int]:
        return {"timeout_min": min(minutes, MOST_MINUTES)}

    stages = {n: r.model_copy(update=short(r.timeout_min)) for n, r in site.stages.items()}
    tiers = tuple(tier.model_copy(update=short(tier.timeout_min)) for tier in site.tiers)
    return site.model_copy(update={"stages": stages, "tiers": tiers})


def _some_clips(dataset: Dataset) -> Dataset:
    by_class: dict[str, list[Clip]] = defaultdict(list)
    for clip in dataset.labelled.clips:
        by_class[str(clip.label)].append(clip)
    each = max(3, -(-CLIPS // len(by_class)))
    # Without groups and folds: so few clips need not have a fold in which every class trains.
    chosen = [replace(c, group=None, fold=None) for some in by_class.values() for c in some[:each]]
    return Dataset(_manifest(dataset, chosen), _manifest(dataset, dataset.test.clips[:TEST_CLIPS]))


def _manifest(dataset: Dataset, clips: Sequence[Clip]) -> Manifest:
    return Manifest(dataset.root, tuple(clips))
