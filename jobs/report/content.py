"""Everything that a report says, typed: report.json, and what report.html is drawn from."""

from pathlib import Path
from typing import Any, Literal

from jobs.errors import DamagedFileError, InputError
from jobs.files import read_json, write_json
from jobs.schema import Schema

FORMAT = 2
Side = Literal["train", "validation", "holdout", "test"]


class Entry(Schema):
    """One hyper-parameter set of the grid.

    Attributes:
        name: as the grid has it.
        settings: those in which it differs from the defaults.
        accuracy, loss: of its best candidate on the validation clips; None if it has none.
        epoch, epochs: of that candidate, and how many were planned.
        state: how its training ended, in words.
        votes: how many it has in the ensemble.
    """

    name: str
    settings: dict[str, Any]
    accuracy: float | None
    loss: float | None
    epoch: int | None
    epochs: int
    state: str
    votes: int


class Curve(Schema):
    """Accuracy over the epochs of one run; `chosen` are the epochs that vote."""

    name: str
    entry: int
    epochs: tuple[int, ...]
    training: tuple[float, ...]
    validation: tuple[float, ...]
    chosen: tuple[int, ...]


class Class(Schema):
    """One class: its clips, and how the ensemble does on those that validate."""

    label: str
    name: str
    clips: int
    support: int
    precision: float | None
    recall: float | None
    f1: float | None


class VoterRow(Schema):
    """A voter alone, and the ensemble without it; on the validation clips."""

    title: str
    times: int
    accuracy: float | None
    without: float | None


class Bin(Schema):
    """Clips of about one confidence, and how often they are right."""

    confidence: float
    accuracy: float
    clips: int


class ShownClip(Schema):
    """A clip that is worth a look and an ear.

    Attributes:
        side: labelled or test.
        position: on that side.
        id, path: of the clip.
        label: as it is labelled; "" of a test clip.
        said: what the ensemble, or the voters, say.
        note: in a few words, why it is shown.
    """

    side: Literal["labelled", "test"]
    position: int
    id: str
    path: str
    label: str
    said: str
    note: str


class Point(Schema):
    """A clip on the map; `kind` is a class index, -1 of a test clip."""

    x: float
    y: float
    kind: int
    side: Side
    id: str
    path: str


class Ensemble(Schema):
    """The ensemble on the validation clips."""

    rule: str
    clips: int
    accuracy: float
    confusion: tuple[tuple[int, ...], ...]
    voters: tuple[VoterRow, ...]
    agreement: tuple[tuple[float, ...], ...]
    bins: tuple[Bin, ...]


class Data(Schema):
    """What is known of the data."""

    folder: str
    labelled: int
    test: int
    validation: int
    quarantine: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


class Results(Schema):
    """What is the same, byte for byte, whatever was killed on the way.

    Attributes:
        grid: its name.
        complete: whether nothing is left to do.
        sentence: the honest estimate; "" if there is none yet.
        low, high, naive, corrected: its numbers, in shares of 1.
        beside: sentences that stand beside it: the score on clips held out, for one.
        warnings: what speaks against it.
        assumed: what it takes for granted.
        classes, entries, curves, ensemble, data, points: see there.
        wrong, labels, disagreeing: clips to look at.
        settings: how to do it again.
    """

    grid: str
    complete: bool
    sentence: str
    naive: float | None
    corrected: float | None
    low: float | None
    high: float | None
    beside: tuple[str, ...]
    warnings: tuple[str, ...]
    assumed: tuple[str, ...]
    classes: tuple[Class, ...]
    entries: tuple[Entry, ...]
    curves: tuple[Curve, ...]
    ensemble: Ensemble | None
    wrong: tuple[ShownClip, ...]
    labels: tuple[ShownClip, ...]
    disagreeing: tuple[ShownClip, ...]
    points: tuple[Point, ...]
    data: Data
    settings: dict[str, Any]


class Task(Schema):
    """One task that was done: when, where, how long it waited, what it took."""

    stage: str
    title: str
    host: str
    started: float
    ended: float
    waited_s: float | None
    restarts: int
    memory_gb: float
    memory_asked_gb: float | None


class Circumstances(Schema):
    """What differs from launch to launch: times, hosts, versions; what is left to do and why."""

    made: float
    tasks: tuple[Task, ...]
    training_s: dict[str, float]
    hardware: tuple[str, ...]
    versions: dict[str, str]
    missing: tuple[str, ...]


class Report(Schema):
    """All of it; `made_from` is a fingerprint of the files that the results were taken from."""

    format: int
    made_from: str
    results: Results
    circumstances: Circumstances

    def save(self, path: Path) -> None:
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path) -> "Report":
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: there is none.
            DamagedFileError: it is not one of this version.
        """
        try:
            return cls.checked(read_json(path), str(path))
        except (InputError, AttributeError, TypeError) as error:
            raise DamagedFileError(f"{path} is of another version ({error})") from error
