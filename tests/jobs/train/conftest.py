"""Features of tiny clips, runs on them, and what kills a run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.data.dataset import Dataset
from jobs.data.drawn_split import draw_split
from jobs.data.layouts import read_data
from jobs.data.manifest import Manifest
from jobs.data.split import Fold, SplitConfig
from jobs.extract.config import FeatureConfig
from jobs.extract.extraction import Extraction
from jobs.extract.store.feature_set import FeatureSet
from jobs.extract.store.feature_store import FeatureStore
from jobs.files import SET_ASIDE
from jobs.train.config import RunConfig
from jobs.train.learner import Learner
from jobs.train.run import Run
from jobs.train.training import train_run
from jobs.train.validation import ValidationPredictions

SETTINGS = {
    "seconds": 0.5, "n_fft": 512, "n_mels": 16, "depth": 8, "epochs": 6, "batch_size": 8,
    "lr": 0.05, "threads": 1, "warmup_epochs": 1, "plateau_patience": 0, "keep": 2,
}  # fmt: skip
CONFIG = RunConfig.parse(SETTINGS)

Train = Callable[..., Run]
Killing = Callable[[Callable[[], Run], int], Run | None]


@pytest.fixture
def config() -> RunConfig:
    return CONFIG


Extract = Callable[[Path, Manifest, FeatureConfig], FeatureSet]


@pytest.fixture(scope="session")
def extract() -> Extract:
    """Extract a feature set into a store and open it."""
    return _extract


def _extract(root: Path, manifest: Manifest, config: FeatureConfig) -> FeatureSet:
    store = FeatureStore(root)
    Extraction(store, manifest, [config], shards=2).index(cpus=1)
    return store.open(manifest, config)


@pytest.fixture(scope="session")
def features(made_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> FeatureSet:
    root = tmp_path_factory.mktemp("features")
    return _extract(root, read_data(made_clips).labelled, CONFIG.features)


@pytest.fixture
def fold(dataset: Dataset) -> Fold:
    return draw_split(dataset, SplitConfig()).folds[0]


@pytest.fixture
def train(dataset: Dataset, features: FeatureSet, fold: Fold) -> Train:
    """Train a run in a folder; by default the small one on the made clips."""

    def run(
        folder: Path,
        config: RunConfig = CONFIG,
        features: FeatureSet = features,
        until: int | None = None,
    ) -> Run:
        run = Run(folder)
        train_run(run, config, dataset, fold, features, until=until)
        return run

    return run


@pytest.fixture
def results() -> Callable[[Run], dict[str, bytes]]:
    """Read all files of a run but those that hold times and hosts, and what is set aside."""
    return _results


def _results(run: Run) -> dict[str, bytes]:
    timed = {"history.csv", "hardware.json", ".lock"}
    # A temporary names the process that left it, and in these tests that process still lives.
    files = [path for path in run.folder.rglob("*") if path.is_file() and path.suffix != ".tmp"]
    files = [path for path in files if SET_ASIDE not in path.parts]
    files = [path for path in files if path.name not in timed and path.parent != run.events]
    return {str(path.relative_to(run.folder)): path.read_bytes() for path in files}


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the code may catch it."""


class Reaper:
    """Kills at the n-th moment: a file operation or a training step. Then no file changes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, moments: int) -> None:
        self.left = moments
        self.dead = False
        for name in ("replace", "rename", "unlink"):
            monkeypatch.setattr(Path, name, self._dying(getattr(Path, name)))
        step = Learner.step

        def dying_step(learner: Learner, *arguments: object) -> object:
            self._count()
            return step(learner, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(Learner, "step", dying_step)
        append = ValidationPredictions.append

        def dying_append(predictions: ValidationPredictions, *arguments: object) -> None:
            self._count()
            append(predictions, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(ValidationPredictions, "append", dying_append)

    def _count(self) -> None:
        if self.left == 0:
            self.dead = True
            raise Killed
        self.left -= 1

    def _dying(self, operation: Callable[..., object]) -> Callable[..., object]:
        def call(path: Path, *args: object, **options: object) -> object:
            if self.dead:
                return None
            # Temporaries are unlinked in a `finally` that does nothing after a rename.
            if path.suffix != ".tmp" or operation.__name__ != "unlink":
                self._count()
            return operation(path, *args, **options)

        return call


@pytest.fixture
def killing() -> Callable[[Callable[[], Run], int], Run | None]:
    """Do something that is killed at a moment; return its result, or None if it was killed."""

    def kill(work: Callable[[], Run], moments: int) -> Run | None:
        try:
            with pytest.MonkeyPatch.context() as patch:
                Reaper(patch, moments)
                return work()
        except Killed:
            return None

    return kill


@pytest.fixture
def interrupted(train: Train, killing: Killing, tmp_path: Path) -> Run:
    """A run that was killed after its third epoch or later."""
    run = Run(tmp_path / "two")
    for _ in range(20):
        if len(run.states()) == 2 and run.states()[0] >= run.state(3):
            return run
        assert killing(lambda: train(run.folder), 14) is None
    raise AssertionError("the run never came to its third epoch")
