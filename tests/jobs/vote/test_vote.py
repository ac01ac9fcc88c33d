"""The right five vote, whatever is missing, and the vote is held again when inputs change."""

import csv
from pathlib import Path

import numpy as np
import pytest

from jobs.data.dataset import Dataset
from jobs.data.manifest import Clip, Manifest
from jobs.data.workspace import Workspace
from jobs.errors import NotReadyError
from jobs.files import write_json
from jobs.predict.predictions import Predictions, source_of
from jobs.train.checkpoint import Checkpoint
from jobs.train.run import Outcome, Run
from jobs.vote.candidates import Entry
from jobs.vote.ensemble import Ensemble
from jobs.vote.rules import VoteRules
from jobs.vote.vote import Vote, hold_vote

ROOT = Path("/data")
LABELLED = [Clip(str(i), f"{i}.mp3", str(i), label=label) for i, label in enumerate("0770777")]
TEST = [Clip(str(i), f"t/{i}.mp3", f"t{i}") for i in (2, 10, 11)]
DATASET = Dataset(Manifest(ROOT, tuple(LABELLED)), Manifest(ROOT, tuple(TEST)))
FIVE = VoteRules()


def made_run(
    workspace: Workspace, name: str, scores: dict[int, tuple[float, float]], favours: float = 0.9
) -> Entry:
    """Write a trained run whose checkpoints give class 7 the probability `favours`.

    The last test clip cannot be read.
    """
    run = Run(workspace.run(name.zfill(16)))
    run.checkpoints.mkdir(parents=True)
    kept = []
    for epoch, (accuracy, loss) in scores.items():
        meta = {
            "epoch": epoch, "val_accuracy": accuracy, "val_loss": loss, "classes": ["0", "7"],
            "weights": f"epoch-{epoch:05d}.pt", "weights_sha256": f"{name} {epoch}",
        }  # fmt: skip
        write_json(run.meta(epoch), meta)
        kept.append(Checkpoint.load(run.meta(epoch)))
        kept[-1].weights.touch()
        predict(run, kept[-1], favours)
    Outcome.of("whole", "all done", 9, sorted(kept, key=lambda c: c.rank)).save(run.done)
    return Entry((run,), f"run {name}", int(name))


def predict(run: Run, checkpoint: Checkpoint, favours: float) -> None:
    nan = float("nan")
    rows = [[1 - favours, favours]] * 2 + [[nan, nan]]
    ids, sha256 = DATASET.test.ids, [clip.sha256 for clip in DATASET.test.clips]
    source = source_of(run, checkpoint, DATASET.test)
    predictions = Predictions(source, tuple(ids), tuple(sha256), np.array(rows, np.float32))
    predictions.save(run.test_predictions(checkpoint.epoch))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def ensemble_of(workspace: Workspace) -> Ensemble:
    ensemble = Ensemble.load(workspace.ensemble)
    assert ensemble is not None
    return ensemble


def test_ranked_by_accuracy_then_loss_then_grid_then_epoch(workspace: Workspace) -> None:
    entries = [
        made_run(workspace, "1", {1: (0.5, 1.0), 2: (0.9, 0.3), 3: (0.9, 0.3)}),
        made_run(workspace, "0", {9: (0.9, 0.3), 4: (0.9, 0.2)}),
    ]
    vote = Vote.among(DATASET, entries, FIVE)
    chosen = [(v.entry.position, v.epoch) for v, times in vote.voters if times == 1]
    assert chosen == [(0, 4), (0, 9), (1, 2), (1, 3), (1, 1)]
    assert Vote.among(DATASET, entries, VoteRules(votes=2)).voters == vote.voters[:2]


def test_results_have_a_row_a_test_clip_and_the_unreadable_one_gets_the_majority_class(
    workspace: Workspace,
) -> None:
    entries = [
        made_run(workspace, "0", {1: (0.9, 0.1)}, favours=0.1),
        made_run(workspace, "1", {1: (0.8, 0.1)}, favours=0.2),
        made_run(workspace, "2", {1: (0.7, 0.1)}, favours=0.9),
    ]
    hold_vote(workspace.results, DATASET, entries, FIVE)
    assert workspace.submission.read_text() == "id,category\n2,0\n10,0\n11,7\n"
    votes = rows(workspace.votes)
    assert votes[0] == {
        "id": "2", "category": "0", "agreement": "0.667",
        "run 0 epoch 1": "0", "run 1 epoch 1": "0", "run 2 epoch 1": "7",
        "p_0": "0.599999997", "p_7": "0.399999994", "confidence": votes[0]["confidence"],
    }  # fmt: skip
    assert 0.5 < float(votes[0]["confidence"]) < 0.65
    assert votes[2]["agreement"] == "0.000"
    assert votes[2]["confidence"] == votes[2]["p_0"] == ""
    assert votes[2]["run 0 epoch 1"] == ""
    ensemble = ensemble_of(workspace)
    assert [v.run for v in ensemble.voters] == ["run 0", "run 1", "run 2"]
    assert ensemble.unreadable_test_clips == ("11",)


def test_a_soft_vote_over_the_same_predictions_may_go_the_other_way(workspace: Workspace) -> None:
    entries = [
        made_run(workspace, "0", {1: (0.9, 0.1)}, favours=0.45),
        made_run(workspace, "1", {1: (0.8, 0.1)}, favours=0.45),
        made_run(workspace, "2", {1: (0.7, 0.1)}, favours=1.0),
    ]
    hold_vote(workspace.results, DATASET, entries, FIVE)
    assert rows(workspace.submission)[0] == {"id": "2", "category": "0"}
    soft = VoteRules(combine="soft")
    assert not Vote.among(DATASET, entries, soft).is_held(workspace.results)
    hold_vote(workspace.results, DATASET, entries, soft)
    assert rows(workspace.submission)[0] == {"id": "2", "category": "7"}
    assert ensemble_of(workspace).inputs.rules.combine == "soft"


def test_the_rest_votes_when_runs_are_absent_and_they_are_named(workspace: Workspace) -> None:
    good = made_run(workspace, "0", {1: (0.9, 0.1)})
    unfinished = made_run(workspace, "1", {1: (1.0, 0.0)})
    unfinished.runs[0].done.unlink()
    never = Entry((Run(workspace.run("2".zfill(16))),), "run 2", 2)
    unpredicted = made_run(workspace, "3", {1: (1.0, 0.0)})
    unpredicted.runs[0].test_predictions(1).unlink()
    incomplete = made_run(workspace, "4", {1: (1.0, 0.0), 2: (0.9, 0.1)})
    incomplete.runs[0].meta(1).unlink()
    entries = [good, unfinished, never, unpredicted, incomplete]
    hold_vote(workspace.results, DATASET, entries, FIVE)
    ensemble = ensemble_of(workspace)
    assert [v.run for v in ensemble.voters] == ["run 0"]
    assert [(m.run, m.reason) for m in ensemble.absent] == [
        ("run 1", "it has not trained to its end"),
        ("run 2", "it has not started"),
        ("run 3", "it has no predictions of the present test clips"),
        ("run 4", "it has not trained to its end"),
    ]


def test_a_run_whose_predictions_turn_out_damaged_is_left_out(workspace: Workspace) -> None:
    good = made_run(workspace, "0", {1: (0.8, 0.1)})
    damaged = made_run(workspace, "1", {1: (0.9, 0.1)})
    path = damaged.runs[0].test_predictions(1)
    content = bytearray(path.read_bytes())
    content[content.index(np.float32(0.9).tobytes())] ^= 1
    path.write_bytes(content)
    hold_vote(workspace.results, DATASET, [good, damaged], FIVE)
    assert [v.run for v in ensemble_of(workspace).voters] == ["run 0"]
    assert not path.exists()  # to be made again


def test_without_any_checkpoint_it_fails_with_the_reasons(workspace: Workspace) -> None:
    never = Entry((Run(workspace.run("0".zfill(16))),), "run 0", 0)
    with pytest.raises(NotReadyError, match="run 0: it has not started"):
        hold_vote(workspace.results, DATASET, [never], FIVE)
    assert not workspace.submission.exists()


def test_the_vote_is_held_again_when_what_it_was_made_from_changes(workspace: Workspace) -> None:
    entries = [made_run(workspace, "0", {1: (0.9, 0.1)})]

    def is_held() -> bool:
        return Vote.among(DATASET, entries, FIVE).is_held(workspace.results)

    assert not is_held()
    hold_vote(workspace.results, DATASET, entries, FIVE)
    assert is_held()
    entries.append(made_run(workspace, "1", {1: (0.8, 0.1)}))
    assert not is_held()
    hold_vote(workspace.results, DATASET, entries, FIVE)
    assert is_held()
    workspace.submission.write_text("id,category\n")
    assert not is_held()
    hold_vote(workspace.results, DATASET, entries, FIVE)
    predict(entries[0].runs[0], entries[0].runs[0].checkpoints_kept()[0], favours=0.2)
    assert not is_held()
    hold_vote(workspace.results, DATASET, entries, FIVE)
    workspace.votes.unlink()
    assert not is_held()
    workspace.ensemble.write_text("[]")
    assert not is_held()


def test_predictions_are_those_of_one_file_of_weights_and_one_set_of_clips(
    workspace: Workspace,
) -> None:
    entry = made_run(workspace, "0", {1: (0.9, 0.1)})
    (checkpoint,) = entry.runs[0].checkpoints_kept()
    path = entry.runs[0].test_predictions(1)
    source = source_of(entry.runs[0], checkpoint, DATASET.test)
    assert Predictions.are_current(path, source)
    loaded = Predictions.load(path)
    assert (loaded.source, loaded.ids) == (source, ("2", "10", "11"))
    assert set(loaded.by_recording()) == {"t2", "t10"}
    assert not Predictions.are_current(path, source.model_copy(update={"weights": "others"}))
    fewer = Manifest(ROOT, tuple(TEST[:2]))
    assert not Predictions.are_current(path, source_of(entry.runs[0], checkpoint, fewer))
    path.write_bytes(path.read_bytes()[:-30])
    assert not Predictions.are_current(path, source)
