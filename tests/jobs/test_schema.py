"""Unknown keys and wrong types are refused by name."""

from typing import Any

import pytest

from jobs.errors import InputError
from jobs.train.config import RunConfig


def test_an_unknown_key_names_the_nearest_valid_one() -> None:
    with pytest.raises(InputError, match=r"here: `lrr` is not a setting; did you mean `lr`\?"):
        RunConfig.parse({"lrr": 1}, "here")


def test_a_key_like_no_other_lists_what_there_is() -> None:
    with pytest.raises(InputError, match=r"`xyzzy`.*valid ones are: .*batch_size.*weight_decay"):
        RunConfig.parse({"xyzzy": 1}, "here")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"epochs": "ten"}, "`epochs`.*integer.*got 'ten'"),
        ({"epochs": 2.5}, "`epochs`.*got 2.5"),
        ({"epochs": True}, "`epochs` must be a number; got true"),
        ({"lr": -1}, "`lr`.*greater than 0.*got -1"),
        ({"lr": float("nan")}, "`lr`.*finite"),
        ({"lr": [1e-3]}, "`lr`.*number"),
        ({"depth": 18}, "`depth`.*6n \\+ 2.*14 and 20"),
        ({"model": "resnet50"}, "`model`.*'resnet'"),
        ({"warmup_epochs": 9, "epochs": 3}, "`warmup_epochs: 9` is more than `epochs: 3`"),
        ({"seconds": 0.1, "n_fft": 16384}, "too few for a frame"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(values: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        RunConfig.parse(values, "here")


def test_the_defaults_are_the_reports() -> None:
    config = RunConfig.parse({})
    settings = config.settings()
    assert (settings["model"], settings["depth"], settings["features"]) == ("resnet", 110, "v1")
    assert (config.epochs, settings["momentum"], settings["weight_decay"]) == (50, 0.9, 1e-2)
    assert (settings["plateau_factor"], settings["plateau_patience"]) == (0.1, 10)
    assert config.features.shape == (64, 259)
