"""Pictures of features and of what augmentation does to them, as PNG files."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from jobs.extract.config import FeatureConfig
from jobs.files import replacing

Floats = npt.NDArray[np.float32]

DPI = 120
COLOURS = "magma"
# Power of v2's mel bands spans many decades; it is drawn in decibels down to this.
FLOOR_DB = -80.0


def draw_features(features: Floats, config: FeatureConfig, title: str, path: Path) -> None:
    """Draw one clip's features.

    Args:
        features: float32, of the config's shape.
        config: which feature set.
        title: of the clip.
        path: the PNG.
    """
    if not config.kind.has_frames:
        figure = _draw_bars(features, config)
    elif config.kind.blocks:
        figure = _draw_blocks(features, config)
    else:
        figure = _draw_spectrogram(features, config)
    figure.suptitle(f"{title}: {config.features} {list(features.shape)}", fontsize=11)
    save(figure, path)


def draw_before_and_after(
    before: Floats, after: Sequence[tuple[str, Floats]], name: str, path: Path
) -> None:
    """Draw one clip as it is and as an augmentation makes it, all in the same colours.

    Args:
        before: float32 [bands, frames], normalised.
        after: the same clip, changed, each with its title.
        name: of the augmentation.
        path: the PNG.
    """
    figure = Figure(figsize=(3.6 * (1 + len(after)), 3.4), layout="constrained")
    panels = figure.subplots(1, 1 + len(after), sharey=True, squeeze=False)[0]
    low, high = float(before.min()), float(before.max())
    for panel, (title, image) in zip(panels, (("before", before), *after), strict=True):
        drawn = panel.imshow(
            image, origin="lower", aspect="auto", cmap=COLOURS, vmin=low, vmax=high,
            interpolation="nearest",
        )  # fmt: skip
        panel.set_title(title, fontsize=9)
        panel.set_xlabel("frame")
    panels[0].set_ylabel("band")
    figure.colorbar(drawn, ax=list(panels), label="standard deviations", shrink=0.85)
    figure.suptitle(name, fontsize=11)
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as one atomic step."""
    FigureCanvasAgg(figure)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=DPI, format="png")


def _draw_spectrogram(features: Floats, config: FeatureConfig) -> Figure:
    figure = Figure(figsize=(8, 4), layout="constrained")
    panel = figure.subplots()
    _image(figure, panel, features, config, "dB")
    panel.set_ylabel("mel band")
    panel.set_xlabel("seconds")
    return figure


def _draw_blocks(features: Floats, config: FeatureConfig) -> Figure:
    figure = Figure(figsize=(8, 11), layout="constrained")
    blocks = config.kind.blocks
    heights = [max(rows, 24) for rows in blocks.values()]
    panels = figure.subplots(len(blocks), 1, sharex=True, height_ratios=heights)
    for panel, (name, rows) in zip(panels, _slices(blocks), strict=True):
        block = features[rows]
        if name == "mel":
            _image(figure, panel, _decibels(block), config, "dB")
        elif len(block) == 1:
            panel.plot(_seconds(config, block.shape[1]), block[0], linewidth=0.8)
            panel.margins(x=0)
        else:
            # The first MFCC, the loudness, would leave one colour to the others.
            _image(figure, panel, block, config, "", seen=block[1:] if name == "mfcc" else block)
        panel.set_ylabel({"centroid": "centroid (Hz)", "contrast": "contrast (dB)"}.get(name, name))
    panels[-1].set_xlabel("seconds")
    return figure


def _draw_bars(features: Floats, config: FeatureConfig) -> Figure:
    """Each block on a scale of its own: they differ by orders of magnitude."""
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    blocks = config.kind.blocks or {config.features: len(features)}
    widths = [max(rows, 14) for rows in blocks.values()]
    panels = figure.subplots(1, len(blocks), width_ratios=widths, squeeze=False)[0]
    for panel, (name, rows) in zip(panels, _slices(blocks), strict=True):
        block = _decibels(features[rows]) if name == "mel" else features[rows]
        panel.bar(np.arange(len(block)), block - block.min() if name == "mel" else block, width=0.9)
        panel.set_title(f"{name} (dB over its least)" if name == "mel" else name, fontsize=8)
        panel.tick_params(labelsize=7)
        if len(block) == 1:
            panel.set_xticks([])
    return figure


def _slices(blocks: Mapping[str, int]) -> Iterator[tuple[str, slice]]:
    start = 0
    for name, rows in blocks.items():
        yield name, slice(start, start + rows)
        start += rows


def _decibels(power: Floats) -> Floats:
    largest = max(float(power.max()), 1e-20)
    decibels = 10 * np.log10(np.maximum(power / largest, 10 ** (FLOOR_DB / 10)))
    return decibels.astype(np.float32)


def _seconds(config: FeatureConfig, frames: int) -> npt.NDArray[np.float64]:
    return np.arange(frames) * config.hop_length / config.sample_rate


def _image(
    figure: Figure,
    panel: Axes,
    block: Floats,
    config: FeatureConfig,
    unit: str,
    seen: Floats | None = None,
) -> None:
    """Draw [rows, frames] over seconds; colours span the values of `seen`."""
    seen = block if seen is None else seen
    end = block.shape[1] * config.hop_length / config.sample_rate
    drawn = panel.imshow(
        block, origin="lower", aspect="auto", cmap=COLOURS, extent=(0, end, 0, len(block)),
        interpolation="nearest", vmin=float(seen.min()), vmax=float(seen.max()),
    )  # fmt: skip
    figure.colorbar(drawn, ax=panel, label=unit, pad=0.01)
