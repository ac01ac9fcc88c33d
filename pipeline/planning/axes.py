"""How a grid multiplies: its runs, zipped tuples, sweeps, random draws and seeds."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

from jobs.errors import InputError, quoted
from jobs.schema import unknown_setting
from jobs.train.config import RunConfig
from pipeline.planning.search import draw_points, read_distribution
from pipeline.planning.yaml_file import YamlFile

Settings = dict[str, Any]

RANDOM, SEARCH, SEARCH_SEED, SEEDS = "random", "search", "search_seed", "seeds"
SHAPE_KEYS = ("sweep", "zip", "runs", SEEDS, RANDOM, SEARCH, SEARCH_SEED)
# How large a job the run needs. Not a setting of the run: it changes no result and no name.
TIER = "tier"
MOST_RUNS = 5_000


def points(file: YamlFile, forced: Settings) -> list[tuple[str, Settings]]:
    """Return (name, own settings) of each run; a name tells no value that `forced` overrides."""
    axes = [_runs(file), _zipped(file), _product(file), _drawn(file), _seeds(file)]
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
        require_keys(file, run, (*RunConfig.setting_names(), TIER, "name"), "runs")
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


def _drawn(file: YamlFile) -> list[Settings]:
    """Return the points of a random search; without one a single point that sets nothing."""
    number, seed = file.values.get(RANDOM), file.values.get(SEARCH_SEED, 0)
    space = file.values.get(SEARCH)
    if number is None:
        for key in (SEARCH, SEARCH_SEED):
            if key in file.values:
                raise InputError(f"{file.where(key)}: `{key}` needs `random: 40`, how many runs")
        return [{}]
    for key, value, least in ((RANDOM, number, 1), (SEARCH_SEED, seed, 0)):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InputError(
                f"{file.where(key)}: `{key}` must be a whole number from {least}; got "
                f"{quoted(value)}"
            )
    _require_few(file, number)
    if not isinstance(space, dict) or not space:
        raise InputError(
            f"{file.where(SEARCH)}: `random` needs `search`, a mapping from settings to "
            "distributions, for instance lr: {loguniform: [1e-4, 1e-1]}"
        )
    require_keys(file, space, (*RunConfig.setting_names(), TIER), SEARCH)
    distributions = {
        key: read_distribution(said, f"{file.where(key)}: `{SEARCH}.{key}`")
        for key, said in space.items()
    }
    try:
        return draw_points(distributions, number, seed)
    except ValueError as error:
        raise InputError(f"{file.where(RANDOM)}: {error}") from None


def _require_few(file: YamlFile, runs: int) -> None:
    """Refuse a grid that multiplies to more than anybody trains, before it is multiplied out."""
    if runs > MOST_RUNS:
        raise InputError(
            f"{file.path}: that makes {runs:,} runs; at most {MOST_RUNS:,} are planned"
        )


def _seeds(file: YamlFile) -> list[Settings]:
    seeds = file.values.get(SEEDS)
    if seeds is None:
        return [{}]
    if not isinstance(seeds, list) or not seeds:
        raise InputError(f"{file.where(SEEDS)}: `seeds` must be a list, for instance [0, 1, 2]")
    return [{"seed": seed} for seed in seeds]


def _lists(file: YamlFile, shape: str) -> dict[str, list[Any]]:
    lists = file.values.get(shape)
    if lists is None:
        return {}
    if not isinstance(lists, dict):
        raise InputError(f"{file.where(shape)}: `{shape}` must map settings to lists of values")
    require_keys(file, lists, (*RunConfig.setting_names(), TIER), shape)
    for key, values in lists.items():
        if not isinstance(values, list) or not values:
            raise InputError(
                f"{file.where(key)}: `{shape}.{key}` must be a list of values; got {quoted(values)}"
            )
    return lists


def require_keys(
    file: YamlFile, keys: Settings, valid: Sequence[str], shape: str | None = None
) -> None:
    """Refuse a key that is none of `valid`; `shape` is the part of the file that holds it."""
    for key in keys:
        if key not in valid:
            inside = f"in `{shape}`, " if shape else ""
            raise InputError(f"{file.where(str(key))}: {inside}{unknown_setting(key, valid)}")
