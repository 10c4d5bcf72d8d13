"""The table of gains inside and outside of what the reference shows, by a direct calculation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from refbench.metrics import METRICS, MetricCatalog
from refbench.reports.document import json_document
from refbench.reports.inside_outside import inside_outside_grid
from refbench.reports.report import build_report
from refbench.results.cells import load_cells
from refbench.store import CellStore, find_runs, read_manifest

NAMES = ("psnr_y", "psnr_y:region=covered", "psnr_y:region=uncovered")


def test_gains_are_paired_by_image(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path, protocols=made.instances()[:1], metrics=NAMES, draws=1)
    _, inside, outside = (s.signature for s in MetricCatalog(METRICS).of_names(NAMES))
    # one image that the reference shows whole: it has no value outside
    for folder in find_runs(tmp_path):
        with CellStore(folder, read_manifest(folder)) as store:
            for row in store.rows():
                metrics = {k: v for k, v in row.metrics.items() if k != outside or row.sample_id != "003"}
                moved = {**metrics, inside: metrics[inside] + len(store.manifest.method) / 10}
                store.append(replace(row, metrics=moved))
    report = build_report(load_cells([tmp_path]))
    assert {item.method_label for item in report.regions} == {"datsr (compact)", "ttsr (compact)"}
    base = next(cell for cell in report.cells if cell.baseline)
    for item in report.regions:
        cell = next(cell for cell in report.cells if cell.method_label == item.method_label)
        gains = {
            name: {k: v - base.values[name][k] for k, v in cell.values[name].items()} for name in NAMES[1:]
        }
        both = [gains[NAMES[1]][k] - gains[NAMES[2]][k] for k in gains[NAMES[2]]]
        assert item.inside.difference.mean == pytest.approx(np.mean(list(gains[NAMES[1]].values())))
        assert item.outside.difference.mean == pytest.approx(np.mean(list(gains[NAMES[2]].values())))
        assert item.difference.difference.mean == pytest.approx(np.mean(both))
        assert (item.inside.difference.clusters, item.difference.difference.clusters) == (10, 9)
    grid = inside_outside_grid(report.regions)
    assert [field.text for field in grid.rows[0]][3:5] == ["PSNR-Y dB", "9"]
    assert grid in report.grids()
    assert len(json_document(report)["inside_outside"]) == 2


def test_without_both_regions_there_is_no_table(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path, protocols=made.instances()[:1], metrics=NAMES[:2])
    report = build_report(load_cells([tmp_path]))
    assert report.regions == ()
    assert not [grid for grid in report.grids() if "inside" in grid.title]
