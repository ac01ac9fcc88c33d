"""Pictures of a clip: what is written, and that the changes are in it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from matplotlib.image import imread

from tests.commands import Done, command

FEATURES = {f"features-{name}.png" for name in ("v1", "v1pooled", "v2", "v3")}
MOVES = ("crop", "equaliser", "mixing", "shift", "speed", "pitch", "noise", "mixup", "mask")
CHANGES = {f"augmentation-{name}.png" for name in MOVES}


def show(*arguments: object, fresh: bool = False) -> Done:
    return command("show", *arguments, fresh=fresh)


def test_each_feature_set_and_each_augmentation_has_its_picture(
    made_clips: Path, tmp_path: Path
) -> None:
    clip = made_clips / "train_mp3s" / "3.mp3"
    done = show(clip, "--out", tmp_path, "--set", "seconds=0.5", fresh=True)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == FEATURES | CHANGES
    assert all(str(tmp_path / name) in done.stdout for name in FEATURES | CHANGES)
    for path in tmp_path.iterdir():
        picture = imread(path)
        assert min(picture.shape[:2]) > 300
        assert np.ptp(picture[..., :3]) > 0.5  # not an empty page


def test_stronger_settings_make_other_pictures(made_clips: Path, tmp_path: Path) -> None:
    pictures = {}
    for strength in ("0.3", "3"):
        out = tmp_path / strength
        clip = made_clips / "train_mp3s" / "3.mp3"
        settings = ("--set", f"noise_max={strength}", "--set", "seconds=0.5")
        assert show(clip, "--out", out, *settings).returncode == 0
        pictures[strength] = (out / "augmentation-noise.png").read_bytes()
        pitch = (out / "augmentation-pitch.png").read_bytes()
        assert pictures.setdefault("pitch", pitch) == pitch  # the same command, the same bytes
    assert len(set(pictures.values())) == 3


def test_a_lone_clip_has_nothing_to_mix_with(
    write_mp3: Callable[..., Path], tmp_path: Path
) -> None:
    clip = write_mp3(tmp_path / "alone" / "a.mp3")
    done = show(clip, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    for name in ("mixup", "mixing"):
        assert f"{name} is not drawn" in done.stdout
    blended = {"augmentation-mixup.png", "augmentation-mixing.png"}
    assert {p.name for p in (tmp_path / "out").iterdir()} == (FEATURES | CHANGES) - blended


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("no-such.mp3",), "there is no file no-such.mp3"),
        (("README.md",), "README.md: "),
        (("README.md", "--set", "noise_mx=1"), "did you mean `noise_max`"),
        (("README.md", "--set", "noise_max"), "expected key=value"),
        (("README.md", "--set", "features=v2"), "augmentations are drawn on v1"),
    ],
)
def test_a_mistake_is_named_in_one_line(
    arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    done = show(*arguments, "--out", tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_broken_neighbour_hinders_nobody(write_mp3: Callable[..., Path], tmp_path: Path) -> None:
    clip = write_mp3(tmp_path / "clips" / "a.mp3")
    (clip.parent / "b.mp3").write_bytes(b"broken")
    (clip.parent / "c.txt").write_text("no sound")
    soundfile.write(clip.parent / "d.wav", 0.1 * np.ones(11_025), 22_050)
    done = show(clip, "--out", tmp_path / "out", "--set", "seconds=0.5")
    assert done.returncode == 0, done.stderr
    assert {p.name for p in (tmp_path / "out").iterdir()} == FEATURES | CHANGES
