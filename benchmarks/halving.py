"""Does a rung rank runs as their end does? For each schedule, what is ranked, and when.

    python benchmarks/halving.py --data /data/esc10 --set seconds=5

For each schedule a grid of differing runs is trained to its end; nothing is halved. Then, at each
share of the epochs: the rank correlation (Spearman) of the validation accuracy, of the loss, and of
the loss of averaged weights there with the validation accuracy at the end; and how good the run is
at its end that the halving would have kept, against the best of all.

Averaged weights need runs of their own (`ema`), for which the last columns are.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
if not __package__:
    # Run as a script: not from this folder, in which `coverage` is not the package of that name.
    sys.path[0] = str(ROOT)

from jobs.data.workspace import Workspace
from jobs.train.halving import Halving
from jobs.train.history import History, HistoryRow
from pipeline.planning.plan import OpenedPlan

SHARES = (0.125, 0.25, 0.5, 0.75)
# What a user would search over, from hopeless to good.
GRID = """\
model: wide_resnet
width: {width}
residual_stages: {stages}
optimizer: adamw
schedule: {schedule}
epochs: {epochs}
keep: 1
random: {runs}
search:
  lr: {{loguniform: [1e-4, 3e-2]}}
  weight_decay: {{loguniform: [1e-4, 1e-1]}}
  batch_size: {{choice: [16, 32, 64]}}
  augment: {{choice: [none, light, strong]}}
{ema}"""


def trained(folder: Path, text: str, arguments: argparse.Namespace) -> list[list[HistoryRow]]:
    """Launch a grid, or go on with it; return the history of each run."""
    folder.mkdir(parents=True, exist_ok=True)
    grid, out = folder / "grid.yaml", folder / "out"
    grid.write_text(text)
    options = [word for each in arguments.settings for word in ("--set", each)]
    where = ["--grid", grid, "--data", arguments.data, "--out", out]
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.launch", *map(str, where), *options,
         "--executor", "local", "--jobs", "2", "--set", "threads=1"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    opened = OpenedPlan.load(Workspace(out))
    histories = [History.load(opened.run(n).history).rows for n in range(len(opened.plan.runs))]
    return [rows for rows in histories if len(rows) == arguments.epochs]


def correlation(first: list[float], second: list[float]) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(first, second).statistic)


def kept(histories: list[list[HistoryRow]], by: str) -> float:
    """Return the accuracy at its end of the run that halving by thirds would have kept."""
    settings, left = Halving(halving=3), list(range(len(histories)))
    for rung in range(1, len(settings.shares) + 1):
        epoch = settings.epoch(rung, len(histories[0]))
        value = {k: getattr(histories[k][epoch - 1], by) for k in left}
        sign = -1 if by == "val_accuracy" else 1
        left.sort(key=lambda k: (sign * value[k], k))
        left = left[: settings.left(len(histories), rung)]
    return max(histories[k][-1].val_accuracy for k in left)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("work/halving"))
    parser.add_argument("--runs", type=int, default=27)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--stages", type=int, default=3)
    parser.add_argument("--schedule", action="append", choices=("plateau", "cosine", "onecycle"))
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    print(
        f"{arguments.runs} runs of {arguments.epochs} epochs a schedule\n\n"
        "| schedule | averaged | at | accuracy | loss | best | kept by accuracy | by loss |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    for schedule in arguments.schedule or ("plateau", "cosine", "onecycle"):
        for ema in ("", "ema: 0.98\n"):
            text = GRID.format(
                schedule=schedule, ema=ema, epochs=arguments.epochs, runs=arguments.runs,
                width=arguments.width, stages=arguments.stages,
            )  # fmt: skip
            name = f"{schedule}{'-ema' if ema else ''}"
            histories = trained(arguments.out / name, text, arguments)
            end = [rows[-1].val_accuracy for rows in histories]
            for share in SHARES:
                rows = [h[max(1, round(share * arguments.epochs)) - 1] for h in histories]
                accuracy = correlation([row.val_accuracy for row in rows], end)
                loss = correlation([-row.val_loss for row in rows], end)
                print(
                    f"| {schedule} | {'yes' if ema else 'no'} | {share:g} | {accuracy:.2f} | "
                    f"{loss:.2f} | {np.max(end):.3f} | {kept(histories, 'val_accuracy'):.3f} | "
                    f"{kept(histories, 'val_loss'):.3f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
