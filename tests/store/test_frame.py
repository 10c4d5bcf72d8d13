"""The frame for analysis and its Parquet copy."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from refbench.errors import UserError
from refbench.store import CellStore, Manifest, SampleRow, load_run
from refbench.store.frame import load_frame, parquet_bytes

KEY = "ef" * 32


def cell(out: Path, key: str, rows: list[SampleRow], **fields: object) -> Path:
    manifest = Manifest(run_key=key, method="toy", dataset="tiny", protocol="canonical@1", **fields)  # type: ignore[arg-type]
    with CellStore.open(out, key, manifest) as store:
        for row in rows:
            store.append(row)
    return store.folder


def test_columns_are_labels_row_fields_and_signatures(tmp_path: Path) -> None:
    first = cell(
        tmp_path,
        KEY,
        [
            SampleRow(
                "a", metrics={"m|v1": 1.5}, hr_size=(8, 12), seconds={"total": 2.0}, notes={"hue": 0.1}
            ),
            SampleRow("b", status="error", error="gone"),
            SampleRow("c", metrics={"m|v1": float("inf"), "n|v1": 2.0}, stages={"match": {"seconds": 1.0}}),
        ],
        seed=7,
        method_label="toy (compact)",
    )
    second = cell(tmp_path, "12" * 32, [SampleRow("a", metrics={"m|v1": 3.0})])
    frame = load_frame([first, second])
    assert list(frame["sample_id"]) == ["a", "b", "c", "a"]
    assert list(frame["seed"]) == [7, 7, 7, 0]
    assert set(frame["method_label"]) == {"toy (compact)", ""}
    np.testing.assert_array_equal(frame["m|v1"], [1.5, np.nan, np.nan, 3.0])
    np.testing.assert_array_equal(frame["n|v1"], [np.nan, np.nan, 2.0, np.nan])
    np.testing.assert_array_equal(frame["seconds.total"], [2.0, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(frame["stage.match.seconds"], [np.nan, np.nan, 1.0, np.nan])
    assert frame["hr_height"].tolist()[0] == 8
    assert frame["note.hue"].tolist()[0] == 0.1
    assert frame["m|v1"].dtype == np.float64


def test_a_cell_without_rows_has_its_metric_columns(tmp_path: Path) -> None:
    folder = cell(tmp_path, KEY, [], metrics={"psnr": {"signature": "m|v1"}})
    frame = load_frame([folder])
    assert len(frame) == 0
    assert frame["m|v1"].dtype == np.float64


def test_the_parquet_copy_holds_the_same_table(tmp_path: Path) -> None:
    rows = [SampleRow(str(i), metrics={"m|v1": i / 3}, notes={"k": i if i % 2 else "text"}) for i in range(5)]
    folder = cell(tmp_path, KEY, rows)
    copy = pd.read_parquet(io.BytesIO(parquet_bytes([load_run(folder)])))
    assert copy["m|v1"].tolist() == load_frame([folder])["m|v1"].tolist()
    assert copy["note.k"].tolist() == ["text", "1", "text", "3", "text"]


def test_parquet_without_an_engine_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pyarrow", "fastparquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError) as caught:
        parquet_bytes([])
    assert str(caught.value) == "format=parquet needs pyarrow; pip install pyarrow, or choose csv"


def test_the_store_itself_imports_nothing_heavy() -> None:
    code = (
        "import sys, refbench.store.frame, refbench.store.provenance, refbench.identity.keys\n"
        "print([m for m in ('pandas', 'numpy', 'torch', 'pyarrow', 'mlflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
