"""Two launches side by side, as one page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from jobs.files import write_text
from jobs.report import charts
from jobs.report.content import Report, Results
from jobs.report.page import called, environment, percent, source

BEST = 8


def write_comparison(path: Path, reports: Sequence[tuple[str, Report]]) -> None:
    """Write the page.

    Args:
        path: of the HTML file.
        reports: two launches, each with its name.
    """
    made = environment()
    template = made.get_template("comparison.html.j2")
    results = [(name, report.results) for name, report in reports]
    write_text(
        path,
        template.render(
            style=Markup(source(made, "style.css")),
            launches=[
                {"name": name, "r": r, "interval": Markup(_interval(r)), "best": r.entries[:BEST]}
                for name, r in results
            ],
            percent=percent,
            classes=_classes([r for _, r in results]),
            differing=_differing([r for _, r in results]),
        ),
    )


def _interval(results: Results) -> str:
    numbers = (results.naive, results.corrected, results.low, results.high)
    if any(each is None for each in numbers):
        return ""
    naive, corrected, low, high = (each or 0.0 for each in numbers)
    return charts.interval(naive, corrected, low, high)


def _classes(results: Sequence[Results]) -> list[tuple[str, list[float | None]]]:
    """Return the recall of each class in each launch, by what the class is called."""
    names = dict.fromkeys(called(each) for r in results for each in r.classes)
    by_name = [{called(each): each.recall for each in r.classes} for r in results]
    return [(name, [known.get(name) for known in by_name]) for name in names]


def _differing(results: Sequence[Results]) -> list[tuple[str, list[Any]]]:
    """Return what else differs: data, split, vote."""
    shown: list[dict[str, Any]] = []
    for r in results:
        of_vote = {f"vote: {k}": v for k, v in r.settings["voting"].items()}
        of_split = {f"split: {k}": v for k, v in r.settings["splitting"].items()}
        clips = {
            "labelled clips": r.settings["labelled_clips"],
            "test clips": r.settings["test_clips"],
            "runs": len(r.entries),
        }
        shown.append(clips | of_split | of_vote)
    names = dict.fromkeys(name for each in shown for name in each)
    rows = [(name, [each.get(name) for each in shown]) for name in names]
    return [(name, values) for name, values in rows if len({str(v) for v in values}) > 1]
