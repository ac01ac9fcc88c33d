"""A run's config: what belongs to what, and the signature that covers all of it."""

import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field

from jobs.errors import DamagedFileError, InputError
from jobs.models import MODELS
from jobs.models.resnet import ResNet
from jobs.train import parts
from jobs.train.augment import AUGMENTATIONS
from jobs.train.augment.augmentation import Augmentation
from jobs.train.config import RunConfig
from jobs.train.parts import OPTIONAL
from jobs.train.recipe import OptionalPart

# For each setting a value that is not the default, and what else it takes to count.
OTHER_VALUES: dict[str, tuple[object, dict[str, object]]] = {
    "features": ("v2", {}), "sample_rate": (16_000, {}), "seconds": (0.6, {}), "n_fft": (256, {}),
    "hop_length": (128, {}), "n_mels": (8, {}), "model": ("cnn", {}), "depth": (20, {}),
    "shortcut": ("B", {}), "densenet_depth": (40, {"model": "densenet"}),
    "growth": (24, {"model": "densenet"}), "logistic_c": (0.1, {"model": "logistic"}),
    "balance": ({1: 40}, {}), "balance_draw": ("fixed", {"balance": "equal"}),
    "shift_p": (0.5, {}), "shift_max": (0.1, {"shift_p": 0.5}),
    "speed_p": (0.5, {}), "speed_max": (0.1, {"speed_p": 0.5}),
    "pitch_p": (0.5, {}), "pitch_max": (1, {"pitch_p": 0.5}),
    "noise_p": (0.5, {}), "noise_max": (0.1, {"noise_p": 0.5}),
    "mixup_p": (0.5, {}), "mixup_alpha": (1.0, {"mixup_p": 0.5}),
    "mask_p": (0.5, {}), "masks": (1, {"mask_p": 0.5}), "mask_bands": (3, {"mask_p": 0.5}),
    "mask_frames": (3, {"mask_p": 0.5}),
    "epochs": (7, {}), "batch_size": (9, {}), "optimizer": ("adamw", {}), "lr": (0.06, {}),
    "momentum": (0.8, {}), "nesterov": (True, {}), "weight_decay": (0.1, {}),
    "clip_grad": (1.0, {}), "label_smoothing": (0.1, {}), "ema": (0.99, {}),
    "schedule": ("cosine", {}), "plateau_factor": (0.5, {}), "plateau_patience": (3, {}),
    "warmup_epochs": (2, {}), "early_stopping": (4, {}), "min_loss": (0.1, {}),
    "precision": ("float32", {}), "storage": ("float16", {}), "threads": (1, {}), "keep": (3, {}),
    "seed": (1, {}),
}  # fmt: skip
# Settings of a part that a run does not have.
WITHOUT: list[tuple[dict[str, object], tuple[str, ...]]] = [
    ({"model": "cnn"}, ("depth", "shortcut", "densenet_depth", "growth", "logistic_c")),
    ({"model": "densenet"}, ("depth", "shortcut")),
    ({"optimizer": "adamw"}, ("momentum", "nesterov")),
    ({"schedule": "onecycle"}, ("plateau_factor", "plateau_patience", "warmup_epochs")),
    ({"schedule": "cosine"}, ("plateau_factor", "plateau_patience")),
    ({"features": "v2"}, ("pitch_p", "pitch_max")),
    ({"features": "v3"}, ("pitch_p", "shift_p", "shift_max", "speed_p", "speed_max")),
    ({"features": "v3", "mask_p": 0.5}, ("mask_frames",)),
    ({}, ("shift_max", "noise_max", "mixup_alpha", "masks", "balance_draw")),
    (
        {"model": "logistic"},
        (
            "epochs",
            "lr",
            "batch_size",
            "keep",
            "precision",
            "noise_p",
            "ema",
            "optimizer",
            "balance",
        ),
    ),
]


def signature(settings: dict[str, object], labels: str = "labels", fold: str = "fold") -> str:
    return RunConfig.parse(settings, "test").signature(labels, fold)


def test_the_signature_covers_every_setting_the_labels_and_the_fold() -> None:
    assert set(OTHER_VALUES) <= set(RunConfig.setting_names())
    for name, (value, needed) in OTHER_VALUES.items():
        assert signature(needed) != signature({**needed, name: value}), name
    assert len({signature({}), signature({}, labels="other"), signature({}, fold="other")}) == 3


def test_a_setting_of_a_part_that_a_run_does_not_have_changes_nothing() -> None:
    for base, ignored in WITHOUT:
        plain = RunConfig.parse(base)
        for name in ignored:
            assert RunConfig.parse({**base, name: OTHER_VALUES[name][0]}) == plain, (base, name)
            if name not in plain.differences():
                assert OTHER_VALUES[name][0] != plain.settings().get(name)


class Echo(Augmentation):
    name: ClassVar[str] = "echo"
    echo_p: float = Field(0, ge=0, le=1)


class Swa(OptionalPart):
    swa: int | None = None

    @property
    def is_on(self) -> bool:
        return self.swa is not None


def test_a_new_part_that_is_off_renames_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [{**needed, name: value} for name, (value, needed) in OTHER_VALUES.items()]
    before = [signature(settings) for settings in names]
    monkeypatch.setattr(parts, "AUGMENTATIONS", (Echo, *AUGMENTATIONS))
    monkeypatch.setattr(parts, "OPTIONAL", {"swa": Swa, **OPTIONAL})
    assert {"echo_p", "swa"} < set(RunConfig.setting_names())
    assert [signature(settings) for settings in names] == before
    assert len({signature({}), signature({"echo_p": 0.5}), signature({"swa": 3})}) == 3


def test_a_changed_default_makes_a_new_run(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signature({})

    class Deeper(ResNet):
        depth: int = 56

    monkeypatch.setitem(MODELS, "resnet", Deeper)
    assert signature({}) != before
    assert signature({"depth": 110}) == before


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"model": "vgg"},
            r"`model`: .*'resnet', 'wide_resnet', 'cnn', 'inception', 'densenet'.* or '",
        ),
        ({"model": ["cnn"]}, r"`model`: .*got \['cnn'\]"),
        ({"model": "densenet", "densenet_depth": 41}, r"6n \+ 4 layers; the nearest are 40 and 46"),
        ({"optimizer": "adam"}, r"`optimizer`: input should be 'sgd' or 'adamw'; got 'adam'"),
        ({"balance": {1: 0}}, r"`balance`: label 1: expected a number of clips from 1 to 10000000"),
        ({"balance": {1: True}}, r"`balance`: label 1: expected a number"),
        ({"balance": {1: 10**9}}, r"`balance`: label 1: expected a number of clips from 1 to"),
        ({"balance": {1: 1.5}}, r"`balance`: label 1: .*fraction of the largest class"),
        ({"balance": {1: 0.0}}, r"`balance`: label 1: .*above 0"),
        ({"balance": {1: 5, "1": 6}}, r"`balance`: label 1 appears twice"),
        ({"balance": "half"}, r"`balance`: expected none, equal or \{label: clips\}"),
        ({"nesterov": True, "momentum": 0}, r"`nesterov: true` needs a `momentum` above 0"),
        ({"noise_p": 1.5}, r"`noise_p`: .*less than or equal to 1"),
        ({"noise_max": -1}, r"`noise_max`: .*greater than or equal to 0"),  # though it is off
        ({"warmup_epochs": 9, "epochs": 3}, r"`warmup_epochs: 9` is more than `epochs: 3`"),
        ({"labelsmoothing": 0.1}, r"did you mean `label_smoothing`"),
        ({"ema": 1}, r"`ema`: .*less than 1"),
        ({"label_smoothing": False}, r"`label_smoothing` must be a number; got false"),
        ({"augment": "mild"}, r"`augment` must be none, light, strong; got 'mild'"),
        ({"precision": "fp16"}, r"`precision`: .*'float16'"),
        ({"epochs": True}, r"`epochs` must be a number; got true"),
    ],
)
def test_a_mistake_is_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=rf"^grid\.yaml: .*{message}"):
        RunConfig.parse(values, "grid.yaml")


def test_a_strength_stands_for_settings_of_which_each_can_be_set() -> None:
    light, strong = (RunConfig.parse({"augment": name}) for name in ("light", "strong"))
    assert RunConfig.parse({"augment": "none"}) == RunConfig.parse({})
    names = [{part.name for part in config.augmentations} for config in (light, strong)]
    assert names[0] < names[1]
    assert "mixing" in names[1]
    # The same settings by hand are the same run, and what is said of one of them is kept.
    assert RunConfig.parse(light.settings()) == light
    assert RunConfig.parse({"augment": "light", "mask_p": 0}).augmentations == tuple(
        part for part in light.augmentations if part.name != "mask"
    )
    assert RunConfig.parse({"augment": "strong", "equaliser_db": 9}).settings()["equaliser_db"] == 9
    # What a grid swept by name is shown by name again.
    for settings in ({}, {"lr": 0.1}, {"features": "v2"}, {"seconds": 1.0, "model": "densenet"}):
        for name in ("none", "light", "strong"):
            assert RunConfig.parse({"augment": name, **settings}).strength == name
    assert RunConfig.parse({"augment": "strong", "equaliser_db": 9}).strength is None
    assert RunConfig.parse({"noise_p": 0.5, "noise_max": 0.3}).strength is None
    assert RunConfig.parse({"model": "logistic", "features": "v3"}).strength is None
    # Of what a feature set cannot have nothing is left.
    v2 = RunConfig.parse({"augment": "strong", "features": "v2"})
    assert {"mixing", "equaliser", "pitch"}.isdisjoint(part.name for part in v2.augmentations)


@pytest.mark.parametrize(("seconds", "widest"), [(6.0, 25), (1.0, 4), (0.1, 1)])
def test_a_strength_masks_a_tenth_of_a_clip_however_short_it_is(
    seconds: float, widest: int
) -> None:
    config = RunConfig.parse({"augment": "strong", "seconds": seconds})
    assert config.settings()["mask_frames"] == widest
    asked = RunConfig.parse({"augment": "strong", "seconds": seconds, "mask_frames": 7})
    assert asked.settings()["mask_frames"] == 7


def test_a_mistake_is_named_where_its_setting_stands() -> None:
    for values, position in (
        ({"lr": -1}, "line lr"),
        ({"model": 3}, "line model"),
        ({"lrr": 1}, "lrr"),
    ):
        with pytest.raises(InputError, match=position):
            RunConfig.parse(values, lambda setting: f"line {setting}")


def test_a_balance_of_an_unknown_label_is_refused() -> None:
    counts = {"0": 40, "1": 40}
    RunConfig.parse({"balance": {"1": 40}}).require_suited_to(counts)
    with pytest.raises(InputError, match=r"names the label '7'.*labels are: 0, 1"):
        RunConfig.parse({"balance": {7: 40}}).require_suited_to(counts)


@pytest.mark.parametrize(("target", "clips"), [(301, 301), (0.9, 900)])
def test_a_target_above_ten_times_a_class_is_refused_with_the_arithmetic(
    target: object, clips: int
) -> None:
    counts = {"0": 1000, "1": 30}
    RunConfig.parse({"balance": {"1": 300}}).require_suited_to(counts)
    RunConfig.parse({"balance": {"1": 0.3}}).require_suited_to(counts)
    said = rf"asks for {clips} clips of the label '1', which has 30 .*{clips / 30:.1f} times.*300"
    with pytest.raises(InputError, match=said):
        RunConfig.parse({"balance": {"1": target}}).require_suited_to(counts)


def test_configs_with_a_balance_can_be_compared_and_counted() -> None:
    one = RunConfig.parse({"balance": {1: 40, 2: 50}})
    two = RunConfig.parse({"balance": {"1": 40, "2": 50}})
    assert one == two
    assert len({one, two, RunConfig.parse({})}) == 2


@pytest.mark.parametrize("name", sorted(OTHER_VALUES))
def test_a_config_is_the_same_after_being_written_and_read(name: str, tmp_path: Path) -> None:
    value, needed = OTHER_VALUES[name]
    one = RunConfig.parse({**needed, name: value})
    one.save(tmp_path / "config.json")
    assert RunConfig.load(tmp_path / "config.json") == one
    assert RunConfig.parse(one.differences()) == one
    assert name in one.differences()


@pytest.mark.parametrize("text", ["", "[]", "{}x", '{"lrr": 1}', '{"lr": -1}'])
def test_a_damaged_config_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(DamagedFileError, match=r"config\.json"):
        RunConfig.load(tmp_path / "config.json")


def test_weights_and_states_that_fit_on_a_disk_are_known_before() -> None:
    small, averaging = RunConfig.parse({"depth": 20}), RunConfig.parse({"depth": 20, "ema": 0.9})
    assert 4e6 < small.bytes_on_disk < averaging.bytes_on_disk < 40e6
    assert RunConfig.parse({"model": "logistic", "features": "v3"}).bytes_on_disk < 1e5


def test_reading_settings_imports_nothing_heavy() -> None:
    program = (
        "import sys; from jobs.train.config import RunConfig; from jobs.train.run import Run;"
        "from jobs.train.history import History; from jobs.train.validation import *;"
        "from jobs.train.training import train_run; from jobs.train.fitted import load_fitted;"
        "RunConfig.parse({'model': 'logistic'}).signature('a', 'b'); RunConfig.parse({});"
        "print([m for m in ('torch', 'sklearn', 'scipy.special', 'librosa') if m in sys.modules])"
    )
    command = [sys.executable, "-c", program]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
