"""From a grid's YAML to validated run configs: what a user writes, what the runs are."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.errors import InputError, quoted
from jobs.schema import unknown_setting
from jobs.train.config import RunConfig
from pipeline.planning.options import GridOptions
from pipeline.planning.yaml_file import YamlFile, parse_settings, read_yaml

Settings = dict[str, Any]

SHAPE_KEYS = ("sweep", "zip", "runs", "seeds")
# How large a job the run needs. Not a setting of the run: it changes no result and no name.
TIER = "tier"
MOST_RUNS = 5_000


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
        dropped: names of runs that `--set` made equal to an earlier one.
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

    `runs`, `zip`, `sweep` and `seeds` multiply: each explicit run with each zipped tuple with
    each point of the product with each seed, in this order, the last varying fastest.

    Raises:
        InputError: an unknown key, with the nearest valid one; a wrong value; two equal runs.
    """
    file = read_yaml(path)
    of_grid, of_run = GridOptions.setting_names(), RunConfig.setting_names()
    _require_keys(file, file.values, (*SHAPE_KEYS, TIER, *of_grid, *of_run))
    forced = parse_settings(overrides, (*of_grid, *of_run), "--set", "epochs=2")
    common = _those(file.values, of_run)
    forced_run = _those(forced, of_run)
    # Twice: as written, two equal runs are a mistake; `--set` may make runs equal on purpose.
    entries, written = [], []
    for name, own in _points(file, forced):
        tier = _tier(own.pop(TIER, file.values.get(TIER)), _source(file, name, {})(TIER))
        as_written = RunConfig.parse(common | own, _source(file, name, {}))
        config = as_written
        if forced_run:
            config = RunConfig.parse(common | own | forced_run, _source(file, name, forced))
        written.append(GridEntry(name, as_written, tier))
        entries.append(GridEntry(name, config, tier))
    _refuse_equal(file, written)
    kept = {entry.config: entry for entry in reversed(entries)}
    distinct = tuple(entry for entry in entries if kept[entry.config] is entry)
    dropped = tuple(entry.name for entry in entries if kept[entry.config] is not entry)
    options = GridOptions.parse(_those(file.values | forced, of_grid), _source(file, None, forced))
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


def _points(file: YamlFile, forced: Settings) -> list[tuple[str, Settings]]:
    """Return (name, own settings) of each run; a name tells no value that `forced` overrides."""
    axes = [_runs(file), _zipped(file), _product(file), _seeds(file)]
    _require_few(file, math.prod(map(len, axes)))
    points: list[tuple[str, Settings]] = []
    for combination in itertools.product(*axes):
        own: Settings = {}
        for part in combination:
            for key in part:
                if key in own:
                    raise InputError(
                        f"{file.where(key)}: `{key}` is set twice for one run, by two of "
                        f"{', '.join(SHAPE_KEYS)}; keep one"
                    )
            own |= part
        name = own.pop("name", None)
        # A run that has a name needs only what the other shapes add to it.
        shown = own if name is None else {k: v for k, v in own.items() if k not in combination[0]}
        parts = [f"{key}={value}" for key, value in shown.items() if key not in {TIER, *forced}]
        title = " ".join([name, *parts] if name else parts) or file.path.stem
        if title in (other for other, _ in points):
            title = f"{title} #{len(points)}"  # the run's number in the plan
        points.append((title, own))
    return points


def _runs(file: YamlFile) -> list[Settings]:
    runs = file.values.get("runs")
    if runs is None:
        return [{}]
    if not isinstance(runs, list) or not all(isinstance(run, dict) for run in runs) or not runs:
        raise InputError(f"{file.where('runs')}: `runs` must be a list of `key: value` mappings")
    for run in runs:
        _require_keys(file, run, (*RunConfig.setting_names(), TIER, "name"), "runs")
    names = [run["name"] for run in runs if "name" in run]
    for name in names:
        if not isinstance(name, str) or not name.strip() or names.count(name) > 1:
            raise InputError(
                f"{file.where('runs')}: each run's `name` must be its own, and text; got "
                f"{quoted(name)}"
            )
    return [dict(run) for run in runs]


def _zipped(file: YamlFile) -> list[Settings]:
    lists = _lists(file, "zip")
    if not lists:
        return [{}]
    lengths = {key: len(values) for key, values in lists.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"{file.where('zip')}: the lists of `zip` differ in length: {lengths}")
    return [dict(zip(lists, point, strict=True)) for point in zip(*lists.values(), strict=True)]


def _product(file: YamlFile) -> list[Settings]:
    lists = _lists(file, "sweep")
    _require_few(file, math.prod(map(len, lists.values())))
    return [dict(zip(lists, point, strict=True)) for point in itertools.product(*lists.values())]


def _require_few(file: YamlFile, runs: int) -> None:
    """Refuse a grid that multiplies to more than anybody trains, before it is multiplied out."""
    if runs > MOST_RUNS:
        raise InputError(
            f"{file.path}: that makes {runs:,} runs; at most {MOST_RUNS:,} are planned"
        )


def _seeds(file: YamlFile) -> list[Settings]:
    seeds = file.values.get("seeds")
    if seeds is None:
        return [{}]
    if not isinstance(seeds, list) or not seeds:
        raise InputError(f"{file.where('seeds')}: `seeds` must be a list, for instance [0, 1, 2]")
    return [{"seed": seed} for seed in seeds]


def _lists(file: YamlFile, shape: str) -> dict[str, list[Any]]:
    lists = file.values.get(shape)
    if lists is None:
        return {}
    if not isinstance(lists, dict):
        raise InputError(f"{file.where(shape)}: `{shape}` must map settings to lists of values")
    _require_keys(file, lists, (*RunConfig.setting_names(), TIER), shape)
    for key, values in lists.items():
        if not isinstance(values, list) or not values:
            raise InputError(
                f"{file.where(key)}: `{shape}.{key}` must be a list of values; got {quoted(values)}"
            )
    return lists


def _require_keys(
    file: YamlFile, keys: Settings, valid: Sequence[str], shape: str | None = None
) -> None:
    """Refuse a key that is none of `valid`; `shape` is the part of the file that holds it."""
    for key in keys:
        if key not in valid:
            inside = f"in `{shape}`, " if shape else ""
            raise InputError(f"{file.where(str(key))}: {inside}{unknown_setting(key, valid)}")


def _refuse_equal(file: YamlFile, entries: list[GridEntry]) -> None:
    seen: dict[RunConfig, GridEntry] = {}
    for entry in entries:
        before = seen.setdefault(entry.config, entry)
        if before is not entry:
            raise InputError(
                f"{file.where()}: the runs '{before.name}' and '{entry.name}' are the same; "
                "remove one, or give them different seeds"
            )
