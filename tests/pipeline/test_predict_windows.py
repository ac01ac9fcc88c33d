"""Predict with --hop: a row for each window of a recording, however long that is."""

import json
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.pipeline.predictions import predict, rows_of


@pytest.mark.parametrize("suffix", ["wav", "mp3", "flac"])
def test_with_hop_each_window_has_a_row_and_is_what_a_file_of_it_would_be(
    exported: Path, tmp_path: Path, suffix: str
) -> None:
    rng, rate = np.random.default_rng(0), 44_100
    samples = rng.normal(0, 0.1, int(2.3 * rate))
    long = tmp_path / f"long.{suffix}"
    soundfile.write(long, samples, rate)
    arguments = (exported, long, "--hop", 0.25, "--labels", tmp_path / "labels")
    done = predict(*arguments, out=tmp_path / "a.csv")
    assert done.returncode == 0, done.stderr
    rows = rows_of(tmp_path / "a.csv")
    # 0.5 s each 0.25 s over 2.3 s; the last has at least half a window.
    assert [row["start"] for row in rows] == [f"{0.25 * k:.3f}" for k in range(9)]
    assert [float(row["end"]) for row in rows[:7]] == [0.25 * k + 0.5 for k in range(7)]
    assert 2.25 < float(rows[-1]["end"]) < 2.4
    parts = [long]
    heard, _ = soundfile.read(long, dtype="float32")
    for k in (1, 5):
        begin = round(0.25 * k * rate)
        parts.append(tmp_path / f"part{k}.wav")
        soundfile.write(parts[-1], heard[begin : begin + rate // 2], rate, subtype="FLOAT")
    assert predict(exported, *parts, out=tmp_path / "b.csv").returncode == 0
    shared = ("category", "p_0", "p_1", "p_2", "p_3", "confidence")
    for part, k in zip(rows_of(tmp_path / "b.csv"), (0, 1, 5), strict=True):
        if k == 0 or suffix != "mp3":
            assert [part[name] for name in shared] == [rows[k][name] for name in shared], k
        else:  # what an MP3 decoder gives depends in the last bits on what was read before
            assert part["category"] == rows[k]["category"]
            assert float(part["p_1"]) == pytest.approx(float(rows[k]["p_1"]), abs=1e-6)
    label = (tmp_path / "labels" / "long.txt").read_text().splitlines()
    first, last = label[0].split("\t"), label[-1].split("\t")
    assert float(first[0]) == 0
    assert float(last[1]) == pytest.approx(float(rows[-1]["end"]))


def test_windows_of_bad_files_are_named_and_the_others_go_on(
    exported: Path, made_clips: Path, tmp_path: Path
) -> None:
    (tmp_path / "a_bad.mp3").write_bytes(b"nothing" * 500)
    shutil.copy(made_clips / "test_mp3s" / "2.mp3", tmp_path / "b_good.mp3")
    done = predict(exported, tmp_path, "--hop", 1, out=tmp_path / "a.json")
    assert done.returncode == 0, done.stderr
    assert "1 row without a label" in done.stdout + done.stderr
    bad, good = json.loads((tmp_path / "a.json").read_text())
    assert (bad["category"], good["problem"], good["start"]) == (None, None, 0)
    assert bad["problem"]


def test_memory_does_not_grow_with_the_length_of_a_recording(tmp_path: Path) -> None:
    from jobs.extract.audio.windows import windows_of
    from jobs.extract.config import FeatureConfig

    config = FeatureConfig.checked({"seconds": 0.5, "n_fft": 512, "n_mels": 16}, "test")
    with soundfile.SoundFile(tmp_path / "long.wav", "w", 22_050, 1) as file:
        for _ in range(60):
            file.write(np.zeros(22_050 * 10, np.float32))
    next(iter(windows_of(tmp_path / "long.wav", config, 0.5)))  # what is imported is not counted
    tracemalloc.start()
    count = sum(1 for _ in windows_of(tmp_path / "long.wav", config, 0.5))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 1200
    assert most < 2_000_000  # ten minutes are 53 million bytes
