"""When each task of a launch worked, as SVG."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from jobs.report.charts import BOTTOM, COLOURED, TOP, WIDTH, Frame, svg
from jobs.report.content import Task

UNITS = ((3600, "hours"), (60, "minutes"), (1, "seconds"))


def timeline(tasks: Sequence[Task]) -> str:
    """Draw when each task worked, and how long it waited; a row a task."""
    if not tasks:
        return ""
    ordered = sorted(tasks, key=lambda task: (task.started, task.stage, task.title))
    begin = min(task.started - (task.waited_s or 0) for task in ordered)
    end = max(task.ended for task in ordered)
    row = 14 if len(ordered) <= 40 else max(2, 560 // len(ordered))
    height = TOP + row * len(ordered) + BOTTOM
    frame = Frame((0, max(1.0, end - begin)), (0, 1), WIDTH, height)
    stages = {name: k for k, name in enumerate(dict.fromkeys(t.stage for t in ordered))}
    parts = []
    for number, task in enumerate(ordered):
        y = TOP + row * number
        start, stop = frame.across(task.started - begin), frame.across(task.ended - begin)
        if task.waited_s:
            first = frame.across(task.started - task.waited_s - begin)
            parts.append(
                f'<rect class="waited" x="{first}" y="{y + row * 0.35:.1f}" '
                f'width="{start - first:.1f}" height="{row * 0.2:.1f}"/>'
            )
        again = f", {task.restarts} times requeued" if task.restarts else ""
        said = (
            f"{task.stage}, {task.title}: {task.ended - task.started:.0f} s on {task.host}{again}"
        )
        parts.append(
            f'<rect class="task c{stages[task.stage] % COLOURED}" x="{start}" y="{y + 1}" '
            f'width="{max(2.0, stop - start):.1f}" height="{max(1, row - 3)}">'
            f"<title>{escape(said)}</title></rect>"
        )
    span = end - begin
    unit, name = (
        (3600, "hours") if span > 7200 else (60, "minutes") if span > 120 else (1, "seconds")
    )
    ticks = [(k * span / 4, f"{k * span / 4 / unit:.3g}") for k in range(5)]
    parts.append(frame.below(ticks, name))
    return svg("".join(parts), "When each task worked", WIDTH, height)
