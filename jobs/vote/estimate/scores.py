"""The scores in estimate.json: what a rule should give, and what stands beside it in a sentence."""

from jobs.schema import Schema
from jobs.words import count

FEW_GROUPS = 5


# A log loss that differs by less than this share is the same.
SAME_LOSS = 0.02


class RuleEstimate(Schema):
    """The scores of one rule, in shares of 1.

    Attributes:
        rule: its name; `single-best` is the best checkpoint alone.
        naive: accuracy on the validation clips, by which it was chosen.
        corrected: without the luck of that choice.
        low, high: between these the accuracy on a test like this one lies 95 times in 100.
        macro_f1: corrected likewise; its interval is not known.
        votes: how many checkpoints it chose, repeated ones counted again.
    """

    rule: str
    naive: float
    corrected: float
    low: float
    high: float
    macro_f1: float
    votes: int


class Calibration(Schema):
    """How well `confidence` agrees with how often it is right, on clips left out of the draws.

    Attributes:
        temperature: fitted on all validation clips.
        ece_before, ece_after: expected calibration error, 15 bins (Guo et al. 2017).
        log_loss_before, log_loss_after: of the true class.
    """

    temperature: float
    ece_before: float
    ece_after: float
    log_loss_before: float
    log_loss_after: float

    @property
    def sentence(self) -> str:
        """How far `confidence` can be trusted, and whether its temperature helped at all."""
        said = (
            f"`confidence` is off by {100 * self.ece_after:.1f} points on average (expected "
            f"calibration error; {100 * self.ece_before:.1f} before its temperature was fitted)"
        )
        if self.log_loss_after <= (1 + SAME_LOSS) * self.log_loss_before:
            return said
        return (
            f"{said}, and its log loss grew from {self.log_loss_before:.3f} to "
            f"{self.log_loss_after:.3f}: the validation clips are too few to fit it, so rather "
            "use the `p_` columns"
        )


class HoldoutScore(Schema):
    """The chosen rule's score on clips by which nothing was trained or chosen.

    Attributes:
        clips, groups: that were held out.
        accuracy, macro_f1: on them, in shares of 1.
        low, high: between these the accuracy on a test like this one lies 95 times in 100.
        results_scored: how many results have been scored on them, this one counted: from the second
            on, whoever tries again chooses by them too.
    """

    clips: int
    groups: int
    accuracy: float
    macro_f1: float
    low: float
    high: float
    results_scored: int

    @property
    def sentence(self) -> str:
        said = (
            f"on the {self.clips:,} clips held out{self._groups} the result scores "
            f"{100 * self.accuracy:.1f} %; a test like these should give "
            f"{100 * self.low:.1f} to {100 * self.high:.1f} %"
        )
        if self.results_scored == 1:
            return said
        return (
            f"{said}. {self.results_scored} results have been scored on them, so they are no "
            "longer a blind test"
        )

    @property
    def _groups(self) -> str:
        """Say it where they are few: then they tell little of another group."""
        if self.groups == self.clips or self.groups > FEW_GROUPS:
            return ""
        return f", of {count(self.groups, 'group')} only,"


class Guessing(Schema):
    """What always saying the class with most validation clips would give, in shares of 1."""

    label: str
    share: float

    @property
    def sentence(self) -> str:
        return (
            f"this is no better than luck: always saying '{self.label}' is right on "
            f"{100 * self.share:.1f} % of the validation clips"
        )


class BetterRule(Schema):
    """A rule that should do better than the grid's by more than luck.

    Attributes:
        settings: those in which it differs from the grid's.
        corrected: what it should give, in shares of 1.
        gain: how much more that is.
        error: standard error of the gain.
    """

    settings: dict[str, str | int]
    corrected: float
    gain: float
    error: float

    @property
    def sentence(self) -> str:
        settings = ", ".join(f"`{name}: {value}`" for name, value in self.settings.items())
        return (
            f"another voting rule ({settings}) should score {100 * self.corrected:.1f} %, "
            f"{100 * self.gain:.1f} points more than the grid's, which is more than luck explains: "
            "set it in the grid, or vote again with it"
        )
