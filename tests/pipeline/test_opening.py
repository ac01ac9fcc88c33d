"""What a launch reads before it plans: the data, once, and on a login node not too much of them."""

from pathlib import Path

import pytest
import torch

import jobs.memory
from jobs.data.recordings import RecordingHashes
from jobs.data.workspace import Workspace
from jobs.errors import InputError
from pipeline.planning import opening
from pipeline.planning.grid import read_grid
from pipeline.planning.opening import open_plan, open_plan_on_a_login_node
from pipeline.planning.site import load_site
from pipeline.stages.train import TRAIN


def test_more_than_a_login_node_should_read_is_left_to_a_job(
    made_clips: Path, tiny_grid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid, site, workspace = read_grid(tiny_grid), load_site("generic"), Workspace(tmp_path / "out")
    monkeypatch.setattr(opening, "MOST_BYTES_ON_A_LOGIN_NODE", 1000)

    def launch() -> None:
        hashes = RecordingHashes(workspace.recordings)
        settings = ["n_mels=20"]
        open_plan_on_a_login_node(grid, made_clips, workspace, site, hashes, settings)

    variables = f"GRID={tiny_grid} DATA={made_clips} OUT={workspace.root}"
    command = rf"{variables} sbatch slurm/extract\.sbatch --set n_mels=20`"
    with pytest.raises(InputError, match=rf"52 recordings, 0\.0 GB.*`{command}"):
        launch()
    open_plan(grid, made_clips, workspace, site)  # as the job does
    launch()


def test_relative_data_are_named_as_the_job_must_find_them(
    made_clips: Path, tiny_grid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "MOST_BYTES_ON_A_LOGIN_NODE", 0)
    monkeypatch.chdir(made_clips.parent)
    workspace, site = Workspace(tmp_path / "out"), load_site("generic")
    with pytest.raises(InputError, match=f"DATA={made_clips} "):
        open_plan_on_a_login_node(
            read_grid(tiny_grid), Path(made_clips.name), workspace, site, RecordingHashes()
        )


def test_a_launch_is_refused_for_the_memory_that_its_runs_would_take(
    monkeypatch: pytest.MonkeyPatch, made_clips: Path, tiny_grid: Path, tmp_path: Path
) -> None:
    opened = open_plan(read_grid(tiny_grid), made_clips, Workspace(tmp_path), load_site("local"))
    assert TRAIN.impossible_here(opened, [0, 1]) is None
    monkeypatch.setattr(jobs.memory, "memory_limit", lambda: 10**6)
    said = TRAIN.impossible_here(opened, [0, 1])
    if torch.cuda.is_available():
        assert said is None
    else:
        assert said is not None
        assert said.startswith("run 'momentum=0.9': training takes at least 0.5 GB")
    assert TRAIN.impossible_here(opened, []) is None


def test_many_clips_that_no_decoder_reads_are_told_with_the_line_that_converts_them(
    own_clips: Path, tiny_grid: Path, tmp_path: Path
) -> None:
    m4a = b"\0\0\0\x1cftypM4A \0\0\2\0" + bytes(2000)
    for number in range(6):
        (own_clips / "train_mp3s" / f"{number}.mp3").write_bytes(m4a)
    workspace, site = Workspace(tmp_path / "out"), load_site("local")
    opened = open_plan(read_grid(tiny_grid), own_clips, workspace, site)
    note = opened.dataset.notes[-1]
    assert note.startswith("6 of 52 clips looked at are each an MP4 or QuickTime file")
    assert f"find {own_clips} -type f \\( -name '*.mp3' \\) -exec sh -c 'ffmpeg" in note
    for number in range(6, 10):
        (own_clips / "train_mp3s" / f"{number}.mp3").write_bytes(m4a)
    with pytest.raises(InputError, match=r"10 of 52 clips .*ffmpeg.*`bad_clips: 0\.05` allows"):
        open_plan(read_grid(tiny_grid), own_clips, workspace, site)
    open_plan(read_grid(tiny_grid, ["bad_clips=0.3"]), own_clips, workspace, site)
