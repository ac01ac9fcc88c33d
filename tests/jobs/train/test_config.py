"""A run's config: what belongs to what, and the signature that covers all of it."""

import dataclasses

import pytest

from jobs.data.manifest import Manifest
from jobs.data.split import SplitConfig, draw_split
from jobs.errors import InputError
from jobs.train.config import BELONGS_TO, RunConfig, run_signature

# For each setting a value that is not the default, and what else it takes.
OTHER_VALUES: dict[str, object] = {
    "features": "v2", "sample_rate": 16_000, "seconds": 0.6, "n_fft": 256, "hop_length": 128,
    "n_mels": 8, "model": "cnn", "depth": 20, "shortcut": "B", "densenet_depth": 40, "growth": 24,
    "balance": {1: 40}, "balance_draw": "fixed", "shift_p": 0.5, "shift_max": 0.1, "speed_p": 0.5,
    "speed_max": 0.1, "pitch_p": 0.5, "pitch_max": 1, "noise_p": 0.5, "noise_max": 0.1,
    "mixup_p": 0.5, "mixup_alpha": 1.0, "mask_p": 0.5, "masks": 1, "mask_bands": 3,
    "mask_frames": 3, "epochs": 7, "batch_size": 9, "optimizer": "adamw", "lr": 0.06,
    "momentum": 0.8, "nesterov": True, "weight_decay": 0.1, "clip_grad": 1.0,
    "label_smoothing": 0.1, "ema": 0.99, "schedule": "cosine", "plateau_factor": 0.5,
    "plateau_patience": 3, "warmup_epochs": 2, "early_stopping": 4, "min_loss": 0.1,
    "precision": "float32", "storage": "float16", "threads": 1, "keep": 3, "seed": 1,
}  # fmt: skip


def test_the_signature_covers_every_setting_the_labels_and_the_split(manifest: Manifest) -> None:
    split = draw_split(manifest, SplitConfig())
    assert set(OTHER_VALUES) == set(RunConfig.model_fields)
    for name, value in OTHER_VALUES.items():
        other, having = BELONGS_TO.get(name, (None, ()))
        base = RunConfig.checked({other: having[0]} if other else {}, "test")
        changed = RunConfig.checked({other: having[0], name: value} if other else {name: value}, "")
        signatures = {run_signature(each, manifest, split) for each in (base, changed)}
        assert len(signatures) == 2, name
    config = RunConfig()
    base_signature = run_signature(config, manifest, split)
    drawn_otherwise = draw_split(manifest, SplitConfig(split_seed=1))
    assert run_signature(config, manifest, drawn_otherwise) != base_signature
    first = dataclasses.replace(manifest.labelled[0], label=f"{manifest.labelled[0].label}0")
    relabelled = dataclasses.replace(manifest, labelled=(first, *manifest.labelled[1:]))
    assert run_signature(config, relabelled, split) != base_signature


def test_a_setting_that_a_run_has_not_changes_nothing() -> None:
    for name, (other, having) in BELONGS_TO.items():
        kinds = RunConfig.model_fields[other].annotation.__args__  # type: ignore[union-attr]
        for kind in set(kinds) - set(having):
            plain = RunConfig.checked({other: kind}, "test")
            assert RunConfig.checked({other: kind, name: OTHER_VALUES[name]}, "test") == plain


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": "vgg"}, r"`model`: .*'resnet', 'cnn', 'inception' or 'densenet'"),
        ({"model": "densenet", "densenet_depth": 41}, r"6n \+ 4 layers; the nearest are 40 and 46"),
        ({"balance": {1: 0}}, r"`balance`: label 1: expected a number of clips from 1 to 10000000"),
        ({"balance": {1: True}}, r"`balance`: label 1: expected a number"),
        ({"balance": {1: 10**9}}, r"`balance`: label 1: expected a number of clips from 1 to"),
        ({"balance": {1: 5, "1": 6}}, r"`balance`: label 1 stands twice"),
        ({"balance": "half"}, r"`balance`: expected none, equal or \{label: clips\}"),
        ({"nesterov": True, "momentum": 0}, r"`nesterov: true` needs a `momentum` above 0"),
        ({"noise_p": 1.5}, r"`noise_p`: .*less than or equal to 1"),
        ({"warmup_epochs": 9, "epochs": 3}, r"`warmup_epochs: 9` is more than `epochs: 3`"),
        ({"labelsmoothing": 0.1}, r"did you mean `label_smoothing`"),
        ({"ema": 1}, r"`ema`: .*less than 1"),
        ({"precision": "fp16"}, r"`precision`: .*'float16'"),
    ],
)
def test_a_mistake_is_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        RunConfig.checked(values, "grid.yaml")


def test_a_balance_of_an_unknown_label_is_refused() -> None:
    RunConfig(balance={"1": 40}).require_labels(("0", "1"))
    with pytest.raises(InputError, match=r"names the label '7'.*labels are: 0, 1"):
        RunConfig.checked({"balance": {7: 40}}, "").require_labels(("0", "1"))


def test_configs_with_a_balance_can_be_compared_and_counted() -> None:
    one = RunConfig.checked({"balance": {1: 40, 2: 50}}, "")
    two = RunConfig.checked({"balance": {"1": 40, "2": 50}}, "")
    assert one == two
    assert len({one, two, RunConfig()}) == 2
    assert RunConfig(**one.model_dump(mode="json")) == one
