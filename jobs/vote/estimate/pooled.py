"""Every model that the entries of a vote might have kept, put together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.train.config import RunConfig
from jobs.vote.candidates import Candidate, Entry
from jobs.vote.estimate.groups import group_numbers
from jobs.vote.estimate.pool import Pool
from jobs.vote.validated import Validated
from jobs.vote.vote import Vote

EVERYTHING = 10**6  # more checkpoints than any run keeps


def pool_of(vote: Vote) -> Pool:
    """Return every model that the entries of a vote might have kept.

    Of a run that keeps its best epochs these are all epochs; where epochs were planned, those.
    """
    validated = vote.validated
    said: list[npt.NDArray[np.float32]] = []
    entries, epochs, keep = [], [], []
    for entry, candidates in _by_entry(vote.candidates):
        of_entry = list(_models(entry, candidates, validated))
        said += [each.said for each in of_entry]
        entries += [entry.position] * len(of_entry)
        epochs += [each.epoch for each in of_entry]
        keep += [each.keep for each in of_entry]
    return Pool(
        entries=np.array(entries, np.int64),
        epochs=np.array(epochs, np.int64),
        keep=np.array(keep, np.int64),
        labels=validated.labels,
        said=np.stack(said),
        groups=group_numbers(vote.dataset, validated.ids),
    )


@dataclass(frozen=True)
class _Model:
    said: npt.NDArray[np.float32]
    epoch: int
    keep: int


def _by_entry(candidates: Sequence[Candidate]) -> list[tuple[Entry, list[Candidate]]]:
    found: dict[int, tuple[Entry, list[Candidate]]] = {}
    for each in sorted(candidates, key=lambda each: (each.entry.position, each.epoch)):
        found.setdefault(each.entry.position, (each.entry, []))[1].append(each)
    return list(found.values())


def _models(entry: Entry, candidates: list[Candidate], validated: Validated) -> list[_Model]:
    run = entry.runs[0]
    file = validated.files.get(run.folder.name)
    config = RunConfig.load(run.config)
    if len(entry.runs) > 1 or config.planned_epochs is not None or file is None:
        said = validated.said(candidates)
        return [_Model(s, c.epoch, EVERYTHING) for s, c in zip(said, candidates, strict=True)]
    found = []
    for epoch in range(1, file.epochs() + 1):
        row = np.full((len(validated.ids), len(file.classes)), np.nan, np.float32)
        row[validated.rows[run.folder.name]] = file.of_epoch(epoch)
        found.append(_Model(row, epoch, config.keep))
    return found
