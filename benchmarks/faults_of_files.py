"""Launches of which one file operation fails once: no result may be lost, no byte be different.

    python benchmarks/faults_of_files.py --n 2000 --seed 0

Each trial begins with a copy of a finished output from which a part is missing (nothing, the vote,
predictions, a run, half of a run, a shard, the index), and launches. One operation on a file below
the output, at random among all that this launch makes, fails with an error that passes. What was
complete must be complete then, and what was healthy neither deleted nor set aside; the same launch
again, undisturbed, must end with the bytes of the undisturbed one. It exits with 1 on any breach.
"""

import argparse
import contextlib
import io
import platform
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

if not __package__:
    # Run as a script: not from this folder, in which `coverage` is not the package of that name.
    sys.path[0] = str(Path(__file__).parent.parent)

from benchmarks.file_faults import Fault, failing
from jobs.data.synthetic import MadeClips, write_clips
from jobs.data.workspace import Workspace
from jobs.errors import PipelineError
from jobs.files import SET_ASIDE
from jobs.train.run import Run
from jobs.train.training import train_run
from pipeline.launch import Executor
from pipeline.launch import main as launch
from pipeline.planning.plan import OpenedPlan

GRID = """\
seconds: 0.5
threads: 1
shards: 2
runs:
  - {name: net, n_fft: 512, n_mels: 16, depth: 8, epochs: 2, batch_size: 8, lr: 0.05}
  - {name: plain, model: logistic, features: v3}
"""
# They hold times or the work of one attempt, and differ between undisturbed launches as well.
# A report tells times and hosts; its results are compared in tests.
NOT_COMPARED = ("launch", "logs", "report.html", "report.json")
TIMED = ("history.csv", "hardware.json", "recordings.csv")


def _nothing(out: Path) -> None:
    """A finished output."""


def _vote(out: Path) -> None:
    for name in ("submission.csv", "votes.csv", "ensemble.json", "estimate.json"):
        (out / name).unlink()


def _predictions(out: Path) -> None:
    for path in out.glob("runs/*/predictions/*"):
        path.unlink()


def _a_run(out: Path) -> None:
    shutil.rmtree(_net(out))


def _half_a_run(out: Path) -> None:
    """As a kill in the second epoch leaves it."""
    run = _net(out)
    shutil.rmtree(run)
    shutil.copytree(out.parent / "half", run)


def _a_shard(out: Path) -> None:
    next(iter(sorted(out.glob("features/v1-*/*.h5")))).unlink()


def _the_index(out: Path) -> None:
    for path in out.glob("features/*/index*"):
        path.unlink()


MISSING: dict[str, tuple[Callable[[Path], None], int]] = {
    "nothing": (_nothing, 8),
    "the vote": (_vote, 6),
    "predictions": (_predictions, 5),
    "half a run": (_half_a_run, 4),
    "a run": (_a_run, 2),
    "the index": (_the_index, 2),
    "a shard": (_a_shard, 1),
}


def _net(out: Path) -> Path:
    (weights, *_) = out.glob("runs/*/checkpoints/*.pt")
    return weights.parent.parent


@dataclass(frozen=True)
class Bench:
    """One data folder, its undisturbed output, and the place where trials happen."""

    grid: Path
    data: Path
    out: Path
    whole: Path

    @classmethod
    def made(cls, folder: Path) -> "Bench":
        """Make clips, launch undisturbed, and keep what came of it."""
        found = cls(folder / "grid.yaml", folder / "data", folder / "out", folder / "whole")
        found.grid.write_text(GRID)
        write_clips(found.data, MadeClips(train=24, test=6, seconds=0.5))
        if not found.launch():
            raise SystemExit("the undisturbed launch fails; nothing can be measured")
        shutil.copytree(found.out, found.whole)
        found.train_half(folder / "half")
        return found

    def train_half(self, kept: Path) -> None:
        """Train the net to its first epoch, and keep its folder as a kill would leave it."""
        opened = OpenedPlan.load(Workspace(self.out))
        shutil.rmtree(_net(self.out))
        config = opened.plan.runs[0].config
        features = opened.store.open(opened.dataset.labelled, config.features)
        run = opened.run(0)
        train_run(run, config, opened.dataset, opened.fold(0), features, until=1)
        run.done.unlink()
        run.folder.rename(kept)

    def launch(self) -> bool:
        """Launch in this process and say nothing; return whether it ended well."""
        silent = io.StringIO()
        with contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):
            try:
                code = launch(self.grid, self.data, self.out, Executor.debug)
            except (PipelineError, OSError):
                return False
        return code == 0

    def begin(self, missing: str) -> dict[Path, bytes]:
        """Lay out the output without what is missing; return what is there."""
        shutil.rmtree(self.out, ignore_errors=True)
        shutil.copytree(self.whole, self.out)
        MISSING[missing][0](self.out)
        return results_in(self.out)

    def operations(self, missing: str) -> dict[str, list[int]]:
        """Return the operations of an undisturbed launch, by kind, as their numbers."""
        self.begin(missing)
        fault = Fault(self.out, None, lambda numbers: numbers[0])
        with failing(fault):
            self.launch()
        found: dict[str, list[int]] = {}
        for number, kind in enumerate(fault.seen):
            found.setdefault(kind, []).append(number)
        return found

    def trial(self, missing: str, at: int, rng: random.Random) -> tuple[str, list[str]]:
        """Let one operation fail; return which, and what was breached."""
        before = self.begin(missing)
        complete = _trained(self.out)
        fault = Fault(self.out, at, rng.choice)
        with failing(fault):
            self.launch()
        after = results_in(self.out)
        breaches = [f"lost {path}" for path in before if path not in after]
        breaches += [f"set aside {path.name}" for path in self.out.rglob(f"{SET_ASIDE}/*")]
        breaches += [f"no longer trained: {name}" for name in complete - _trained(self.out)]
        if not self.launch():
            breaches.append("the next launch fails")
        whole, last = results_in(self.whole), results_in(self.out)
        breaches += [f"other bytes: {path}" for path in whole if last.get(path) != whole[path]]
        return fault.given, breaches


def results_in(out: Path) -> dict[Path, bytes]:
    """Return the results that must be the same after every trial, by their path."""
    return {
        path.relative_to(out): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
        and path.relative_to(out).parts[0] not in NOT_COMPARED
        and path.name not in TIMED
        and not path.name.startswith((".", "state-", "events.out."))
    }


def _trained(out: Path) -> set[str]:
    return {run.name for run in Workspace(out).runs.glob("*") if Run(run).is_trained()}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng, started = random.Random(arguments.seed), time.monotonic()
    print(f"python {platform.python_version()}, n {arguments.n}, seed {arguments.seed}")
    given, breached = Counter[str](), 0
    with tempfile.TemporaryDirectory(prefix="faults-", dir="/var/tmp") as folder:
        bench = Bench.made(Path(folder))
        operations = {missing: bench.operations(missing) for missing in MISSING}
        counts = {m: sum(map(len, kinds.values())) for m, kinds in operations.items()}
        print("operations of a launch, by what is missing: " + _listed(counts))
        for number in range(arguments.n):
            weights = [weight for _, weight in MISSING.values()]
            (missing,) = rng.choices(list(MISSING), weights)
            # First the kind: writes are few, and each must have its turn.
            at = rng.choice(operations[missing][rng.choice(list(operations[missing]))])
            fault, breaches = bench.trial(missing, at, rng)
            given[fault.partition(" ")[0] or "none"] += 1
            breached += bool(breaches)
            if breaches:
                print(f"trial {number}, missing {missing}, {fault}: " + "; ".join(breaches))
    print(f"faults given: {_listed(given)}")
    print(f"{breached} breaches in {arguments.n} trials, {time.monotonic() - started:.0f} s")
    return 1 if breached else 0


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


if __name__ == "__main__":
    sys.exit(main())
