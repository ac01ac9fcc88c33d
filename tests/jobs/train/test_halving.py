"""Which runs continue after a rung, and what a rung stands for."""

from pathlib import Path

import pytest

from jobs.errors import InputError
from jobs.train.halving import Halving, Rung, Standing, made_from, rank


def test_rungs_double_from_the_first_and_runs_become_fewer_by_the_factor() -> None:
    quarter, tenth = Halving(halving=3), Halving(halving=2, halving_from=0.1)
    assert quarter.shares == (0.25, 0.5)
    assert tenth.shares == pytest.approx((0.1, 0.2, 0.4, 0.8))
    assert [quarter.epoch(rung, 50) for rung in (1, 2)] == [12, 25]
    assert [quarter.left(27, rung) for rung in range(3)] == [27, 9, 3]
    assert [quarter.left(2, rung) for rung in range(3)] == [2, 1, 1]
    assert quarter.epoch(1, 1) == 1
    assert Halving().shares == ()


@pytest.mark.parametrize("wrong", [{"halving": 1}, {"halving": 3, "halving_from": 0.05}])
def test_a_mistake_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"grid\.yaml: `halving"):
        Halving.checked(wrong, "grid.yaml")


def test_the_best_go_on_ties_to_the_earlier_and_failures_last() -> None:
    standings = [
        Standing(0, "a", 0.5),
        Standing(1, "b", None, "diverged in epoch 2"),
        Standing(2, "c", 0.9),
        Standing(3, "d", 0.5),
    ]
    ranked = rank(standings, "accuracy", places=2)
    assert [(each.name, each.goes_on) for each in ranked] == [
        ("c", True), ("a", True), ("d", False), ("b", False)
    ]  # fmt: skip
    assert [each.name for each in rank(standings, "loss", places=2)] == ["a", "d", "c", "b"]
    # Room alone lets nobody go on who has nothing to go on from.
    assert not rank(standings, "accuracy", places=4)[-1].goes_on


def test_a_rung_is_of_its_runs_settings_and_the_rung_before(tmp_path: Path) -> None:
    settings, runs = Halving(halving=3), {"small": ["aa", "bb"]}
    first = made_from(settings, 1, runs, None)
    ranked = rank([Standing(0, "a", 0.5), Standing(1, "b", 0.4)], "accuracy", places=1)
    rung = Rung(made_from=first, number=1, by="accuracy", tiers={"small": ranked})
    rung.save(tmp_path / "rung-1.json")
    assert Rung.load(tmp_path / "rung-1.json", first) == rung
    assert rung.going_on == {"small": [0]}
    assert [line.name for line in rung.lines if not line.goes_on] == ["b"]
    others = [
        made_from(Halving(halving=2), 1, runs, None),
        made_from(settings, 2, runs, None),
        made_from(settings, 1, {"small": ["aa", "cc"]}, None),
        made_from(settings, 1, runs, rung),
    ]
    assert len({first, *others}) == 5
    assert all(Rung.load(tmp_path / "rung-1.json", other) is None for other in others)
    (tmp_path / "rung-1.json").write_text("{")
    assert Rung.load(tmp_path / "rung-1.json", first) is None
