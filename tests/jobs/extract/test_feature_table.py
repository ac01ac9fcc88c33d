"""A feature set is one module and one line of a table; nobody else knows it by name."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from jobs.data.dataset import Dataset
from jobs.extract.config import FeatureConfig
from jobs.extract.extraction import Extraction, extract_clip
from jobs.extract.features import FEATURE_SETS
from jobs.extract.features.analysis import ClipAnalysis
from jobs.extract.features.kind import FeatureKind, Floats
from jobs.extract.store.feature_store import FeatureStore
from jobs.extract.workers import worker_process

ROOT = Path(__file__).parents[3]
ENTRIES = ROOT / "jobs" / "extract" / "features"
SOURCES = sorted(
    path for folder in ("extract", "audit") for path in (ROOT / "jobs" / folder).rglob("*.py")
)


class Loudness(FeatureKind):
    """A newcomer: the level of each band over time, float32 [2, 64]."""

    name = "loudness"

    def shape(self, config: FeatureConfig) -> tuple[int, ...]:
        return 2, 64

    def compute(self, clip: ClipAnalysis, config: FeatureConfig) -> Floats:
        return clip.band_levels(config)


# A worker is a process of its own, which has to know the newcomer too.
WORKER = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_feature_table import Loudness
from jobs.extract.features import FEATURE_SETS
FEATURE_SETS["loudness"] = Loudness()
from jobs.extract.workers import worker
worker.main()
"""


@pytest.fixture
def newcomer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FeatureConfig:
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    monkeypatch.setattr(worker_process, "COMMAND", (sys.executable, str(script)))
    monkeypatch.setitem(FEATURE_SETS, "loudness", Loudness())
    return FeatureConfig.checked({"features": "loudness", "seconds": 0.5}, "grid.yaml")


def test_a_newcomer_in_the_table_is_extracted_like_the_others(
    newcomer: FeatureConfig, dataset: Dataset, tmp_path: Path
) -> None:
    store, configs = FeatureStore(tmp_path), [FeatureConfig(seconds=0.5), newcomer]
    extraction = Extraction(store, dataset.test, configs, 2)
    assert extraction.missing() == [0, 1]
    extraction.index(1)
    assert extraction.is_complete()
    features = store.open(dataset.test, newcomer)
    assert features.folder.name.startswith("loudness-")
    np.testing.assert_array_equal(features.load(range(12)), features.band_levels())
    alone = extract_clip(dataset.test.file_of(3), [newcomer])
    np.testing.assert_array_equal(np.asarray(alone.features[0]), features.load([3])[0])


def test_the_entries_know_each_other_by_their_name() -> None:
    for name, kind in FEATURE_SETS.items():
        assert kind.name == name
        assert name.isalnum()
        assert kind.source is None or kind.source in FEATURE_SETS
        if kind.own_settings:  # an embedding is what its file says
            continue
        config = FeatureConfig(features=name)
        assert config.kind is kind
        rows = sum(kind.blocks.values())
        assert rows in (0, config.shape[0])
        assert kind.has_frames == (len(config.shape) == 2)


def literals_compared(path: Path) -> Iterator[str]:
    """Yield what is compared with the name of a feature set, or looked up by it."""
    for node in ast.walk(ast.parse(path.read_text())):
        parts: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Subscript):
            parts = [node.slice]
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        for part in parts:
            for leaf in ast.walk(part):
                if isinstance(leaf, ast.Constant) and leaf.value in FEATURE_SETS:
                    yield f"{path}:{node.lineno if hasattr(node, 'lineno') else 0}: {leaf.value}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_feature_set_is_told_by_its_name_outside_the_table(path: Path) -> None:
    assert list(literals_compared(path)) == []


def test_asking_what_is_missing_imports_nothing_heavy() -> None:
    program = (
        "import sys, jobs.audit.summary, jobs.extract.extraction, jobs.extract.quarantine\n"
        "heavy = {'torch', 'librosa', 'numba', 'sklearn', 'scipy', 'matplotlib', 'soundfile'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
