"""What a user wants of every job, wherever they say it: a file of their own, their shell."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobs.errors import InputError, quoted
from jobs.schema import unknown_setting
from pipeline.planning.site import Site, known_sites, stage_names
from pipeline.planning.yaml_file import read_yaml

FOLDER = "clip-pipeline"
# sbatch takes these for options. Here they count only where the site is silent.
OF_SBATCH = {
    "SBATCH_ACCOUNT": "account",
    "SBATCH_PARTITION": "partition",
    "SBATCH_QOS": "qos",
    "SBATCH_WCKEY": "wckey",
    "SBATCH_RESERVATION": "reservation",
}


def personal_file() -> Path:
    """Return where a user keeps what is their own on each cluster: account, image, overlay."""
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / FOLDER / "site.yaml"


def personal_settings(site: str) -> dict[str, Any]:
    """Return the fields of a site that the user's own file sets, if there is one.

    Its keys are a site's; those below the name of a site are for that site alone:

        image: /scratch/me/cuda.sif
        torch: {account: torch_pr_123_general}

    Args:
        site: the name of the site that is used.

    Raises:
        InputError: the file is no YAML mapping, or what stands below a site's name is none.
    """
    path = personal_file()
    if not path.exists():
        return {}
    file, sites = read_yaml(path), set(known_sites())
    general = {key: value for key, value in file.values.items() if key not in sites}
    own = file.values.get(site, {}) if site in sites else {}
    if not isinstance(own, dict):
        raise InputError(
            f"{file.where(site)}: expected fields such as {{account: abc}}; got {quoted(own)}"
        )
    valid = {*Site.model_fields, *stage_names()}
    for key in (*general, *own):
        if key not in valid:
            raise InputError(f"{file.where(key)}: {unknown_setting(key, valid)}")
    return general | own


def with_wishes(site: Site, around: Mapping[str, str]) -> tuple[Site, list[str]]:
    """Return the site with what a shell's SBATCH_* variables ask for, and what to say of them.

    Args:
        site: as files and options make it.
        around: the environment.

    Returns:
        The site, and a sentence for each variable: taken as a wish, or passed on to no job.
    """
    taken, said = {}, []
    for name in sorted(name for name in around if name.startswith("SBATCH_")):
        field = OF_SBATCH.get(name)
        if field is None:
            said.append(f"{name} in your shell is not passed on to jobs")
        elif getattr(site, field) is None:
            taken[field] = around[name]
            said.append(f"`{field}: {around[name]}` is taken from {name} in your shell")
        elif getattr(site, field) != around[name]:
            said.append(f"{name} in your shell is ignored: the site says `{field}`")
    return Site.checked(site.model_dump() | taken, "your shell's SBATCH_ variables"), said
