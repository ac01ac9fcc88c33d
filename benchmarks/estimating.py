"""What an estimate takes: seconds and memory, over runs and clips as many as asked for.

    python benchmarks/estimating.py --folds 5 --clips 12000 --classes 10
    python benchmarks/estimating.py --folds 1 --clips 2400           # of which all validate

Runs are written as training leaves them, with made predictions of every epoch; the clips' levels
are made too. All rules are estimated, greedy among them. Measured is all that the stage does once
the features are open.
"""

import argparse
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

if not __package__:
    # Run as a script: not from this folder, in which `coverage` is not the package of that name.
    sys.path[0] = str(Path(__file__).parent.parent)

from jobs.data.dataset import Dataset
from jobs.data.manifest import Clip, Manifest
from jobs.data.split import Fold, Split
from jobs.data.workspace import Workspace
from jobs.files import write_json
from jobs.train.checkpoint import Checkpoint
from jobs.train.config import RunConfig
from jobs.train.run import Outcome, Run
from jobs.train.validation import ValidationPredictions
from jobs.vote.candidates import Entry
from jobs.vote.estimate.making import LookedAt, inputs_of, make_estimate
from jobs.vote.estimate.pooled_clips import FACTS, PooledClips
from jobs.vote.rules import VoteRules
from jobs.vote.vote import Vote

BANDS, KEPT, PER_GROUP = 128, 5, 8


def dataset_of(clips: int, classes: int) -> Dataset:
    """Return labelled clips in groups; a group has clips of all classes. No test."""
    rows = tuple(
        Clip(str(k), f"{k}.mp3", f"{k:064x}", label=str(k % classes), group=str(k // PER_GROUP))
        for k in range(clips)
    )
    return Dataset(Manifest(Path("/data"), rows), Manifest(Path("/data"), ()))


def split_of(clips: int, folds: int) -> Split:
    """Return folds of whole groups; of one fold all clips validate."""
    every = range(clips)
    if folds == 1:
        return Split((Fold((), tuple(every)),))
    part = [[k for k in every if k // PER_GROUP % folds == fold] for fold in range(folds)]
    return Split(tuple(Fold(tuple(sorted({*every} - {*each})), tuple(each)) for each in part))


def written(run: Run, dataset: Dataset, fold: Fold, epochs: int, rng: np.random.Generator) -> None:
    """Write a run that got better from epoch to epoch, on clips of unequal difficulty."""
    run.checkpoints.mkdir(parents=True)
    RunConfig.parse({}, "benchmark").save(run.config)
    labels = np.array(dataset.labels(fold.validation), np.int64)
    ids = tuple(dataset.labelled.clips[p].id for p in fold.validation)
    validation = ValidationPredictions(run.validation, ids, labels, dataset.classes)
    validation.keep(0)
    ease = rng.normal(0, 1, len(ids))
    planned = [epochs - k * epochs // (2 * KEPT) for k in range(KEPT)]
    kept = []
    for epoch in range(1, epochs + 1):
        logits = rng.normal(0, 1, (len(ids), len(dataset.classes)))
        logits[np.arange(len(ids)), labels] += ease + 0.7 * epoch / epochs
        said = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        validation.append(epoch, said.astype(np.float32))
        if epoch in planned:
            accuracy = float((said.argmax(axis=1) == labels).mean())
            meta = {
                "epoch": epoch, "val_accuracy": accuracy, "val_loss": 1 - accuracy,
                "classes": list(dataset.classes), "weights": f"epoch-{epoch:05d}.pt",
                "weights_sha256": f"{run.folder.name} {epoch}",
            }  # fmt: skip
            write_json(run.meta(epoch), meta)
            kept.append(Checkpoint.load(run.meta(epoch)))
            kept[-1].weights.touch()
    kept.sort(key=lambda checkpoint: checkpoint.rank)
    Outcome.of("whole", "all epochs", epochs, kept).save(run.done)


def levels_of(dataset: Dataset, rng: np.random.Generator) -> PooledClips:
    """Return levels that tell something of the class and something of the group."""
    clips = len(dataset.labelled)
    labels = np.array(dataset.labels(range(clips)), np.int64)
    groups = np.arange(clips) // PER_GROUP
    of_class = rng.normal(0, 1, (len(dataset.classes), 2 * BANDS))[labels]
    of_group = rng.normal(0, 1, (groups[-1] + 1, 2 * BANDS))[groups]
    levels = of_class + of_group + rng.normal(0, 3, (clips, 2 * BANDS))
    facts = rng.normal(0, 1, (clips, len(FACTS)))
    hz = np.linspace(50, 11_000, BANDS)
    return PooledClips(
        levels, facts, groups, labels, tuple(dataset.labelled.ids), ["MPEG_LAYER_III"], hz
    )


def first_of(clips: PooledClips, count: int) -> PooledClips:
    """Return the first of some clips, as a test."""
    part = slice(count)
    return replace(
        clips,
        levels=clips.levels[part],
        facts=clips.facts[part],
        groups=clips.groups[part],
        labels=clips.labels[part],
        ids=clips.ids[part],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--entries", type=int, default=40)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=150)
    parser.add_argument("--clips", type=int, default=12_000)
    parser.add_argument("--classes", type=int, default=4)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    dataset = dataset_of(arguments.clips, arguments.classes)
    split = split_of(arguments.clips, arguments.folds)
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        entries = []
        for number in range(arguments.entries):
            runs = []
            for position, fold in enumerate(split.folds):
                runs.append(Run(workspace.run(f"{number * 100 + position:016x}")))
                written(runs[-1], dataset, fold, arguments.epochs, rng)
            entries.append(Entry(tuple(runs), f"entry {number}", number))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.perf_counter()
        vote = Vote.among(dataset, entries, VoteRules(choose="greedy", combine="soft"))
        labelled = levels_of(dataset, rng)
        test = replace(labelled, labels=np.full(len(labelled), -1), groups=labelled.groups + 10**6)
        looked = LookedAt(split, labelled, first_of(test, arguments.clips // 5), recordings=[])
        estimate, _ = make_estimate(vote, inputs_of(vote, []), {}, looked)
        seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{arguments.entries} entries in {arguments.folds} folds of {arguments.epochs} epochs, "
        f"{arguments.clips} clips of {arguments.classes} classes, {len(vote.candidates)} "
        f"candidates: {seconds:.1f} s, at most {after / 1024**2:.2f} GB (before it "
        f"{before / 1024**2:.2f})\n{estimate.sentence}"
    )


if __name__ == "__main__":
    main()
