"""Files that another node has just written, and that a network file system does not show yet.

A client of NFS or Lustre may answer from its cache for up to a minute that a file is not there.
Reading the folder asks the server.
"""

import contextlib
import logging
import time

from jobs.data.workspace import Workspace
from jobs.errors import DamagedFileError, NotReadyError
from pipeline.stages.stage import AnyStage, Opened, P, StageOf

log = logging.getLogger(__name__)

PATIENCE_S = 60.0
POLL_S = 5.0


def opened_after(workspace: Workspace, stage: StageOf[P], patience_s: float = PATIENCE_S) -> P:
    """Return the plan once all that a stage starts from can be seen, or patience has ended.

    Args:
        workspace: the output folder.
        stage: what is about to start.
        patience_s: how long to look again for what is missing and has not failed. Then the stage
            itself says what it lacks.
    """
    looking_until = time.monotonic() + patience_s
    reported = False
    while True:
        _ask_the_server(workspace)
        late = time.monotonic() > looking_until
        try:
            opened = stage.open(workspace)
        except (NotReadyError, DamagedFileError):
            if late:
                raise
            time.sleep(POLL_S)
            continue
        missing = _missing_before(opened, stage)
        if not missing or late:
            if missing:
                log.warning("still not there after %g s: %s", patience_s, ", ".join(missing))
            return opened
        if not reported:
            log.info("looking again for what another node may just have written: %s", missing[0])
            reported = True
        time.sleep(min(POLL_S, patience_s))


def _ask_the_server(workspace: Workspace) -> None:
    """Read the folders in which other nodes write."""
    shared = (workspace.plan.parent, workspace.features, workspace.runs, workspace.logs)
    for folder in (workspace.root, *shared):
        with contextlib.suppress(OSError):
            for below in list(folder.iterdir()):
                if folder in shared and below.is_dir():
                    list(below.iterdir())


def _missing_before(opened: Opened, stage: AnyStage) -> list[str]:
    """Return the titles of items that should be done by now: what failed has left its note."""
    wait = stage.wait_in(opened)
    if wait is None:
        return []
    workspace = opened.workspace
    return [
        before.title(opened, item)
        for before in (wait.stage, *stage.also_after)
        for item in before.missing(opened)
        if not workspace.failure(before.name, item).exists()
        and not workspace.begun(before.name, item).exists()
    ]
