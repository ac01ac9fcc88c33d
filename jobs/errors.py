"""The errors that a person reads instead of a traceback."""

MOST_QUOTED, LONGEST_MESSAGE = 200, 4000


class PipelineError(Exception):
    """An error whose message says what came, what was expected and what to do."""

    def __init__(self, message: str = "") -> None:
        super().__init__(_shortened(message, LONGEST_MESSAGE))


def quoted(value: object) -> str:
    """Return a value from a user's file as a message quotes it: with marks, and not at length."""
    return _shortened(repr(value), MOST_QUOTED)


def _shortened(text: str, most: int) -> str:
    """Leave out the middle: what to do stands at the end of a message."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]} ... {text[len(text) - most // 2 + 5 :]}"


class InputError(PipelineError):
    """Data, a grid, a setting or a folder that the person who launched can mend."""


class NotReadyError(PipelineError):
    """What a stage starts from is not there, because an earlier stage did not make it."""


class DamagedFileError(PipelineError):
    """A file under its final name cannot be read back as what was written."""


class BusyError(PipelineError):
    """Somebody else owns this folder right now."""


class LostOwnershipError(PipelineError):
    """Somebody else has taken over what this process owned: it must not write any more."""


# torch's allocator for host memory raises a plain RuntimeError that says this, and so does Python
# where a process or a thread cannot be started for want of memory.
ALLOCATION_SIGNS = ("can't allocate memory", "Cannot allocate memory", "can't start new thread")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that the host's memory does not suffice just now."""
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in ALLOCATION_SIGNS)
