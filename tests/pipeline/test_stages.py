"""A stage is one module: its name is nowhere else, and a new one is one line in the graph."""

import ast
from pathlib import Path

import pytest

from jobs.data.workspace import Workspace
from pipeline.executors.here import run_stages
from pipeline.monitoring.overview import overview
from pipeline.planning.grid import read_grid
from pipeline.planning.opening import open_plan
from pipeline.planning.plan import OpenedPlan
from pipeline.planning.site import load_site
from pipeline.stages import graph
from pipeline.stages.audit import AUDIT
from pipeline.stages.graph import STAGES, remaining, stage_named, stages_of
from pipeline.stages.index import INDEX
from pipeline.stages.stage import AnyStage, Stage, Wait
from pipeline.stages.train import TRAIN

ROOT = Path(__file__).parents[2]
OTHERS = [
    path
    for package in ("jobs", "pipeline")
    for path in sorted((ROOT / package).rglob("*.py"))
    if ROOT / "pipeline" / "stages" not in path.parents
]


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_other_file_compares_or_indexes_by_a_stages_name(path: Path) -> None:
    stages: tuple[AnyStage, ...] = (*STAGES, *graph.PREDICTION)
    names = {stage.name for stage in stages}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Compare):
            values = [node.left, *node.comparators]
        elif isinstance(node, ast.Subscript):
            values = [node.slice]
        else:
            continue
        named = {v.value for v in values if isinstance(v, ast.Constant)} & names
        assert not named, f"{path}:{node.lineno} names the stage {named}"


def test_stages_come_after_what_they_wait_for_and_have_names_of_their_own() -> None:
    for number, stage in enumerate(STAGES):
        assert all(before in STAGES[:number] for before in stage.before())
        assert stage_named(stage.name) is stage
        assert (ROOT / "slurm" / f"{stage.script}.sbatch").exists()


def test_the_sbatch_files_do_every_stage_once_in_their_order() -> None:
    scripts = ("extract", "train", "vote")
    done = [stage for script in scripts for stage in stages_of(script)]
    assert sorted(stage.name for stage in done) == sorted(stage.name for stage in STAGES)
    for number, stage in enumerate(done):
        assert set(stage.before()) <= set(done[:number])
    assert stages_of("audit") == [AUDIT]


class Count(Stage):
    """What a newcomer writes: an empty stage that counts clips."""

    name = "count"
    does = "how many clips there are"
    script = "vote"
    waits_for = Wait(INDEX, "success")

    def missing(self, opened: OpenedPlan) -> list[int]:
        return [] if (opened.workspace.root / "count.txt").exists() else [0]

    def do(self, opened: OpenedPlan, item: int, cpus: int) -> None:
        (opened.workspace.root / "count.txt").write_text(str(len(opened.dataset)))


@pytest.fixture
def opened(tiny_grid: Path, made_clips: Path, tmp_path: Path) -> OpenedPlan:
    grid = read_grid(tiny_grid, ["epochs=1"])
    plan = open_plan(grid, made_clips, Workspace(tmp_path / "out"), load_site("local"))
    plan.save()
    return plan


def test_a_new_stage_needs_one_line_in_the_graph(
    opened: OpenedPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph, "STAGES", (*STAGES, Count()))
    outcomes = list(run_stages(opened, remaining(opened), "debug", None, lambda work: None))
    assert not [each for each in outcomes if getattr(each, "failure", "skipped")]
    assert (opened.workspace.root / "count.txt").read_text() == "52"
    assert not any(work.items for work in remaining(opened))
    assert ("count", "done") in {(item.stage, item.state) for item in overview(opened).items}
    assert load_site("generic", ["count={mem_gb: 9, timeout_min: 1}"]).stages["count"].mem_gb == 9


def test_what_follows_work_is_done_again_and_what_nobody_waits_for_is_not(
    opened: OpenedPlan,
) -> None:
    list(run_stages(opened, remaining(opened), "debug", None, lambda work: None))
    assert not any(work.items for work in remaining(opened))
    opened.run(0).done.unlink()
    left = {work.name for work in remaining(opened) if work.items}
    repeated = {stage.name for stage in STAGES if stage.repeats and TRAIN in stage.before()}
    assert left == {TRAIN.name, *repeated}
    assert {"predict", "vote", "estimate"} <= repeated
