"""estimate.json: what a test like this one should give, and what speaks against it."""

from pathlib import Path
from typing import Any

from jobs.errors import DamagedFileError, InputError
from jobs.files import read_json, write_json
from jobs.schema import Fingerprint, Schema
from jobs.vote.estimate.scores import BetterRule, Calibration, Guessing, HoldoutScore, RuleEstimate

FORMAT = 3


# What makes the range worthless rather than wide, in words, by the kind of warning.
VOIDS = {
    "test-unlike-training": "this test differs from training",
    "copies-in-validation": "validation has copies of training clips",
}


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


class Clips(Schema):
    """How many clips, in how many groups; as many groups as clips if there are none."""

    clips: int
    groups: int


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
        guessing: what a guess would give; None if the corrected score is clearly better.
        better_rule: one that is clearly better than the grid's; None if none is.
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
    guessing: Guessing | None = None
    better_rule: BetterRule | None = None
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
        """What stands beside it: other scores, and what choosing among results gives."""
        said = (self.guessing, self.better_rule, self.holdout)
        found = [each.sentence for each in said if each is not None]
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
