"""The command that runs Python in jobs: a container, perhaps, whose parts must be there."""

import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from jobs.errors import InputError
from jobs.process import REPOSITORY
from pipeline.planning.site import Site

CONTAINER = "container.sh"
RUNTIMES = ("apptainer", "singularity")


def python_command(site: Site) -> str | None:
    """Return the site's `python` with the paths of files made absolute; None for our own Python.

    A path counts from the current folder, else from this repository: jobs may start elsewhere.

    Raises:
        InputError: a file that it names is not there, or its quotes are not closed.
    """
    if site.python is None:
        return None
    try:
        words = shlex.split(site.python)
    except ValueError as error:
        raise InputError(f"the site's `python: {site.python}`: {error}") from None
    return shlex.join([_absolute(word, site.python) for word in words])


def _absolute(word: str, whole: str) -> str:
    if "/" not in word or word.startswith("-") or "=" in word or ":" in word:
        return word
    path = Path(word).expanduser()
    for candidate in (path.absolute(), REPOSITORY / path):
        if candidate.exists():
            return str(candidate)
    raise InputError(
        f"the site's `python: {whole}` names {word}, which is not there; give the path of the "
        "wrapper, counted from here or from the repository"
    )


def container_variables(site: Site, around: Mapping[str, str]) -> dict[str, str]:
    """Return IMAGE and OVERLAY for jobs, where they run through slurm/container.sh.

    Args:
        site: its `image` and `overlay` win over the environment's.
        around: the environment.

    Raises:
        InputError: one of them is not given or not there, before a job waits to find that out.
    """
    command = python_command(site)
    if command is None or not any(Path(w).name == CONTAINER for w in shlex.split(command)):
        return {}
    found = {}
    for name, value in {"IMAGE": site.image, "OVERLAY": site.overlay}.items():
        said = value or around.get(name)
        if not said:
            raise InputError(
                f"jobs run through {CONTAINER}, but its {name.lower()} is not given. Set "
                f"`{name.lower()}` in the site's file or your own, or the variable {name}"
            )
        path = Path(os.path.expandvars(said)).expanduser().absolute()
        if not path.exists():
            raise InputError(f"the container's {name.lower()} {path} is not there")
        found[name] = str(path)
    if not site.setup and not any(map(shutil.which, RUNTIMES)):
        raise InputError(
            f"jobs run through {CONTAINER}, and neither {' nor '.join(RUNTIMES)} is here. Load its "
            'module in the site\'s `setup`, for instance ["module load apptainer"]'
        )
    return found
