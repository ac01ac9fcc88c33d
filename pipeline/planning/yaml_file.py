"""Reading YAML that a person wrote: safe, `1e-3` is a number, a doubled key is an error."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from jobs.errors import InputError
from jobs.schema import unknown_setting

# YAML 1.2's floats: PyYAML knows those of 1.1, in which `1e-3` is text for want of a dot.
_FLOAT = re.compile(
    r"[-+]?(\d+\.\d*|\.\d+)([eE][-+]?\d+)?|[-+]?\d+[eE][-+]?\d+"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)


@dataclass(frozen=True)
class YamlFile:
    """A mapping read from a file, and the line on which each of its keys stands."""

    path: Path
    values: dict[str, Any]
    lines: dict[str, int] = field(default_factory=dict)

    def where(self, key: str | None = None) -> str:
        """Return `file:line` of a key, for a message."""
        line = self.lines.get(key) if key is not None else None
        return f"{self.path}:{line}" if line else str(self.path)


# What a person writes is far below these; above them a few bytes would hold a launch for ever.
MOST_DEPTH = 20
MOST_BYTES = 1_000_000


class _Loader(yaml.SafeLoader):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.key_lines: dict[str, int] = {}
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        line = event.start_mark.line + 1
        # Aliases of aliases double with every line: 484 bytes of them are a billion values.
        if isinstance(event, yaml.AliasEvent):
            raise InputError(f"line {line}: `*{event.anchor}`: write the value out, without alias")
        if self._depth == MOST_DEPTH:
            raise InputError(f"line {line}: nested more than {MOST_DEPTH} levels deep")
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if key in seen:
                raise InputError(f"line {line}: `{key}` appears twice; keep one")
            seen.add(key)
            self.key_lines.setdefault(str(key), line)
        return super().construct_mapping(node, deep)


# Nor does 1.2 know 010 as 8 or 1:30 as 90.
_INT = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
_REPLACED = ("tag:yaml.org,2002:float", "tag:yaml.org,2002:int")

_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag not in _REPLACED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    _REPLACED[1], re.compile(rf"^({_INT.pattern})$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    _REPLACED[0], re.compile(rf"^({_FLOAT.pattern})$"), list("-+0123456789.")
)


def read_yaml(path: Path) -> YamlFile:
    """Read a YAML mapping.

    Raises:
        InputError: no such file, not UTF-8, not YAML, not a mapping, a doubled key.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} has more than {MOST_BYTES:,} bytes; that is no YAML of ours")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        beside = sorted(p.name for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        hint = f"; in {path.parent} are: {', '.join(beside)}" if beside else ""
        raise InputError(f"there is no file {path}{hint}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    values, lines = _parsed(text, str(path))
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected `key: value` lines; got {type(values).__name__}")
    return YamlFile(path, {str(key): value for key, value in values.items()}, lines)


def parse_value(text: str, where: str) -> Any:
    """Read one value as YAML reads it: `1e-3`, `true`, `[1, 2]`, `{a: 1}`, text.

    Raises:
        InputError: it is not YAML.
    """
    return _parsed(text, where)[0]


def parse_settings(
    texts: Iterable[str], valid: Iterable[str], option: str, example: str
) -> dict[str, Any]:
    """Read `key=value` texts of a command line's option.

    Args:
        texts: as typed.
        valid: the keys there are.
        option: what they were given to, for messages: `--set`.
        example: of a right one.

    Raises:
        InputError: no `=`, an unknown key (with the nearest valid one), a value that is not YAML.
    """
    names, values = tuple(valid), {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals:
            raise InputError(
                f"{option} {text}: expected key=value, for instance {option} {example}"
            )
        if key not in names:
            raise InputError(f"{option} {text}: {unknown_setting(key, names)}")
        values[key] = parse_value(value, f"{option} {text}")
    return values


def _parsed(text: str, where: str) -> tuple[Any, dict[str, int]]:
    try:
        loader = _Loader(text)
    except yaml.YAMLError as error:
        raise InputError(f"{where}: not valid YAML: {error}") from None
    try:
        values = loader.get_single_data()
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InputError(f"{where}{line}: not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise InputError(f"{where}: not valid YAML: {error}") from None
    finally:
        loader.dispose()
    return values, loader.key_lines
