"""Which training clips an epoch visits, and how often."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, field_validator

from jobs.errors import InputError
from jobs.schema import Schema

# Clips of one class an epoch; more is a slip.
MOST = 10_000_000

Balance = Literal["none", "equal"] | dict[str, int]


class SamplingConfig(Schema):
    """Balancing of the training clips, after the split."""

    balance: Balance = Field(
        "none",
        description="none, equal (all classes as the largest), or {label: clips an epoch}; a class "
        "that has more stays as it is",
    )
    balance_draw: Literal["epoch", "fixed"] = Field(
        "epoch", description="whether the repeated clips are drawn anew each epoch"
    )

    @field_validator("balance", mode="before")
    @classmethod
    def _labels_are_text(cls, value: Any) -> Any:
        if value is None or value is False:  # YAML 1.1 reads `no` so
            return "none"
        if not isinstance(value, dict):
            if value not in ("none", "equal"):
                raise ValueError("expected none, equal or {label: clips}")
            return value
        for label, clips in value.items():
            if isinstance(clips, bool) or not isinstance(clips, int) or not 1 <= clips <= MOST:
                raise ValueError(f"label {label!r}: expected a number of clips from 1 to {MOST}")
        texts = [str(label) for label in value]
        for label in texts:
            if texts.count(label) > 1:
                raise ValueError(f"label {label} stands twice; keep one")
        return dict(zip(texts, value.values(), strict=True))

    def require_labels(self, classes: Sequence[str]) -> None:
        """Refuse a balance that names a label which the data has not.

        Raises:
            InputError: names the label and those that exist.
        """
        named = self.balance if isinstance(self.balance, dict) else {}
        for label in named:
            if label not in classes:
                raise InputError(
                    f"`balance` names the label '{label}', which no training clip has; labels "
                    f"are: {', '.join(classes)}"
                )
