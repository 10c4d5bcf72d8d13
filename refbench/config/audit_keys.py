"""The settings of ``refbench audit``: of its command line and of :func:`refbench.audit`."""

from __future__ import annotations

from refbench.config.keys import DEVICE, OUT, THREADS, Key

KEYS = (
    OUT,
    Key("data.root", "path", "where the dataset is here (default: where the manifest says)"),
    Key("weights.root", "path", "checkpoint file, or a folder of them; they are found by their sha256"),
    Key("rerun", "int", "images of each result to compute again, drawn by its digest", 0, minimum=0),
    Key("markdown", "path", "write the findings as Markdown, too"),
    DEVICE,
    THREADS,
)
