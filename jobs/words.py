"""Numbers as a sentence has them: counts with their nouns, and lengths of time."""


def count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 job`, `2 jobs`, `3 classes`."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def are(number: int) -> str:
    """Return the verb after a count: `1 clip is`, `2 clips are`."""
    return "is" if number == 1 else "are"


def were(number: int) -> str:
    """Return the verb after a count: `1 clip was`, `2 clips were`."""
    return "was" if number == 1 else "were"


def duration(seconds: float) -> str:
    """Return a length of time: `2 h 05 min`, `3 min 20 s`, `7 s`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
