"""What mattered most comes first, also of a random search, where each value is a run's own."""

import re
from typing import Any

from jobs.report.content import Entry
from jobs.report.page import short
from jobs.report.swept import swept


def entry(accuracy: float | None, **settings: Any) -> Entry:
    return Entry(
        name=str(settings), settings=settings, accuracy=accuracy, loss=1.0, epoch=1, epochs=2,
        state="all epochs", votes=0,
    )  # fmt: skip


def test_a_setting_of_many_drawn_values_comes_before_another_only_if_it_mattered_more() -> None:
    # Whatever lr, a batch of 16 is 0.2 better; the runs themselves are spread over 0.4.
    drawn = [
        entry(0.5 + 0.2 * (k % 2) + 0.05 * (k % 5), lr=10 ** (-1 - k / 10), batch_size=32 >> k % 2)
        for k in range(40)
    ]
    assert [name for name, _ in swept(drawn)] == ["batch_size", "lr"]
    # And the other way round: the smaller half of lr is 0.3 worse.
    drawn = [
        entry(0.8 - 0.3 * (k >= 20) + 0.05 * (k % 5), lr=10 ** (-1 - k / 10), batch_size=16 + k % 2)
        for k in range(40)
    ]
    assert [name for name, _ in swept(drawn)] == ["lr", "batch_size"]


def test_the_axis_of_many_numbers_has_three_labels_in_few_digits() -> None:
    drawn = [entry(0.5, lr=1.2345678e-5 * 10 ** (k / 10)) for k in range(41)]
    ((_, chart),) = swept(drawn)
    ticks = re.findall(r'text-anchor="middle">([^<]*)</text>', chart)
    assert ticks == ["1.23e-05", "0.00123", "0.123", "lr"]


def test_a_setting_without_two_values_and_a_run_without_a_score_are_left_out() -> None:
    assert list(swept([entry(0.5, lr=0.1), entry(None, lr=0.2), entry(0.6, lr=0.1)])) == []


def test_a_drawn_number_is_shown_in_four_digits() -> None:
    shown = [short(value) for value in (0.044535218971882985, 3e-3, 16, "strong", False)]
    assert shown == ["0.04454", "0.003", "16", "strong", "False"]
