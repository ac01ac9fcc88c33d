"""What a prediction in jobs of a million clips asks of the launcher, and of the job that collects.

    python benchmarks/million_predictions.py work/lr_bs data/test_mp3s --n 1000000

The list names the files of a folder again and again. Answers are made up: measured is listing and
checking the clips, seeing what is missing, and making one file of the answers of all tasks.
"""

import argparse
import itertools
import resource
import sys
import tempfile
import time
from pathlib import Path

if not __package__:
    # Run as a script: not from this folder, in which `coverage` is not the package of that name.
    sys.path[0] = str(Path(__file__).parent.parent)

from jobs.data.workspace import Workspace
from jobs.files import write_csv
from jobs.inference.answers import BEGINNING, save_rows
from jobs.inference.clips import listed
from jobs.inference.opening import open_classifier
from pipeline.planning.prediction import prepared
from pipeline.planning.site import load_site
from pipeline.planning.space import make_writable
from pipeline.stages.classify import COLLECT
from pipeline.stages.graph import PREDICTION, missing_work


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("clips", type=Path, help="a folder of sound files")
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--suffix", default="csv", choices=("csv", "json"))
    arguments = parser.parse_args()
    classifier = open_classifier(arguments.model.absolute())
    files = itertools.cycle(sorted(arguments.clips.absolute().iterdir()))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = ((next(files), f"clip-{k}") for k in range(arguments.n))
        write_csv(folder / "list.csv", ("path", "id"), rows)
        workspace, out = Workspace(folder / "work"), folder / f"said.{arguments.suffix}"
        make_writable(workspace)
        times = [time.perf_counter()]
        clips = listed([folder / "list.csv"])
        site = load_site("local", [])
        opened = prepared(workspace, arguments.model.absolute(), classifier, clips, site, out)
        opened.save()
        times.append(time.perf_counter())
        missing_work(opened, PREDICTION)
        times.append(time.perf_counter())
        launcher_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        del clips
        said = {"category": classifier.classes[0], "class_name": "", "agreement": "1.000"}
        said |= {f"p_{name}": "0.100000000" for name in classifier.classes}
        said |= {"confidence": "0.900000000", "problem": ""}
        for task in range(len(opened.plan.listings)):
            made = ({BEGINNING: "", "id": c.id, "path": c.path} | said for c in opened.clips(task))
            save_rows(opened.answers(task), made, classifier.classes)
        times.append(time.perf_counter())
        COLLECT.do(opened, 0, 1)
        times.append(time.perf_counter())
        size = out.stat().st_size
    listing, seeing, _, collecting = (b - a for a, b in itertools.pairwise(times))
    print(
        f"{arguments.n} clips in {len(opened.plan.listings)} tasks: listed and checked in "
        f"{listing:.1f} s, what is missing seen in {seeing:.2f} s, at most {launcher_mb:.0f} MB; "
        f"collected into {size / 1e6:.0f} MB of {arguments.suffix} in {collecting:.1f} s"
    )


if __name__ == "__main__":
    main()
