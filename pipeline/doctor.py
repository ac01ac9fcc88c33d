"""`python -m pipeline.doctor`: what would keep a launch from running here, and what to do."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from jobs.data.workspace import Workspace
from jobs.errors import InputError
from jobs.files import replacing
from jobs.words import count
from pipeline.command import EXIT_FAILED, command
from pipeline.diagnosis import cluster, machine
from pipeline.diagnosis.finding import Finding, Level
from pipeline.diagnosis.new_site import site_text
from pipeline.diagnosis.probe import probe
from pipeline.executors import slurm_command
from pipeline.executors.choosing import name_of_site, with_what_is_yours
from pipeline.pages import console
from pipeline.planning.opening import DEFAULT_OUT
from pipeline.planning.site import LOCAL

STYLES: dict[Level, str] = {"ok": "green", "warning": "yellow", "failure": "red"}


def main(
    out: Annotated[
        Path, typer.Option(help="Output folder that a launch would write.")
    ] = DEFAULT_OUT / "doctor",
    site: Annotated[str | None, typer.Option(help="As for launch.")] = None,
    site_settings: Annotated[
        list[str] | None, typer.Option("--site-set", metavar="KEY=VALUE", help="As for launch.")
    ] = None,
    probing: Annotated[
        bool, typer.Option("--probe", help="Send a job to look at a node and to be requeued.")
    ] = False,
    patience: Annotated[
        float, typer.Option(min=1, help="Seconds that the probe may wait in the queue.")
    ] = 600,
    new_site: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Write NAME.yaml from what the cluster says of itself."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> int:
    """Look at this machine and its cluster; the exit code is 0 where nothing stops a launch."""
    if new_site is not None:
        return _write_site(new_site)
    found: list[Finding] = []
    for finding in _findings(
        Workspace(out.absolute()), site, site_settings or [], probing, patience
    ):
        found.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        console.print_plain(json.dumps([asdict(finding) for finding in found], indent=2))
    else:
        levels = Counter(finding.level for finding in found)
        failures, warnings = (
            count(levels["failure"], "failure"),
            count(levels["warning"], "warning"),
        )
        console.say(f"{failures}, {warnings}, {levels['ok']} ok")
    return EXIT_FAILED if any(finding.level == "failure" for finding in found) else 0


def _findings(
    workspace: Workspace, name: str | None, overrides: list[str], probing: bool, patience_s: float
) -> Iterator[Finding]:
    yield from machine.python_and_packages()
    on_slurm = slurm_command.slurm_is_here() and name != LOCAL
    on_slurm = on_slurm and slurm_command.slurm_is_configured()  # and not the packages alone
    yield from machine.output_folder(workspace, on_slurm)
    if not on_slurm:
        if name not in (None, LOCAL):  # it is checked as far as that goes without its cluster
            yield from cluster.site_file(with_what_is_yours(name, overrides)[0], name)
        yield Finding.warning(
            "Slurm", "no cluster can be reached from here: launches run on this machine",
            "to use a cluster, go to its login node (outside of a container)",
        )  # fmt: skip
        return
    answered = list(cluster.commands())
    yield from answered
    if any(finding.level == "failure" for finding in answered):
        return
    name = name or name_of_site()
    site, said = with_what_is_yours(name, overrides)
    for sentence in said:
        yield Finding.ok("your shell", sentence)
    judged = list(cluster.site_file(site, name))
    yield from judged
    if any(finding.level == "failure" for finding in judged):
        return
    accepted = list(cluster.acceptance(site))
    yield from accepted
    if probing and not any(finding.level == "failure" for finding in accepted):
        yield from probe(workspace, site, patience_s)
    elif not probing:
        yield Finding.warning(
            "probe", "no job was sent", "--probe looks at a node: Python, GPU, signals, requeue"
        )


def _show(finding: Finding) -> None:
    console.say(f"{finding.level:8} {finding.subject}: {finding.said}", style=STYLES[finding.level])
    if finding.remedy:
        console.say(f"         {finding.remedy}")


def _write_site(name: str) -> int:
    path = Path(f"{name}.yaml")
    if not name.replace("-", "").replace("_", "").isalnum():
        raise InputError(f"--new-site {name}: letters, digits, - and _ only")
    if path.exists():
        raise InputError(f"{path} is there already; choose another name")
    text = site_text(name)
    with replacing(path) as temporary:
        temporary.write_text(text)
    console.say(f"{path} is written; look at each line, then: doctor --site {path} --probe")
    return 0


app = command(main)

if __name__ == "__main__":
    app()
