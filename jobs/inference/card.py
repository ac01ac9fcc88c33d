"""The model card of an export: Markdown with the head that model hubs read."""

import re
from collections.abc import Sequence

from jobs.data.dataset import Dataset
from jobs.inference.classifier import Classifier
from jobs.inference.onnx_export import Graph, LeftOut
from jobs.plain_text import control_character
from jobs.vote.estimate.artefact import Estimate

HEAD = """\
---
pipeline_tag: audio-classification
library_name: clip-pipeline
tags: [audio-classification{onnx}]
metrics: [accuracy]
---
"""


def card(
    name: str,
    classifier: Classifier,
    dataset: Dataset,
    estimate: Estimate | None,
    graphs: Sequence[Graph],
    left_out: Sequence[LeftOut],
) -> str:
    """Return the text.

    Args:
        name: of the grid.
        classifier: what is exported.
        dataset: that it was trained on.
        estimate: of its score; None if there is none of the present vote.
        graphs: the ONNX files.
        left_out: what has none.
    """
    parts = [
        HEAD.format(onnx=", onnx" if graphs else ""),
        f"# {_line(name)}\n",
        _what(classifier),
        "## How good it is\n",
        _score(estimate),
        "## What it was trained on\n",
        _data(dataset),
        "## What it consists of\n",
        _voters(classifier),
        "## How to use it\n",
        _use(classifier, graphs, left_out),
    ]
    return "\n".join(parts)


def _line(text: str) -> str:
    """Return a text from the user's data that stays within its line and its cell of a table."""
    clean = "".join(" " if control_character(each) else each for each in text)
    return re.sub(r"([\\\[\]!*_|])", r"\\\1", clean).replace("<", "&lt;").replace("`", "'")


def _what(classifier: Classifier) -> str:
    names = (
        f"{label} ({named})" if (named := classifier.class_names.get(label)) else label
        for label in classifier.classes
    )
    return (
        f"It tells which of {len(classifier.classes)} classes a recording is of: "
        f"{', '.join(map(_line, names))}. It uses the first {classifier.seconds:g} s; "
        "shorter recordings are padded with silence. It always answers with one of these classes, "
        "also for a sound that is of none of them.\n"
    )


def _score(estimate: Estimate | None) -> str:
    if estimate is None:
        return "Nothing is known of its score on new clips: the launch had no estimate.\n"
    lines = [f"{estimate.sentence[0].upper()}{estimate.sentence[1:]}.", ""]
    for sentence in estimate.beside:
        lines += [f"{sentence[0].upper()}{sentence[1:]}.", ""]
    lines += [f"- Warning: {_line(each.sentence)}" for each in estimate.warnings]
    lines += [f"- Assumed: {_line(each)}" for each in estimate.assumed]
    return "\n".join([*lines, ""])


def _data(dataset: Dataset) -> str:
    rows = [
        f"| {_line(label)} | {_line(dataset.class_names.get(label, ''))} | {number} |"
        for label, number in dataset.class_counts.items()
    ]
    return "\n".join([
        f"{len(dataset.labelled):,} labelled recordings (fingerprint "
        f"`{dataset.labelled_fingerprint}`), of which a part validated.",
        "", "| class | called | recordings |", "|---|---|---|", *rows, "",
    ])  # fmt: skip


def _voters(classifier: Classifier) -> str:
    rows = []
    for voter in classifier.voters:
        config = voter.members[0].config
        features = config.features
        heard = f"{features.features}, {features.seconds:g} s at {features.sample_rate:,} Hz"
        rows.append(
            f"| {_line(voter.title)} | {voter.times} | {config.model.name} | "
            f"{len(voter.members)} | {heard} |"
        )
    return "\n".join([
        f"Their votes are combined by `{classifier.combine}`; confidence is calibrated with the "
        f"temperature {classifier.temperature:.3f}.",
        "", "| voter | votes | architecture | fold models | input |", "|---|---|---|---|---|",
        *rows, "",
    ])  # fmt: skip


def _use(classifier: Classifier, graphs: Sequence[Graph], left_out: Sequence[LeftOut]) -> str:
    lines = [
        "With clip-pipeline, the program that made this folder, on any sound file:", "",
        "```", "python -m pipeline.predict THIS_FOLDER clip.mp3 more_clips/ --out said.csv", "```",
        "", "`sha256sum --check checksums.sha256` tells whether every byte is as it was.", "",
    ]  # fmt: skip
    if graphs:
        lines += [
            "The files in `onnx/` begin at samples (float32 [batch, samples], mono, full scale 1) "
            "and give `label` (probabilities in the order of `classes`) and `embedding`. Rate, "
            "seconds and classes stand in their metadata. A voter's `label` is uncalibrated, the "
            "ensemble's calibrated; where votes are combined by `hard`, the answer of `predict` is "
            "the most frequent vote, which need not be the highest probability.", "",
            "| file | stands for | largest difference of a probability |", "|---|---|---|",
            *(f"| {g.name} | {_line(g.title)} | {g.difference:.1e} |" for g in graphs), "",
        ]  # fmt: skip
    lines += [f"- No ONNX file for {_line(each.title)}: {each.reason}." for each in left_out]
    return "\n".join([*lines, ""])
