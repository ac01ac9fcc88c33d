"""report.html: one file that needs nothing else."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from jobs.files import write_text
from jobs.report import charts
from jobs.report.content import Class, Report, Results, ShownClip
from jobs.report.media import Media
from jobs.report.swept import swept
from jobs.report.timeline import timeline
from jobs.words import duration

SIDES = ("train", "validation", "holdout", "test")
Heard = Sequence[tuple[ShownClip, Media]]
LINKS = Callable[[str, str], str]

SECTIONS = {
    "result": "Result", "leaderboard": "Leaderboard", "learning": "Learning",
    "confusions": "Confusions", "voters": "Voters", "wrong": "Most wrong", "labels": "Labels",
    "disputed": "Disputed", "map": "Map", "data": "Data", "jobs": "Made",
}  # fmt: skip


def write_page(path: Path, report: Report, heard: Mapping[str, Heard], link: LINKS) -> None:
    """Write the page.

    Args:
        path: of the HTML file.
        report: what it says.
        heard: clips with picture and sound: `wrong`, `labels` and `disputed`.
        link: returns the URL of a clip's file, given its side and its path.
    """
    made = environment()
    template = made.get_template("page.html.j2")
    write_text(path, template.render(**_variables(made, report, heard, link)))


def environment() -> Environment:
    """Return what renders the templates; whatever they show is escaped."""
    return Environment(
        loader=PackageLoader("jobs.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )


def _variables(
    made: Environment, report: Report, heard: Mapping[str, Heard], link: LINKS
) -> dict[str, Any]:
    results, circumstances = report.results, report.circumstances
    drawn = _charts(report)
    there = {
        "learning": bool(drawn["curves"]), "confusions": results.ensemble is not None,
        "voters": results.ensemble is not None, "map": bool(results.points),
        **{name: bool(heard.get(name)) for name in ("wrong", "labels", "disputed")},
    }  # fmt: skip
    tasks = sorted(circumstances.tasks, key=lambda task: task.started)
    return {
        "r": results,
        "c": circumstances,
        "sections": [(id_, name) for id_, name in SECTIONS.items() if there.get(id_, True)],
        "style": Markup(source(made, "style.css")),
        "script": Markup(source(made, "script.js")),
        "percent": percent,
        "called": called,
        "differing": differing(results),
        "short": short,
        "training": duration(sum(circumstances.training_s.values())),
        "worst": worst_confusion(results),
        "heard": _sections_of_clips(heard),
        "map_data": Markup(_in_script(_map(results, link))),
        "tasks": tasks,
        "command": results.settings["command"],
        "details": _details(report),
        "made": datetime.fromtimestamp(circumstances.made).strftime("%Y-%m-%d %H:%M"),
        **drawn,
    }


def source(made: Environment, name: str) -> str:
    """Return the text of a file beside the templates."""
    assert made.loader is not None
    return made.loader.get_source(made, name)[0]


def _charts(report: Report) -> dict[str, Any]:
    """Return every chart; each escapes what it shows."""
    results = report.results
    by_name = {entry.name: position for position, entry in _positions(results)}
    drawn = {curve.entry for curve in results.curves}
    shown = [entry.name for entry in results.entries if by_name[entry.name] in drawn]
    bins = results.ensemble.bins if results.ensemble else ()
    interval = ""
    if None not in (results.naive, results.corrected, results.low, results.high):
        interval = charts.interval(
            results.naive or 0, results.corrected or 0, results.low or 0, results.high or 0
        )
    return {
        "interval": Markup(interval),
        "swept": [(name, Markup(chart)) for name, chart in swept(results.entries)],
        "coloured": shown[: charts.COLOURED],
        "curves": Markup(charts.learning_curves(results.curves, [by_name[name] for name in shown])),
        "reliability": Markup(charts.reliability(bins)),
        "timeline": Markup(timeline(report.circumstances.tasks)),
    }


def _positions(results: Results) -> list[tuple[int, Any]]:
    """Return each entry with its position in the grid, as curves count them."""
    order = {name: k for k, name in enumerate(results.settings["entries"])}
    return [(order[entry.name], entry) for entry in results.entries]


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}%"


def short(value: object) -> str:
    """Return a setting as a table shows it: what a search drew has too many digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def called(each: Class) -> str:
    """Return what a class is called: its label, with its name where it has one."""
    return f"{each.label} {each.name}" if each.name and each.name != each.label else each.label


def differing(results: Results) -> list[str]:
    """Return the settings in which entries differ, which are worth a column."""
    names = dict.fromkeys(name for entry in results.entries for name in entry.settings)
    found = []
    for name in names:
        values = {str(e.settings[name]) for e in results.entries if name in e.settings}
        if len(values) > 1:
            found.append(name)
    return found


def worst_confusion(results: Results) -> tuple[str, str, int] | None:
    """Return the class that is most often taken for another one, that other one, how often."""
    if results.ensemble is None:
        return None
    cells = [
        (count, row, column)
        for row, counts in enumerate(results.ensemble.confusion)
        for column, count in enumerate(counts)
        if row != column
    ]
    count, row, column = max(cells, default=(0, 0, 0), key=lambda each: (each[0], -each[1]))
    if not count:
        return None
    return called(results.classes[row]), called(results.classes[column]), count


def _sections_of_clips(heard: Mapping[str, Heard]) -> list[tuple[str, str, str, Heard]]:
    explained = {
        "wrong": ("Most wrong", "Validation clips whose label the ensemble thinks least likely."),
        "labels": (
            "Labels to check",
            "Predictions speak against these labels, the surest first; all of them stand in "
            "labels_to_check.csv. Listen before you change one.",
        ),
        "disputed": ("Disputed", "Test clips on which the voters agree least."),
    }
    return [(name, *texts, heard.get(name, ())) for name, texts in explained.items()]


def _map(results: Results, link: LINKS) -> dict[str, Any]:
    return {
        "classes": [called(each) for each in results.classes],
        "sides": SIDES,
        "points": [
            (p.x, p.y, p.kind, SIDES.index(p.side), p.id, link(p.side, p.path))
            for p in results.points
        ],
    }


def _in_script(value: Any) -> str:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _details(report: Report) -> str:
    settings = {k: v for k, v in report.results.settings.items() if k not in ("command", "entries")}
    about = {
        "settings": settings,
        "versions": report.circumstances.versions,
        "hardware": report.circumstances.hardware,
    }
    return json.dumps(about, indent=2, ensure_ascii=False)
