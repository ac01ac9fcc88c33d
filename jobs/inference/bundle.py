"""An exported ensemble: one folder that `predict` takes on another machine. No pickle is in it."""

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import Field, field_validator

from jobs.errors import DamagedFileError, InputError
from jobs.extract.config import library_versions
from jobs.files import read_json, write_bytes, write_json, write_text
from jobs.inference.classifier import Classifier, Member, Voter
from jobs.models.model import Fitted
from jobs.schema import Schema
from jobs.train.config import RunConfig
from jobs.vote.rules import COMBINE

log = logging.getLogger(__name__)

EXPORT, CHECKSUMS, CARD = "export.json", "checksums.sha256", "README.md"
WEIGHTS, ONNX, EMBEDDINGS = "weights", "onnx", "embedding"
EMBEDDING_MODEL = "embedding_model"
READ_BYTES = 1 << 20


class ExportedMember(Schema):
    """One model: the file of its weights below `weights/`, and all its settings."""

    name: str = Field(pattern=r"^[0-9A-Za-z-]+$")  # it names a file
    settings: dict[str, Any]


class ExportedVoter(Schema):
    """A model that votes, or one of each fold, whose mean does."""

    title: str
    times: int = Field(ge=1, le=1000)
    members: tuple[ExportedMember, ...] = Field(min_length=1, max_length=100)


class Exported(Schema):
    """What export.json holds."""

    format: Literal[1]
    classes: tuple[str, ...] = Field(min_length=2)
    class_names: dict[str, str]
    combine: str
    temperature: float = Field(gt=0)
    voters: tuple[ExportedVoter, ...] = Field(min_length=1, max_length=1000)
    versions: dict[str, str]

    @field_validator("combine")
    @classmethod
    def _rule_is_known(cls, name: str) -> str:
        if name not in COMBINE:
            raise ValueError(f"there is no such rule; there are {', '.join(COMBINE)}")
        return name


@dataclass(frozen=True)
class Bundle:
    """The folder of an export, every byte of it checked.

    Attributes:
        folder: where it lies.
        content: of its export.json.
        checksums: SHA-256 of each file, by its path in the folder.
    """

    folder: Path
    content: Exported
    checksums: Mapping[str, str]

    @classmethod
    def open(cls, folder: Path) -> "Bundle":
        """Read an export; what does not fit its checksums is refused.

        Raises:
            DamagedFileError: a file is missing, changed, or not among the checksums.
        """
        checksums = _require_checksums(folder)
        path = folder / EXPORT
        try:
            content = Exported.checked(read_json(path), str(path))
        except (InputError, AttributeError, TypeError) as error:
            raise DamagedFileError(
                f"{path} was written by another version of this program ({error}); export again"
            ) from error
        if content.versions != library_versions():
            log.warning(
                "%s was made with %s; here are %s, which may round features differently",
                folder,
                content.versions,
                library_versions(),
            )
        return cls(folder, content, checksums)

    def classifier(self) -> Classifier:
        content = self.content
        return Classifier(
            content.classes,
            content.class_names,
            content.combine,
            content.temperature,
            tuple(
                Voter(each.title, each.times, tuple(map(self._member, each.members)))
                for each in content.voters
            ),
        )

    def _member(self, exported: ExportedMember) -> Member:
        settings = dict(exported.settings)
        if net := settings.get(EMBEDDING_MODEL):
            settings[EMBEDDING_MODEL] = str(self.folder / EMBEDDINGS / PurePosixPath(net).name)
        config = RunConfig.parse(settings, str(self.folder / EXPORT))
        path = weights_file(self.folder, exported.name)
        load = partial(_load, path, config, self.content.classes)
        sha256 = self.checksums.get(path.relative_to(self.folder).as_posix(), "")
        return Member(exported.name, sha256, config, load)


def weights_file(folder: Path, name: str) -> Path:
    return folder / WEIGHTS / f"{name}.safetensors"


def _load(path: Path, config: RunConfig, classes: tuple[str, ...], device: str) -> Fitted:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    if config.model.needs_gpu:
        from jobs.train.compute.choices import Choices

        Choices().set_kernels()
    try:
        tensors = load(path.read_bytes())
        return config.model.of_tensors(tensors, classes, config.features.shape, device)
    except (SafetensorError, FileNotFoundError, KeyError, ValueError, TypeError) as error:
        raise DamagedFileError(f"{path} is damaged: {error!r}") from error


def write_bundle(folder: Path, classifier: Classifier) -> None:
    """Write weights and export.json of an ensemble into a new folder."""
    from safetensors.numpy import save

    (folder / WEIGHTS).mkdir(parents=True)
    for member in classifier.members:
        path = weights_file(folder, member.name)
        if not path.exists():
            write_bytes(path, save(member.load("cpu").tensors()))
    voters = tuple(
        ExportedVoter(
            title=voter.title,
            times=voter.times,
            members=tuple(
                ExportedMember(name=member.name, settings=_settings(member, folder))
                for member in voter.members
            ),
        )
        for voter in classifier.voters
    )
    content = Exported(
        format=1,
        classes=classifier.classes,
        class_names=dict(classifier.class_names),
        combine=classifier.combine,
        temperature=classifier.temperature,
        voters=voters,
        versions=library_versions(),
    )
    write_json(folder / EXPORT, content.model_dump(mode="json"))


def _settings(member: Member, folder: Path) -> dict[str, Any]:
    """Return a member's settings; the net whose embeddings it takes goes along."""
    settings = member.config.settings()
    if net := settings.get(EMBEDDING_MODEL):
        data = Path(net).read_bytes()
        path = folder / EMBEDDINGS / f"{hashlib.sha256(data).hexdigest()[:16]}.onnx"
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            write_bytes(path, data)
        settings[EMBEDDING_MODEL] = path.name
    return settings


def write_checksums(folder: Path) -> None:
    """Write the SHA-256 of every file, as `sha256sum --check` reads it. Last of all."""
    lines = [f"{sha256}  {name}" for name, sha256 in _hashes(folder, _files(folder))]
    write_text(folder / CHECKSUMS, "\n".join(lines) + "\n")


def _files(folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    names = sorted(path.relative_to(folder).as_posix() for path in found)
    return [name for name in names if name != CHECKSUMS]


def _hashes(folder: Path, names: Iterable[str]) -> list[tuple[str, str]]:
    found = []
    for name in names:
        digest = hashlib.sha256()
        with (folder / name).open("rb") as file:
            while piece := file.read(READ_BYTES):
                digest.update(piece)
        found.append((name, digest.hexdigest()))
    return found


def _require_checksums(folder: Path) -> dict[str, str]:
    path = folder / CHECKSUMS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        wanted = {name: sha256 for sha256, name in (line.split("  ", 1) for line in lines)}
    except (FileNotFoundError, ValueError) as error:
        raise DamagedFileError(f"{path} is missing or damaged; export again") from error
    for name in wanted:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise DamagedFileError(f"{path} names {name!r}, which leads out of the export")
        if not (folder / name).is_file():
            raise DamagedFileError(f"{folder / name} is missing; export again, or copy it again")
    for name, sha256 in _hashes(folder, wanted):
        if sha256 != wanted[name]:
            raise DamagedFileError(
                f"{folder / name} is not what was exported: its SHA-256 is {sha256[:12]}..., and "
                f"{CHECKSUMS} says {wanted[name][:12]}...; copy it again"
            )
    unnamed = [name for name in _files(folder) if name not in wanted]
    if unnamed or EXPORT not in wanted:
        what = unnamed[0] if unnamed else EXPORT
        raise DamagedFileError(f"{path} does not name {what}; copy the export again")
    return wanted
