"""Features in memory or streamed from their shards: the same batches."""

from pathlib import Path

import numpy as np
import pytest
import torch

from jobs.data.dataset import Dataset
from jobs.data.split import Fold
from jobs.extract.store.feature_set import FeatureSet
from jobs.train.clips.labelled import load_fold
from jobs.train.clips.order import batch_sizes
from jobs.train.clips.storage import Resident, Storage, Streamed
from jobs.train.compute.setup import DeviceShare
from jobs.train.config import RunConfig
from jobs.train.run import Run
from jobs.train.training import train_run

EVERYTHING = 10**9


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("clips", [0, 1, 7, 20, 39])
def test_streamed_batches_are_those_from_memory(
    features: FeatureSet, clips: int, dtype: torch.dtype
) -> None:
    positions = list(range(0, 40))
    # Two windows share the budget.
    budget = 2 * clips * Storage("cpu", dtype, 0, 0).bytes_of(features, 1)
    resident = Storage("cpu", dtype, EVERYTHING, 0).open(features, positions, resident=True)
    streamed = Storage("cpu", dtype, 0, budget).open(features, positions, resident=False)
    assert isinstance(resident, Resident)
    assert isinstance(streamed, Streamed)
    order = np.random.default_rng(clips).integers(0, len(positions), 61)  # some clips twice
    sizes = batch_sizes(len(order), 6)
    wanted = list(resident.batches(order, sizes))
    found = list(streamed.batches(order, sizes))
    assert [len(batch) for batch in found] == sizes
    for one, other in zip(wanted, found, strict=True):
        assert other.features.dtype == torch.float32
        assert torch.equal(one.features, other.features)
        assert torch.equal(one.normalised(), other.normalised())


def test_features_that_do_not_fit_are_streamed_and_it_is_said(
    dataset: Dataset, fold: Fold, features: FeatureSet, caplog: pytest.LogCaptureFixture
) -> None:
    needed = Storage("cpu", torch.float32, 0, 0).bytes_of(features, len(dataset.labelled))
    for budget, kind in ((needed, Resident), (needed - 1, Streamed)):
        caplog.set_level("INFO")
        sides = load_fold(features, dataset, fold, Storage("cpu", torch.float32, budget, budget))
        assert all(isinstance(side.features, kind) for side in sides)
    assert "are read from disk again each epoch" in caplog.text


def test_a_run_on_streamed_features_ends_with_the_same_bytes(
    dataset: Dataset, fold: Fold, features: FeatureSet, config: RunConfig, tmp_path: Path
) -> None:
    runs = []
    for name, data_gb in (("resident", None), ("streamed", 1e-5)):
        runs.append(Run(tmp_path / name))
        train_run(runs[-1], config, dataset, fold, features, DeviceShare(data_gb))
    for one, other in zip(*(run.checkpoints_kept() for run in runs), strict=True):
        assert one == other
        assert one.weights.read_bytes() == other.weights.read_bytes()
    assert runs[0].validation.read_bytes() == runs[1].validation.read_bytes()
    assert runs[0].config.read_bytes() == runs[1].config.read_bytes()  # no setting of the run


def test_batches_hold_every_clip_with_its_label(
    dataset: Dataset, fold: Fold, features: FeatureSet
) -> None:
    storage = Storage("cpu", torch.float32, EVERYTHING, 0)
    training, _ = load_fold(features, dataset, fold, storage)
    order = np.random.default_rng(0).permutation(len(training))
    seen = []
    for offset, clips, labels in training.batches(order, batch_sizes(len(order), 5)):
        positions = [training.positions[i] for i in order[offset : offset + len(clips)]]
        assert labels.tolist() == dataset.labels(positions)
        assert torch.equal(clips.features[:, 0], torch.from_numpy(features.load(positions)))
        seen += positions
    assert sorted(seen) == sorted(training.positions)
