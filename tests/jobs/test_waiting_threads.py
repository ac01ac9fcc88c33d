"""How long OpenMP's threads spin before they sleep: set before PyTorch reads it, or left alone."""

import os
import subprocess
import sys

import pytest

from tests.commands import ROOT

SEEN = """
import sys
import pipeline.launch
import os
assert "torch" not in sys.modules, "libgomp has read its settings"
print(os.environ.get("GOMP_SPINCOUNT"))
"""


@pytest.mark.parametrize(
    ("own", "seen"),
    [
        ({}, "1000"),
        ({"GOMP_SPINCOUNT": "5"}, "5"),
        ({"OMP_WAIT_POLICY": "active"}, "None"),
    ],
    ids=["nothing said", "own count", "own policy"],
)
def test_threads_that_wait_soon_sleep_unless_the_user_said_how_they_wait(
    own: dict[str, str], seen: str
) -> None:
    others = {k: v for k, v in os.environ.items() if not k.startswith(("GOMP_", "OMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", SEEN], cwd=ROOT, env=others | own, text=True,
        capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == seen
