"""Report: what came out, as a page to be looked at and as numbers."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.data.dataset import LABELLED, TEST
from jobs.errors import DamagedFileError
from jobs.files import read_json
from jobs.ownership import owning
from jobs.report.content import FORMAT
from jobs.schema import fingerprint
from pipeline.planning.resources import Resources
from pipeline.stages.estimate import ESTIMATE
from pipeline.stages.stage import Stage, Wait

if TYPE_CHECKING:
    from jobs.report.content import Report, ShownClip
    from pipeline.planning.plan import OpenedPlan

# Of all clips of a page; the others are linked.
MOST_EMBEDDED, MOST_EMBEDDED_BYTES = 60, 15_000_000


class ReportStage(Stage):
    """One item. It says what there is, and which runs are missing."""

    name = "report"
    does = "a page to be looked at"
    script = "vote"
    waits_for = Wait(ESTIMATE, "end")
    default = Resources(cpus=1, mem_gb=8, timeout_min=60)
    repeats = True

    def missing(self, opened: "OpenedPlan") -> list[int]:
        workspace = opened.workspace
        try:
            made_from = read_json(workspace.report_numbers)["made_from"]
        except (FileNotFoundError, DamagedFileError, KeyError, TypeError):
            return [0]
        is_current = made_from == made_from_of(opened) and workspace.report.exists()
        return [] if is_current else [0]

    def do(self, opened: "OpenedPlan", item: int, cpus: int) -> None:
        from threadpoolctl import threadpool_limits

        from pipeline.stages.report_content import report_of

        with owning(opened.workspace.lock(self.name)), threadpool_limits(1):
            stages = [*reversed(self.before()), self]
            there = [stage for stage in stages if stage.is_part_of(opened)]
            missing = [
                f"{stage.name}, {stage.title(opened, item)}"
                for stage in there[:-1]
                for item in stage.missing(opened)
            ]
            write_report(opened, report_of(opened, there, missing, made_from_of(opened)))


def made_from_of(opened: "OpenedPlan") -> str:
    """Return the fingerprint of the files that a report is made of."""
    workspace = opened.workspace
    paths = [
        workspace.ensemble, workspace.estimate, workspace.labels_to_check, workspace.quarantine,
        workspace.audit / "audit.json", workspace.manifest, *workspace.launches.glob("rung-*.json"),
        *(opened.run(number).done for number in range(len(opened.plan.runs))),
    ]  # fmt: skip
    plan = opened.plan
    names = [[run.name, run.of, run.signature] for run in plan.runs]
    return fingerprint([FORMAT, plan.grid, names, [_sha256(p) for p in sorted(paths)]])


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""


def write_report(opened: "OpenedPlan", report: "Report") -> None:
    """Write the page, then the numbers, which say that both are there."""
    from jobs.report.media import Media, link, media_of
    from jobs.report.page import write_page
    from pipeline.stages.report_content import feature_sets_to_look_at

    sets, results = feature_sets_to_look_at(opened), report.results
    workspace, sides = opened.workspace, opened.dataset.sides
    folder, embedded, size = workspace.report.parent, 0, 0
    heard: dict[str, list[tuple[ShownClip, Media]]] = {}
    for name, clips in (
        ("wrong", results.wrong), ("labels", results.labels), ("disputed", results.disagreeing)
    ):  # fmt: skip
        heard[name] = []
        for clip in clips:
            if clip.side not in sets:
                continue
            embed = embedded < MOST_EMBEDDED and size < MOST_EMBEDDED_BYTES
            media = media_of(clip, sides[clip.side], sets[clip.side], folder, embed)
            embedded += media.is_embedded
            size += len(media.sound) + len(media.picture)
            heard[name].append((clip, media))

    def link_of(side: str, path: str) -> str:
        return link(sides[TEST if side == TEST else LABELLED].root / path, folder)

    write_page(workspace.report, report, heard, link_of)
    report.save(workspace.report_numbers)


REPORT = ReportStage()
