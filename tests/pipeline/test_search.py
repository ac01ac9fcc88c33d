"""A random search: the words of Optuna and Ray, drawn alike each time."""

from collections import Counter
from pathlib import Path

import pytest

from jobs.errors import InputError
from pipeline.planning.grid import Grid, read_grid

SEARCH = """\
random: {number}
search:
  lr: {{loguniform: [1e-4, 1e-1]}}
  batch_size: {{choice: [32, 64]}}
  mask_p: {{uniform: [0, 0.5]}}
  depth: {{choice: [8, 14, 20]}}
  seed: {{randint: [3, 6]}}
"""


def grid_of(path: Path, text: str) -> Grid:
    path.write_text(text)
    return read_grid(path)


def test_values_are_of_their_distributions(tmp_path: Path) -> None:
    grid = grid_of(tmp_path / "g.yaml", SEARCH.format(number=200))
    configs = [entry.config.settings() for entry in grid.entries]
    assert len(configs) == 200
    rates = sorted(config["lr"] for config in configs)
    assert 1e-4 <= rates[0] < 2e-4
    assert 5e-2 < rates[-1] <= 1e-1
    # Each factor of ten as often as any other.
    assert all(45 < sum(10.0**k <= rate < 10.0 ** (k + 1) for rate in rates) < 90 for k in (-4, -3))
    assert max(config.get("mask_p", 0) for config in configs) <= 0.5
    assert Counter(config["batch_size"] for config in configs)[32] == pytest.approx(100, abs=25)
    # As of numpy's and Ray's, the upper bound is not among them.
    assert {config["seed"] for config in configs} == {3, 4, 5}
    # The name says the whole value.
    assert all(f"lr={e.config.settings()['lr']:g}" in e.name for e in grid.entries)


def test_the_same_seed_draws_the_same_and_more_runs_begin_with_the_fewer(tmp_path: Path) -> None:
    few, more, other = (
        grid_of(tmp_path / f"{k}.yaml", SEARCH.format(number=number) + seed)
        for k, (number, seed) in enumerate(((5, ""), (9, ""), (5, "search_seed: 1\n")))
    )
    assert [entry.config for entry in few.entries] == [entry.config for entry in more.entries][:5]
    assert few.entries[0].config != other.entries[0].config


def test_another_setting_moves_no_value_of_the_others(tmp_path: Path) -> None:
    text = SEARCH.format(number=4)
    without = grid_of(tmp_path / "a.yaml", text)
    with_one = grid_of(tmp_path / "b.yaml", text + "  momentum: {uniform: [0.5, 0.9]}\n")
    rates = [[e.config.settings()["lr"] for e in grid.entries] for grid in (without, with_one)]
    assert rates[0] == rates[1]


def test_a_draw_that_means_nothing_for_a_model_is_trained_once(tmp_path: Path) -> None:
    text = "random: 8\nsearch:\n  model: {choice: [resnet, logistic]}\n"
    grid = grid_of(tmp_path / "g.yaml", text + "  lr: {loguniform: [1e-4, 1e-1]}\n")
    models = [entry.config.model.name for entry in grid.entries]
    assert models.count("logistic") == 1
    assert models.count("resnet") + len(grid.dropped) == 7


def test_it_multiplies_with_runs_and_seeds(tmp_path: Path) -> None:
    text = "runs: [{name: a, model: cnn}, {name: b}]\nseeds: [0, 1]\nrandom: 3\n"
    grid = grid_of(tmp_path / "g.yaml", text + "search: {lr: {loguniform: [1e-3, 1e-1]}}\n")
    assert len(grid.entries) == 12
    assert len({entry.name for entry in grid.entries}) == 12


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("random: 3\n", "`random` needs `search`"),
        ("search: {lr: {uniform: [0.1, 0.2]}}\n", "`search` needs `random: 40`"),
        ("search_seed: 3\n", "`search_seed` needs `random: 40`"),
        ("random: 0\nsearch: {lr: {uniform: [0.1, 0.2]}}\n", "`random` must be a whole number"),
        ("random: 3\nsearch: {lt: {uniform: [0.1, 0.2]}}\n", "`lt` is not a setting; did you mean"),
        ("random: 3\nsearch: {lr: {gauss: [0, 1]}}\n", "`search.lr` must be one of loguniform,"),
        ("random: 3\nsearch: {lr: [0.1, 0.2]}\n", "`search.lr` must be one of loguniform"),
        ("random: 3\nsearch: {lr: {uniform: [0.2, 0.1]}}\n", "low below high"),
        ("random: 3\nsearch: {lr: {loguniform: [0, 0.1]}}\n", "bounds above 0"),
        ("random: 3\nsearch: {depth: {randint: [8, 9.5]}}\n", "takes whole numbers"),
        ("random: 3\nsearch: {lr: {choice: []}}\n", "`choice` takes a list"),
        ("random: 9\nsearch: {batch_size: {choice: [8, 16]}}\n", "2 different ones were found"),
        ("random: 9\nsearch: {lr: {uniform: [-1, 0]}}\n", "`lr`: .*greater than 0"),
        ("random: 6000\nsearch: {lr: {uniform: [0.1, 0.2]}}\n", "makes 6,000 runs"),
        ("random: 2\nsweep: {lr: [1, 2]}\nsearch: {lr: {uniform: [1, 2]}}\n", "`lr` is set twice"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message) as raised:
        grid_of(tmp_path / "g.yaml", text)
    assert str(raised.value).startswith(f"{tmp_path / 'g.yaml'}:")
