"""The settings a command takes: ``key=value`` with a kind, a default and a line of help.

One table drives reading, checking, ``--help`` and shell completion. Kinds that hold free text or
paths are *raw*: they are taken as they stand after the first ``=`` and never parsed, because real
paths hold blanks, brackets, commas, ``=`` and letters that Hydra's grammar refuses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

KeyKind = Literal[
    "text", "path", "words", "paths", "size", "locator",  # raw
    "int", "number", "bool", "choice", "name", "value",  # parsed; may be swept with -m
]  # fmt: skip
RAW: frozenset[str] = frozenset({"text", "path", "words", "paths", "size"})
PATH_SUFFIXES = (".root", ".dir", ".python")
TEXT_SUFFIXES = (".cmd", ".uri", ".args", ".target", ".address")


@dataclass(frozen=True)
class Key:
    """One ``name=`` setting."""

    name: str
    kind: KeyKind
    help: str
    default: object = None
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    required: bool = False

    @property
    def raw(self) -> bool:
        """Whether the value is taken as it stands."""
        return self.kind in RAW


def raw_kind(name: str) -> KeyKind | None:
    """``path`` or ``text`` for names that are always raw: the suffixes above."""
    if name.endswith(PATH_SUFFIXES):
        return "path"
    return "text" if name.endswith(TEXT_SUFFIXES) else None


METHOD = Key("method", "locator", "method by name, or path/to/file.py:SPEC", required=True)
WEIGHTS = Key("method.weights", "locator", "weights variant (mse, gan, compact) or a path")
DATASET = Key("dataset", "name", "use this dataset instead of the suite's")
SEED = Key("seed", "int", "seed of everything random", 0, minimum=0)
LIMIT = Key("limit", "int", "use only the first N samples", minimum=1)
DEVICE = Key("device", "name", "auto, cpu, cuda, cuda:1", "auto")
PRECISION = Key("precision", "choice", "fp32 turns TF32 off", "fp32", ("fp32", "tf32", "bf16"))
IMAGES = Key("images", "choice", "keep SR images, which `score` needs later", "png", ("png", "none"))
METRICS = Key("metrics", "words", "[lpips_alex,pyiqa:dists], besides the protocol's own", ())
OUT = Key("out", "path", "results folder", "results")
TRACKING = Key("tracking", "choice", "mirror finished runs to MLflow", "mlflow", ("mlflow", "none"))
TRACKING_URI = Key("tracking.uri", "text", "MLflow server; default: sqlite inside the results folder")
TABLE = Key(
    "table",
    "choice",
    "brief: a line per method; full: with intervals, medians, power, exact metrics and provenance",
    "brief",
    ("brief", "full"),
)
WEIGHTS_ROOT = Key("weights.root", "path", "folder of official checkpoints; default: $REFBENCH_WEIGHTS")
THREADS = Key("threads", "int", "CPU threads", minimum=1)
MEMORY = Key("memory.limit", "size", "working memory of matcher and network, e.g. 4GB")

DATA = (
    Key("data.root", "path", "the dataset's folder"),
    Key("data.partial", "bool", "accept an incomplete copy, which is then labelled everywhere", False),
    Key("data.ids", "words", "[004,006]: only these samples", ()),
)
DATA_OPTIONS = (
    Key("data.input", "path", "pairs: folder of HR (or LR) images"),
    Key("data.ref", "path", "pairs: folder of reference images"),
    Key("data.list", "path", "list file, one `input ref` pair per line"),
    Key("data.lr_dir", "path", "folder of your own LR images"),
    Key("data.boxes", "path", "dual camera sets: JSON file {file: [y0, y1, x0, x1]} of the centers"),
)

RUN = (
    METHOD,
    WEIGHTS,
    Key("suite", "locator", "suite by name, or path/to/suite.yaml", "cufed5"),
    Key("card", "locator", "protocol card by name, or path/to/card.yaml, for all protocols of the suite"),
    DATASET,
    *DATA,
    *DATA_OPTIONS,
    Key(
        "against",
        "name",
        "method that the others are compared with; it runs too. none: no comparison",
        "bicubic",
    ),
    METRICS,
    SEED,
    LIMIT,
    Key("draws", "int", "random draws per image, instead of the suite's number", minimum=1),
    Key("repeat", "int", "2: call the method twice on each input, to find out flaky ones", 1, minimum=1),
    DEVICE,
    PRECISION,
    THREADS,
    MEMORY,
    IMAGES,
    TABLE,
    OUT,
    WEIGHTS_ROOT,
    TRACKING,
    TRACKING_URI,
    Key(
        "executor",
        "name",
        "serial, local (processes) or ray (a cluster); options: executor.<option>=",
        "serial",
    ),
    Key("shard", "text", "i/n: only part i of n, counted from 1; `merge` joins the parts"),
)


def names(keys: Iterable[Key]) -> tuple[str, ...]:
    """The keys' names in their order."""
    return tuple(k.name for k in keys)


def required(key: Key) -> Key:
    """The same key, without which the command cannot start."""
    return replace(key, required=True)


def optional(key: Key) -> Key:
    """The same key, which may be left out."""
    return replace(key, required=False)
