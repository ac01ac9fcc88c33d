"""How a data folder is laid out, where it is not laid out as one of ours."""

import re
from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field, field_validator, model_validator

from jobs.schema import Schema

Column = Literal["path", "label", "id", "class_name", "group", "fold"]


class LayoutConfig(Schema):
    """Which file lists the labelled clips, and how its columns are called.

    With ESC-50: `labels: meta/esc50.csv`, `audio: audio/` and
    `columns: {path: filename, label: category, fold: fold, group: src_file}`.
    """

    outside: bool = Field(False, description="allow clips outside of the data folder")
    labels: str | None = Field(
        None, description="the CSV file that lists the labelled clips; default: train.csv"
    )
    audio: str = Field(
        "", description="the folder that its paths start from; {x} stands for its column x"
    )
    columns: dict[Column, str] = Field(
        default_factory=dict, description="how its columns are called, by our names"
    )

    @field_validator("labels", "audio")
    @classmethod
    def _below_the_data_folder(cls, value: str | None) -> str | None:
        if value is not None and (
            value.startswith(("/", "~")) or ".." in PurePosixPath(value).parts
        ):
            raise ValueError("it is relative to the data folder and stays below it")
        return value

    @field_validator("columns")
    @classmethod
    def _each_column_once(cls, value: dict[Column, str]) -> dict[Column, str]:
        for ours, theirs in value.items():
            others = [o for o in value if o != ours and value[o] == theirs]
            if {ours, *others} & {"path"} and others:
                raise ValueError(f"the column {theirs!r} is the path and {others[0]} both")
        return value

    @model_validator(mode="after")
    def _only_with_a_list(self) -> "LayoutConfig":
        if self.labels is None and (self.audio or self.columns):
            raise ValueError("`audio` and `columns` describe the file that `labels` names; add it")
        return self

    def path_of(self, row: dict[str, str], path: str) -> str:
        """Return where a clip lies, relative to the data folder.

        Args:
            row: every cell of its row, by the file's own names of the columns.
            path: as the row gives it.

        Raises:
            KeyError: `audio` names a column that is not there.
        """
        folder = re.sub(r"\{(\w+)\}", lambda found: row[found[1]].strip(), self.audio)
        return f"{folder.rstrip('/')}/{path}" if folder else path
