"""The settings of ``refbench upscale``, for the command and for Python."""

from __future__ import annotations

from refbench.config.keys import DEVICE, MEMORY, METHOD, PRECISION, THREADS, WEIGHTS, WEIGHTS_ROOT, Key

UPSCALE = (
    METHOD,
    WEIGHTS,
    Key("ref", "paths", "reference images, the most similar one first: a.png,b.png", ()),
    Key("out", "path", "the PNG to write; default: <name>_x4.png in the current folder"),
    Key("overwrite", "bool", "replace an existing output", False),
    DEVICE,
    PRECISION,
    MEMORY,
    THREADS,
    WEIGHTS_ROOT,
)
