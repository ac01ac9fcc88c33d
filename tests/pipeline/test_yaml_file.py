"""YAML as a person means it."""

from pathlib import Path

import pytest

from jobs.errors import InputError
from pipeline.planning.yaml_file import parse_settings, parse_value, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3), ("1E4", 1e4), ("-2.5e+3", -2500.0), (".5", 0.5), ("1.", 1.0), ("7", 7),
        ("-1", -1), ("0.1", 0.1), ("1_000", 1000), ("e-3", "e-3"), ("1e", "1e"), ("v1", "v1"),
        ("true", True), ("null", None), ("[1e-6, 2]", [1e-6, 2]), ("{1: 3000}", {1: 3000}),
        ("'1e-3'", "1e-3"), ("1.2.3", "1.2.3"), ("-", "-"),
    ],
)  # fmt: skip
def test_values_read_as_they_look(text: str, value: object) -> None:
    if text == "-":
        assert parse_value(text, "here") == [None]
        return
    parsed = parse_value(text, "here")
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1, 2", r"grid\.yaml:\d: not valid YAML"),
        ("a: 1\nb: 2\na: 3\n", r"grid\.yaml: line 3: `a` appears twice"),
        ("- a\n- b\n", r"expected `key: value` lines; got list"),
        ("a: !!python/object/apply:os.system [ls]\n", r"not valid YAML"),
        ("a: 1\n\tb: 2\n", r"grid\.yaml:2: not valid YAML"),
    ],
)
def test_what_is_no_mapping_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_yaml(path)


def test_a_missing_file_names_the_ones_beside_it(tmp_path: Path) -> None:
    (tmp_path / "lr_bs.yaml").touch()
    with pytest.raises(InputError, match=r"no file .*lrbs\.yaml; in .* are: lr_bs\.yaml"):
        read_yaml(tmp_path / "lrbs.yaml")


def test_keys_know_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text("# comment\nepochs: 1\n\nsweep:\n  lr: [1]\n")
    file = read_yaml(path)
    assert file.where("lr") == f"{path}:5"
    assert file.where("nothing") == str(path)


# Each took minutes, all memory, or a traceback.
BOMBS = {
    "aliases": "a: &a [x, x, x, x, x, x, x, x, x]\n"
    + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "merge": "a: &a {lr: 1}\nb:\n  <<: *a\n",
    "brackets": "a: " + "[" * 2000 + "]" * 2000,
    "braces": "a: " + "{b: " * 2000 + "1" + "}" * 2000,
    "dashes": "- " * 2000 + "1",
    "open brackets": "a: " + "[" * 2000,
    "size": "a: " + "x" * 2_000_000,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_at_once_in_one_line(tmp_path: Path, bomb: str) -> None:
    path = tmp_path / "bomb.yaml"
    path.write_text(BOMBS[bomb])
    with pytest.raises(InputError, match=r"bomb\.yaml") as refused:
        read_yaml(path)
    assert len(str(refused.value)) < 300
    assert "\n" not in str(refused.value)


def test_a_bomb_in_a_setting_is_refused_too() -> None:
    with pytest.raises(InputError, match=r"--set lr=.*nested more than 20 levels deep"):
        parse_settings(["lr=" + "[" * 30 + "]" * 30], ["lr"], "--set", "lr=1")


def test_twenty_levels_are_read(tmp_path: Path) -> None:
    path = tmp_path / "deep.yaml"
    path.write_text("a: " + "[" * 17 + "]" * 17)
    assert read_yaml(path).values["a"]
