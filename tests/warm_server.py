"""A process with the slow libraries in memory that forks one of our commands for each request.

Started by tests/commands.py, which says why. Requests and answers are lines of JSON, one at a time:
{"start": {...}} is answered with the child's number, {"poll": number} with its exit code or null.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import sys
from typing import Any

# Other people's code that a command would import; ours is imported by each command anew.
LIBRARIES = (
    "h5py",
    "joblib",
    "librosa.filters",
    "matplotlib.figure",
    "numpy",
    "pandas",
    "pydantic",
    "rich.progress",
    "scipy.optimize",
    "scipy.signal",
    "scipy.special",
    "sklearn.discriminant_analysis",
    "sklearn.model_selection",
    "soundfile",
    "submitit",
    "torch",
    "torch._dynamo",
    "torch.utils.tensorboard",
    "typer",
    "yaml",
)


def become(request: dict[str, Any]) -> str:
    """Make this process what a shell would have started, and return the module to run."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    os.umask(request["umask"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = [os.open(path, os.O_WRONLY | os.O_APPEND) for path in request["output"]]
    for target, source in enumerate((nothing, *written)):
        os.dup2(source, target)
        os.close(source)
    module: str = request["module"]
    sys.argv = [module, *request["arguments"]]
    named = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:1] = [request["cwd"], *filter(None, named)]  # as `python -m` puts them there
    return module


def serve() -> str:
    """Answer requests until there are no more; in a child, return the module that it shall run."""
    for line in sys.stdin:
        request = json.loads(line)
        if "start" in request:
            answer: int | None = os.fork()
            if not answer:
                return become(request["start"])
        else:
            ended, status = os.waitpid(request["poll"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if ended else None
        print(json.dumps(answer), flush=True)
    sys.exit()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C is for pytest, which ends this one
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.freeze()  # no child need look through the objects of libraries
    module = serve()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
