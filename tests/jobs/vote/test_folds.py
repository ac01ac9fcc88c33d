"""With folds an entry is all of its fold models: judged out of fold, and their mean votes."""

import re
from pathlib import Path

import numpy as np
import pytest

from jobs.data.workspace import Workspace
from jobs.files import write_json
from jobs.predict.predictions import Predictions, source_of
from jobs.train.checkpoint import Checkpoint
from jobs.train.run import End, Outcome, Run
from jobs.train.validation import ValidationPredictions
from jobs.vote.candidates import Entry
from jobs.vote.ensemble import Ensemble
from jobs.vote.rules import VoteRules
from jobs.vote.vote import Vote, hold_vote
from tests.jobs.vote.test_vote import DATASET, rows

# Labels of DATASET's seven clips: 0770777.
FOLDS = ((0, 1, 2), (3, 4, 5, 6))


def fold_run(
    workspace: Workspace,
    name: str,
    fold: int,
    scores: dict[int, float],
    end: End = "whole",
    favours: float = 0.9,
) -> Run:
    """Write a trained fold: its kept checkpoints by epoch, with the share of clips it got right."""
    run = Run(workspace.run(f"{name}{fold}".zfill(16)))
    run.checkpoints.mkdir(parents=True)
    ids = tuple(DATASET.labelled.clips[p].id for p in FOLDS[fold])
    labels = np.array(DATASET.labels(FOLDS[fold]), np.int64)
    validation = ValidationPredictions(run.validation, ids, labels, ("0", "7"))
    validation.keep(0)
    for epoch in range(1, max(scores) + 1):
        said = np.full((len(ids), 2), 0.1 * fold + 0.01 * epoch, np.float32)
        validation.append(epoch, said)
    kept = []
    for epoch, accuracy in scores.items():
        meta = {
            "epoch": epoch, "val_accuracy": accuracy, "val_loss": 1 - accuracy,
            "classes": ["0", "7"], "weights": f"epoch-{epoch:05d}.pt",
            "weights_sha256": f"{name} {fold} {epoch}",
        }  # fmt: skip
        write_json(run.meta(epoch), meta)
        checkpoint = Checkpoint.load(run.meta(epoch))
        checkpoint.weights.touch()
        kept.append(checkpoint)
        said = np.array([[1 - favours, favours]] * 3, np.float32)
        sha256 = tuple(clip.sha256 for clip in DATASET.test.clips)
        source = source_of(run, checkpoint, DATASET.test)
        Predictions(source, tuple(DATASET.test.ids), sha256, said).save(run.test_predictions(epoch))
    Outcome.of(end, f"ended: {end}", max(scores), sorted(kept, key=lambda c: c.rank)).save(run.done)
    return run


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def entry(workspace: Workspace, name: str, *folds: dict[int, float]) -> Entry:
    runs = [fold_run(workspace, name, k, scores) for k, scores in enumerate(folds)]
    return Entry(tuple(runs), f"entry {name}", int(name))


def test_an_entry_is_judged_over_the_clips_of_all_folds(workspace: Workspace) -> None:
    whole = entry(workspace, "1", {5: 1.0, 10: 0.0}, {5: 0.5, 10: 0.75})
    vote = Vote.among(DATASET, [whole], VoteRules())
    found = {c.epoch: (c.val_accuracy, c.val_loss) for c in vote.candidates}
    assert found == {5: pytest.approx((5 / 7, 2 / 7)), 10: pytest.approx((3 / 7, 4 / 7))}
    said = vote.validated.said(vote.candidates)
    assert vote.validated.ids == tuple("0123456")
    # Each clip's row is of the model that did not train on it, at the candidate's epoch.
    assert vote.candidates[0].epoch == 5
    assert said[0, :, 0].tolist() == pytest.approx([0.05] * 3 + [0.15] * 4)


def test_a_fold_that_stopped_earlier_stands_in_with_its_last(workspace: Workspace) -> None:
    stopped = Entry(
        (
            fold_run(workspace, "1", 0, {5: 0.4, 7: 0.9}, end="early"),
            fold_run(workspace, "1", 1, {5: 0.5, 8: 0.6, 10: 0.7}),
        ),
        "entry", 1,
    )  # fmt: skip
    vote = Vote.among(DATASET, [stopped], VoteRules())
    used = {c.epoch: [m.checkpoint.epoch for m in c.members] for c in vote.candidates}
    assert used == {5: [5, 5], 8: [7, 8], 10: [7, 10]}


def test_the_mean_of_the_fold_models_votes_and_all_of_them_are_named(workspace: Workspace) -> None:
    runs = (
        fold_run(workspace, "1", 0, {10: 0.9}, favours=0.9),
        fold_run(workspace, "1", 1, {10: 0.9}, favours=0.2),
    )
    hold_vote(workspace.results, DATASET, [Entry(runs, "entry", 0)], VoteRules())
    for row in rows(workspace.votes):
        assert float(row["p_7"]) == pytest.approx(0.55, abs=1e-6)
        assert row["category"] == "7"
    ensemble = Ensemble.load(workspace.ensemble)
    assert ensemble is not None
    (voter,) = ensemble.voters
    assert [each.signature for each in voter.checkpoints] == [run.folder.name for run in runs]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("diverged", "fold 2: ended: diverged"),
        ("untrained", "fold 2: it has not trained to its end"),
        ("unpredicted", "fold 2: it has no predictions of the present test clips"),
        ("validation", "fold 2: .*validation.bin"),
    ],
)
def test_an_entry_that_lacks_a_fold_does_not_vote_and_it_is_said(
    workspace: Workspace, spoil: str, said: str
) -> None:
    first = fold_run(workspace, "1", 0, {10: 0.9})
    second = fold_run(workspace, "1", 1, {10: 0.9}, "diverged" if spoil == "diverged" else "whole")
    if spoil == "untrained":
        second.done.unlink()
    elif spoil == "unpredicted":
        second.test_predictions(10).unlink()
    elif spoil == "validation":
        second.validation.unlink()
    other = entry(workspace, "2", {10: 0.1}, {10: 0.1})
    vote = Vote.among(DATASET, [Entry((first, second), "entry", 1), other], VoteRules())
    assert {c.entry.name for c in vote.candidates} == {"entry 2"}
    (absent,) = vote.absent
    assert absent.entry.name == "entry"
    assert re.search(said, absent.reason)
