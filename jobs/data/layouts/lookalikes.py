"""Names that look alike: labels that a person takes for one, files that are spelled otherwise."""

import os
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from jobs.errors import InputError, quoted

SHOWN = 3


def seen_as(text: str) -> str:
    """Return what a person sees of a text: composed (NFC), without what is invisible.

    Invisible are format characters (joiners, marks of direction, the soft hyphen) and spaces of
    odd widths, which look like a space, at the ends like nothing.
    """
    composed = unicodedata.normalize("NFC", text)
    shown = (c for c in composed if unicodedata.category(c) not in ("Cf", "Cc", "Cn"))
    return " ".join("".join(" " if c.isspace() else c for c in shown).split())


def require_distinct(labels: Iterable[tuple[str, str]]) -> None:
    """Refuse labels that differ only in what nobody sees.

    Args:
        labels: each label with the place that gives it.

    Raises:
        InputError: names both, as their characters.
    """
    first: dict[str, tuple[str, str]] = {}
    for label, where in labels:
        before, place = first.setdefault(seen_as(label), (label, where))
        if before != label:
            raise InputError(
                f"{where}: the label {label!a} looks like {before!a} at {place}, but they differ "
                "in an invisible or a composed character; spell both the same way"
            )


def differing_in_case(labels: Iterable[str]) -> list[str]:
    """Return a note for labels that differ in their letters' case alone."""
    spellings: dict[str, list[str]] = {}
    for label in labels:
        spellings.setdefault(label.casefold(), []).append(label)
    alike = [" and ".join(map(quoted, found)) for found in spellings.values() if len(found) > 1]
    if not alike:
        return []
    more = f" and {len(alike) - SHOWN} more" if len(alike) > SHOWN else ""
    return [f"labels that differ in letter case alone are classes of their own: "
            f"{', '.join(alike[:SHOWN])}{more}"]  # fmt: skip


def near_miss(root: Path, path: str) -> str | None:
    """Return how a file is spelled that is there, for one that is not; None if none is like it.

    Tried are slashes for backslashes, other letter case, and other forms of accents.
    """
    found, folder = "", os.fspath(root)
    for part in path.replace("\\", "/").split("/"):
        name = _spelled(folder, part)
        if name is None:
            return None
        found, folder = f"{found}/{name}" if found else name, os.path.join(folder, name)
    return found


def _spelled(folder: str, name: str) -> str | None:
    try:
        names: Sequence[str] = os.listdir(folder)
    except OSError:
        return None
    if name in names:
        return name
    wanted = seen_as(name).casefold()
    return next((other for other in names if seen_as(other).casefold() == wanted), None)
