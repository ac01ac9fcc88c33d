"""What a prediction in jobs decided: which clips each task classifies, with which model."""

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs.data.layouts.verify import looked_at
from jobs.data.manifest import Clip
from jobs.data.recordings import RecordingFile
from jobs.data.workspace import Workspace
from jobs.errors import DamagedFileError, InputError, NotReadyError
from jobs.files import read_json, write_bytes, write_json
from jobs.inference.classifier import Classifier
from jobs.schema import FINGERPRINT_LENGTH, Fingerprint, Schema, fingerprint
from jobs.trust import make_private
from pipeline.planning.plan import code_hash
from pipeline.planning.site import Site

# What a task does in a minute or two, so that one that is killed loses no more. A recording with
# --hop may be an hour long.
CLIPS_PER_TASK, RECORDINGS_PER_TASK = 1000, 20
COLUMNS = ("id", "path", "bytes", "changed_ns")


class PredictionPlan(Schema):
    """Everything that the tasks of a prediction need to know, as strings and numbers.

    Attributes:
        model: an output folder or an export.
        voters: changes with what votes there.
        listings: of the clips of each task. Recordings are known by path, size and time of change:
            to read a million of them is the jobs' work, not the launcher's.
        hop: seconds between two windows; None for one answer a clip.
        out: the file for all answers.
        labels: the folder for label files, if they are wanted.
        site: what a task may ask for.
        code: a hash of this project's files.
    """

    model: str
    voters: Fingerprint
    listings: tuple[Fingerprint, ...]
    hop: float | None
    out: str
    labels: str | None
    site: Site
    code: str

    @property
    def identity(self) -> str:
        """Changes with what the numbers of tasks mean."""
        return fingerprint([self.voters, list(self.listings), self.hop])


@dataclass(frozen=True)
class OpenedPrediction:
    """A prediction in the folder where its tasks find it."""

    workspace: Workspace
    plan: PredictionPlan

    @classmethod
    def load(cls, workspace: Workspace) -> "OpenedPrediction":
        """Read what `prepared` wrote.

        Raises:
            NotReadyError: no prediction was started there.
            DamagedFileError: by another version of this program.
            InputError: others may have written what lies there.
        """
        workspace.require_ours()
        path = workspace.prediction
        if not path.exists():
            raise NotReadyError(f"{workspace.root} has no plan of a prediction; is it --work?")
        try:
            return cls(workspace, PredictionPlan.checked(read_json(path), str(path)))
        except (InputError, AttributeError, TypeError) as error:
            raise DamagedFileError(
                f"{path} was written by another version of this program; predict again ({error})"
            ) from error

    def save(self) -> None:
        """Make it what tasks do from now on."""
        write_json(self.workspace.prediction, self.plan.model_dump(mode="json"))

    def clips(self, task: int) -> list[Clip]:
        """Return what one task is to classify.

        Raises:
            DamagedFileError: the list is missing, or not the one that was planned.
        """
        planned = self.plan.listings[task]
        path = _listing(self.workspace, task, planned)
        try:
            if _hash(path.read_bytes()) != planned:
                raise DamagedFileError(f"{path} was changed; predict again")
        except FileNotFoundError as error:
            raise DamagedFileError(f"{path} is missing; predict again") from error
        return _clips(path)

    def answers(self, task: int) -> Path:
        """Return where the answers of one task go: another file for other clips or voters."""
        parts = [self.plan.voters, self.plan.listings[task], self.plan.hop]
        return self.workspace.launches / "answers" / f"{fingerprint(parts)}.csv"

    @property
    def delivered(self) -> Path:
        """What came of it, once all answers are in one file. See `Delivery`."""
        return self.workspace.launches / "delivered.json"


def prepared(
    workspace: Workspace,
    model: Path,
    classifier: Classifier,
    clips: Sequence[Clip],
    site: Site,
    out: Path,
    hop: float | None = None,
    labels: Path | None = None,
    per_task: int | None = None,
) -> OpenedPrediction:
    """Write the lists of clips, one for each task; the plan itself is left to `save`.

    Args:
        workspace: the folder for it.
        model: an output folder or an export.
        classifier: what it holds.
        clips: that are asked for, with absolute paths.
        site: what a task may ask for.
        out, hop, labels: see `PredictionPlan`.
        per_task: how many clips each task is to classify.

    Raises:
        InputError: a clip does not exist, or a launch works in that folder.
    """
    if workspace.plan.exists():
        raise InputError(f"{workspace.root} is the output of a launch; choose another --work")
    size = per_task or (CLIPS_PER_TASK if hop is None else RECORDINGS_PER_TASK)
    files = looked_at(Path("/"), clips)
    make_private(workspace.launches)
    listings = []
    for task, first in enumerate(range(0, len(clips), size)):
        part = slice(first, first + size)
        text = _listed(clips[part], files[part])
        listings.append(_hash(text))
        path = _listing(workspace, task, listings[-1])
        if not path.exists():
            write_bytes(path, text)
    plan = PredictionPlan(
        model=str(model),
        voters=classifier.fingerprint,
        listings=tuple(listings),
        hop=hop,
        out=str(out),
        labels=str(labels) if labels else None,
        site=site,
        code=code_hash(),
    )
    return OpenedPrediction(workspace, plan)


def _listing(workspace: Workspace, task: int, fingerprint: str) -> Path:
    # Another list has another name: tasks of an earlier plan may still need theirs.
    return workspace.launches / "clips" / f"{task:05d}-{fingerprint}.csv"


def _listed(clips: Sequence[Clip], files: Sequence[RecordingFile]) -> bytes:
    """Return the list of clips of one task as the bytes of a CSV file."""
    text = io.StringIO()
    rows = ([c.id, c.path, f.size, f.mtime_ns] for c, f in zip(clips, files, strict=True))
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    return text.getvalue().encode()


def _clips(path: Path) -> list[Clip]:
    with path.open(encoding="utf-8", newline="") as file:
        return [Clip(id=r["id"], path=r["path"], where=str(path)) for r in csv.DictReader(file)]


def _hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:FINGERPRINT_LENGTH]
