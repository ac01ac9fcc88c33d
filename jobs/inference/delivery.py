"""From answers, row by row, to the files that were asked for, and to what is said of them."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from jobs.inference.answers import BEGINNING, LONG, Row, save_rows
from jobs.inference.label_tracks import LabelTracks
from jobs.schema import Schema
from jobs.words import count

SHOWN = 10


class Delivery(Schema):
    """What came of some answers.

    Attributes:
        clips: how many were asked for.
        answered: how many rows have a label.
        long: of how many recordings only the beginning was heard.
        unread: how many rows have none.
        problems: path and reason of the first of those.
    """

    clips: int
    answered: int
    long: int
    unread: int
    problems: tuple[tuple[str, str], ...]

    def sentences(self, out: Path, hop: float | None, seconds: float) -> Iterator[str]:
        """Yield what a person should know: first what was done, then what was not.

        Args:
            out: the file of the answers.
            hop: between windows; None for one answer a clip.
            seconds: how much of a recording the voters hear.
        """
        if hop is None:
            yield f"{out}: {count(self.answered, 'clip')} classified"
        else:
            of = count(self.clips, "recording")
            yield f"{out}: {count(self.answered, 'window')} of {of} classified"
        if self.long:
            yield (
                f"{count(self.long, 'recording')} of more than {LONG:g} times {seconds:g} s: only "
                f"the beginning of each was heard; --hop {seconds:g} classifies all of it, window "
                "by window"
            )
        if self.unread:
            what = "clip" if hop is None else "row"
            lines = [f"{count(self.unread, what)} without a label:"]
            lines += [f"  {path!r}: {reason}" for path, reason in self.problems]
            if more := self.unread - len(self.problems):
                lines.append(f"  ... and {more} more, in the column `problem`")
            yield "\n".join(lines)


def deliver(
    rows: Iterable[Row], out: Path, classes: Sequence[str], labels: Path | None = None
) -> Delivery:
    """Write answers as they come; nothing but a few problems is kept of them.

    Args:
        rows: of `Answers` or of `rows_of_windows`; those of one recording stand together.
        out: a CSV file, or JSON if its name ends so.
        classes: labels by class index.
        labels: a folder for label files, one a recording.
    """
    tracks = LabelTracks(labels) if labels else None
    problems: list[tuple[str, str]] = []
    clips = answered = long = unread = 0
    last = None

    def seen() -> Iterator[Row]:
        nonlocal clips, answered, long, unread, last
        for row in rows:
            clips += row["id"] != last
            last = row["id"]
            answered += bool(row["category"])
            long += bool(row.pop(BEGINNING, ""))
            if row["problem"]:
                unread += 1
                if len(problems) < SHOWN:
                    problems.append((row["path"], row["problem"]))
            if tracks:
                tracks.add(row)
            yield row
        if tracks:
            tracks.finish()

    save_rows(out, seen(), classes)
    return Delivery(
        clips=clips, answered=answered, long=long, unread=unread, problems=tuple(problems)
    )
