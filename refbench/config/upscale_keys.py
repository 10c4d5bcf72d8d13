"""The settings of ``refbench upscale``, for the command and for Python."""

from __future__ import annotations

from refbench.config.keys import DEVICE, MEMORY, METHOD, PRECISION, THREADS, WEIGHTS, WEIGHTS_ROOT, Key

UPSCALE = (
    METHOD,
    WEIGHTS,
    Key("ref", "paths", "reference images, the most similar one first: a.png,b.png; or their folder", ()),
    Key("out", "path", "file (.png, .jpg, .webp) or folder to write; default: <name>_x<scale> here"),
    Key("format", "choice", "of outputs whose name is not given", choices=("png", "jpg", "webp")),
    Key("scale", "int", "what to enlarge by, for a method that can do several; default: its own", minimum=1),
    Key("overwrite", "bool", "replace an existing output", False),
    DEVICE,
    PRECISION,
    MEMORY,
    THREADS,
    WEIGHTS_ROOT,
)
