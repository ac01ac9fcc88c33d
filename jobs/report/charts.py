"""Charts as SVG: they are part of the page, follow its colours, print, and need no script."""

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from jobs.report.content import Bin, Curve

# Of the drawing itself; the page scales it.
WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 44, 20, 10, 32
# More than so many curves are drawn grey, but for the best ones.
COLOURED = 6


def svg(body: str, title: str, width: int = WIDTH, height: int = HEIGHT) -> str:
    kind = ' class="broad"' if width >= WIDTH else ""
    return (
        f'<svg{kind} viewBox="0 0 {width} {height}" role="img" aria-label="{attribute(title)}">'
        f"<title>{escape(title)}</title>{body}</svg>"
    )


def attribute(text: str) -> str:
    return escape(text, {'"': "&quot;"})


class Frame:
    """A plotting area with its axes.

    Args:
        x, y: least and largest value.
        width, height: of the drawing.
    """

    def __init__(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        width: int = WIDTH,
        height: int = HEIGHT,
    ) -> None:
        self.x, self.y, self.width, self.height = x, y, width, height

    def at(self, x: float, y: float) -> tuple[float, float]:
        return self.across(x), self.up(y)

    def across(self, x: float) -> float:
        low, high = self.x
        share = (x - low) / (high - low) if high > low else 0.5
        return round(LEFT + share * (self.width - LEFT - RIGHT), 1)

    def up(self, y: float) -> float:
        low, high = self.y
        share = (y - low) / (high - low) if high > low else 0.5
        return round(self.height - BOTTOM - share * (self.height - TOP - BOTTOM), 1)

    def percents(self) -> str:
        """Return lines and labels of a vertical axis in percent."""
        low, high = self.y
        step = next(s for s in (0.02, 0.05, 0.1, 0.2, 0.25, 1) if (high - low) / s <= 6)
        lines = []
        for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1):
            y = self.up(k * step)
            lines.append(
                f'<line class="grid" x1="{LEFT}" x2="{self.width - RIGHT}" y1="{y}" y2="{y}"/>'
                f'<text class="tick" x="{LEFT - 6}" y="{y + 4}" text-anchor="end">'
                f"{100 * k * step:.0f}%</text>"
            )
        return "".join(lines)

    def below(self, ticks: Sequence[tuple[float, str]], name: str) -> str:
        """Return labels of the horizontal axis."""
        y = self.height - BOTTOM + 15
        shown = "".join(
            f'<text class="tick" x="{self.across(x)}" y="{y}" text-anchor="middle">'
            f"{escape(text)}</text>"
            for x, text in ticks
        )
        middle = (LEFT + self.width - RIGHT) / 2
        return (
            f'{shown}<text class="tick" x="{middle}" y="{self.height - 3}" text-anchor="middle">'
            f"{escape(name)}</text>"
        )


def accuracy_range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = max(0.02, 0.08 * (high - low))
    return max(0.0, low - room), min(1.0, high + room)


def learning_curves(curves: Sequence[Curve], best: Sequence[int]) -> str:
    """Draw validation accuracy over epochs; chosen epochs are marked.

    Args:
        curves: of all runs.
        best: positions of entries, best first; the first few are coloured.
    """
    if not curves:
        return ""
    colour = {entry: number for number, entry in enumerate(best[:COLOURED])}
    last = max(curve.epochs[-1] for curve in curves)
    frame = Frame((1, last), accuracy_range([v for c in curves for v in c.validation]))
    parts = [frame.percents(), frame.below(_whole_ticks(last), "epoch")]
    # The coloured ones last, so that no grey one covers them.
    for curve in sorted(curves, key=lambda c: -colour.get(c.entry, COLOURED)):
        points = [frame.at(e, v) for e, v in zip(curve.epochs, curve.validation, strict=True)]
        kind = f"line c{colour[curve.entry]}" if curve.entry in colour else "line rest"
        line = " ".join(f"{x},{y}" for x, y in points)
        parts.append(
            f'<polyline class="{kind}" points="{line}"><title>{escape(curve.name)}</title>'
            "</polyline>"
        )
        for epoch, (x, y) in zip(curve.epochs, points, strict=True):
            if epoch in curve.chosen:
                mark = kind.replace("line", "mark")
                text = f"{curve.name}, epoch {epoch}, votes"
                parts.append(
                    f'<circle class="{mark}" cx="{x}" cy="{y}" r="4"><title>{escape(text)}'
                    "</title></circle>"
                )
    return svg("".join(parts), "Validation accuracy of each run over its epochs")


def _whole_ticks(last: int) -> list[tuple[float, str]]:
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 10**5) if last / s <= 8)
    return [(k, str(k)) for k in range(step, last + 1, step)]


def reliability(bins: Sequence[Bin]) -> str:
    """Draw how often clips of some confidence are right; the diagonal is as it should be."""
    if not bins:
        return ""
    width, height = 300, 260
    frame = Frame((0, 1), (0, 1), width, height)
    (x1, y1), (x2, y2) = frame.at(0, 0), frame.at(1, 1)
    ticks = [(k / 4, f"{25 * k}%") for k in range(5)]
    parts = [frame.percents(), frame.below(ticks, "confidence")]
    parts.append(f'<line class="ideal" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>')
    points = [frame.at(each.confidence, each.accuracy) for each in bins]
    parts.append(f'<polyline class="line c0" points="{" ".join(f"{x},{y}" for x, y in points)}"/>')
    for each, (x, y) in zip(bins, points, strict=True):
        said = f"{each.clips} clips: {each.confidence:.0%} sure, {each.accuracy:.0%} right"
        parts.append(
            f'<circle class="mark c0" cx="{x}" cy="{y}" r="4"><title>{escape(said)}</title>'
            "</circle>"
        )
    return svg("".join(parts), "How often clips of some confidence are right", width, height)


def interval(naive: float, corrected: float, low: float, high: float) -> str:
    """Draw the range of the estimate on a line from 0 to 100 %."""
    width, height = 640, 64

    def x(share: float) -> float:
        return round(20 + share * (width - 40), 1)

    ticks = "".join(
        f'<line class="grid" x1="{x(k / 10)}" x2="{x(k / 10)}" y1="14" y2="38"/>'
        f'<text class="tick" x="{x(k / 10)}" y="56" text-anchor="middle">{10 * k}%</text>'
        for k in range(0, 11, 2)
    )
    band = f'<rect class="band" x="{x(low)}" y="18" width="{x(high) - x(low):.1f}" height="16"/>'
    marks = (
        f'<line class="corrected" x1="{x(corrected)}" x2="{x(corrected)}" y1="12" y2="40"/>'
        f'<circle class="naive" cx="{x(naive)}" cy="26" r="5"><title>validation says {naive:.1%}'
        "</title></circle>"
    )
    title = f"A test should give {low:.1%} to {high:.1%}; validation says {naive:.1%}"
    return svg(f"{ticks}{band}{marks}", title, width, height)
