"""How often training clips are changed, and how much."""

from pydantic import Field

from jobs.schema import Schema


class AugmentationConfig(Schema):
    """A probability (0: never) and a range for each kind of change; all are off by default."""

    shift_p: float = Field(0, ge=0, le=1, description="probability of a shift in time")
    shift_max: float = Field(0.5, ge=0, le=0.5, description="share of the clip, to either side")
    speed_p: float = Field(0, ge=0, le=1, description="probability of another speed")
    speed_max: float = Field(0.15, ge=0, le=0.9, description="0.15: between 0.85 and 1.15")
    pitch_p: float = Field(0, ge=0, le=1, description="probability of another pitch; v1 alone")
    pitch_max: int = Field(3, ge=0, le=1024, description="mel bins, up or down")
    noise_p: float = Field(0, ge=0, le=1, description="probability of noise")
    noise_max: float = Field(0.3, ge=0, le=100, description="standard deviations of the clip")
    mixup_p: float = Field(0, ge=0, le=1, description="probability of mixup")
    mixup_alpha: float = Field(0.2, gt=0, le=100, description="both parameters of its Beta")
    mask_p: float = Field(0, ge=0, le=1, description="probability of SpecAugment's masks")
    masks: int = Field(2, ge=1, le=10, description="masks of bands, and as many of frames")
    mask_bands: int = Field(8, ge=0, le=1024, description="bands of one mask, at most")
    mask_frames: int = Field(25, ge=0, le=100_000, description="frames of one mask, at most")

    @property
    def augments(self) -> bool:
        """Whether any clip is ever changed."""
        return any(getattr(self, f"{kind}_p") > 0 for kind in KINDS)


KINDS = ("shift", "speed", "pitch", "noise", "mixup", "mask")
