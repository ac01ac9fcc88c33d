"""The one callable that executors run: strings and integers in, files out."""

import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.data.workspace import Workspace
from jobs.errors import BusyError, DamagedFileError, InputError, NotReadyError
from jobs.files import write_json
from jobs.ownership import owning
from pipeline.plan import OpenedPlan, code_hash
from pipeline.stages import AUDIT, EXTRACT, INDEX, TRAIN, VOTE

if TYPE_CHECKING:
    from submitit.core.utils import DelayedSubmission

log = logging.getLogger(__name__)

EXPLAINED = (InputError, NotReadyError, DamagedFileError, BusyError)


def run(stage: str, workspace: str, index: int, label: str = "") -> None:
    """Do one item of one stage of the plan that lies in `workspace`.

    What is already done is not done again. Whatever the executor, an item's log is
    `logs/<stage>-<index>.log`, and a failure leaves its reason beside it.

    Args:
        stage: extract, index, audit, train or vote.
        workspace: the output folder.
        index: which shard, feature set or run of the plan.
        label: begins each line on standard output, where several items write.
    """
    place = Workspace(Path(workspace))
    remove_stale_saves()
    with _recorded(place, stage, index, label):
        opened = OpenedPlan.load(place)
        if opened.plan.code != code_hash():
            log.warning("the code has changed since this was launched; going on with the new code")
        _BODIES[stage](opened, index)


def _again(stage: str, workspace: str, index: int) -> "DelayedSubmission":
    """Return the same task: what submitit requeues at a time limit. Nothing is saved here."""
    from submitit.core.utils import DelayedSubmission

    return DelayedSubmission(run, stage, workspace, index)


run.checkpoint = _again  # type: ignore[attr-defined]


def remove_stale_saves() -> None:
    """Remove what an earlier attempt of this job left when it was killed while pickling.

    submitit refuses to save beside it, and every later attempt would fail at its end.
    """
    if not os.environ.get("SUBMITIT_FOLDER"):
        return
    from submitit.core.job_environment import JobEnvironment

    paths = JobEnvironment().paths
    for path in (paths.submitted_pickle, paths.result_pickle):
        path.with_suffix(path.suffix + ".save_tmp").unlink(missing_ok=True)


def _extract(opened: OpenedPlan, index: int) -> None:
    from jobs.extract.extractor import extract_shards
    from jobs.extract.feature_set import is_indexed
    from jobs.extract.shard import ShardName

    name, manifest = ShardName(index, opened.plan.shards), opened.manifest
    cpus, root = _cpus(opened, EXTRACT), opened.workspace.features_root
    open_sets = [each for each in opened.plan.features if not is_indexed(root, manifest, each)]
    for config in extract_shards(manifest, open_sets, name, root, cpus):
        clips = len(name.positions(len(manifest)))
        log.info("%s of %s: %d clips done", name, config.features, clips)


def _index(opened: OpenedPlan, _: int) -> None:
    from jobs.extract.feature_set import FeatureSet, is_indexed
    from jobs.extract.index import build_index
    from jobs.extract.quarantine import list_quarantined, require_usable, write_quarantine

    root, manifest, plan = opened.workspace.features_root, opened.manifest, opened.plan
    sets, quarantined = [], []
    with owning(opened.workspace.index_lock):
        for config in plan.features:
            if not is_indexed(root, manifest, config):
                build_index(manifest, config, plan.shards, root, _cpus(opened, INDEX))
            features = FeatureSet.open(root, manifest, config)
            bad, clips = list_quarantined(manifest, features), len(manifest)
            partial = len(features.partial)
            name = config.features
            log.info("%s: %d clips, %d partial, %d in quarantine", name, clips, partial, len(bad))
            sets.append(features)
            quarantined += bad
        write_quarantine(opened.workspace.quarantine, quarantined)
        for features in sets:
            require_usable(manifest, opened.split.training, features, plan.limits)


def _audit(opened: OpenedPlan, _: int) -> None:
    from jobs.audit.files import write_findings
    from jobs.audit.findings import Findings
    from jobs.extract.feature_set import FeatureSet

    root, manifest = opened.workspace.features_root, opened.manifest
    with owning(opened.workspace.audit_lock):
        features = FeatureSet.open(root, manifest, opened.plan.audited_features)
        findings = Findings.of(manifest, features)
        for sentence in findings.warnings:
            log.warning("%s", sentence)
        write_findings(opened.workspace.audit, findings, features)


def _train(opened: OpenedPlan, index: int) -> None:
    from jobs.extract.feature_set import FeatureSet
    from jobs.train.compute.setup import Room
    from jobs.train.run import Run
    from jobs.train.trainer import train_run

    planned = opened.plan.runs[index]
    log.info("run '%s' (%s)", planned.name, planned.signature)
    root, config = opened.workspace.features_root, planned.config
    features = FeatureSet.open(root, opened.manifest, config.feature_config)
    run_folder = Run(opened.workspace.run(planned.signature))
    room = Room(opened.plan.data_gb, opened.plan.runs_per_gpu)
    train_run(run_folder, config, opened.manifest, opened.split, features, room)


def _vote(opened: OpenedPlan, _index: int) -> None:
    from jobs.vote.ensemble import Ballot, vote

    contenders = opened.plan.contenders(opened.workspace)
    with owning(opened.workspace.vote_lock):
        # One pass more than there are runs: each damaged file found takes one run out.
        for _ in range(len(contenders) + 1):
            ballot = Ballot.draw(opened.manifest, contenders, opened.plan.votes)
            try:
                vote(opened.workspace, ballot)
            except DamagedFileError as error:
                log.warning("%s", error)
            else:
                return


_BODIES: dict[str, Callable[[OpenedPlan, int], None]] = {
    EXTRACT: _extract,
    INDEX: _index,
    AUDIT: _audit,
    TRAIN: _train,
    VOTE: _vote,
}


def _cpus(opened: OpenedPlan, stage: str) -> int:
    """Return the CPUs of this task: what Slurm gave, or what this machine and the site allow."""
    given = os.environ.get("SLURM_CPUS_PER_TASK", "")
    here = opened.plan.site.resources(stage).cpus_here()
    return min(int(given), os.cpu_count() or 1) if given.isdigit() else here


@contextlib.contextmanager
def _recorded(workspace: Workspace, stage: str, index: int, label: str) -> Iterator[None]:
    """Keep a log of the block, and the reason if it fails."""
    make_private(workspace.logs)
    failure = workspace.failure(stage, index)
    failure.unlink(missing_ok=True)
    with _logging_to(workspace.log(stage, index), label):
        try:
            yield
        except Exception as error:
            explained = isinstance(error, EXPLAINED)
            reason = str(error) if explained else f"{type(error).__name__}: {error}"
            log.error("failed: %s", reason)
            _log_file_only(traceback.format_exc())
            path = workspace.log(stage, index)
            with contextlib.suppress(OSError, InputError):
                write_json(failure, {"reason": reason, "log": str(path)})
            raise


def make_private(folder: Path) -> None:
    """Make a folder that only its owner can enter: it will hold pickles and logs."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


class _QuietFile(logging.FileHandler):
    """On a full disk a log line is lost; a traceback for each of them helps nobody."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        return


@contextlib.contextmanager
def _logging_to(path: Path, label: str) -> Iterator[None]:
    """Send the project's log lines to standard output and to `path` (appended)."""
    file = _QuietFile(path, encoding="utf-8")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    console = logging.StreamHandler(sys.stdout)
    console.setFormatter(logging.Formatter("  %(label)s%(message)s", defaults={"label": label}))
    loggers = [logging.getLogger(name) for name in ("jobs", "pipeline")]
    for logger in loggers:
        logger.setLevel(logging.INFO)
        logger.addHandler(file)
        logger.addHandler(console)
        logger.propagate = False
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(file)
            logger.removeHandler(console)
            logger.propagate = True
        file.close()


def _log_file_only(text: str) -> None:
    for handler in logging.getLogger("pipeline").handlers:
        if isinstance(handler, logging.FileHandler):
            handler.emit(logging.LogRecord("pipeline", logging.ERROR, "", 0, text, None, None))
