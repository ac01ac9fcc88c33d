"""Embeddings of any ONNX net: known functions of the samples, and an export of our own."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import soundfile
from onnx import TensorProto, helper, numpy_helper

from jobs.data.synthetic import MadeClips, write_clips
from jobs.errors import InputError
from jobs.extract.config import FeatureConfig
from jobs.extract.extraction import extract_clip
from jobs.train.config import RunConfig
from tests.commands import Launch, command

RATE, WINDOW = 8_000, 4_000


def write_net(
    path: Path,
    batch: int | str = "batch",
    samples: int | str = WINDOW,
    outputs: tuple[str, ...] = ("embedding",),
    metadata: dict[str, str] | None = None,
    factor: float = 1.0,
) -> Path:
    """Write a net whose vector is (mean, mean of squares, mean of magnitudes) times a factor."""
    nodes, made = [], []
    for name in outputs:
        reduced = ("ReduceMean", "ReduceSumSquare", "ReduceL1")
        parts = [f"{name}_{kind}" for kind in reduced]
        nodes += [
            *(
                helper.make_node(kind, ["samples", "axes"], [part], keepdims=1)
                for kind, part in zip(reduced, parts, strict=True)
            ),
            helper.make_node("Concat", parts, [f"{name}_all"], axis=1),
            helper.make_node("Mul", [f"{name}_all", "factor"], [name]),
        ]
        made.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 3]))
    taken = helper.make_tensor_value_info("samples", TensorProto.FLOAT, [batch, samples])
    constants = [
        numpy_helper.from_array(np.array([1], np.int64), "axes"),
        numpy_helper.from_array(np.array([factor], np.float32), "factor"),
    ]
    graph = helper.make_graph(nodes, "net", [taken], made, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {"sample_rate": str(RATE)} if metadata is None else metadata)
    onnx.save(model, path)
    return path


def config_of(path: Path, **settings: Any) -> FeatureConfig:
    values = {"features": "embedding", "embedding_model": str(path), **settings}
    return FeatureConfig.checked(values, "grid.yaml")


@pytest.mark.parametrize("batch", ["batch", 1, 4])
def test_a_longer_clip_gives_several_windows_and_a_shorter_one_is_padded(
    tmp_path: Path, batch: int | str
) -> None:
    config = config_of(write_net(tmp_path / "net.onnx", batch), seconds=1.2)
    assert (config.sample_rate, config.shape) == (RATE, (3, 3))
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.1, 6_000).astype(np.float32)  # 0.75 s
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    record = extract_clip(tmp_path / "a.wav", [config])
    (features,) = record.features
    assert features is not None
    padded = np.zeros((3, WINDOW), np.float64)
    padded.ravel()[:6_000] = samples
    expected = np.stack([padded.mean(1), np.square(padded).sum(1), np.abs(padded).sum(1)])
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-6)


def test_rate_and_length_come_from_the_file_or_from_settings(tmp_path: Path) -> None:
    said = write_net(
        tmp_path / "said.onnx", samples="n", metadata={"sample_rate": "8000", "seconds": "0.25"}
    )
    config = config_of(said, seconds=1)
    assert config.shape == (3, 4)
    assert config_of(said).seconds == 0.25
    silent = write_net(tmp_path / "silent.onnx", samples="n", metadata={})
    config = config_of(silent, sample_rate=16_000, seconds=2)
    assert (config.sample_rate, config.shape) == (16_000, (3, 1))
    with pytest.raises(InputError, match=r"expects 8000 Hz.*`sample_rate: 22050`"):
        config_of(said, sample_rate=22_050)


def test_the_files_bytes_and_the_output_and_not_its_name_are_in_the_fingerprint(
    tmp_path: Path,
) -> None:
    path = write_net(tmp_path / "net.onnx")
    before = config_of(path).fingerprint()
    write_net(path, factor=2.0)
    assert config_of(path).fingerprint() != before
    write_net(path, outputs=("embedding", "other"))
    names = {config_of(path, embedding_output=o).fingerprint() for o in ("embedding", "other")}
    assert len(names) == 2
    # Of other sets nothing has changed its name.
    plain = FeatureConfig()
    assert "embedding_model" not in plain.model_dump()
    assert FeatureConfig.checked({"embedding_model": "x"}, "grid.yaml") == plain


@pytest.mark.parametrize(
    ("made", "settings", "message"),
    [
        ({"outputs": ("label", "vector")}, {}, r"no output `embedding`; .*label .*, vector"),
        ({"samples": WINDOW}, {"embedding_output": "x"}, r"no output `x`; say `embedding_output`"),
        (
            {},
            {"embedding_model": "nowhere.onnx"},
            r"`embedding_model: nowhere.onnx` does not exist",
        ),
        ({}, {"embedding_model": None}, r"needs `embedding_model: path/to/net.onnx`"),
    ],
)
def test_a_net_of_another_form_is_refused_with_what_there_is(
    tmp_path: Path, made: dict[str, Any], settings: dict[str, Any], message: str
) -> None:
    path = write_net(tmp_path / "net.onnx", **made)
    values = {"features": "embedding", "embedding_model": str(path), **settings}
    with pytest.raises(InputError, match=message):
        FeatureConfig.checked(values, "grid.yaml")
    (tmp_path / "no.onnx").write_bytes(b"no net")
    with pytest.raises(InputError, match="is no ONNX file that onnxruntime reads"):
        config_of(tmp_path / "no.onnx")


def test_a_net_that_convolves_is_refused_with_what_takes_vectors(tmp_path: Path) -> None:
    path = write_net(tmp_path / "net.onnx")
    settings = {"features": "embedding", "embedding_model": str(path), "model": "resnet"}
    with pytest.raises(InputError, match=r"convolves .* use mlp, logistic or extra_trees"):
        RunConfig.parse(settings, "grid.yaml")
    assert RunConfig.parse(settings | {"model": "mlp"}).features.shape == (3, 12)


def test_an_export_of_ours_classifies_classes_that_it_never_heard(
    launch: Launch, made_clips: Path, tmp_path: Path
) -> None:
    base = "seconds: 0.5\nn_fft: 512\nn_mels: 16\ndepth: 8\nepochs: 3\nbatch_size: 8\nthreads: 1\n"
    grid, out = tmp_path / "first.yaml", tmp_path / "first"
    grid.write_text(f"{base}votes: 1\n")
    where = ("--data", made_clips, "--executor", "debug")
    assert launch("--grid", grid, "--out", out, *where).returncode == 0
    assert command("export", out, "--to", tmp_path / "net").returncode == 0
    clips = tmp_path / "clips"
    write_clips(clips, MadeClips(train=40, test=6, seconds=1.0))
    grid = tmp_path / "second.yaml"
    grid.write_text(
        f"features: embedding\nembedding_model: {tmp_path}/net/onnx/ensemble.onnx\nseconds: 1\n"
        "threads: 1\nepochs: 5\nvotes: 3\nchoose: best-per-run\nfolds: 2\n"
        "runs: [{name: l, model: logistic}, {name: t, model: extra_trees, trees: 20},"
        " {name: m, model: mlp, hidden: 16, optimizer: adamw, lr: 0.01}]\n"
    )
    out = tmp_path / "second"
    done = launch("--grid", grid, "--data", clips, "--out", out, "--executor", "debug")
    assert done.returncode == 0, done.stdout + done.stderr
    ensemble = json.loads((out / "ensemble.json").read_text())
    assert {voter["run"] for voter in ensemble["voters"]} == {"l", "t", "m"}
    said = command("predict", out, clips, "--out", tmp_path / "said.csv")
    assert said.returncode == 0, said.stderr
    assert (out / "report.html").exists()
    # It goes along with what was learned on top of it.
    assert command("export", out, "--to", tmp_path / "both").returncode == 0
    again = command("predict", tmp_path / "both", clips, "--out", tmp_path / "again.csv")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "said.csv").read_bytes()
