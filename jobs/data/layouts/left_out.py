"""What lies in a data folder and is no clip: counted, so that nothing is left out in silence."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePosixPath

from jobs.data.dataset import Dataset
from jobs.data.layouts.listing import What, walk
from jobs.errors import quoted
from jobs.words import count

SHOWN = 4


@dataclass(frozen=True)
class LeftOut:
    """The files below a data folder that no clip is made of.

    Attributes:
        unlisted: sound files that belong to neither side, relative to the data folder.
        no_sound: how many other files there are of each suffix, "" for none.
        hidden: how many files and folders have names that begin with a dot.
        loops: links that lead back to a folder above them.
    """

    unlisted: tuple[str, ...] = ()
    no_sound: tuple[tuple[str, int], ...] = ()
    hidden: int = 0
    loops: tuple[str, ...] = ()

    @classmethod
    def of(cls, dataset: Dataset, lists: Collection[str] = ()) -> "LeftOut":
        """Walk through the data folder once more and compare.

        Args:
            dataset: what was read from it.
            lists: the files that named its clips, relative to the data folder.

        Raises:
            InputError: a link leads nowhere.
            OSError: a folder cannot be read.
        """
        clips = {clip.path for side in dataset.sides.values() for clip in side.clips}
        found: dict[What, list[str]] = {what: [] for what in What}
        for each in walk(dataset.root, sniff=False):
            if each.path not in clips and each.path not in lists:
                found[each.what].append(each.path)
        suffixes = Counter(PurePosixPath(path).suffix.lower() for path in found[What.NO_SOUND])
        return cls(
            unlisted=tuple(sorted(found[What.SOUND])),
            no_sound=tuple(suffixes.most_common()),
            hidden=len(found[What.HIDDEN]),
            loops=tuple(sorted(found[What.LOOP])),
        )

    @property
    def lines(self) -> list[str]:
        """What was left out, and what to do about it; nothing if nothing was."""
        said = []
        if self.unlisted:
            said.append(
                f"{count(len(self.unlisted), 'sound file')} that no list and no class or test "
                f"folder holds, such as {quoted(self.unlisted[0])}: list them, or move them out"
            )
        if self.no_sound:
            total = sum(number for _, number in self.no_sound)
            shown = [f"{number} {suffix or 'without suffix'}" for suffix, number in self.no_sound]
            rest = [f"{len(shown) - SHOWN} more kinds"] if len(shown) > SHOWN else []
            said.append(
                f"{count(total, 'file')} that {'is' if total == 1 else 'are'} not audio "
                f"({', '.join(shown[:SHOWN] + rest)}): nothing to do, unless one of them is a "
                "recording that has lost its suffix"
            )
        if self.hidden:
            said.append(f"{count(self.hidden, 'hidden file')} (.name): rename what is a recording")
        if self.loops:
            said.append(
                f"{count(len(self.loops), 'link')} to a folder above, such as "
                f"{quoted(self.loops[0])}: remove what is not needed"
            )
        return said
