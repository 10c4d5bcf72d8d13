"""Rows as one table for analysis: a pandas frame, and a Parquet copy for other programs."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refbench.errors import UserError
from refbench.store.reader import Run, load_run

if TYPE_CHECKING:
    import pandas as pd

_CELL = (
    "run_key", "method", "method_label", "weights", "dataset", "dataset_label", "protocol", "seed",
    "baseline",
)  # fmt: skip
_ROW = (
    "sample_id",
    "draw",
    "status",
    "error",
    "error_kind",
    "peak_mb",
    "device",
    "attempts",
    "fallback",
    "image",
)


def load_frame(paths: Iterable[Path]) -> pd.DataFrame:
    """All rows of several cells, one row per trial. Raises UserError for a folder that is not a run.

    Columns: the cell's labels (``run_key method method_label weights dataset dataset_label protocol
    seed baseline``), the row's own fields, sizes in pixels (``hr_height hr_width lr_height lr_width``),
    ``seconds.<part>``, ``stage.<name>.<cost>``, ``work.<kind>``, ``tiles.<pass>``, ``approx`` and
    ``recall`` where matching was approximate, ``note.<name>``, and one column per metric, named by its
    signature (float64; NaN where there is no number, ``inf`` included: see SampleRow.special).
    """
    return frame_of([load_run(path) for path in paths])


def frame_of(runs: Sequence[Run], more: Sequence[Mapping[str, str]] = ()) -> pd.DataFrame:
    """The same for runs that are already in memory; ``more``: further columns of each run."""
    import pandas as pd

    columns: dict[str, list[Any]] = {name: [] for name in (*_CELL, *_ROW)}
    count = 0
    signatures: set[str] = set()

    def put(name: str, value: object) -> None:
        column = columns.setdefault(name, [])
        # a column that appears late, or skipped rows, is filled up with "no value"
        column.extend([None] * (count - len(column)))
        column.append(value)

    for number, run in enumerate(runs):
        facts = {name: getattr(run.manifest, name) for name in _CELL}
        if run.partial:
            facts["dataset_label"] = f"{facts['dataset_label']} [{run.partial}]"
        labels = list(facts.items())
        further = list(more[number].items()) if more else []
        signatures.update(str(m["signature"]) for m in run.manifest.metrics.values() if "signature" in m)
        for row in run.rows:
            for name, label in labels:
                columns[name].append(label)
            for name in _ROW:
                columns[name].append(getattr(row, name))
            for name, text in further:
                put(name, text)
            for side, size in (("hr", row.hr_size), ("lr", row.lr_size)):
                put(f"{side}_height", size[0] if size else None)
                put(f"{side}_width", size[1] if size else None)
            for part, seconds in row.seconds.items():
                put(f"seconds.{part}", seconds)
            for stage, costs in row.stages.items():
                for cost, value in costs.items():
                    put(f"stage.{stage}.{cost}", value)
            for kind, amount in row.work.items():
                put(f"work.{kind}", amount)
            for part, windows in row.tiles.items():
                put(f"tiles.{part}", windows)
            if row.approx is not None:
                put("approx", row.approx)
                put("recall", row.recall)
            for note, fact in row.notes.items():
                put(f"note.{note}", fact)
            signatures.update(row.metrics)
            for signature, score in row.metrics.items():
                put(signature, score)
            count += 1
    for name in signatures:
        columns.setdefault(name, [])
    for column in columns.values():
        column.extend([None] * (count - len(column)))
    floats = ("seconds.", "stage.", "work.", "tiles.")
    numeric = {n for n in columns if n in signatures or n.startswith(floats) or n in ("peak_mb", "recall")}
    return pd.DataFrame(
        {n: pd.Series(c, dtype="float64") if n in numeric else pd.Series(c) for n, c in columns.items()}
    )


def parquet_bytes(runs: Sequence[Run], more: Sequence[Mapping[str, str]] = ()) -> bytes:
    """The rows of ``runs`` as one Parquet file: a derived copy, never read back by refbench.

    Raises UserError without a Parquet engine.
    """
    frame = frame_of(runs, more)
    # a column of mixed notes (text and numbers) has no Parquet type
    for name in frame.columns:
        if frame[name].dtype == object and name not in ("draw", "seed", "attempts"):
            frame[name] = frame[name].map(lambda v: v if v is None else str(v))
    buffer = io.BytesIO()
    try:
        frame.to_parquet(buffer, index=False)
    except ImportError:
        raise UserError("format=parquet needs pyarrow; pip install pyarrow, or choose csv") from None
    return buffer.getvalue()
