"""The one way from recordings to FeatureSets: shard by shard, then joined.

A clip is decoded once for all feature sets that want the same samples of it. A recording whose row
lies in any shard of the store already, of whatever data folder and partition, is not even opened.
"""

import contextlib
import logging
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from jobs.data.manifest import Clip, Manifest
from jobs.errors import DamagedFileError, InputError
from jobs.extract.clip_features import ClipFeatures
from jobs.extract.config import FeatureConfig
from jobs.extract.store.feature_store import FeatureStore
from jobs.extract.store.index import joined
from jobs.extract.store.known_rows import KnownRows
from jobs.extract.store.shard import ShardName, is_current, read_features
from jobs.extract.store.shard_writer import writing_shard
from jobs.extract.workers.pool import WorkerPool
from jobs.extract.workers.request import UNREADABLE, WorkRequest
from jobs.progress import Progress

log = logging.getLogger(__name__)

CLIPS_A_WORKER = 50


@dataclass(frozen=True)
class Extraction:
    """The feature sets of one manifest, and what is left to do for them.

    Which sets are complete is looked up once, when first asked for: take a new Extraction to look
    again.

    Attributes:
        store: where FeatureSets lie; rows of other ones are reused.
        manifest: the clips.
        configs: the feature sets and their settings.
        shards: into how many shards the clips are cut.
    """

    store: FeatureStore
    manifest: Manifest
    configs: Sequence[FeatureConfig]
    shards: int

    @cached_property
    def incomplete(self) -> list[FeatureConfig]:
        """The feature sets without an index of all their shards."""
        complete = self.store.is_complete
        return [config for config in self.configs if not complete(self.manifest, config)]

    def is_complete(self) -> bool:
        return not self.incomplete

    def missing(self) -> list[int]:
        """Return the shards that some set still lacks; none of a complete set is looked at."""
        return [shard for shard in range(self.shards) if self._lacking(self._name(shard))]

    def extract(self, shard: int, cpus: int) -> list[FeatureConfig]:
        """Write one shard of each feature set that lacks it.

        Args:
            shard: its number.
            cpus: how many clips are worked on at once. The bytes of a shard don't depend on it.

        Returns:
            The configs whose shard was missing.

        Raises:
            InputError: a recording is not what it was when the manifest was made.
            OSError: a clip could not be read now. In both cases no shard is written.
        """
        lacking = self._lacking(self._name(shard))
        self._write(lacking, self._name(shard), cpus)
        return lacking

    def index(self, cpus: int) -> None:
        """Make every set complete: extract what is missing, verify the rest, write each index.

        Args:
            cpus: for shards that must be extracted here.
        """
        for shard in range(self.shards if self.incomplete else 0):
            name = self._name(shard)
            for config in self.extract(shard, cpus):
                log.warning(
                    "%s of %s was missing; the index has extracted it", name, config.features
                )
            self._write(self._damaged(name), name, cpus)
        for config in self.incomplete:
            folder = self.store.folder(self.manifest, config)
            joined(folder, self.manifest, config, self.shards).save()
        vars(self).pop("incomplete", None)

    def _name(self, shard: int) -> ShardName:
        return ShardName(shard, self.shards)

    def _lacking(self, name: ShardName) -> list[FeatureConfig]:
        return [
            config
            for config in self.incomplete
            if not is_current(self.store.folder(self.manifest, config), self.manifest, config, name)
        ]

    def _damaged(self, name: ShardName) -> list[FeatureConfig]:
        """Return the sets whose shard has features that cannot be read, to the last byte."""
        damaged = []
        for config in self.incomplete:
            try:
                read_features(self.store.folder(self.manifest, config) / str(name))
            except DamagedFileError as error:
                log.warning("%s; it is extracted again", error)
                damaged.append(config)
        return damaged

    def _write(self, configs: Sequence[FeatureConfig], name: ShardName, cpus: int) -> None:
        """Write one shard of each of the configs, whether or not it is there."""
        for alike in decoded_together(configs):
            self._write_alike(alike, name, cpus)

    def _write_alike(self, configs: Sequence[FeatureConfig], name: ShardName, cpus: int) -> None:
        positions = name.positions(len(self.manifest))
        known = [KnownRows.found_in(self.store, self.manifest, c, name) for c in configs]
        sets = "+".join(config.features for config in configs)
        progress = Progress(f"extract {sets} {name}", len(positions), "clips")
        with contextlib.ExitStack() as stack:
            writers = []
            for config in configs:
                path = self.store.folder(self.manifest, config) / str(name)
                writers.append(stack.enter_context(writing_shard(path, config, len(positions))))
            records = _records(self.manifest, configs, positions, known, cpus)
            # closing: if writing fails, the workers must not outlive it.
            stack.enter_context(contextlib.closing(records))
            for position, found in zip(positions, progress.over(records), strict=True):
                for writer, record in zip(writers, found, strict=True):
                    writer.add(position, self.manifest.clips[position], record)


def extract_clip(path: Path, configs: Sequence[FeatureConfig]) -> ClipFeatures:
    """Return the features of one file alone; as everywhere, a process of its own touches it.

    Raises:
        OSError: the file cannot be read now.
    """
    found: dict[FeatureConfig, ClipFeatures] = {}
    for alike in decoded_together(configs):
        with WorkerPool(alike, 1) as workers:
            (record,) = workers.records([WorkRequest(path, tuple(range(len(alike))))])
        found |= {config: record.of_set(number) for number, config in enumerate(alike)}
    records = [found[config] for config in configs]
    return replace(
        records[0],
        features=tuple(record.features[0] for record in records),
        band_levels=tuple(record.band_levels[0] for record in records),
        reason=next((record.reason for record in records if record.reason), ""),
    )


def workers_for(clips: int, cpus: int) -> int:
    """Return how many workers are worth starting for so many clips.

    A worker takes 1.6 s of a CPU before its first clip, the time of some 90 clips of v2 or 200 of
    v1. The bytes of a shard don't depend on how many there are.
    """
    return min(cpus, -(-clips // CLIPS_A_WORKER))


def decoded_together(configs: Sequence[FeatureConfig]) -> list[list[FeatureConfig]]:
    """Return the configs in groups that want the same samples of a clip."""
    groups: dict[tuple[int, float], list[FeatureConfig]] = {}
    for config in configs:
        groups.setdefault((config.sample_rate, config.seconds), []).append(config)
    return list(groups.values())


def _records(
    manifest: Manifest,
    configs: Sequence[FeatureConfig],
    positions: range,
    known: Sequence[KnownRows],
    cpus: int,
) -> Generator[list[ClipFeatures], None, None]:
    """Yield the records of each clip, one for each config, in the order of `positions`."""
    requests = []
    for position in positions:
        digest = manifest.clips[position].sha256
        wanted = tuple(n for n, rows in enumerate(known) if digest not in rows)
        requests.append(WorkRequest(manifest.file_of(position), wanted))
    to_do = [request for request in requests if request.wanted]
    with (
        WorkerPool(configs, workers_for(len(to_do), cpus)) as workers,
        contextlib.closing(workers.records(to_do)) as computed,
    ):
        for position, request in zip(positions, requests, strict=True):
            clip = manifest.clips[position]
            found: dict[int, ClipFeatures | None] = {}
            if request.wanted:
                record = next(computed)
                _require_unchanged(record, clip, request.path)
                found = {number: record.of_set(n) for n, number in enumerate(request.wanted)}
            for number in set(range(len(configs))) - found.keys():
                found[number] = known[number].record(clip.sha256)
            records = [record for _, record in sorted(found.items()) if record is not None]
            if len(records) < len(configs):  # a known row turned out damaged
                nothing = [KnownRows(config) for config in configs]
                alone = range(position, position + 1)
                (records,) = _records(manifest, configs, alone, nothing, cpus=1)
            yield records


def _require_unchanged(record: ClipFeatures, clip: Clip, path: Path) -> None:
    """Refuse a recording that is not the one that the manifest knows.

    Raises:
        InputError: names the file, and says to launch again.
    """
    if record.sha256 == clip.sha256:
        return
    if not record.sha256 and record.reason not in UNREADABLE:
        return  # what ended the worker says nothing of the bytes
    now = f"SHA-256 {record.sha256[:12]}..." if record.sha256 else record.reason
    then = f"SHA-256 {clip.sha256[:12]}..." if clip.sha256 else "it could not be read"
    raise InputError(
        f"{path} has changed since the launch looked at it (then: {then}; now: {now}); launch again"
    )
