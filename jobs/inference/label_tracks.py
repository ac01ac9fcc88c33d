"""Label files as Audacity imports them."""

from pathlib import Path

from jobs.files import write_text
from jobs.inference.answers import Row


class LabelTracks:
    """Label files as Audacity imports them, one a recording: start, end, label.

    Windows that overlap and say the same are one label.

    Args:
        folder: where they go; made if need be.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._labels = folder, list[tuple[float, float, str]]()
        self._id = ""
        self._names: dict[str, int] = {}

    def add(self, row: Row) -> None:
        """Take a row; those of one recording come one behind the other."""
        if row["id"] != self._id:
            self.finish()
            self._id = row["id"]
        if not row["category"]:
            return
        start, end = float(row["start"]), float(row["end"])
        label = row["class_name"] or row["category"]
        if self._labels and self._labels[-1][2] == label and start <= self._labels[-1][1]:
            self._labels[-1] = (self._labels[-1][0], end, label)
        else:
            self._labels.append((start, end, label))

    def finish(self) -> None:
        """Write the file of the recording whose rows were taken."""
        if self._id:
            stem = "".join(c if c.isalnum() or c in "-_. " else "_" for c in self._id)[-80:]
            self._names[stem] = self._names.get(stem, 0) + 1
            name = stem if self._names[stem] == 1 else f"{stem} ({self._names[stem]})"
            lines = [f"{start:.3f}\t{end:.3f}\t{label}\n" for start, end, label in self._labels]
            write_text(self.folder / f"{name}.txt", "".join(lines))
        self._labels, self._id = [], ""
