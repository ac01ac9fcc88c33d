"""The classifier in an output folder: the ensemble of its vote, or of one by another rule."""

from functools import partial
from pathlib import Path

from jobs.data.dataset import Dataset
from jobs.data.workspace import Results, Workspace
from jobs.errors import NotReadyError
from jobs.inference.classifier import Classifier, Member, Voter
from jobs.train.checkpoint import Checkpoint
from jobs.train.config import RunConfig
from jobs.train.run import Run
from jobs.vote.ensemble import Ensemble, VotingCheckpoint


def results_in(folder: Path) -> tuple[Workspace, Results]:
    """Return the output that a folder is or lies in, and the results of the vote that it names.

    Args:
        folder: an output, or one of its `ensembles/<rule>`.
    """
    if folder.parent.name == "ensembles":
        return Workspace(folder.parent.parent), Results(folder)
    return Workspace(folder), Workspace(folder).results


def classifier_of(folder: Path) -> Classifier:
    """Open the ensemble of an output folder.

    Raises:
        NotReadyError: it has none.
        DamagedFileError: a file of a voter cannot be read.
        InputError: others may have written what lies there.
    """
    workspace, results = results_in(folder)
    workspace.require_ours()
    ensemble = Ensemble.load(results.ensemble)
    if ensemble is None:
        raise NotReadyError(
            f"{folder} has no finished vote ({results.ensemble.name} is not there, or of another "
            "version): it is neither an output of a launch that has ended nor an export"
        )
    dataset = Dataset.load(workspace.manifest, Path())
    if ensemble.inputs.labelled_clips != dataset.labelled_fingerprint:
        raise NotReadyError(
            f"the vote in {folder} is out of date, the data has changed; launch again, or vote "
            "again by that rule"
        )
    voters = tuple(
        Voter(
            f"{voter.run} epoch {voter.epoch}",
            voter.times,
            tuple(_member(workspace, each, dataset.classes) for each in voter.checkpoints),
        )
        for voter in ensemble.voters
    )
    rules = ensemble.inputs.rules
    return Classifier(
        dataset.classes, dataset.class_names, rules.combine, ensemble.temperature, voters
    )


def _member(workspace: Workspace, voting: VotingCheckpoint, classes: tuple[str, ...]) -> Member:
    from jobs.train.fitted import load_fitted

    run = Run(workspace.run(voting.signature))
    config, checkpoint = RunConfig.load(run.config), Checkpoint.load(run.meta(voting.epoch))
    if checkpoint.classes != classes:
        raise NotReadyError(f"{checkpoint.meta} knows other classes than the data; launch again")
    return Member(
        name=f"{voting.signature}-epoch-{voting.epoch:05d}",
        weights=checkpoint.weights_sha256,
        config=config,
        load=partial(load_fitted, run, checkpoint),
    )
