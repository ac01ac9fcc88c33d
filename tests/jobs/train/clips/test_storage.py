"""Features in memory or streamed from their shards: the same batches."""

from pathlib import Path

import numpy as np
import pytest
import torch
from jobs.extract.feature_set import FeatureSet
from jobs.train.clips.placement import Resident, Storage, Streamed

from jobs.data.manifest import Manifest
from jobs.data.split import SplitConfig, draw_split
from jobs.files import read_json
from jobs.train.clips.labelled import load_split
from jobs.train.clips.order import batch_sizes
from jobs.train.compute.setup import Room
from jobs.train.config import RunConfig
from jobs.train.run import Run
from jobs.train.trainer import train_run

EVERYTHING = 10**9


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("clips", [0, 1, 7, 20, 39])
def test_streamed_batches_are_those_from_memory(
    features: FeatureSet, clips: int, dtype: torch.dtype
) -> None:
    positions = list(range(5, 45))
    # Two windows share the budget.
    budget = 2 * clips * Storage("cpu", dtype, 0, 0).bytes_of(features, 1)
    resident = Storage("cpu", dtype, EVERYTHING, 0).place(features, positions, resident=True)
    streamed = Storage("cpu", dtype, 0, budget).place(features, positions, resident=False)
    assert isinstance(resident, Resident)
    assert isinstance(streamed, Streamed)
    order = np.random.default_rng(clips).integers(0, len(positions), 61)  # some clips twice
    sizes = batch_sizes(len(order), 6)
    wanted = list(resident.batches(order, sizes))
    found = list(streamed.batches(order, sizes))
    assert [len(batch) for batch in found] == sizes
    for one, other in zip(wanted, found, strict=True):
        assert other.dtype == torch.float32
        assert torch.equal(one, other)


def test_features_that_do_not_fit_are_streamed_and_it_is_said(
    manifest: Manifest, features: FeatureSet, caplog: pytest.LogCaptureFixture
) -> None:
    split = draw_split(manifest, SplitConfig())
    needed = Storage("cpu", torch.float32, 0, 0).bytes_of(features, len(manifest.labelled))
    for budget, kind in ((needed, Resident), (needed - 1, Streamed)):
        caplog.set_level("INFO")
        sides = load_split(features, manifest, split, Storage("cpu", torch.float32, budget, budget))
        assert all(isinstance(side.features, kind) for side in sides)
    assert "are read again from disk each epoch" in caplog.text


def test_a_run_on_streamed_features_ends_with_the_same_bytes(
    manifest: Manifest, features: FeatureSet, config: RunConfig, tmp_path: Path
) -> None:
    split = draw_split(manifest, SplitConfig())
    runs = []
    for name, data_gb in (("resident", None), ("streamed", 1e-5)):
        runs.append(Run(tmp_path / name))
        train_run(runs[-1], config, manifest, split, features, Room(data_gb))
    assert runs[0].epochs_kept() == runs[1].epochs_kept()
    for epoch in runs[0].epochs_kept():
        assert runs[0].weights(epoch).read_bytes() == runs[1].weights(epoch).read_bytes()
    fingerprint = manifest.test_fingerprint
    saved = [run.probabilities(fingerprint).read_bytes() for run in runs]
    assert saved[0] == saved[1]
    assert read_json(runs[0].config) == read_json(runs[1].config)  # no setting of the run


def test_batches_hold_every_clip_with_its_label(manifest: Manifest, features: FeatureSet) -> None:
    storage = Storage("cpu", torch.float32, EVERYTHING, 0)
    training, _ = load_split(features, manifest, draw_split(manifest, SplitConfig()), storage)
    order = np.random.default_rng(0).permutation(len(training))
    places = []
    for place, x, labels in training.batches(order, batch_sizes(len(order), 5)):
        positions = [training.positions[i] for i in order[place : place + len(x)]]
        assert labels.tolist() == manifest.labels(positions)
        assert torch.equal(x, storage.load(features, positions, "cpu"))
        places += positions
    assert sorted(places) == sorted(training.positions)
