"""The base of every typed configuration: unknown keys and wrong types are refused by name."""

import difflib
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from jobs.errors import MOST_QUOTED, InputError, quoted

FINGERPRINT_LENGTH = 16
# What names a folder is checked where it is read: a name such as ../../elsewhere leads out of it.
Fingerprint = Annotated[str, Field(pattern=rf"^[0-9a-f]{{{FINGERPRINT_LENGTH}}}$")]


class Schema(BaseModel):
    """A frozen set of named, typed, documented values."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_booleans_as_numbers(cls, values: Any) -> Any:
        # pydantic reads True as 1, and YAML reads a bare `yes` as True.
        for name, value in values.items() if isinstance(values, Mapping) else ():
            field = cls.model_fields.get(name)
            if isinstance(value, bool) and field and field.annotation in _NUMBERS:
                raise ValueError(f"`{name}` must be a number; got {str(value).lower()}")
        return values

    @classmethod
    def checked(cls, values: Mapping[str, Any], where: str | Callable[[str], str]) -> Self:
        """Validate `values`, naming `where` they came from in the error.

        Args:
            values: by setting.
            where: they came from, or a function from a setting to where it was written.

        Raises:
            InputError: an unknown key (with the nearest valid one) or a wrong value.
        """
        source = where if callable(where) else lambda _: where
        for name in values:
            if name not in cls.model_fields:
                sentence = unknown_setting(str(name), cls.model_fields)
                raise InputError(f"{source(str(name))}: {sentence}")
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            name, sentence = _first_mistake(error)
            raise InputError(f"{source(name)}: {sentence}") from None


_NUMBERS = (int, float, int | None, float | None)


def unknown_setting(name: str, valid: Iterable[str]) -> str:
    """Return the sentence for a key that does not exist, with the nearest one that does."""
    return f"`{name[:MOST_QUOTED]}` is not a setting; {nearest(name, valid)}"


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return `did you mean ...?` for a near miss of a valid name, else all valid names."""
    names = list(valid)
    found = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    if found:
        return f"did you mean `{found[0]}`?"
    return f"valid ones are: {', '.join(sorted(names))}"


def fingerprint(value: Any) -> str:
    """Return the first 16 hex digits of the SHA-256 of `value` as canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:FINGERPRINT_LENGTH]


def _first_mistake(error: ValidationError) -> tuple[str, str]:
    """Return the setting that is wrong ("" if it is several together) and what is wrong."""
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if not name:
        return "", message
    setting = name.split(".")[0]
    return setting, f"`{name}`: {message[0].lower()}{message[1:]}; got {quoted(first['input'])}"
