"""`python -m pipeline.show CLIP.mp3`: pictures of its features, and of each augmentation."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.errors import InputError
from jobs.train.config import RunConfig
from pipeline import console
from pipeline.yaml_file import parse_settings

if TYPE_CHECKING:
    import numpy as np

    from jobs.train.augment.table import Table

DEFAULT_OUT = Path("work/show")
# So often a clip is changed; of these are drawn a weak, a stronger and the strongest change.
DRAWS = 30
DRAWN = (DRAWS // 3, 2 * DRAWS // 3, DRAWS - 1)
# What is drawn, and which columns of the table tell how strong it is.
KINDS = {
    "shift": ("time shift", ("shift",)),
    "speed": ("speed change", ("speed",)),
    "pitch": ("pitch shift", ("pitch",)),
    "noise": ("noise", ("noise",)),
    "mixup": ("mixup", ("share",)),
    "mask": ("SpecAugment", ("band_width", "frame_width")),
}

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    clip: Annotated[Path, typer.Argument(help="An MP3.")],
    partner: Annotated[
        Path | None,
        typer.Option(help="The MP3 that mixup blends in. Default: the next one in the folder."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the PNG files.")] = DEFAULT_OUT,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="As for launch, for instance noise_max=1."),
    ] = None,
) -> None:
    """Draw a clip's features (v1, v2, v3) and what each augmentation does to its v1.

    Each change is drawn three times, from weak to strong, with its probability taken as 1 and the
    ranges of the settings, beside the clip as it is.
    """
    try:
        config = _config(settings or [])
        written = [
            *_draw_features(clip, config, out),
            *_draw_changes(clip, _partner(clip, partner), config, out),
        ]
    except (InputError, OSError) as error:
        console.complain(str(error))
        raise typer.Exit(2) from None
    for path in written:
        console.say(f"  {path}")


def _config(settings: Sequence[str]) -> RunConfig:
    values = parse_settings(settings, RunConfig.model_fields, "--set", "noise_max=1")
    config = RunConfig.checked(values, "--set")
    if config.features != "v1":
        raise InputError("augmentations are drawn on v1; all three feature sets are drawn anyway")
    return config


def _partner(clip: Path, asked: Path | None) -> Path | None:
    """Return the clip that mixup blends in: as asked, else a neighbour; None if there is none."""
    if asked is not None:
        return asked
    neighbours = sorted(p for p in clip.parent.glob("*.mp3") if p != clip)
    return next((p for p in neighbours if p > clip), neighbours[0] if neighbours else None)


def _draw_features(clip: Path, config: RunConfig, out: Path) -> Iterator[Path]:
    from jobs.extract.config import FeatureConfig
    from pipeline.pictures import draw_features

    others = [FeatureConfig(features=name, seconds=config.seconds) for name in ("v2", "v3")]
    for each in (config.feature_config, *others):
        path = out / f"features-{each.features}.png"
        draw_features(_extract(clip, [each])[0], each, clip.name, path)
        yield path


def _draw_changes(clip: Path, partner: Path | None, config: RunConfig, out: Path) -> Iterator[Path]:
    import torch

    from jobs.train.augment.augmentation import Augmentation
    from jobs.train.augment.table import draw_table
    from jobs.train.clips.normalise import to_tensor
    from pipeline.pictures import draw_before_and_after

    clips = [clip] if partner is None else [clip, partner]
    stacked = [_extract(each, [config.feature_config])[0] for each in clips]
    x = torch.cat([to_tensor(each[None]) for each in stacked])
    for kind, (name, columns) in KINDS.items():
        if kind == "mixup" and partner is None:
            console.warn("mixup is not drawn: there is no other MP3 beside this one; see --partner")
            continue
        always = config.model_copy(update={f"{k}_p": float(k == kind) for k in KINDS})
        table = draw_table(always, config.input_shape, config.seed, epoch=1, visits=DRAWS)
        after, titles = [], []
        for draw in sorted(range(DRAWS), key=lambda n: _strength(table, n, columns)):
            row = _repeated(table, draw, len(x))
            changed, _ = Augmentation(always, row, len(x)).apply(0, x, torch.arange(len(x)))
            after.append(changed[0, 0].numpy())
            titles.append(_told(row, columns))
        path = out / f"augmentation-{kind}.png"
        draw_before_and_after(
            x[0, 0].numpy(),
            [after[n] for n in DRAWN],
            [titles[n] for n in DRAWN],
            f"{name}: {clip.name}",
            path,
        )
        yield path


def _strength(table: "Table", row: int, columns: Sequence[str]) -> float:
    """Return how far a row is from doing nothing."""
    neutral = {"speed": 1.0, "share": 1.0}
    values = (getattr(table, c)[row].double() - neutral.get(c, 0.0) for c in columns)
    return float(sum(value.abs().sum() for value in values))


def _extract(clip: Path, configs: Sequence[Any]) -> list["np.ndarray"]:
    """Return one clip's features; as everywhere, a process of its own touches the MP3."""
    from jobs.extract.answer import Order
    from jobs.extract.workers import Workers

    if not clip.is_file():
        raise InputError(f"there is no file {clip}")
    order = Order(tuple(configs), tuple(frozenset() for _ in configs))
    with Workers(order, 1) as workers:
        answer = next(workers.answers([clip]))
    if answer.reason:
        raise InputError(f"{clip}: {answer.reason}")
    if answer.unread is not None:
        raise answer.unread
    return [each.copy() for each in answer.features if each is not None]


def _repeated(table: "Table", row: int, count: int) -> "Table":
    """Return one row of a table, for each clip of a batch; mixup's partner is the last clip."""
    import torch

    columns = {f.name: getattr(table, f.name)[row : row + 1] for f in fields(table)}
    columns = {name: values.repeat_interleave(count, dim=0) for name, values in columns.items()}
    columns["partner"] = torch.full((count,), 0.999)
    return type(table)(**columns)


def _told(row: "Table", columns: Sequence[str]) -> str:
    parts = []
    for column in columns:
        values = getattr(row, column)[0].reshape(-1).tolist()
        shown = ", ".join(f"{v:.2f}" if isinstance(v, float) else str(v) for v in values)
        parts.append(f"{column.replace('_', ' ')} {shown}")
    return "; ".join(parts)


if __name__ == "__main__":
    app()
