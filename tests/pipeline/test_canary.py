"""The canary is a small launch of the same kind, apart from the real one."""

from pathlib import Path

import pytest

from jobs.data.synthetic import MadeClips, write_clips
from jobs.data.workspace import Workspace
from pipeline.planning.canary import CLIPS, EPOCHS, MOST_MINUTES, canary_of
from pipeline.planning.grid import Grid, read_grid
from pipeline.planning.likely import EpochTimes
from pipeline.planning.opening import open_plan
from pipeline.planning.plan import OpenedPlan
from pipeline.planning.site import load_site

GRID = """\
batch_size: 8
epochs: 30
warmup_epochs: 5
balance: {"0": 90}
shards: 7
zip:
  lr: [0.1, 0.2, 0.3]
  tier: [small, large, large]
"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> tuple[Grid, OpenedPlan]:
    folder = tmp_path_factory.mktemp("canary")
    write_clips(folder / "data", MadeClips(train=200, test=30, seconds=0.2))
    (folder / "grid.yaml").write_text(GRID)
    grid = read_grid(folder / "grid.yaml")
    plan = open_plan(grid, folder / "data", Workspace(folder / "out"), load_site("greene"))
    return grid, plan


def test_it_has_some_clips_of_every_class_and_a_short_run_in_each_tier(
    opened: tuple[Grid, OpenedPlan],
) -> None:
    grid, real = opened
    canary = canary_of(grid, real)
    assert len(canary.dataset.labelled) == CLIPS
    assert canary.dataset.classes == real.dataset.classes
    assert 0 < len(canary.dataset.test) < len(real.dataset.test)
    assert [run.tier for run in canary.plan.runs] == ["small", "large"]
    assert {run.config.epochs for run in canary.plan.runs} == {EPOCHS}
    assert canary.plan.features == real.plan.features
    assert canary.workspace.root.parent == real.workspace.root
    assert {tier.timeout_min for tier in canary.plan.site.tiers} == {MOST_MINUTES}
    assert [tier.mem_gb for tier in canary.plan.site.tiers] == [32, 64]


def test_it_changes_nothing_of_the_real_plan(opened: tuple[Grid, OpenedPlan]) -> None:
    grid, real = opened
    before = real.plan.model_dump()
    canary = canary_of(grid, real)
    assert real.plan.model_dump() == before
    assert not {run.signature for run in canary.plan.runs} & {r.signature for r in real.plan.runs}


def test_its_epochs_tell_how_long_the_real_runs_will_take(
    opened: tuple[Grid, OpenedPlan],
) -> None:
    grid, real = opened
    config = real.plan.runs[0].config
    assert EpochTimes(real.workspace, 200).of(config) is None
    canary = canary_of(grid, real)
    run = canary.run(0)
    run.folder.mkdir(parents=True)
    canary.save()
    canary.plan.runs[0].config.save(run.config)
    header = "epoch,lr,train_loss,train_accuracy,val_loss,val_accuracy,seconds\n"
    run.history.write_text(header + "1,0.1,1,0.5,1,0.5,9.0\n2,0.1,1,0.5,1,0.5,4.0\n")
    # Two seconds for 20 clips, five times as many clips, 30 epochs.
    assert EpochTimes(real.workspace, 200).of(config) == pytest.approx(4.0 / CLIPS * 200 * 30)


def test_out_is_left_as_it_is(opened: tuple[Grid, OpenedPlan], tmp_path: Path) -> None:
    grid, real = opened
    elsewhere = OpenedPlan(Workspace(tmp_path / "out"), real.plan, real.dataset, real.split)
    canary_of(grid, elsewhere)
    assert not (tmp_path / "out").exists()
