"""One thing that was looked at."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "failure"]


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was seen, and what to do about it.

    Attributes:
        subject: what was looked at, in a word or two.
        level: a failure stops a launch, a warning may.
        said: what was seen.
        remedy: what to do; "" where nothing is to be done.
    """

    subject: str
    level: Level
    said: str
    remedy: str = ""

    @classmethod
    def ok(cls, subject: str, said: str) -> "Finding":
        return cls(subject, "ok", said)

    @classmethod
    def warning(cls, subject: str, said: str, remedy: str) -> "Finding":
        return cls(subject, "warning", said, remedy)

    @classmethod
    def failure(cls, subject: str, said: str, remedy: str) -> "Finding":
        return cls(subject, "failure", said, remedy)
