"""audit.json: everything about the data that can be counted, typed."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from jobs.data.dataset import Dataset
from jobs.errors import DamagedFileError
from jobs.extract.store.feature_set import FeatureSet
from jobs.files import read_json, write_json
from jobs.schema import Schema

FORMAT = 4
SUMMARY = "audit.json"


class AuditInputs(Schema):
    """What was audited: the audit is done again when any of it differs."""

    format: int
    labelled_clips: str
    test_clips: str
    features: dict[str, str]

    @classmethod
    def of(cls, dataset: Dataset, features: Mapping[str, str]) -> "AuditInputs":
        """Args: features: the name of the feature folder of each side; it need not be there."""
        return cls(
            format=FORMAT,
            labelled_clips=dataset.labelled_fingerprint,
            test_clips=dataset.test.fingerprint,
            features=dict(features),
        )


def folders_of(sets: Mapping[str, FeatureSet]) -> dict[str, str]:
    """Return the name of the feature folder of each side."""
    return {side: features.folder.name for side, features in sets.items()}


class ClipCounts(Schema):
    """How many clips there are; `classes` counts the training clips of each."""

    training: int
    test: int
    classes: dict[str, int]


class StatusCounts(Schema):
    """How many clips are whole, hold less than their header says, or have no features."""

    ok: int
    partial: int
    quarantined: int


class Spread(Schema):
    """Least, middle and largest of some values, to four digits."""

    min: float
    median: float
    max: float


class AudioSummary(Schema):
    """The recordings that were decoded: how many of each kind, and the spread of the rest.

    A spread is None where nothing was decoded. Counts are of clips; "wanted" is the length that
    features take.
    """

    sample_rate_hz: dict[str, int]
    channels: dict[str, int]
    codec: dict[str, int]
    bit_rate: Spread | None
    duration_s: Spread | None
    shorter_than_wanted: int
    longer_than_wanted: int
    peak: Spread | None
    rms: Spread | None
    clipped: int
    silent: int
    mostly_silent: int


class AuditSummary(Schema):
    """What an audit found, as audit.json.

    Attributes:
        inputs: what it looked at.
        clips: how many.
        status: what became of them.
        quarantine: clips without features, by reason.
        audio: what the recordings are like.
        duplicates: recordings that occur more than once, by kind and where they lie, and how many
            clips are of them.
        near_duplicates_compared_by: the feature set in which they were looked for, or None.
        clips_that_a_suggested_group_joins: training clips that would get another group.
        warnings: what a score may suffer from, in sentences.
    """

    inputs: AuditInputs
    clips: ClipCounts
    status: StatusCounts
    quarantine: dict[str, int]
    audio: AudioSummary
    duplicates: dict[str, int]
    near_duplicates_compared_by: str | None
    clips_that_a_suggested_group_joins: int
    warnings: tuple[str, ...]

    def save(self, folder: Path) -> None:
        """Write audit.json, which stands for all files of an audit: it comes last."""
        write_json(folder / SUMMARY, self.model_dump(mode="json"))

    @classmethod
    def load(cls, folder: Path) -> "AuditSummary":
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: there is no audit.
            DamagedFileError: the file is not one of ours.
        """
        values = read_json(folder / SUMMARY)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise DamagedFileError(
                f"{folder / SUMMARY} is not an audit of this version; audit again"
            ) from error

    @classmethod
    def current(
        cls, folder: Path, dataset: Dataset, features: Mapping[str, str]
    ) -> "AuditSummary | None":
        """Return the audit in `folder` if it is of these clips and features."""
        try:
            found = cls.load(folder)
        except (FileNotFoundError, DamagedFileError):
            return None
        return found if found.inputs == AuditInputs.of(dataset, features) else None
