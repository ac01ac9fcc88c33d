"""`python -m pipeline.show CLIP.mp3`: pictures of its features, and of each augmentation."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.data.layouts.listing import sound_files
from jobs.errors import InputError
from jobs.extract.config import FeatureConfig
from jobs.extract.features import FEATURE_SETS
from jobs.train.augment import AUGMENTATIONS
from jobs.train.augment.augmentation import Augmentation, stream
from jobs.train.config import RunConfig
from pipeline.command import command
from pipeline.pages import console
from pipeline.planning.yaml_file import parse_settings

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

DEFAULT_OUT = Path("work/show")
# A clip is changed this many times; drawn are a weak, a stronger and the strongest change.
DRAWS = 30
NEIGHBOURS = 20
# In the title of a picture.
MOST_NUMBERS = 10
DRAWN = (DRAWS // 3, 2 * DRAWS // 3, DRAWS - 1)


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
    """Draw a clip's features in every feature set, and what each augmentation does to it.

    Each change is drawn three times, from weak to strong, with its probability taken as 1 and the
    ranges of the settings, beside the clip as it is.
    """
    values = parse_settings(settings or [], RunConfig.setting_names(), "--set", "noise_max=1")
    features = RunConfig.parse(values, "--set").features
    unsuited = [kind for kind in AUGMENTATIONS if not kind.suited_to(features)]
    if unsuited:
        raise InputError(
            f"augmentations are drawn on v1 and not on {features.features}: leave `features` out, "
            "all feature sets are drawn anyway"
        )
    # What needs settings of its own is drawn where they are given.
    kinds = [k for k in FEATURE_SETS.values() if not k.own_settings or k is features.kind]
    configs = [_config_of(kind.name, features) for kind in kinds]
    extracted = dict(zip(configs, _extract(clip, configs), strict=True))
    other = _partner(clip, partner, features)
    written = [
        *_draw_features(extracted, clip, out),
        *_draw_changes(clip, extracted[features], other, features, values, out),
    ]
    for path in written:
        console.say(f"  {path}")


def _partner(
    clip: Path, asked: Path | None, features: FeatureConfig
) -> "npt.NDArray[np.float32] | None":
    """Return the features that mixup blends in: of the clip asked for, else of a neighbour.

    Neighbours are tried in the order of their names, the next one first: what is broken or no sound
    hinders nobody. None if there is none that can be read.
    """
    if asked is not None:
        return _extract(asked, [features])[0]
    names = [name for name in sound_files(clip.parent) if "/" not in name and name != clip.name]
    later = [name for name in names if name > clip.name]
    for name in [*later, *(name for name in names if name <= clip.name)][:NEIGHBOURS]:
        with contextlib.suppress(InputError):
            return _extract(clip.parent / name, [features])[0]
    return None


def _config_of(name: str, chosen: FeatureConfig) -> FeatureConfig:
    """Return the config by which a feature set is drawn: of the chosen one its own."""
    if name == chosen.features:
        return chosen
    return FeatureConfig(features=name, seconds=chosen.seconds)


def _draw_features(
    extracted: Mapping[FeatureConfig, "npt.NDArray[np.float32]"], clip: Path, out: Path
) -> Iterator[Path]:
    from pipeline.pages.pictures import draw_features

    for config, features in extracted.items():
        path = out / f"features-{config.features}.png"
        draw_features(features, config, clip.name, path)
        yield path


def _draw_changes(
    clip: Path,
    extracted: "npt.NDArray[np.float32]",
    other: "npt.NDArray[np.float32] | None",
    features: FeatureConfig,
    settings: Mapping[str, object],
    out: Path,
) -> Iterator[Path]:
    import numpy as np

    from pipeline.pages.pictures import draw_before_and_after

    stacked = np.stack([extracted] if other is None else [extracted, other])
    for kind in AUGMENTATIONS:
        if kind.blends and other is None:
            console.warn(
                f"{kind.name} is not drawn: no other sound beside this one can be read; see "
                "--partner"
            )
            continue
        always = dict(settings) | {f"{kind.name}_p": 1.0}
        augmentation = kind.read_for(features, always, "--set")
        assert augmentation is not None  # it is on, and suits v1
        before, changed = _changes(augmentation, stacked, features.input_shape)
        path = out / f"augmentation-{kind.name}.png"
        shown = [changed[number] for number in DRAWN]
        draw_before_and_after(before, shown, f"{kind.title}: {clip.name}", path)
        yield path


Change = tuple[str, "npt.NDArray[np.float32]"]


def _changes(
    augmentation: Augmentation, clips: "npt.NDArray[np.float32]", shape: tuple[int, int]
) -> tuple["npt.NDArray[np.float32]", list[Change]]:
    """Return the first clip as a network sees it, and changed, from weak to strong, with titles.

    Args:
        augmentation: one that always changes.
        clips: float32 [clips, bands, frames], as extracted; the last one is mixed in.
        shape: bands and frames of a clip.
    """
    import numpy as np
    import torch

    from jobs.models.normalise import mean_and_deviation
    from jobs.train.augment.epoch import EpochChanges
    from jobs.train.clips.storage import RawClips

    count = len(clips)
    entropy = stream(0, 1, augmentation.name)
    drawn = augmentation.draw(np.random.default_rng(entropy), DRAWS, shape)
    mean, deviation = map(torch.from_numpy, mean_and_deviation(clips))
    raw = RawClips(torch.from_numpy(clips)[:, None], mean, deviation)
    changes: list[tuple[float, Change]] = []
    for draw in range(DRAWS):
        epoch = EpochChanges(
            [augmentation], shape, count, seed=0, epoch=1, visits=count, device="cpu"
        )
        rows = {name: _repeated(name, values[draw], count) for name, values in drawn.items()}
        epoch.drawn = [(augmentation, rows, torch.Generator().manual_seed(draw))]
        batch = epoch.apply(0, raw, torch.arange(count))
        strength = sum(
            float((rows[name][0].double() - value).abs().sum())
            for name, value in augmentation.neutral.items()
        )
        changes.append((strength, (_title(augmentation, rows), batch.features[0, 0].numpy())))
    weak_to_strong = sorted(changes, key=lambda change: change[0])
    return raw.normalised()[0, 0].numpy(), [change for _, change in weak_to_strong]


def _repeated(name: str, value: "np.generic", count: int) -> "Tensor":
    """Return one row for each clip of the batch; the partner of mixup is the last clip."""
    import numpy as np
    import torch

    if name == "partner":
        return torch.full((count,), 0.999)
    values = np.asarray(value)
    kind = np.float32 if np.issubdtype(values.dtype, np.floating) else np.int64
    return torch.from_numpy(np.repeat(values[None].astype(kind), count, axis=0))


def _title(augmentation: Augmentation, rows: Mapping[str, "Tensor"]) -> str:
    """Return what was drawn, in words: `band width 3, 7; frame width 12, 0`."""
    parts = []
    for column in augmentation.neutral:
        values = rows[column][0].reshape(-1).tolist()
        if len(values) > MOST_NUMBERS:  # of a curve its ends
            values = [min(values), max(values)]
        shown = ", ".join(f"{v:.2f}" if isinstance(v, float) else str(v) for v in values)
        parts.append(f"{column.replace('_', ' ')} {shown}")
    return "; ".join(parts)


def _extract(clip: Path, configs: Sequence[FeatureConfig]) -> list["npt.NDArray[np.float32]"]:
    """Return one clip's features by each config; a process of its own touches the MP3."""
    from jobs.extract.extraction import extract_clip

    if not clip.is_file():
        raise InputError(f"there is no file {clip}")
    found = extract_clip(clip, configs)
    if found.reason:
        raise InputError(f"{clip}: {found.reason}")
    return [features.copy() for features in found.features if features is not None]


app = command(main)

if __name__ == "__main__":
    app()
