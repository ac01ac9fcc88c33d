"""The errors that a person reads instead of a traceback."""


class PipelineError(Exception):
    """An error whose message says what came, what was expected and what to do."""


class InputError(PipelineError):
    """Data, a grid, a setting or a folder that the person who launched can mend."""


class NotReadyError(PipelineError):
    """What a stage starts from is not there, because an earlier stage did not make it."""


class DamagedFileError(PipelineError):
    """A file under its final name cannot be read back as what was written."""


class BusyError(PipelineError):
    """Somebody else owns this folder right now."""
