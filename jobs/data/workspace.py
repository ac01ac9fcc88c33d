"""One output folder and every path in it, so that no reader rebuilds a name."""

from dataclasses import dataclass
from pathlib import Path

from jobs.temporaries import remove_abandoned_temporaries, remove_abandoned_temporaries_in
from jobs.trust import (
    close_to_writers,
    make_private,
    require_no_links_of_others,
    require_ours,
)


@dataclass(frozen=True)
class Results:
    """The folder in which the results of one vote lie."""

    folder: Path

    @property
    def submission(self) -> Path:
        """The winner of each test clip."""
        return self.folder / "submission.csv"

    @property
    def votes(self) -> Path:
        """Who voted for what."""
        return self.folder / "votes.csv"

    @property
    def ensemble(self) -> Path:
        """Which checkpoints voted. See `Ensemble`."""
        return self.folder / "ensemble.json"


@dataclass(frozen=True)
class Workspace:
    """The folder that `--out` names."""

    root: Path

    @property
    def launches(self) -> Path:
        """What tasks trust: plan, records of jobs, locks. Only their owner may enter it."""
        return self.root / "launch"

    @property
    def plan(self) -> Path:
        """What the last launch decided: data, features, split, runs."""
        return self.launches / "plan.json"

    @property
    def prediction(self) -> Path:
        """In place of `plan`, what a prediction in jobs decided: model, lists of clips."""
        return self.launches / "prediction.json"

    @property
    def manifest(self) -> Path:
        return self.root / "manifest.csv"

    @property
    def splits(self) -> Path:
        """Which clips validate: a file for each split that was drawn."""
        return self.root / "splits"

    def split(self, fingerprint: str) -> Path:
        return self.splits / f"{fingerprint}.csv"

    @property
    def recordings(self) -> Path:
        """The hashes of recordings, so that the next launch need not read them."""
        return self.root / "recordings.csv"

    @property
    def features(self) -> Path:
        """Where FeatureSets lie."""
        return self.root / "features"

    @property
    def quarantine(self) -> Path:
        """Clips that cannot be decoded, each with the decoder's reason."""
        return self.root / "quarantine.csv"

    @property
    def audit(self) -> Path:
        """What is known of the clips: audit.json, clips.csv, duplicates.csv."""
        return self.root / "audit"

    @property
    def runs(self) -> Path:
        """A folder for each run."""
        return self.root / "runs"

    def run(self, signature: str) -> Path:
        return self.runs / signature

    @property
    def results(self) -> Results:
        """Of the vote by the grid's rule."""
        return Results(self.root)

    @property
    def submission(self) -> Path:
        return self.results.submission

    @property
    def votes(self) -> Path:
        return self.results.votes

    @property
    def ensemble(self) -> Path:
        return self.results.ensemble

    @property
    def estimate(self) -> Path:
        """What a test like this one should give. See `Estimate`."""
        return self.root / "estimate.json"

    @property
    def labels_to_check(self) -> Path:
        """Labels that predictions speak against, the worst first."""
        return self.root / "labels_to_check.csv"

    @property
    def holdout_scored(self) -> Path:
        """Which results have been scored on clips held out. See `Scored`."""
        return self.launches / "holdout.json"

    def rung(self, number: int) -> Path:
        """Which runs continue after a rung of successive halving. See `Rung`."""
        return self.launches / f"rung-{number}.json"

    @property
    def tasks(self) -> Path:
        """When and where each task worked: a file for each. See `TaskFacts`."""
        return self.launches / "tasks"

    @property
    def report(self) -> Path:
        """The result, to be looked at."""
        return self.root / "report.html"

    @property
    def report_numbers(self) -> Path:
        """The same for programs. See `jobs.report.content.Report`."""
        return self.root / "report.json"

    @property
    def out_of_memory(self) -> Path:
        """Which runs ran out of memory, and in which tier. See `OutOfMemory`."""
        return self.launches / "out-of-memory.json"

    @property
    def other_votes(self) -> Path:
        """A folder of results for each vote that was held by another rule."""
        return self.root / "ensembles"

    @property
    def logs(self) -> Path:
        """Logs and pickles of jobs; only their owner may read them."""
        return self.root / "logs"

    def log(self, stage: str, index: int) -> Path:
        """What one task of a stage had to say, whichever executor ran it."""
        return self.logs / f"{stage}-{index:05d}.log"

    def failure(self, stage: str, index: int) -> Path:
        """Why one task failed the last time that it ran; gone once it succeeds."""
        return self.logs / f"{stage}-{index:05d}.failed.json"

    def begun(self, stage: str, index: int) -> Path:
        """Exists while a task works; left behind, it shows that the task was killed."""
        return self.logs / f"{stage}-{index:05d}.begun"

    @property
    def jobs(self) -> Path:
        """submitit's own folder."""
        return self.logs / "submitit"

    @property
    def folders(self) -> list[Path]:
        """The folders below the output folder that belong to this project alone."""
        of_work = (self.splits, self.features, self.audit, self.runs, self.other_votes)
        own = (*self.private, *of_work)
        return [folder for folder in own if folder.is_dir() or folder.is_symlink()]

    @property
    def private(self) -> tuple[Path, Path]:
        """The folders that only their owner may enter."""
        return self.launches, self.logs

    def prepare(self) -> None:
        """Create the output folder and those below that only their owner may enter.

        The output folder itself may be one that a group shares: nothing that lies right in it is
        trusted by a task, and whoever may write there can exchange a submission.csv at worst.

        Raises:
            InputError: one of them is somebody else's, or a link that others can change.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        require_no_links_of_others(self.root)
        for folder in self.folders:
            close_to_writers(folder)
        for folder in self.private:
            make_private(folder)

    def require_ours(self) -> None:
        """Refuse an output whose folders others may have exchanged or changed.

        Raises:
            InputError: says which, whose it is, and what to do.
        """
        require_no_links_of_others(self.root)
        for folder in self.folders:
            require_ours(folder)

    def remove_abandoned_temporaries(self) -> None:
        """Delete what killed writers left in this output, and nothing that is not ours.

        The output folder may be one in which a user keeps other things: below it only folders of
        ours are searched.
        """
        remove_abandoned_temporaries(*self.folders)
        remove_abandoned_temporaries_in(self.root)

    @property
    def submissions(self) -> Path:
        """What each submitted job does; outside of the logs, which people tidy away."""
        return self.launches / "jobs"

    def lock(self, name: str) -> Path:
        """The lock of whatever one process at a time may do here: a launch, a stage."""
        return self.launches / f"{name}.lock"
