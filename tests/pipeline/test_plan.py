"""`--plan`: what a launch would do, and of what it is to be done; nothing is written."""

from pathlib import Path

from tests.commands import Launch


def test_plan_shows_runs_and_stages_and_writes_nothing(
    launch: Launch, made_clips: Path, tiny_grid: Path, tmp_path: Path
) -> None:
    shown = launch("--grid", tiny_grid, "--data", made_clips, "--out", tmp_path / "out", "--plan")
    assert shown.returncode == 0
    for words in ("momentum=0.9", "momentum=0.5", "2 of 2", "1 of 1", "success of index"):
        assert words in shown.stdout
    assert not (tmp_path / "out").exists()


def test_plan_says_what_was_seen_in_the_data_and_how_many_groups_are_on_each_side(
    launch: Launch, made_clips: Path, tiny_grid: Path, tmp_path: Path
) -> None:
    labels = (made_clips / "train_label.txt").read_text().split()
    rows = [f"{made_clips}/train_mp3s/{k}.mp3,{label},g{k // 4},x"
            for k, label in enumerate(labels)]  # fmt: skip
    data = tmp_path / "grouped"
    data.mkdir()
    (data / "train.csv").write_text("\n".join(["path,label,group,mood", *rows]) + "\n")
    (data / "test.csv").write_text(f"path\n{made_clips}/test_mp3s/0.mp3\n")
    arguments = ("--grid", tiny_grid, "--data", data, "--outside", "--plan")
    shown = launch(*arguments, "--out", tmp_path / "out")
    assert shown.returncode == 0, shown.stderr
    assert "columns that are not used: mood" in shown.stdout
    assert "the labelled clips have groups and the test clips have none" in shown.stdout
    assert (
        "32 clips of 8 groups for training (80.0%), 8 of 2 groups for validation (20.0%)"
        in shown.stdout
    )
    folded = launch(*arguments, "--set", "folds=2", "--set", "validation=0.3")
    assert "`validation: 0.3` is not used: folds decide" in folded.stdout


def test_data_comes_from_the_option_then_the_grid_then_the_folder_data(
    launch: Launch, made_clips: Path, tiny_grid: Path, tmp_path: Path
) -> None:
    env_cwd = tmp_path / "here"
    env_cwd.mkdir()
    plan = ("--grid", tiny_grid, "--plan")
    missing = launch(*plan, cwd=env_cwd)
    assert missing.returncode == 2
    assert "the data folder data does not exist" in missing.stderr
    (env_cwd / "data").symlink_to(made_clips)
    assert launch(*plan, cwd=env_cwd).returncode == 0
    tiny_grid.write_text(f"data: nowhere\n{tiny_grid.read_text()}")
    assert "the data folder nowhere" in launch(*plan, cwd=env_cwd).stderr
    found = launch(*plan, "--data", made_clips, cwd=env_cwd)
    assert found.returncode == 0
    assert f"{env_cwd}/work/tiny" in found.stdout
