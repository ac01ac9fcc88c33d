"""estimate.json: what a test like this one should give, and what speaks against it."""

from pathlib import Path
from typing import Any

from jobs.errors import DamagedFileError, InputError
from jobs.files import read_json, write_json
from jobs.schema import Fingerprint, Schema
from jobs.words import count

FORMAT = 3
FEW_GROUPS = 5
# What makes the range worthless rather than wide, in words, by the kind of warning.
VOIDS = {
    "test-unlike-training": "this test differs from training",
    "copies-in-validation": "validation has copies of training clips",
}
# A log loss that differs by less than this share is the same.
SAME_LOSS = 0.02


class EstimateInputs(Schema):
    """What the estimate depends on; it is made again when any of it differs.

    Attributes:
        format: of the file.
        candidates: see `jobs.vote.ensemble.Inputs`.
        rule: of the grid, by its name.
        also_voted: the other rules by which this output was voted.
        audit: fingerprint of what was audited; "" while there is no audit.
        holdout: fingerprint of the clips that were held out; "" if none were.
        labelled_clips, test_clips: fingerprints.
    """

    format: int
    candidates: Fingerprint
    rule: str
    also_voted: tuple[str, ...]
    audit: str
    holdout: str
    labelled_clips: str
    test_clips: str


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


class Clips(Schema):
    """How many clips, in how many groups; as many groups as clips if there are none."""

    clips: int
    groups: int


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


class Warned(Schema):
    """One thing that speaks against the estimate: its kind, a sentence, what it rests on."""

    kind: str
    sentence: str
    evidence: dict[str, Any]


class Estimate(Schema):
    """What a test like this one should give.

    Attributes:
        inputs: what it depends on.
        chosen: of the grid's rule, by which submission.csv was voted.
        best_looking: of the rule that looks best among those by which the output was voted, as the
            score of that choice; None if it was voted by the grid's rule alone.
        rules: of every rule that is shown, the chosen one among them.
        validation, test: the clips; a test without clips is taken to be as large as validation.
        out_of_fold: whether every labelled clip was validated, by a model that did not see it.
        correlation: how much clips of one group are right or wrong together, 0 to 1.
        assumed: what it rests on, in sentences.
        holdout: the score on clips held out; None if none were.
        calibration: of the chosen rule's confidence.
        warnings: the gravest first.
    """

    inputs: EstimateInputs
    chosen: RuleEstimate
    best_looking: RuleEstimate | None
    rules: tuple[RuleEstimate, ...]
    validation: Clips
    test: Clips
    out_of_fold: bool
    correlation: float
    assumed: tuple[str, ...]
    holdout: HoldoutScore | None
    calibration: Calibration
    warnings: tuple[Warned, ...]

    @property
    def sentence(self) -> str:
        """The whole in one sentence."""
        said = "out-of-fold predictions say" if self.out_of_fold else "validation says"
        # Of the mean of all folds, which is a little better than the one fold model that is judged.
        least = "at least about " if self.out_of_fold else ""
        low, high = 100 * self.chosen.low, 100 * self.chosen.high
        return (
            f"{said} {100 * self.chosen.naive:.1f} %; a test of {self.test.clips:,} clips like "
            f"these should give {least}{low:.1f} to {high:.1f} %{self._voided}"
        )

    @property
    def _voided(self) -> str:
        """Say beside the range itself what makes it worthless: few read on."""
        why = [VOIDS[each.kind] for each in self.warnings if each.kind in VOIDS]
        return f"; do not rely on this range: {', and '.join(why)}" if why else ""

    @property
    def beside(self) -> tuple[str, ...]:
        """What stands beside it: the holdout's score, and what choosing among results gives."""
        found = [self.holdout.sentence] if self.holdout else []
        if (best := self.best_looking) is not None:
            found.append(
                f"this output was voted by {1 + len(self.inputs.also_voted)} rules; if you pick "
                f"{best.rule} because it looks best, expect {100 * best.corrected:.1f} % "
                f"({100 * best.low:.1f} to {100 * best.high:.1f} %)"
            )
        return tuple(found)

    def save(self, path: Path) -> None:
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path) -> "Estimate | None":
        """Read what `save` wrote; None if there is none, or none of this format."""
        try:
            return cls.checked(read_json(path), str(path))
        except (FileNotFoundError, DamagedFileError, InputError, AttributeError, TypeError):
            return None
