"""From a grid's YAML to validated run configs: what a user writes, what the runs are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.errors import InputError, quoted
from jobs.train.config import RunConfig
from jobs.train.recipe import Training
from pipeline.planning.axes import RANDOM, SEEDS, SHAPE_KEYS, TIER, Settings, points, require_keys
from pipeline.planning.options import GridOptions
from pipeline.planning.yaml_file import YamlFile, parse_settings, read_yaml


@dataclass(frozen=True)
class GridEntry:
    """One run of a grid; the name says how it differs from the others."""

    name: str
    config: RunConfig
    tier: str | None = None


@dataclass(frozen=True)
class Grid:
    """A grid file, read and validated.

    Attributes:
        path: the file.
        options: data, split, vote and limits.
        entries: the runs, in order; ties in the vote go to the earlier one.
        dropped: names of runs that chance, `--set`, or a seed without effect made equal to an
            earlier one.
    """

    path: Path
    options: GridOptions
    entries: tuple[GridEntry, ...]
    dropped: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path.stem


def read_grid(path: Path, overrides: Sequence[str] = ()) -> Grid:
    """Read a grid file and apply `--set key=value` overrides to all of its runs.

    `runs`, `zip`, `sweep`, `random` and `seeds` multiply: each explicit run with each zipped tuple
    with each point of the product with each random draw with each seed, the last varying fastest.

    Raises:
        InputError: an unknown key, with the nearest valid one; a wrong value; two equal runs.
    """
    file = read_yaml(path)
    of_grid, of_run = GridOptions.setting_names(), RunConfig.setting_names()
    require_keys(file, file.values, (*SHAPE_KEYS, TIER, *of_grid, *of_run))
    forced = parse_settings(overrides, (*of_grid, *of_run), "--set", "epochs=2")
    common = _those(file.values, of_run)
    forced_run = _those(forced, of_run)
    # Twice: as written, two equal runs are a mistake; `--set` may make runs equal on purpose.
    entries, written = [], []
    for name, own in points(file, forced):
        tier = _tier(own.pop(TIER, file.values.get(TIER)), _source(file, name, {})(TIER))
        as_written = RunConfig.parse(common | own, _source(file, name, {}))
        config = as_written
        if forced_run:
            config = RunConfig.parse(common | own | forced_run, _source(file, name, forced))
        written.append(GridEntry(name, as_written, tier))
        entries.append(GridEntry(name, config, tier))
    if RANDOM not in file.values:  # nobody can take a draw back
        with_seeds = SEEDS in file.values
        _refuse_equal(file, [e for e in written if e.config.model.has_chance or not with_seeds])
    kept = {entry.config: entry for entry in reversed(entries)}
    distinct = tuple(entry for entry in entries if kept[entry.config] is entry)
    dropped = tuple(entry.name for entry in entries if kept[entry.config] is not entry)
    options = GridOptions.parse(_those(file.values | forced, of_grid), _source(file, None, forced))
    if options.halving.shares and all(entry.config.part(Training) is None for entry in distinct):
        raise InputError(
            f"{_source(file, None, forced)('halving')}: no run of this grid trains over epochs, so "
            "none can stop early; remove `halving`"
        )
    return Grid(path, options, distinct, dropped)


def _those(values: Settings, names: Sequence[str]) -> Settings:
    return {key: value for key, value in values.items() if key in names}


def _tier(value: Any, where: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise InputError(f"{where}: `tier` must be the name of a site's tier; got {quoted(value)}")
    return value


def _source(file: YamlFile, run: str | None, forced: Settings) -> Callable[[str], str]:
    """Return the function from a setting to where it was written, for messages."""

    def source(key: str) -> str:
        if key in forced:
            return f"--set {key}"
        return f"{file.where(key)}: run '{run}'" if run else file.where(key)

    return source


def _refuse_equal(file: YamlFile, entries: list[GridEntry]) -> None:
    seen: dict[RunConfig, GridEntry] = {}
    for entry in entries:
        before = seen.setdefault(entry.config, entry)
        if before is not entry:
            otherwise = ", or give them different seeds" if entry.config.model.has_chance else ""
            raise InputError(
                f"{file.where()}: the runs '{before.name}' and '{entry.name}' are the same; "
                f"remove one{otherwise}"
            )
