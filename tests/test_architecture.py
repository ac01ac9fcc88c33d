"""The arrows of the architecture, read from the imports: they run one way."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(p for package in ("jobs", "pipeline") for p in (ROOT / package).rglob("*.py"))
FORBIDDEN_NAMES = {"utils.py", "helpers.py", "common.py", "misc.py"}
MAX_LINES, MAX_FUNCTION_LINES = 250, 45

# Who must not import what, anywhere in the file: each folder only what stands before it in the
# chain from recordings to a vote.
CHAIN = ("data", "extract", "models", "train", "predict", "vote", "inference")
LATER = {
    f"jobs/{folder}": tuple(f"jobs.{name}" for name in (*CHAIN[number + 1 :], "audit"))
    for number, folder in enumerate(CHAIN)
}
NEVER: dict[str, tuple[str, ...]] = {
    **LATER,
    "jobs": ("pipeline", "submitit"),
    "jobs/audit": ("torch", "jobs.models", "jobs.train", "jobs.predict", "jobs.vote"),
    "jobs/report": ("torch", "jobs.inference"),
    "pipeline/planning": ("pipeline.executors", "pipeline.monitoring", "pipeline.pages"),
    "pipeline/stages": ("pipeline.executors", "pipeline.monitoring", "pipeline.pages"),
    "pipeline/executors": ("pipeline.pages",),
    "pipeline/monitoring": ("pipeline.pages",),
}
WITHOUT_TORCH = ("jobs/data", "jobs/extract", "jobs/vote")
NEVER |= {folder: (*NEVER[folder], "torch") for folder in WITHOUT_TORCH}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the arrows"
            # `from jobs import train` imports jobs.train
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_follow_the_arrows(path: Path) -> None:
    for folder, forbidden in NEVER.items():
        if not path.is_relative_to(ROOT / folder):
            continue
        for name in imports(path):
            for module in forbidden:
                assert name != module
                assert not name.startswith(f"{module}."), f"{path} imports {name}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_are_small(path: Path) -> None:
    assert path.name not in FORBIDDEN_NAMES
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            lines = (node.end_lineno or 0) - body[0].lineno + 1
            assert lines <= MAX_FUNCTION_LINES, f"{path}: {node.name} has {lines} lines"


@pytest.mark.parametrize(
    "command",
    [
        *("launch", "demo", "status", "cancel", "audit", "show", "by_hand", "doctor", "clean"),
        *("vote", "estimate", "predict", "export", "report"),
        *("executors.task", "executors.sharing"),
    ],
)
def test_a_login_node_imports_neither_torch_nor_librosa(command: str) -> None:
    program = (
        f"import sys, pipeline.{command}\n"
        "heavy = {'torch', 'librosa', 'numba', 'sklearn', 'scipy', 'matplotlib'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr


def test_features_are_extracted_without_torch(made_clips: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from jobs.data.layouts import read_data\n"
        "from jobs.extract.config import FeatureConfig\n"
        "from jobs.extract.extraction import Extraction\n"
        "from jobs.extract.store.feature_store import FeatureStore\n"
        "config = FeatureConfig(seconds=0.5, n_fft=512, n_mels=16)\n"
        "labelled = read_data(Path(sys.argv[1])).labelled\n"
        "Extraction(FeatureStore(Path(sys.argv[2])), labelled, [config], 1).index(1)\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    command = [sys.executable, "-c", program, str(made_clips), str(tmp_path)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    "module", ["jobs.train.training", "jobs.extract.extraction", "pipeline.executors.task"]
)
def test_importing_a_module_does_nothing(module: str, tmp_path: Path) -> None:
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {module}"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(tmp_path.iterdir())
