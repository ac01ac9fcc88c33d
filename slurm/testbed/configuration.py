"""Slurm's files of configuration: templates with names filled in, and settings that are changed."""

import re
import string
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent
FILES = ("slurm.conf", "slurmdbd.conf", "gres.conf")
SECRET = {"slurmdbd.conf"}


def write(folder: Path, values: Mapping[str, str], changes: Mapping[str, str]) -> None:
    """Write every file of configuration.

    Args:
        folder: where Slurm looks for them.
        values: what the templates' marked names stand for.
        changes: settings of slurm.conf by their beginning (`TaskPlugin`, `PartitionName=main`),
            each with the line's rest; what the template does not set is added.
    """
    for name in FILES:
        text = string.Template((HERE / name).read_text()).substitute(values)
        if name == "slurm.conf":
            text = changed(text, changes)
        path = folder / name
        path.touch(mode=0o600 if name in SECRET else 0o644)
        path.write_text(text)


def changed(text: str, changes: Mapping[str, str]) -> str:
    """Return slurm.conf's text with other settings; Slurm complains of one that is set twice."""
    for beginning, rest in changes.items():
        separator = " " if "=" in beginning else "="
        line = f"{beginning}{separator}{rest}"
        before = re.search(rf"^{re.escape(beginning)}{separator}.*$", text, re.MULTILINE)
        if before is None:
            text = f"{text}{line}\n"
        else:
            text = f"{text[: before.start()]}{line}{text[before.end() :]}"
    return text
