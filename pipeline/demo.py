"""`python -m pipeline.demo DIR`: make a small data folder of MP3 clips to try the pipeline on."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.data.synthetic import MadeClips, write_clips
from pipeline.command import command
from pipeline.pages import console


def main(
    folder: Annotated[Path, typer.Argument(help="Where the clips go.")],
    train: Annotated[int, typer.Option(min=20, help="Labelled clips.")] = MadeClips.train,
    test: Annotated[int, typer.Option(min=8, help="Test clips.")] = MadeClips.test,
    seed: Annotated[int, typer.Option(min=0)] = MadeClips.seed,
) -> None:
    """Make MP3 clips of four classes in the competition's layout."""
    new = write_clips(folder, MadeClips(train=train, test=test, seed=seed))
    done = "made" if new else "there already:"
    console.say(f"{done} {train} training and {test} test clips in {folder}")


app = command(main)

if __name__ == "__main__":
    app()
