"""Which results were scored on clips held out: whoever looks again and again chooses by them."""

import logging
from pathlib import Path

from pydantic import Field

from jobs.data.manifest import Manifest
from jobs.errors import DamagedFileError, InputError
from jobs.files import read_json, set_aside, write_json
from jobs.schema import Schema

log = logging.getLogger(__name__)


class Scored(Schema):
    """Which results were scored on clips that were held out.

    Attributes:
        clips: of each holdout, by its fingerprint, what its clips are known by.
        results: of each holdout the results, by their voters.
    """

    clips: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    results: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    def save(self, path: Path) -> None:
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path) -> "Scored":
        """Read what is remembered: nothing, if there is no such file or it is damaged."""
        try:
            return cls.checked(read_json(path), str(path))
        except FileNotFoundError:
            return cls()
        except (DamagedFileError, InputError) as error:
            set_aside(path)
            log.warning("%s; it is set aside, and results are counted anew", error)
            return cls()

    def and_by(self, held_out: Manifest, voters: str) -> "Scored":
        """Return the same with one result more; one that is known already counts once."""
        name, known = held_out.fingerprint, self.results.get(held_out.fingerprint, ())
        if voters in known:
            return self
        return Scored(
            clips=self.clips | {name: _known_by(held_out)},
            results=self.results | {name: (*known, voters)},
        )

    def on(self, held_out: Manifest) -> int:
        """Return how many results were scored on any of these clips.

        A holdout is hardly another one for a clip that was dropped: who saw the score of the rest
        has seen most of this one's.
        """
        ours = set(_known_by(held_out))
        seen = {name for name, clips in self.clips.items() if not ours.isdisjoint(clips)}
        # What an earlier version remembered has no clips, only their fingerprint.
        seen.add(held_out.fingerprint)
        return len({voters for name in seen for voters in self.results.get(name, ())})


def _known_by(held_out: Manifest) -> tuple[str, ...]:
    return tuple(clip.sha256 or clip.id for clip in held_out.clips)
