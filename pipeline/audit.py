"""`python -m pipeline.audit DATA`: what is wrong with the data, before anything trains on it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.data.layouts import read_data
from jobs.data.manifest import Manifest
from jobs.data.workspace import Workspace
from jobs.errors import BusyError, DamagedFileError, InputError, NotReadyError
from jobs.extract.config import FeatureConfig
from jobs.extract.shard import ShardName
from jobs.files import read_json
from jobs.ownership import owning
from pipeline import console
from pipeline.plan import default_shards
from pipeline.site import Resources
from pipeline.space import make_writable

DEFAULT_OUT = Path("work/audit")
SHOWN = 10

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    data: Annotated[Path, typer.Argument(help="Data folder, in any layout that launch takes.")],
    out: Annotated[
        Path,
        typer.Option(
            help="Where features and findings go. The --out of a launch has them already."
        ),
    ] = DEFAULT_OUT,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the findings for programs.")
    ] = False,
) -> None:
    """Decode every clip and tell what scores may suffer from.

    Durations, sample rates, peaks, silence, clips that cannot be decoded, and recordings that occur
    twice: byte for byte, or encoded again, shifted by up to 0.25 s, louder or softer.
    """
    try:
        workspace = Workspace(out.absolute())
        manifest = read_data(data)
        make_writable(workspace.root)
        _audit(workspace, manifest)
    except (InputError, NotReadyError, BusyError, DamagedFileError, OSError) as error:
        console.complain(str(error))
        raise typer.Exit(2) from None
    findings = read_json(workspace.audit / "audit.json")
    if as_json:
        console.print_plain((workspace.audit / "audit.json").read_text(encoding="utf-8"))
    else:
        show(findings, workspace.audit)


def _audit(workspace: Workspace, manifest: Manifest) -> None:
    """Extract v1 of all clips unless it is there, and write the findings."""
    from jobs.audit.files import is_audited, write_findings
    from jobs.audit.findings import Findings
    from jobs.extract.extractor import extract_shards
    from jobs.extract.feature_set import FeatureSet, is_indexed
    from jobs.extract.index import build_index

    root, config = workspace.features_root, FeatureConfig()
    cpus = Resources(mem_gb=1, timeout_min=1).cpus_here()
    with owning(workspace.index_lock):
        if not is_indexed(root, manifest, config):
            shards = default_shards(len(manifest))
            for index in range(shards):
                extract_shards(manifest, [config], ShardName(index, shards), root, cpus)
            build_index(manifest, config, shards, root, cpus)
    with owning(workspace.audit_lock):
        features = FeatureSet.open(root, manifest, config)
        if not is_audited(workspace.audit, manifest, features):
            write_findings(workspace.audit, Findings.of(manifest, features), features)


def show(findings: dict[str, Any], folder: Path) -> None:
    """Print the findings as tables and sentences."""
    clips, audio = findings["clips"], findings["audio"]
    console.heading(f"{clips['training']} training clips, {clips['test']} test clips")
    share = {label: 100 * count / clips["training"] for label, count in clips["classes"].items()}
    classes = [(k, str(n), f"{share[k]:.1f} %") for k, n in clips["classes"].items()]
    console.table(("class", "clips", "share"), classes)
    console.heading("Audio")
    console.table(
        ("", ""), [(name.replace("_", " "), _told(value)) for name, value in audio.items()]
    )
    console.heading("Clips")
    status = findings["status"]
    reasons = list(findings["quarantine"].items())[:SHOWN]
    kinds = [
        ("whole", str(status["ok"])),
        ("shorter than the header says", str(status["partial"])),
        ("cannot be used", str(status["quarantined"])),
        *((f"  {reason}", str(count)) for reason, count in reasons),
    ]
    console.table(("", "clips"), kinds)
    console.heading("Recordings that occur twice")
    pairs = [(name.replace("_", " "), str(n)) for name, n in findings["duplicates"].items()]
    console.table(("", "pairs"), pairs or [("none", "0")])
    console.say()
    for sentence in findings["warnings"]:
        console.warn(sentence)
    console.say(f"  every clip: {folder / 'clips.csv'}")
    console.say(f"  every pair: {folder / 'duplicates.csv'}")
    if (folder / "train.csv").exists():
        console.say(f"  suggested groups: {folder / 'train.csv'}; copy it into the data folder")


def _told(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    if set(value) == {"min", "median", "max"}:
        return f"{value['min']:g} to {value['max']:g}, median {value['median']:g}"
    return ", ".join(f"{key}: {count}" for key, count in value.items()) or "–"


if __name__ == "__main__":
    app()
