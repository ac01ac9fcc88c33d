"""What was fitted predicts a clip alike in any company, and is saved as plain numbers."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from jobs.errors import DamagedFileError
from jobs.models import MODELS
from jobs.models.extra_trees import ExtraTrees
from jobs.models.fitted_net import FittedNet, all_logits, batch_logits
from jobs.models.logistic import FittedLogistic, Logistic
from jobs.models.model import EVALUATION_BATCH, Fitted, OneShotModel
from jobs.models.net import Net
from tests.damage import cut, flip

CLASSES = ("0", "1", "2", "3")
SHAPE = (16, 22)
SMALL: dict[str, dict[str, object]] = {
    "resnet": {"depth": 8}, "densenet": {"densenet_depth": 10}, "extra_trees": {"trees": 20},
}  # fmt: skip
# Of a clip's embedding.
WIDTHS = {
    "resnet": 64,
    "cnn": 256,
    "inception": 224,
    "densenet": 27,
    "wide_resnet": 128,
    "mlp": 256,
}


def clips(count: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(count).normal(-40, 20, (count, *shape)).astype(np.float32)


def fitted(name: str, shape: tuple[int, ...] = SHAPE) -> Fitted:
    """Return a model that predicts, with whatever weights."""
    settings = MODELS[name].checked(SMALL.get(name, {}), "test")
    if isinstance(settings, Net):
        torch.manual_seed(0)
        input_shape = (shape[0], shape[1] if len(shape) > 1 else 1)
        module = settings.build_for(len(CLASSES), input_shape)
        module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return FittedNet(settings, module, CLASSES, shape, "cpu")
    assert isinstance(settings, OneShotModel)
    return settings.fit(clips(40, shape), np.arange(40) % 4, CLASSES, seed=0)


# v1's real shape takes a minute a model on a busy machine, so one net stands for all there.
COMPANY = [(name, shape) for name in MODELS for shape in ((16, 22), (194,))]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("name", "shape"), [*COMPANY, ("resnet", (64, 259))], ids=str)
def test_a_clip_has_the_same_bits_in_any_subset_order_and_number_of_shards(
    name: str, shape: tuple[int, ...], threads: int
) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        model, x = fitted(name, shape), clips(70, shape)
        whole = model.predict_proba(x)
        rng = np.random.default_rng(0)
        for count in (1, 63, 70):
            some = rng.permutation(70)[:count]
            np.testing.assert_array_equal(model.predict_proba(x[some]), whole[some])
        shards = [model.predict_proba(part) for part in np.split(x, [3, 40])]
        np.testing.assert_array_equal(np.concatenate(shards), whole)
    finally:
        torch.set_num_threads(before)
    assert model.predict_proba(x[:0]).shape == (0, 4)
    np.testing.assert_allclose(whole.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", WIDTHS)
def test_an_embedding_is_what_the_last_layer_sees(name: str) -> None:
    model, x = fitted(name), clips(70)
    assert isinstance(model, FittedNet)
    pooled = model.embedding(x)
    assert pooled.shape == (70, WIDTHS[name])
    assert pooled.dtype == np.float32
    head = model.module.get_submodule("head")
    with torch.no_grad():
        said = head(torch.from_numpy(pooled)).softmax(dim=1).numpy()
    np.testing.assert_allclose(said, model.predict_proba(x), atol=1e-6)
    np.testing.assert_array_equal(model.embedding(x[5:9]), pooled[5:9])


def test_a_batch_is_filled_up_and_cut_again() -> None:
    model = fitted("resnet")
    assert isinstance(model, FittedNet)
    shapes: list[torch.Size] = []
    model.module.register_forward_pre_hook(lambda _, inputs: shapes.append(inputs[0].shape))
    x = torch.randn(70, 1, *SHAPE)
    assert batch_logits(model.module, x[:5]).shape == (5, 4)
    assert all_logits(model.module, x.split(EVALUATION_BATCH)).shape == (70, 4)
    assert set(shapes) == {torch.Size((EVALUATION_BATCH, 1, *SHAPE))}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_the_same_after_being_saved_and_loaded(name: str, tmp_path: Path) -> None:
    model, path = fitted(name), tmp_path / f"model{MODELS[name].suffix}"
    settings = MODELS[name].checked(SMALL.get(name, {}), "test")
    model.save(path)
    loaded = settings.load(path, CLASSES, SHAPE)
    assert (loaded.classes, loaded.shape) == (CLASSES, SHAPE)
    np.testing.assert_array_equal(loaded.predict_proba(clips(5)), model.predict_proba(clips(5)))
    first = path.read_bytes()
    model.save(path)
    assert path.read_bytes() == first


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_the_same_after_it_went_through_safetensors(name: str) -> None:
    from safetensors.numpy import load, save

    model, settings = fitted(name), MODELS[name].checked(SMALL.get(name, {}), "test")
    again = settings.of_tensors(load(save(model.tensors())), CLASSES, SHAPE)
    np.testing.assert_array_equal(again.predict_proba(clips(5)), model.predict_proba(clips(5)))
    with pytest.raises(DamagedFileError, match=r"another model|there are arrays"):
        settings.of_tensors({"other": np.zeros(3)}, CLASSES, SHAPE)


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("name", ["resnet", "logistic", "extra_trees"])
def test_damage_is_noticed(name: str, damage: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "weights"
    fitted(name).save(path)
    damage(path)
    said = "missing" if damage is Path.unlink else "damaged"
    with pytest.raises(DamagedFileError, match=f"weights is {said}"):
        MODELS[name].checked(SMALL.get(name, {}), "test").load(path, CLASSES, SHAPE)


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    fitted("resnet").save(tmp_path / "weights")
    with pytest.raises(DamagedFileError, match="holds another model"):
        MODELS["cnn"]().load(tmp_path / "weights", CLASSES, SHAPE)


def test_logistic_is_scikit_learns_on_standardised_columns(tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, labels = clips(60, (194,)), np.arange(60) % 4
    x[:, 7] = 3  # a column that never changes
    x[np.arange(60), labels] += 40
    ours = Logistic(logistic_c=0.1).fit(x, labels, CLASSES, seed=0)
    theirs = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    theirs.fit(x.astype(np.float64), labels)
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=1e-5)
    assert (ours.predict_proba(x).argmax(axis=1) == labels).all()
    two = Logistic().fit(x, labels % 2, CLASSES[:2], seed=0)
    theirs.set_params(logisticregression__C=1).fit(x.astype(np.float64), labels % 2)
    np.testing.assert_allclose(two.predict_proba(x), theirs.predict_proba(x), atol=1e-5)
    ours.save(tmp_path / "weights.npz")
    assert isinstance(ours, FittedLogistic)
    names = {f"{name}.npy" for name in ("mean", "scale", "coefficients", "intercepts")}
    assert set(zipfile.ZipFile(tmp_path / "weights.npz").namelist()) == names


def test_trees_are_scikit_learns_and_lie_in_plain_arrays(tmp_path: Path) -> None:
    from joblib import parallel_config
    from sklearn.ensemble import ExtraTreesClassifier

    x, labels = clips(90, (30,)), np.arange(90) % 4
    settings = ExtraTrees(trees=25, min_leaf=2)
    theirs = ExtraTreesClassifier(25, min_samples_leaf=2, random_state=3).fit(x, labels)
    model = settings.fit(x, labels, CLASSES, seed=3)
    new = clips(70, (30,))
    np.testing.assert_allclose(model.predict_proba(new), theirs.predict_proba(new), atol=1e-6)
    # As many threads as there may be, and the same trees.
    with parallel_config("threading", n_jobs=2):
        shared = settings.fit(x, labels, CLASSES, seed=3)
    np.testing.assert_array_equal(shared.predict_proba(new), model.predict_proba(new))
    model.save(tmp_path / "trees.npz")
    with np.load(tmp_path / "trees.npz", allow_pickle=False) as arrays:
        assert {arrays[name].dtype.kind for name in arrays.files} == {"i", "f"}


@pytest.mark.parametrize(
    "change",
    [
        {"right": lambda right: np.where(right > 0, 0, right)},  # back, and round for ever
        {"right": lambda right: right + 10**6},
        {"column": lambda column: column + 10**6},
        {"shares": lambda shares: shares[:, :2]},
        {"roots": lambda roots: roots - 5},
    ],
    ids=("back", "beyond", "column", "shares", "roots"),
)
def test_arrays_of_a_stranger_that_are_no_trees_are_refused(
    change: dict[str, Callable[[np.ndarray], np.ndarray]],
) -> None:
    settings = ExtraTrees(trees=3)
    tensors = settings.fit(clips(40, (30,)), np.arange(40) % 4, CLASSES, seed=0).tensors()
    changed = dict(tensors) | {name: make(tensors[name]) for name, make in change.items()}
    with pytest.raises(DamagedFileError, match="no trees"):
        settings.of_tensors(changed, CLASSES, (30,))
