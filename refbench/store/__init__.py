"""The results store: one row per trial on disk, crash-safe, resumable, relocatable."""

from __future__ import annotations

from refbench.store.cell import CellStore
from refbench.store.checks import RowError
from refbench.store.images import image_name, write_image
from refbench.store.manifest import Manifest, read_manifest
from refbench.store.reader import Run, find_runs, load_run, load_runs, row_files
from refbench.store.row import SampleRow, TrialKey
from refbench.store.scores import ScoreRow

__all__ = [
    "CellStore",
    "Manifest",
    "RowError",
    "Run",
    "SampleRow",
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
