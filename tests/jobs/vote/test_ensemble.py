"""The right five vote, whatever is missing, and the vote is done again when inputs change."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from jobs.data.manifest import Clip, Manifest
from jobs.data.workspace import Workspace
from jobs.errors import NotReadyError
from jobs.files import write_json
from jobs.train.predictions import TEST_ROW, epoch_key
from jobs.train.run import OUTCOME, Run
from jobs.vote.ensemble import Ballot, is_voted, vote
from jobs.vote.rank import Contender

CLASSES = ("0", "7")
MANIFEST = Manifest(
    Path("/data"),
    tuple(Clip(str(i), f"{i}.mp3", 1, 1, label=label) for i, label in enumerate("0770777")),
    tuple(Clip(str(i), f"t/{i}.mp3", 1, 1) for i in (2, 10, 11)),
    CLASSES,
)


def made_run(
    workspace: Workspace, name: str, scores: dict[int, tuple[float, float]], favours: float = 0.9
) -> Contender:
    """Write a complete run whose checkpoints give class 7 the probability `favours`.

    The last test clip cannot be read.
    """
    run = Run(workspace.run(name))
    for epoch, (accuracy, loss) in scores.items():
        meta = {"epoch": epoch, "val_accuracy": accuracy, "val_loss": loss}
        write_json(run.meta(epoch), meta)
        run.weights(epoch).touch()
    predictions = np.array([[1 - favours, favours]] * 2, dtype=np.float32)
    arrays = {epoch_key(epoch): predictions for epoch in scores}
    path = run.probabilities(MANIFEST.test_fingerprint)
    path.parent.mkdir(parents=True)
    np.savez(path, **{TEST_ROW: np.array([0, 1])}, **arrays)  # type: ignore[arg-type]
    outcome = dict.fromkeys(OUTCOME, 0) | {"reason": "all done", "kept": sorted(scores)}
    write_json(run.done, outcome)
    return Contender(run, f"run {name}", int(name))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_ranked_by_accuracy_then_loss_then_grid_then_epoch(workspace: Workspace) -> None:
    contenders = [
        made_run(workspace, "1", {1: (0.5, 1.0), 2: (0.9, 0.3), 3: (0.9, 0.3)}),
        made_run(workspace, "0", {9: (0.9, 0.3), 4: (0.9, 0.2)}),
    ]
    ballot = Ballot.draw(MANIFEST, contenders, wanted=5)
    chosen = [(v.contender.position, v.checkpoint.epoch) for v in ballot.voters]
    assert chosen == [(0, 4), (0, 9), (1, 2), (1, 3), (1, 1)]


def test_results_have_a_row_a_test_clip_and_the_unreadable_one_gets_the_majority_class(
    workspace: Workspace,
) -> None:
    contenders = [
        made_run(workspace, "0", {1: (0.9, 0.1)}, favours=0.1),
        made_run(workspace, "1", {1: (0.8, 0.1)}, favours=0.2),
        made_run(workspace, "2", {1: (0.7, 0.1)}, favours=0.9),
    ]
    vote(workspace, Ballot.draw(MANIFEST, contenders, wanted=3))
    assert workspace.submission.read_text() == "id,category\n2,0\n10,0\n11,7\n"
    votes = rows(workspace.votes)
    assert votes[0] == {
        "id": "2", "category": "0", "agreement": "0.667",
        "run 0 epoch 1": "0", "run 1 epoch 1": "0", "run 2 epoch 1": "7",
    }  # fmt: skip
    assert votes[2]["agreement"] == "0.000"
    assert votes[2]["run 0 epoch 1"] == ""
    ensemble = json.loads(workspace.ensemble.read_text())
    assert [v["run"] for v in ensemble["voters"]] == ["run 0", "run 1", "run 2"]
    assert ensemble["unreadable_test_clips"] == ["11"]


def test_the_rest_votes_when_runs_are_missing_and_they_are_named(workspace: Workspace) -> None:
    good = made_run(workspace, "0", {1: (0.9, 0.1)})
    unfinished = made_run(workspace, "1", {1: (1.0, 0.0)})
    unfinished.run.done.unlink()
    never = Contender(Run(workspace.run("2")), "run 2", 2)
    vote(workspace, Ballot.draw(MANIFEST, [good, unfinished, never], wanted=5))
    ensemble = json.loads(workspace.ensemble.read_text())
    assert [v["run"] for v in ensemble["voters"]] == ["run 0"]
    assert [(m["run"], m["reason"]) for m in ensemble["missing_runs"]] == [
        ("run 1", "it did not train to its end"),
        ("run 2", "it never started"),
    ]


def test_without_any_checkpoint_it_fails_with_the_reasons(workspace: Workspace) -> None:
    never = Contender(Run(workspace.run("0")), "run 0", 0)
    with pytest.raises(NotReadyError, match="run 0: it never started"):
        vote(workspace, Ballot.draw(MANIFEST, [never], wanted=5))
    assert not workspace.submission.exists()


def test_the_vote_is_done_again_when_what_it_was_made_from_changes(workspace: Workspace) -> None:
    contenders = [made_run(workspace, "0", {1: (0.9, 0.1)})]

    def ballot() -> Ballot:
        return Ballot.draw(MANIFEST, contenders, wanted=5)

    assert not is_voted(workspace, ballot())
    vote(workspace, ballot())
    assert is_voted(workspace, ballot())
    contenders.append(made_run(workspace, "1", {1: (0.8, 0.1)}))
    assert not is_voted(workspace, ballot())
    vote(workspace, ballot())
    assert is_voted(workspace, ballot())
    workspace.submission.write_text("id,category\n")
    assert not is_voted(workspace, ballot())
