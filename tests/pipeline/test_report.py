"""The report: one page that needs nothing else, the same numbers each time, nothing unescaped."""

import html.parser
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from jobs.data.layouts import read_data
from jobs.data.synthetic import MadeClips, write_clips
from jobs.files import write_csv
from tests.commands import Launch, command

EVIL = "<script>alert(1)</script>"
LONG = "a class whose name is as long as people make them when nobody stops them, eighty"
HEBREW = "שופר"


class Outside(html.parser.HTMLParser):
    """Collects every address that a page would load, and every script."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        for name, value in attrs:
            if name in ("src", "href", "action") and value and not value.startswith("#"):
                self.loaded.append(value)
            assert not name.startswith("on"), f"{tag} has {name}"


def numbers(out: Path) -> Any:
    return json.loads((out / "report.json").read_text())


@pytest.fixture(scope="module")
def output(launch: Launch, made_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    grid = folder / "tiny.yaml"
    grid.write_text(
        "seconds: 0.5\nn_fft: 512\nn_mels: 16\ndepth: 8\nepochs: 3\nbatch_size: 8\nthreads: 1\n"
        "runs:\n- {name: a, lr: 0.05}\n- {name: b, lr: 0.01, augment: light}\n"
        "- {name: trees, model: extra_trees}\n"
    )
    where = ("--grid", grid, "--data", made_clips, "--out", folder / "out")
    done = launch(*where, "--executor", "debug")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "out"


def test_each_launch_ends_with_a_page_and_its_numbers(output: Path) -> None:
    report = numbers(output)["results"]
    estimate = json.loads((output / "estimate.json").read_text())
    ensemble = json.loads((output / "ensemble.json").read_text())
    assert report["naive"] == estimate["chosen"]["naive"]
    assert {entry["name"] for entry in report["entries"]} == {"a", "b", "trees"}
    votes = {entry["name"]: entry["votes"] for entry in report["entries"]}
    assert sum(votes.values()) == sum(voter["times"] for voter in ensemble["voters"])
    # Every number of the table of confusions is a validation clip.
    table = np.array(report["ensemble"]["confusion"])
    assert table.sum() == report["ensemble"]["clips"] == report["data"]["validation"] == 8
    assert np.trace(table) / 8 == pytest.approx(report["ensemble"]["accuracy"])
    assert report["ensemble"]["accuracy"] == pytest.approx(report["naive"])
    for index, each in enumerate(report["classes"]):
        if each["support"]:
            recall = table[index, index] / table[index].sum()
            assert each["recall"] == pytest.approx(recall, abs=1e-6)
    assert len(report["points"]) == 52
    assert {point["side"] for point in report["points"]} == {"train", "validation", "test"}
    wrong = 8 - np.trace(table)
    assert len(report["wrong"]) == wrong
    assert [curve["name"] for curve in report["curves"]] == ["a", "b"]
    # A strength is one setting with a chart of its own, not the ten that it stands for.
    settings = {entry["name"]: entry["settings"] for entry in report["entries"]}
    assert settings["a"] == {"lr": 0.05, "model": "resnet", "augment": "none"}
    assert settings["b"] == {"lr": 0.01, "model": "resnet", "augment": "light"}
    assert "Validation accuracy by augment" in (output / "report.html").read_text()


def test_the_page_loads_nothing_from_outside(output: Path) -> None:
    page = (output / "report.html").read_text()
    parser = Outside()
    parser.feed(page)
    assert parser.loaded  # the clips
    for address in parser.loaded:
        assert address.startswith("data:") or not re.match(r"[a-z]+:", address), address[:80]
    assert "@import" not in page
    assert "url(" not in page
    assert parser.scripts == 2
    assert "default-src 'none'" in page


def test_tasks_say_when_and_where_they_worked(output: Path) -> None:
    tasks = numbers(output)["circumstances"]["tasks"]
    stages = [task["stage"] for task in tasks]
    assert stages.count("train") == 3
    assert {"extract", "index", "audit", "predict", "vote", "estimate"} <= set(stages)
    assert all(task["ended"] >= task["started"] > 0 and task["host"] for task in tasks)
    assert all(task["waited_s"] is None for task in tasks)  # no queue


def test_the_same_results_are_the_same_bytes(output: Path, tmp_path: Path) -> None:
    before = numbers(output)
    assert command("report", output).returncode == 0
    after = numbers(output)
    assert json.dumps(after["results"]) == json.dumps(before["results"])
    assert after["made_from"] == before["made_from"]
    assert after["circumstances"]["made"] > before["circumstances"]["made"]


def test_a_report_is_made_again_when_it_is_gone_or_the_vote_has_changed(
    launch: Launch, output: Path, made_clips: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(output, out)
    grid = output.parent / "tiny.yaml"
    common = ("--grid", grid, "--data", made_clips, "--out", out, "--executor", "debug")
    assert "Nothing to do" in launch(*common).stdout
    (out / "report.html").unlink()
    done = launch(*common)
    assert "report: a page to be looked at" in done.stdout
    assert (out / "report.html").exists()
    before = numbers(out)["made_from"]
    assert launch(*common, "--set", "combine=soft").returncode == 0
    assert numbers(out)["made_from"] != before
    assert numbers(out)["results"]["ensemble"]["rule"] == "best-5-soft"


def test_of_an_unfinished_launch_it_shows_what_is_there(output: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(output, out)
    for path in (out / "ensemble.json", out / "estimate.json", out / "report.json"):
        path.unlink()
    victim = sorted((out / "runs").iterdir())[0]
    (victim / "done.json").unlink()
    done = command("report", out)
    assert done.returncode == 0, done.stderr
    assert "not done: 4 items" in done.stdout + done.stderr
    report = numbers(out)
    assert not report["results"]["complete"]
    assert report["results"]["sentence"] == ""
    assert any(each.startswith("train, run") for each in report["circumstances"]["missing"])
    assert "This launch is not finished" in (out / "report.html").read_text()


@pytest.fixture(scope="module")
def odd(launch: Launch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output over classes with names such as strangers give, WAV files among the clips."""
    folder = tmp_path_factory.mktemp("odd")
    clips = folder / "clips"
    write_clips(clips, MadeClips(train=40, test=0, seconds=0.5))
    names = {"0": EVIL, "1": LONG, "2": HEBREW, "3": "dog & cat"}
    rows = []
    for number, clip in enumerate(read_data(clips).labelled.clips):
        path = clip.path
        if number % 4 == 0:
            samples, rate = soundfile.read(clips / path)
            path = f"train_mp3s/{number} & {number}.wav"
            soundfile.write(clips / path, samples, rate)
            (clips / clip.path).unlink()
        rows.append((path, names[str(clip.label)]))
    write_csv(clips / "train.csv", ("path", "label"), rows)
    shutil.rmtree(clips / "test_mp3s")
    grid = folder / "odd.yaml"
    grid.write_text(
        "seconds: 0.5\nn_fft: 512\nn_mels: 16\ndepth: 8\nepochs: 2\nbatch_size: 8\nthreads: 1\n"
        f"runs: [{{name: '{EVIL}'}}, {{name: '{HEBREW}', lr: 0.02}}]\nfolds: 2\n"
    )
    where = ("--grid", grid, "--data", clips, "--out", folder / "out")
    done = launch(*where, "--executor", "debug")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "out"


def test_names_are_text_and_nothing_else(odd: Path) -> None:
    page = (odd / "report.html").read_text()
    assert EVIL not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert HEBREW in page
    parser = Outside()
    parser.feed(page)
    assert parser.scripts == 2


def test_without_test_clips_and_with_folds_there_is_a_page(odd: Path) -> None:
    results = numbers(odd)["results"]
    assert results["disagreeing"] == []
    assert results["ensemble"]["clips"] == 40  # each clip by a model that was not trained on it
    assert results["sentence"].startswith("out-of-fold predictions say")
    page = (odd / "report.html").read_text()
    assert 'id="disputed"' not in page
    # A WAV file is converted, as are all that a browser might not play.
    assert page.count("data:audio/mpeg") == len(re.findall("<audio", page)) > 0


def test_a_list_of_labels_that_somebody_has_worked_in_hinders_no_report(
    output: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(output, out)
    for text in ("id,path\n3,x\n", 'id,looks_like,p_label,p_looks_like\n3,1,"0,9",x\n', "\x00"):
        (out / "labels_to_check.csv").write_text(text)
        assert command("report", out).returncode == 0
        assert numbers(out)["results"]["labels"] == []


def test_two_launches_stand_side_by_side(output: Path, odd: Path, tmp_path: Path) -> None:
    page = tmp_path / "both.html"
    done = command("report", output, odd, "--to", page)
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert EVIL not in text
    for results in (numbers(output)["results"], numbers(odd)["results"]):
        assert results["sentence"].replace(" %", "\u00a0%") in text
    assert "labelled clips" in text  # other data
    parser = Outside()
    parser.feed(text)
    assert (parser.loaded, parser.scripts) == ([], 0)
    assert command("report", output, odd, output).returncode == 2
