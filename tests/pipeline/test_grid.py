"""A grid gives just the runs that it describes, and refuses what it cannot mean."""

from pathlib import Path

import pytest

from jobs.errors import InputError
from jobs.train.config import RunConfig
from pipeline.planning.grid import Grid, GridEntry, read_grid
from pipeline.planning.options import GridOptions

GRIDS = Path(__file__).parent.parent.parent / "grids"


def grid_of(folder: Path, text: str, *overrides: str) -> Grid:
    path = folder / "grid.yaml"
    path.write_text(text)
    return read_grid(path, overrides)


def setting(entry: GridEntry, name: str) -> object:
    return entry.config.settings()[name]


def test_lr_bs_is_the_reports_first_search() -> None:
    grid = read_grid(GRIDS / "lr_bs.yaml")
    points = [(setting(e, "lr"), setting(e, "batch_size")) for e in grid.entries]
    assert points == [(lr, bs) for lr in (1e-6, 1e-4, 1e-2) for bs in (32, 64, 128)]
    for entry in grid.entries:
        assert set(entry.config.differences()) <= {"lr", "batch_size"}
        settings = entry.config.settings()
        report = {"momentum": 0.9, "weight_decay": 1e-2, "epochs": 50, "depth": 110}
        assert settings | report | {"features": "v1"} == settings


@pytest.mark.parametrize("path", sorted(GRIDS.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_grid_that_comes_along_is_valid(path: Path) -> None:
    assert read_grid(path).entries


def test_an_empty_grid_is_one_run_with_the_defaults(tmp_path: Path) -> None:
    (entry,) = grid_of(tmp_path, "").entries
    assert (entry.name, entry.config) == ("grid", RunConfig.parse({}, "defaults"))


def test_a_seed_gives_a_model_without_chance_no_second_vote(tmp_path: Path) -> None:
    runs = "runs: [{name: a, model: logistic, features: v3}, {name: b, depth: 8}]\n"
    grid = grid_of(tmp_path, f"{runs}seeds: [3, 4]\n")
    assert [entry.name for entry in grid.entries] == ["a seed=3", "b seed=3", "b seed=4"]
    assert grid.dropped == ("a seed=4",)
    alone = grid_of(tmp_path, "model: logistic\nfeatures: v3\n")
    assert grid.entries[0].config == alone.entries[0].config


def test_two_equal_runs_of_a_model_without_chance_are_a_mistake(tmp_path: Path) -> None:
    both = "[{name: a, seed: 0}, {name: b, seed: 1}]"
    with pytest.raises(InputError, match=r"are the same; remove one$"):
        grid_of(tmp_path, f"model: logistic\nfeatures: v3\nruns: {both}\n")


def test_shapes_multiply_and_the_last_varies_fastest(tmp_path: Path) -> None:
    grid = grid_of(
        tmp_path,
        "epochs: 7\n"
        "runs: [{name: a, depth: 8}, {name: b, depth: 20}]\n"
        "zip: {lr: [0.1, 0.2], momentum: [0.8, 0.9]}\n"
        "seeds: [0, 1]\n",
    )
    names = ("depth", "lr", "momentum", "seed")
    points = [tuple(setting(entry, name) for name in names) for entry in grid.entries]
    assert points == [
        (depth, lr, momentum, seed)
        for depth in (8, 20)
        for lr, momentum in ((0.1, 0.8), (0.2, 0.9))
        for seed in (0, 1)
    ]
    assert {e.config.epochs for e in grid.entries} == {7}
    assert len({e.name for e in grid.entries}) == 8
    assert grid.entries[0].name == "a lr=0.1 momentum=0.8 seed=0"


def test_a_runs_name_tells_no_value_that_set_overrides(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, "sweep: {lr: [0.1, 0.2], momentum: [0.8, 0.9]}", "lr=0.3")
    assert [(e.name, setting(e, "lr")) for e in grid.entries] == [
        ("momentum=0.8", 0.3),
        ("momentum=0.9", 0.3),
    ]


def test_set_overrides_all_runs_and_drops_the_ones_it_makes_equal(tmp_path: Path) -> None:
    text = "split_seed: 3\nruns: [{name: a, depth: 8}, {name: b, depth: 20}]\n"
    grid = grid_of(tmp_path, text, "depth=56", "lr=1e-3", "votes=3")
    (entry,) = grid.entries
    assert (setting(entry, "depth"), setting(entry, "lr")) == (56, 1e-3)
    assert grid.dropped == ("b",)
    assert (grid.options.vote.votes, grid.options.split.split_seed) == (3, 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lrr: 1", r"grid\.yaml:1: `lrr` is not a setting; did you mean `lr`\?"),
        ("epochs: 2\nsweeep: {}", r"grid\.yaml:2: `sweeep` .*did you mean `sweep`"),
        ("sweep: {batchsize: [1]}", r"in `sweep`, `batchsize` .*did you mean `batch_size`"),
        ("sweep: {lr: 0.1}", r"`sweep\.lr` must be a list of values; got 0\.1"),
        ("sweep: {lr: []}", r"`sweep\.lr` must be a list"),
        ("sweep: [lr]", r"`sweep` must map settings to lists"),
        ("sweep:\n  lr: [1e-3, fast]", r"grid\.yaml:2: run 'lr=fast': `lr`.*got 'fast'"),
        ("epochs: many", r"`epochs`.*integer.*got 'many'"),
        ("zip: {lr: [1, 2], momentum: [0.9]}", r"differ in length: \{'lr': 2, 'momentum': 1\}"),
        ("runs: {depth: 8}", r"`runs` must be a list"),
        ("runs: [{dept: 8}]", r"in `runs`, `dept` .*did you mean `depth`"),
        ("runs: [{name: a}, {name: a, depth: 8}]", r"`name` must be its own, and text; got 'a'"),
        ("seeds: 3", r"`seeds` must be a list"),
        ("seeds: [0]\nsweep: {seed: [1]}", r"`seed` is set twice for one run"),
        ("sweep: {lr: [0.1, 0.10]}", r"'lr=0\.1' and 'lr=0\.1 #1' are the same"),
        ("votes: 0", r"`votes`.*got 0"),
        ("shards: none", r"`shards`.*got 'none'"),
        ("validation: 20", r"`validation`.*less than 1"),
        ("folds: 1", r"`folds`: must be `manifest` or a whole number from 2.*got 1"),
        ("folds: many", r"`folds`.*got 'many'"),
    ],
)
def test_a_mistake_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        grid_of(tmp_path, text)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("epochs", "expected key=value"),
        ("epoch=2", "did you mean `epochs`"),
        ("epochs=two", "`epochs`.*got 'two'"),
        ("sweep={lr: [1]}", "`sweep` is not a setting"),
    ],
)
def test_a_wrong_override_is_refused(tmp_path: Path, override: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        grid_of(tmp_path, "", override)


def test_no_key_means_two_things() -> None:
    names = (*GridOptions.setting_names(), *RunConfig.setting_names())
    assert len(set(names)) == len(names)


def test_the_votes_rules_are_settings_of_the_grid(tmp_path: Path) -> None:
    assert grid_of(tmp_path, "").options.vote.combine == "hard"
    assert grid_of(tmp_path, "", "combine=soft").options.vote.combine == "soft"
    with pytest.raises(
        InputError, match="--set combine: `combine`: there is no such rule; did you mean `soft`"
    ):
        grid_of(tmp_path, "", "combine=sotf")


@pytest.mark.parametrize(
    "text",
    [
        "sweep:\n"
        + "".join(f"  {key}: {list(range(1, 101))}\n" for key in ("lr", "epochs", "seed")),
        f"sweep: {{lr: {list(range(1, 101))}}}\nseeds: {list(range(100))}\n",
    ],
)
def test_a_grid_that_multiplies_to_too_many_runs_is_refused_before_it_is_multiplied(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(InputError, match=r"that makes 1\d*,[\d,]*000 runs; at most 5,000"):
        grid_of(tmp_path, text)


def test_halving_of_runs_that_have_no_epochs_is_refused(tmp_path: Path) -> None:
    runs = "runs: [{name: a, model: logistic}, {name: b, model: extra_trees}]\nfeatures: v3\n"
    with pytest.raises(InputError, match=r"grid\.yaml:3: no run .* trains over epochs"):
        grid_of(tmp_path, f"{runs}halving: 2\n")
    with pytest.raises(InputError, match="--set halving: no run"):
        grid_of(tmp_path, runs, "halving=2")
    assert len(grid_of(tmp_path, f"{runs}halving: 2\n", "halving=null").entries) == 2
