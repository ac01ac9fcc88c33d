"""setup.cfg, environment.yml, constraints.txt and the README cannot drift apart."""

import configparser
import re
from importlib.metadata import entry_points
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
# conda's names for what pip calls otherwise
CONDA_NAMES = {
    "torch": "pytorch",
    "soundfile": "pysoundfile",
    "soxr": "soxr-python",
    "matplotlib": "matplotlib-base",
}


def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def requirements(text: str) -> dict[str, str]:
    """Map each name to its version part."""
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    parts = (re.match(r"([\w.-]+)\s*(.*)", line) for line in lines if line)
    return {match[1]: match[2] for match in parts if match}


def test_environment_yml_lists_what_setup_cfg_asks_for() -> None:
    # Compared, not solved: conda itself is not run here.
    wanted = requirements(setup()["options"]["install_requires"])
    wanted |= requirements(setup()["options.extras_require"]["export"])
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    listed = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    found = requirements("\n".join(listed))
    python = found.pop("python")
    found.pop("pip")
    assert found == {CONDA_NAMES.get(name, name): spec for name, spec in wanted.items()}
    assert python == setup()["options"]["python_requires"]


def test_every_requirement_is_pinned() -> None:
    pinned = {name.lower().replace("_", "-") for name in requirements(
        (ROOT / "constraints.txt").read_text()
    )}  # fmt: skip
    options = setup()
    wanted = requirements(options["options"]["install_requires"])
    wanted |= requirements(options["options.extras_require"]["dev"])
    assert {name.lower() for name in wanted} <= pinned
    assert requirements((ROOT / "constraints.txt").read_text())["torch"] == "==2.13.0"


def test_console_entries_exist() -> None:
    ours = [e for e in entry_points(group="console_scripts") if e.value.startswith("pipeline.")]
    assert {entry.name for entry in ours} == {
        f"pipeline-{name}"
        for name in ("launch", "status", "cancel", "audit", "show", "demo", "predict", "export")
    }
    assert all(callable(entry.load()) for entry in ours)


def test_the_readmes_file_tree_is_the_one_on_disk() -> None:
    tree = (ROOT / "README.md").read_text().split("## Where everything lives")[1].split("```")[1]
    named, folders = set(), [""]
    for line in tree.strip("\n").splitlines():
        depth, name = (len(line) - len(line.lstrip())) // 2, line.split()[0]
        path = "/".join([*(f for f in folders[: depth + 1] if f), name.rstrip("/")])
        if name.endswith("/"):
            folders[depth + 1 :] = [name.rstrip("/")]
        else:
            named.add(path)
    listed = ("pipeline", "jobs", "grids", "slurm", "benchmarks")
    kinds = {".py", ".yaml", ".sbatch", ".sh"}
    found = {p for d in listed for p in (ROOT / d).rglob("*") if p.suffix in kinds}
    assert named == {str(p.relative_to(ROOT)) for p in found if p.name != "__init__.py"}
