"""In which precision, from which numbers, on how many threads."""

from typing import Literal

from pydantic import Field

from jobs.schema import Schema


class ComputingConfig(Schema):
    """As requested; what hardware then chose stands in hardware.json."""

    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="auto: exact on a CPU; on a GPU the fastest that it does well"
    )
    storage: Literal["float32", "float16"] = Field(
        "float32", description="in which type features rest in memory; float16 takes half"
    )
    threads: int = Field(
        2, ge=1, le=256, description="CPU threads; another number rounds sums differently"
    )
