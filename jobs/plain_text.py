"""Text from strangers (names of files, labels, ids) made harmless where people look at it."""

import logging
import re

# What moves a cursor, rings a bell, ends a line, or turns the direction of what follows.
_NOT_ASCII = "\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_CONTROLS = re.compile(f"[\x00-\x1f{_NOT_ASCII}]")
_CONTROLS_BUT_LINES = re.compile(f"[\x00-\x08\x0b-\x1f{_NOT_ASCII}]")
_FORMULA_STARTS = "=+-@\t\r"
# Without one of these a cell that begins with a sign calls no function and no program. Names such
# as -0SdAVK79lg (a video's) are common, and must stay what they are in a submission.
_CALLS = "(|!"
_MARK = "'"


def control_character(text: str) -> str | None:
    """Return the first character of a text that is no part of a name, or None."""
    found = _CONTROLS.search(text)
    return found[0] if found else None


def on_a_terminal(text: str) -> str:
    """Return a text whose control characters are seen and not obeyed; line ends and tabs stay."""
    return _CONTROLS_BUT_LINES.sub(lambda found: repr(found[0])[1:-1], text)


class PlainFormatter(logging.Formatter):
    """Names in a line may come from strangers; no escape sequence of theirs reaches a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return on_a_terminal(super().format(record))


def in_a_cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: such a one gets an apostrophe.

    As OWASP advises against CSV injection. `from_a_cell` gives the text back.
    """
    return _MARK + text if _is_a_formula(text.lstrip(_MARK)) else text


def from_a_cell(text: str) -> str:
    """Return the text that `in_a_cell` was given."""
    return text[1:] if text[:1] == _MARK and _is_a_formula(text.lstrip(_MARK)) else text


def _is_a_formula(text: str) -> bool:
    if not text or text[0] not in _FORMULA_STARTS:
        return False
    return text[0] in "=\t\r" or any(sign in text for sign in _CALLS)
