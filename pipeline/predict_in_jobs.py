"""`python -m pipeline.predict --executor slurm`: a task for each list of clips, then all into one.

Given again, the same command submits what is missing and says what came of it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs.data.workspace import Workspace
from jobs.inference.classifier import Classifier
from jobs.inference.clips import listed
from jobs.inference.delivery import Delivery
from jobs.inference.opening import open_classifier
from jobs.inference.windowed import require_one_window
from jobs.ownership import owning
from pipeline.command import EXIT_FAILED
from pipeline.executors.choosing import Executor, choose_executor, choose_site
from pipeline.executors.here import ExecutorName, run_stages
from pipeline.executors.launcher import end_with_children, require_no_jobs
from pipeline.executors.limits import max_array
from pipeline.executors.slurm import Submission
from pipeline.monitoring.overview import overview_of
from pipeline.pages import launch_page, prediction_page
from pipeline.planning.prediction import OpenedPrediction, prepared
from pipeline.planning.space import is_local_to_a_node, make_writable
from pipeline.stages.classify import delivery_of
from pipeline.stages.graph import PREDICTION, missing_work


@dataclass(frozen=True)
class Asked:
    """What the user wants to know. See the options of `pipeline.predict`."""

    model: Path
    clips: Sequence[Path]
    out: Path
    hop: float | None
    labels: Path | None
    per_task: int | None


def predict_in_jobs(
    asked: Asked, work: Path, executor: Executor, site: str | None, site_settings: Sequence[str]
) -> int:
    """Classify in jobs, as far as that is not done or under way; return the exit code.

    Args:
        asked: what, and where the answers go.
        work: the folder for what is half done.
        executor: slurm, local, or auto.
        site: as asked.
        site_settings: of --site-set.

    Raises:
        InputError: a clip does not exist, or a launch, or another prediction, works in that folder.
    """
    workspace = Workspace(work)
    where = choose_executor(executor, workspace, planning=False, site=site)
    chosen, notes = choose_site(where, site, site_settings, planning=False)
    if where is Executor.slurm:
        for path in (work, asked.out, asked.model):
            if is_local_to_a_node(path):
                notes.append(f"{path} most likely lies on this node alone; nodes must share it")
    launch_page.notes(notes)
    chosen.let_readers_in()
    make_writable(workspace)
    classifier = open_classifier(asked.model)
    if asked.hop is not None:
        require_one_window(classifier)
    clips = listed(asked.clips)
    prediction_page.introduce(len(clips), classifier)
    with owning(workspace.lock("launch"), wait_s=math.inf if where is Executor.slurm else 0):
        opened = prepared(
            workspace, asked.model, classifier, clips, chosen,
            asked.out, asked.hop, asked.labels, asked.per_task,
        )  # fmt: skip
        if where is Executor.slurm:
            return _on_slurm(opened, classifier)
        return _here(opened, classifier, "local" if where is Executor.local else "debug")


def _on_slurm(opened: OpenedPrediction, classifier: Classifier) -> int:
    """Submit what is missing and not queued; no process stays behind."""
    submission = Submission(opened, max_array=max_array(opened.plan.site))
    # First the queue, then the files: see `pipeline.launch`.
    submission.look()
    works = missing_work(opened, PREDICTION)
    if (delivery := delivery_of(opened)) and not any(work.items for work in works):
        return _say(delivery, opened, classifier)
    prediction_page.progress(overview_of(opened, works))
    submission.require_accepted(works)
    opened.save()
    submission.submit(works)
    prediction_page.submitted(submission)
    return EXIT_FAILED if submission.refused else 0


def _here(opened: OpenedPrediction, classifier: Classifier, executor: ExecutorName) -> int:
    end_with_children()
    require_no_jobs(opened.workspace)
    opened.workspace.remove_abandoned_temporaries()
    opened.save()
    works = missing_work(opened, PREDICTION)
    outcomes = run_stages(opened, works, executor, None, launch_page.started)
    failed = [each for each in outcomes if launch_page.ended(opened, each)]
    if delivery := delivery_of(opened):
        return _say(delivery, opened, classifier)
    launch_page.failures(opened, failed)
    return EXIT_FAILED


def _say(delivery: Delivery, opened: OpenedPrediction, classifier: Classifier) -> int:
    return prediction_page.delivered(
        delivery, Path(opened.plan.out), opened.plan.hop, classifier.seconds
    )
