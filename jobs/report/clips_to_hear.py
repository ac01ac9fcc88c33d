"""Clips that are worth an ear: most wrong, labelled wrongly perhaps, most disputed."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jobs.data.dataset import TEST, Dataset
from jobs.files import csv_rows
from jobs.report.content import ShownClip
from jobs.report.judged import Judged
from jobs.vote.tally import NOBODY, count_votes
from jobs.vote.vote import Vote

EACH = 20


def most_wrong(judged: Judged, dataset: Dataset) -> list[ShownClip]:
    """Return validation clips that the ensemble gets wrong, the least probable label first."""
    position = {id_: number for number, id_ in enumerate(dataset.labelled.ids)}
    tally, labels = judged.tally, judged.labels
    wrong = np.flatnonzero(judged.seen & (tally.winners != labels))
    own = tally.mean[wrong, labels[wrong]]
    order = wrong[np.argsort(own, kind="stable")][:EACH]
    return [
        _labelled(
            dataset,
            position[judged.ids[clip]],
            dataset.classes[int(tally.winners[clip])],
            f"its label has {tally.mean[clip, labels[clip]]:.0%}",
        )
        for clip in order.tolist()
    ]


def to_check(path: Path, dataset: Dataset) -> list[ShownClip]:
    """Return the first of labels_to_check.csv."""
    position = {id_: number for number, id_ in enumerate(dataset.labelled.ids)}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv_rows(file)
            header = next(rows)
            found = [dict(zip(header, cells, strict=True)) for cells in rows]
        return [
            _labelled(
                dataset,
                position[row["id"]],
                row["looks_like"],
                f"{float(row['p_looks_like']):.0%} against {float(row['p_label']):.0%}",
            )
            for row in found[:EACH]
        ]
    # There is none yet, or somebody has worked in it: it is theirs to do so.
    except (OSError, KeyError, ValueError, TypeError, StopIteration, csv.Error):
        return []


def most_disputed(vote: Vote, dataset: Dataset) -> list[ShownClip]:
    """Return test clips on which the voters agree least; of one voter, where it is least sure."""
    if not len(dataset.test):
        return []
    tally = count_votes(vote.said_of(TEST), vote.rules.combine)
    seen = np.flatnonzero(tally.winners != NOBODY)
    highest = tally.mean[seen].max(axis=1)
    order = seen[np.lexsort((seen, highest, tally.agreement[seen]))][:EACH]
    return [
        ShownClip(
            side="test",
            position=clip,
            id=dataset.test.clips[clip].id,
            path=dataset.test.clips[clip].path,
            label="",
            said=_all_said(tally.votes[:, clip].tolist(), dataset.classes),
            note=f"{tally.agreement[clip]:.0%} agree",
        )
        for clip in order.tolist()
    ]


def _all_said(votes: Sequence[int], classes: Sequence[str]) -> str:
    """Return what the voters say, the most frequent first: `dog × 3, rain × 2`."""
    counted: dict[int, int] = {}
    for vote in votes:
        if vote != NOBODY:
            counted[vote] = counted.get(vote, 0) + 1
    ordered = sorted(counted.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{classes[index]} × {times}" for index, times in ordered)


def _labelled(dataset: Dataset, position: int, said: str, note: str) -> ShownClip:
    clip = dataset.labelled.clips[position]
    return ShownClip(
        side="labelled",
        position=position,
        id=clip.id,
        path=clip.path,
        label=str(clip.label),
        said=said,
        note=note,
    )
