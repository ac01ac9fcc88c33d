"""What becomes of each clip: from what workers answer, and from rows that are known already."""

import contextlib
from collections.abc import Generator, Sequence

from jobs.data.manifest import Manifest
from jobs.extract.answer import Answer, Order
from jobs.extract.config import FeatureConfig
from jobs.extract.known_rows import KnownRows
from jobs.extract.shard import ClipResult
from jobs.extract.workers import Workers


def clip_results(
    manifest: Manifest,
    configs: Sequence[FeatureConfig],
    positions: range,
    known: Sequence[KnownRows],
    cpus: int,
) -> Generator[list[ClipResult], None, None]:
    """Yield the results of each clip, one for each config, in the order of `positions`.

    Args:
        manifest: the clips.
        configs: they agree in sample rate and seconds, so that a clip is decoded once.
        positions: which clips.
        known: for each config the rows that need not be computed.
        cpus: how many clips are worked on at once.

    Raises:
        OSError: a file cannot be read now, after several attempts.
    """
    order = Order(tuple(configs), tuple(rows.digests for rows in known))
    files = [manifest.file_of(position) for position in positions]
    with (
        Workers(order, min(cpus, len(positions))) as workers,
        contextlib.closing(workers.answers(files)) as answers,
    ):
        for position, answer in zip(positions, answers, strict=True):
            results = _results(manifest, position, answer, known)
            if results is None:
                results = _computed(manifest, position, configs)
            yield results


def _results(
    manifest: Manifest, position: int, answer: Answer, known: Sequence[KnownRows]
) -> list[ClipResult] | None:
    """Return a result for each config, or None if a known row turned out damaged."""
    if answer.unread is not None:
        raise answer.unread
    clip_id, results = manifest.clips[position].id, []
    for features, rows in zip(answer.features, known, strict=True):
        audio, reason = answer.audio, answer.reason
        if answer.sha256 in rows.digests:
            stored = rows.result(answer.sha256)
            if stored is None:
                return None
            features, audio, reason = stored
        reason = reason if features is None else ""
        results.append(ClipResult(position, clip_id, answer.sha256, features, audio, reason))
    return results


def _computed(
    manifest: Manifest, position: int, configs: Sequence[FeatureConfig]
) -> list[ClipResult]:
    """Return the results of one clip whatever is known of it."""
    unknown = [KnownRows() for _ in configs]
    alone = range(position, position + 1)
    return next(clip_results(manifest, configs, alone, unknown, cpus=1))
