"""What mattered: accuracy over the values of each setting in which entries differ."""

import itertools
import math
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from jobs.report.charts import Frame, accuracy_range, svg
from jobs.report.content import Entry

MOST_SWEPT = 12
# With more values than this their means say little: a few runs each.
MOST_VALUES = 8


def swept(entries: Sequence[Entry]) -> Iterator[tuple[str, str]]:
    """Yield the settings in which entries differ, with a chart of accuracy over the values.

    That which matters most comes first: whose values' mean accuracies lie furthest apart.
    """
    judged = [entry for entry in entries if entry.accuracy is not None]
    names = dict.fromkeys(name for entry in judged for name in entry.settings)
    found: list[tuple[float, str, list[Entry]]] = []
    for name in names:
        those = [entry for entry in judged if name in entry.settings]
        means = [sum(each) / len(each) for each in _by_value(name, those)]
        if len(means) > 1:
            found.append((max(means) - min(means), name, those))
    found.sort(key=lambda each: -each[0])
    for _, name, those in found[:MOST_SWEPT]:
        values = [entry.settings[name] for entry in those]
        accuracies = [entry.accuracy or 0.0 for entry in those]
        yield name, _over_values(name, values, accuracies, [entry.name for entry in those])


def _by_value(name: str, entries: Sequence[Entry]) -> list[list[float]]:
    """Return the accuracies of each value; where there are many, of each quarter of the runs."""
    by_value: dict[str, list[float]] = {}
    for entry in entries:
        by_value.setdefault(str(entry.settings[name]), []).append(entry.accuracy or 0.0)
    if len(by_value) <= MOST_VALUES or not _are_numbers([e.settings[name] for e in entries]):
        return list(by_value.values())
    # Each draw of a random search is a value of its own: their spread would be that of the runs.
    ordered = sorted(entries, key=lambda entry: float(entry.settings[name]))
    cuts = [len(ordered) * k // 4 for k in range(5)]
    quarters = [ordered[first:last] for first, last in itertools.pairwise(cuts)]
    return [[entry.accuracy or 0.0 for entry in quarter] for quarter in quarters]


def _are_numbers(values: Sequence[object]) -> bool:
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def _over_values(
    name: str, values: Sequence[object], accuracies: Sequence[float], texts: Sequence[str]
) -> str:
    width, height = 300, 170
    is_number = _are_numbers(values)
    numbers = [float(str(v)) for v in values] if is_number else []
    is_log = is_number and min(numbers) > 0 and max(numbers) / min(numbers) >= 20
    order = sorted({str(value): value for value in values}) if not is_number else []

    def place(value: object) -> float:
        if not is_number:
            return float(order.index(str(value)))
        number = float(str(value))
        return math.log10(number) if is_log else number

    places = [place(value) for value in values]
    first, last = min(places), max(places)
    room = 0.08 * (last - first) or 0.5
    frame = Frame((first - room, last + room), accuracy_range(accuracies), width, height)
    shown = sorted({(p, _short(v)) for p, v in zip(places, values, strict=True)})
    if len(shown) > 5 and is_number:
        middle = (first + last) / 2
        shown = [(p, _short(10**p if is_log else p)) for p in (first, middle, last)]
    elif len(shown) > 5:
        shown = [shown[0], shown[len(shown) // 2], shown[-1]]
    parts = [frame.percents(), frame.below(shown, name)]
    for at, accuracy, text in zip(places, accuracies, texts, strict=True):
        x, y = frame.at(at, accuracy)
        said = f"{text}: {accuracy:.1%}"
        parts.append(
            f'<circle class="dot" cx="{x}" cy="{y}" r="4"><title>{escape(said)}</title></circle>'
        )
    return svg("".join(parts), f"Validation accuracy by {name}", width, height)


def _short(value: object) -> str:
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 10 else f"{text[:9]}…"
