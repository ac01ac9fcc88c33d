"""What is known of clips without any net: levels of their bands, facts about their recordings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.data.dataset import Dataset
from jobs.data.manifest import Manifest
from jobs.extract.config import FeatureConfig
from jobs.extract.store.feature_set import FeatureSet
from jobs.extract.store.shard import NO_ROW

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
# What a recording is like beside its sound. Each is one column; texts become numbers.
FACTS = (
    *("rms", "peak", "duration_s", "silence", "leading_silence_s"),
    *("sample_rate", "channels", "codec", "bit_rate"),
)


@dataclass(frozen=True)
class PooledClips:
    """Some clips that could be read.

    Attributes:
        levels: float64 [clips, 2 * bands], mean and deviation over time of each mel band in dB
            below the clip's loudest; no loudness is in it.
        facts: float64 [clips, facts], in the order of `FACTS`.
        groups: int64 [clips], a number for each group; a clip without one is a group of its own.
        labels: int64 [clips]; -1 for test clips.
        ids: of the clips.
        codecs: the names of what stands as a number in `facts`.
        band_hz: float64 [bands], the middle of each band.
    """

    levels: Floats
    facts: Floats
    groups: Numbers
    labels: Numbers
    ids: tuple[str, ...]
    codecs: Sequence[str]
    band_hz: Floats

    def __len__(self) -> int:
        return len(self.levels)

    def fact(self, name: str) -> Floats:
        """Return one of the facts, float64 [clips]."""
        return np.asarray(self.facts[:, FACTS.index(name)])


def pooled_clips(
    dataset: Dataset, labelled: FeatureSet, test: FeatureSet | None
) -> tuple[PooledClips, PooledClips | None]:
    """Return the labelled and the test clips that could be read.

    Texts become the same numbers on both sides, and groups too.
    """
    codecs: list[str] = []
    groups: dict[str, int] = {}
    labels = np.array(dataset.labels(range(len(dataset.labelled))), np.int64)
    ours = _pooled(labelled, labels, dataset.labelled, codecs, groups)
    if test is None or not len(dataset.test):
        return ours, None
    unknown = np.full(len(dataset.test), -1, np.int64)
    return ours, _pooled(test, unknown, dataset.test, codecs, groups)


def _pooled(
    features: FeatureSet,
    labels: Numbers,
    clips: Manifest,
    codecs: list[str],
    groups: dict[str, int],
) -> PooledClips:
    readable = features.row != NO_ROW
    table, levels = features.facts(), features.band_levels()
    codecs += sorted({bytes(text).decode() for text in table["codec"]} - set(codecs))
    columns = [
        [codecs.index(bytes(text).decode()) for text in table[name]]
        if name == "codec"
        else table[name].astype(np.float64)
        for name in FACTS
    ]
    of_clip = [
        groups.setdefault(f"\0{len(groups)}" if clip.group is None else clip.group, len(groups))
        for clip in clips.clips
    ]
    return PooledClips(
        levels=levels.reshape(len(levels), -1)[readable].astype(np.float64),
        facts=np.stack(columns, axis=1).astype(np.float64)[readable],
        groups=np.array(of_clip, np.int64)[readable],
        labels=labels[readable],
        ids=tuple(clips.ids[p] for p in np.flatnonzero(readable)),
        codecs=codecs,
        band_hz=_band_hz(features.config),
    )


def _band_hz(config: FeatureConfig) -> Floats:
    from librosa import mel_frequencies

    edges = mel_frequencies(config.level_bands + 2, fmin=0, fmax=config.sample_rate / 2)
    return np.asarray(edges[1:-1], np.float64)
