"""What jobs used of what they asked for, and what to ask for next time."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict

from pipeline.monitoring.usage import Usage
from pipeline.pages import console


def show(found: Sequence[Usage], as_json: bool) -> None:
    """Print a row for each stage and tier."""
    if as_json:
        console.print_plain(json.dumps([asdict(usage) for usage in found], indent=2))
        return
    if not found:
        console.say("sacct shows no job of this output that has started")
        return
    names = ("stage", "tasks", "requeued", "waited", "memory", "time", "CPUs", "GPU", "ask for")
    console.table(names, [_row(usage) for usage in found])


def _row(usage: Usage) -> tuple[str, ...]:
    wait = f"{statistics.median(usage.waits_min):.0f} min" if usage.waits_min else ""
    memory = f"{usage.memory_gb:.2g} of {usage.memory_asked_gb:.3g} GB" if usage.memory_gb else ""
    time = f"{usage.minutes:.0f} of {usage.minutes_asked:.0f} min"
    cpus = f"{usage.cpu_share:.0%}" if usage.cpu_share is not None else ""
    gpu = f"{statistics.mean(usage.gpu_percent):.0f} %" if usage.gpu_percent else ""
    gigabytes = usage.memory_to_ask_gb
    ask = f"{usage.minutes_to_ask} min" + (f", {gigabytes:g} GB" if gigabytes else "")
    return (
        usage.stage, str(usage.jobs), str(usage.requeues or ""), wait, memory, time, cpus, gpu, ask
    )  # fmt: skip
