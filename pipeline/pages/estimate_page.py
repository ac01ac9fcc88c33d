"""The estimate in a few lines: one sentence, a row for each rule, what speaks against it."""

from jobs.vote.estimate.artefact import Estimate
from pipeline.pages import console


def show(estimate: Estimate) -> None:
    """Print all of it."""
    console.heading("Expected test score")
    _sentences(estimate)
    rows = [
        (
            each.rule + (" (the grid's)" if each.rule == estimate.inputs.rule else ""),
            _percent(each.naive),
            _percent(each.corrected),
            f"{_percent(each.low)} to {_percent(each.high)}",
            _percent(each.macro_f1),
            str(each.votes),
        )
        for each in estimate.rules
    ]
    header = ("rule", "validation", "corrected", "95 % interval", "macro-F1", "votes")
    console.table(header, rows)
    console.say(f"  {estimate.calibration.sentence}")
    for sentence in estimate.assumed:
        console.say(f"  assumed: {sentence}")
    for warned in estimate.warnings:
        console.warn(warned.sentence)


def brief(estimate: Estimate) -> None:
    """Print the sentence and the warnings."""
    _sentences(estimate)
    for warned in estimate.warnings:
        console.warn(warned.sentence)


def _sentences(estimate: Estimate) -> None:
    console.say(f"  {estimate.sentence}")
    for sentence in estimate.beside:
        console.say(f"  {sentence}")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
