"""The results store: one row per trial on disk, crash-safe, resumable, relocatable."""

from __future__ import annotations

from refbench.store.cell import CellStore
from refbench.store.images import image_name, write_image
from refbench.store.manifest import Manifest, read_manifest
from refbench.store.reader import Run, find_runs, load_run, load_runs, row_files
from refbench.store.row import SampleRow, TrialKey
from refbench.store.scores import ScoreRow
from refbench.untrusted.schema import SchemaError

__all__ = [
    "CellStore",
    "Manifest",
    "Run",
    "SampleRow",
    "SchemaError",
    "ScoreRow",
    "TrialKey",
    "find_runs",
    "image_name",
    "load_run",
    "load_runs",
    "read_manifest",
    "row_files",
    "write_image",
]
