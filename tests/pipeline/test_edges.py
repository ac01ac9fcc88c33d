"""What a stage's jobs wait for, as sbatch takes it."""

from pipeline.executors.edges import dependency
from pipeline.stages.graph import stage_named


def test_the_estimate_waits_for_the_vote_and_for_any_end_of_the_audit() -> None:
    estimate = stage_named("estimate")
    jobs = {"audit": ["3"], "train": ["4"], "predict": ["5"], "vote": ["6"]}
    assert dependency(estimate, jobs) == "afterok:6,afterany:3"
    assert dependency(estimate, {"audit": ["3"]}) == "afterany:3"
    assert dependency(estimate, {"vote": ["6"]}) == "afterok:6"
    assert dependency(estimate, {}) is None


def test_nothing_else_waits_for_the_audit() -> None:
    jobs = {"index": ["2"], "audit": ["3"], "train": ["4"]}
    assert dependency(stage_named("predict"), jobs) == "afterany:4,afterok:2"
