"""How large a report of a large launch is, and how soon Chromium shows it.

    python benchmarks/large_report.py work/lr_bs --entries 200 --classes 50 --clips 15000

The numbers of a finished report are blown up: entries, epochs, classes, points of the map, tasks.
The clips to hear are that output's own, as many as a page may embed.
"""

import argparse
import itertools
import random
import shutil
import statistics
import tempfile
from pathlib import Path

if not __package__:
    import sys

    # Run as a script: not from this folder, in which `coverage` is not the package of that name.
    sys.path[0] = str(Path(__file__).parent.parent)

from jobs.data.workspace import Workspace
from jobs.report.content import Class, Curve, Ensemble, Entry, Point, Report, ShownClip
from jobs.report.media import link, media_of
from jobs.report.page import write_page
from pipeline.planning.plan import OpenedPlan
from pipeline.stages.report import MOST_EMBEDDED
from pipeline.stages.report_content import feature_sets_to_look_at

MOST_POINTS, EPOCHS, TURNS = 5000, 150, 5


def blown_up(report: Report, entries: int, classes: int, clips: int) -> Report:
    """Return a report of so many entries, classes and clips, with made numbers."""
    rng = random.Random(0)
    results, ensemble = report.results, report.results.ensemble
    assert ensemble is not None
    names = [
        f"lr={rng.uniform(0, 0.1):.5f} batch_size={2 ** (4 + k % 4)}-{k}" for k in range(entries)
    ]
    rows = [
        Entry(name=name, settings={"lr": rng.uniform(0, 0.1), "batch_size": 2 ** (4 + k % 4)},
              accuracy=rng.uniform(0.2, 0.9), loss=rng.uniform(0.3, 3), epoch=rng.randrange(EPOCHS),
              epochs=EPOCHS, state="all epochs", votes=int(k < 5))
        for k, name in enumerate(names)
    ]  # fmt: skip
    curves = [
        Curve(name=name, entry=k, epochs=tuple(range(1, EPOCHS + 1)), chosen=(EPOCHS,),
              training=tuple(rng.random() for _ in range(EPOCHS)),
              validation=tuple(rng.random() for _ in range(EPOCHS)))
        for k, name in enumerate(names)
    ]  # fmt: skip
    labels = [f"class {k} of a name of some length" for k in range(classes)]
    sizes = [rng.randrange(20, 90) for _ in labels]
    table = [[rng.randrange(30) if a == b else rng.randrange(3) for b in labels] for a in labels]
    kinds = [
        Class(label=str(k), name=label, clips=clips // classes, support=sizes[k],
              precision=rng.random(), recall=rng.random(), f1=rng.random())
        for k, label in enumerate(labels)
    ]  # fmt: skip
    known = itertools.cycle(results.points)
    points = [
        Point(x=rng.gauss(0, 1), y=rng.gauss(0, 1), kind=rng.randrange(classes),
              side=point.side, id=point.id, path=point.path)
        for point in itertools.islice(known, min(clips, MOST_POINTS))
    ]  # fmt: skip
    tasks = itertools.islice(itertools.cycle(report.circumstances.tasks), entries + clips // 500)
    voted = Ensemble(**(ensemble.model_dump() | {"confusion": table}))
    settings = results.settings | {"entries": names}
    return report.model_copy(
        update={
            "results": results.model_copy(
                update={
                    "entries": tuple(rows), "curves": tuple(curves), "classes": tuple(kinds),
                    "points": tuple(points), "ensemble": voted, "settings": settings,
                }
            ),
            "circumstances": report.circumstances.model_copy(update={"tasks": tuple(tasks)}),
        }
    )  # fmt: skip


def written(out: Path, page: Path, entries: int, classes: int, clips: int) -> None:
    """Write the page of such a report."""
    opened = OpenedPlan.load(Workspace(out.absolute()))
    report = blown_up(Report.load(opened.workspace.report_numbers), entries, classes, clips)
    sets, sides = feature_sets_to_look_at(opened), opened.dataset.sides
    known = [clip for clip in report.results.wrong if clip.side in sets]
    more = [
        ShownClip(
            side="labelled",
            position=k,
            id=clip.id,
            path=clip.path,
            label="1",
            said="2",
            note="made",
        )
        for k, clip in enumerate(sides["labelled"].clips)
    ]
    shown = [*known, *more][:MOST_EMBEDDED]
    heard = [(c, media_of(c, sides[c.side], sets[c.side], page.parent, True)) for c in shown]
    root = opened.dataset.root
    write_page(page, report, {"wrong": heard}, lambda _, path: link(root / path, page.parent))


def shown_after(page: Path) -> list[float]:
    """Return the milliseconds until Chromium had loaded the page, each time."""
    from playwright.sync_api import sync_playwright

    times = []
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(TURNS):
            tab = browser.new_page(viewport={"width": 1280, "height": 800})
            tab.goto(page.as_uri())
            times.append(tab.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd"))
            tab.close()
        browser.close()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path, help="a finished output")
    parser.add_argument("--entries", type=int, default=200)
    parser.add_argument("--classes", type=int, default=50)
    parser.add_argument("--clips", type=int, default=15_000)
    parser.add_argument("--page", type=Path, help="keep the page here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page = (arguments.page or Path(folder) / "report.html").absolute()
        written(arguments.out, page, arguments.entries, arguments.classes, arguments.clips)
        times = shown_after(page)
        print(
            f"{arguments.entries} entries, {arguments.classes} classes, {arguments.clips} clips: "
            f"{page.stat().st_size / 1e6:.1f} MB, loaded by Chromium after "
            f"{statistics.median(times) / 1000:.2f} s ({min(times) / 1000:.2f} to "
            f"{max(times) / 1000:.2f}, n = {TURNS})"
        )


if __name__ == "__main__":
    main()
