"""The errors that a person reads instead of a traceback."""


class InputError(Exception):
    """Data, a grid, a setting or a folder that the person who launched can mend.

    The message says what came, what was expected and what to do.
    """


class NotReadyError(Exception):
    """What a stage starts from is not there, because an earlier stage did not make it."""


class DamagedFileError(Exception):
    """A file under its final name cannot be read back as what was written."""


class BusyError(Exception):
    """Somebody else owns this folder right now."""
