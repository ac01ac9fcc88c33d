"""Optimiser, learning rate, regularisation, and when to stop. Defaults are the report's."""

from typing import Literal

from pydantic import Field, model_validator

from jobs.schema import Schema


class RecipeConfig(Schema):
    """How weights are learned."""

    epochs: int = Field(50, ge=1, le=99_999)
    batch_size: int = Field(64, ge=1, le=65_536)

    optimizer: Literal["sgd", "adamw"] = "sgd"
    lr: float = Field(1e-2, gt=0, description="learning rate; of onecycle, the highest")
    momentum: float = Field(0.9, ge=0, lt=1, description="sgd")
    nesterov: bool = Field(False, description="sgd")
    weight_decay: float = Field(1e-2, ge=0)
    clip_grad: float | None = Field(None, gt=0, description="largest norm of the gradient")
    label_smoothing: float = Field(0, ge=0, lt=1)
    ema: float | None = Field(
        None, gt=0, lt=1, description="decay of the averaged weights, which then are the result"
    )

    schedule: Literal["plateau", "onecycle", "cosine"] = Field(
        "plateau", description="ReduceLROnPlateau, OneCycle or a half cosine down to 0"
    )
    plateau_factor: float = Field(0.1, gt=0, lt=1, description="plateau: lr is multiplied by this")
    plateau_patience: int = Field(10, ge=0, description="plateau: epochs without a lower val loss")
    warmup_epochs: int = Field(
        0, ge=0, description="plateau, cosine: linear warm-up to lr; onecycle has its own"
    )

    early_stopping: int | None = Field(
        None, ge=1, description="stop after this many epochs without a lower val loss"
    )
    min_loss: float | None = Field(
        None, gt=0, description="stop once the training loss of an epoch is below this"
    )

    @model_validator(mode="after")
    def _warmup_fits(self) -> "RecipeConfig":
        if self.warmup_epochs > self.epochs:
            raise ValueError(
                f"`warmup_epochs: {self.warmup_epochs}` is more than `epochs: {self.epochs}`"
            )
        return self

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> "RecipeConfig":
        if self.nesterov and not self.momentum:
            raise ValueError("`nesterov: true` needs a `momentum` above 0")
        return self
