"""This machine: Python, packages, the output folder, files and bytes that are left."""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from jobs.data.workspace import Workspace
from jobs.errors import InputError
from pipeline.diagnosis.finding import Finding
from pipeline.diagnosis.probe_job import installed
from pipeline.planning.quota import quota_of
from pipeline.planning.space import is_local_to_a_node, make_writable

OLDEST_PYTHON = (3, 11)
# About what a grid of forty runs makes.
FEW_FILES, FEW_BYTES = 5_000, 20 * 10**9


def python_and_packages() -> Iterator[Finding]:
    """Look at the Python that launches, and at what it can import."""
    yield of_python(".".join(map(str, sys.version_info[:3])), sys.executable, "python here")
    yield of_packages(installed(), "packages here")


def of_python(number: str, executable: str, subject: str) -> Finding:
    """Judge a Python by its version, `3.11.7`."""
    if tuple(int(part) for part in number.split(".")[:2]) < OLDEST_PYTHON:
        least = ".".join(map(str, OLDEST_PYTHON))
        return Finding.failure(subject, f"{number}, {executable}", f"{least} or newer is needed")
    return Finding.ok(subject, f"{number}, {executable}")


def of_packages(versions: dict[str, str | None], subject: str) -> Finding:
    """Judge packages by their versions; None is one that is not there."""
    missing = [name for name, found in versions.items() if found is None]
    if missing:
        return Finding.failure(
            subject, f"missing: {', '.join(missing)}", "install them there: see `make install`"
        )
    return Finding.ok(subject, ", ".join(f"{name} {found}" for name, found in versions.items()))


def output_folder(workspace: Workspace, on_slurm: bool) -> Iterator[Finding]:
    """Look at whether results can be written, where, and how much room there is."""
    root, subject = workspace.root, "output"
    was_there = root.exists()
    try:
        make_writable(workspace)
    except InputError as error:
        yield Finding.failure(subject, str(error), "choose another --out")
        return
    finally:
        if not was_there:  # looking leaves nothing behind
            for folder in (*workspace.private, root):
                with contextlib.suppress(OSError):
                    folder.rmdir()
    yield Finding.ok(subject, f"{root} can be written from here")
    if on_slurm and is_local_to_a_node(root):
        yield Finding.warning(
            subject, f"{root} most likely lies on this node alone", "choose an --out that all share"
        )
    yield from _room(root if root.exists() else root.parent)


def _room(folder: Path) -> Iterator[Finding]:
    while not folder.exists():
        folder = folder.parent
    free, status = shutil.disk_usage(folder).free, os.statvfs(folder)
    yield _enough("space", f"{free / 1e9:,.0f} GB free in {folder}", free >= FEW_BYTES)
    if status.f_files:
        said = f"{status.f_favail:,} more files may be made in {folder}"
        yield _enough("inodes", said, status.f_favail >= FEW_FILES)
    quota = quota_of(folder)
    if quota is None:
        yield Finding.ok("quota", "no command tells of one (myquota, lfs, quota)")
    else:
        fits = quota.bytes_left >= FEW_BYTES and quota.files_left >= FEW_FILES
        yield _enough("quota", f"{quota}, in {folder}", fits)


def _enough(subject: str, said: str, is_enough: bool) -> Finding:
    if is_enough:
        return Finding.ok(subject, said)
    return Finding.warning(
        subject, said, "a launch may need more (see --plan): an --out on scratch, or delete"
    )
