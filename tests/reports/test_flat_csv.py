"""CSV, Markdown and JSON of a report."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refbench.reports.document import json_text, markdown_page
from refbench.reports.flat_csv import csv_files, per_image_csv, slug
from refbench.reports.report import build_report
from refbench.results.cells import load_cells


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_files_names_and_lines(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path)
    stored = load_cells([tmp_path])
    files = csv_files(build_report(stored))
    assert sorted(files) == [
        "costs_cufed5-sample_seed0.csv", "provenance.csv", "reference_number.csv", "reference_type.csv",
        "robustness.csv",
        "scores_cufed5-sample_seed0.csv",
    ]  # fmt: skip
    scores = read(files["scores_cufed5-sample_seed0.csv"])
    # a control stands in several tables, but is one line per metric
    assert len(scores) == len(stored.cells) * 2
    keys = [(r["protocol"], r["method"], r["signature"]) for r in scores]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
    level = next(r for r in scores if "level=x2" in r["protocol"] and r["method"].startswith("datsr"))
    assert float(level["drop"]) == pytest.approx(0.8, abs=0.05)
    assert float(level["delta"]) == pytest.approx(0.4, abs=0.05)
    for row in scores:
        cell = next(
            c for c in stored.cells if (c.protocol, c.method_label) == (row["protocol"], row["method"])
        )
        mean = cell.metrics[row["metric"]].mean
        assert mean is not None
        assert float(row["mean"]) == pytest.approx(mean, abs=1e-4)


def test_published_numbers_say_where_they_stand_and_how_they_were_read(
    made: ModuleType, tmp_path: Path
) -> None:
    made.write_results(tmp_path, protocols=made.instances()[:1])
    report = build_report(load_cells([tmp_path]), published="all")
    rows = {(r["method"], r["variant"], r["value"]): r for r in read(csv_files(report)["published.csv"])}
    assert rows["AMSA", "rec", "28.50"]["read"] == "read by eye from a picture"
    assert rows["DATSR", "rec", "28.72"]["doi"] == "10.48550/arXiv.2207.11938"
    assert rows["DATSR", "rec", "28.50"]["not_compared"] == "not measured under datsr@1"
    # the same marks on the page
    page = markdown_page(report)
    assert re.search(r"AMSA-rec \| 28\.50~ \| 0\.849~ \|", page)
    assert "quan.jpg; read by eye from a picture" in page


def test_the_same_rows_give_the_same_bytes_and_costs_are_elsewhere(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path / "a", protocols=made.instances()[:4])
    made.write_results(tmp_path / "b", protocols=tuple(reversed(made.instances()[:4])))
    first, second = (csv_files(build_report(load_cells([tmp_path / n]))) for n in ("a", "b"))
    assert first == second
    header = first["scores_cufed5-sample_seed0.csv"].splitlines()[0]
    assert "seconds" not in header
    assert "\r" not in first["scores_cufed5-sample_seed0.csv"]


def test_every_trial_can_be_read_back(made: ModuleType, tmp_path: Path) -> None:
    ids = ("plain", 'com,ma "quoted"', "new\nline", "Ü中")
    made.write_results(tmp_path, protocols=made.instances()[:1], ids=ids)
    stored = load_cells([tmp_path])
    rows = read(per_image_csv(stored.cells))
    assert {r["sample"] for r in rows} == set(ids)
    assert len(rows) == 3 * len(ids) * 2
    for row in rows:
        cell = next(c for c in stored.cells if c.method_label == row["method"])
        value = cell.values[row["metric"]][row["sample"], int(row["draw"])]
        assert float(row["value"]) == pytest.approx(value, rel=1e-7)


@given(st.text(max_size=120))
def test_a_slug_is_a_file_name(text: str) -> None:
    name = slug(text)
    assert name
    assert len(name) <= 80
    assert not set(name) & set('/\\:*?"<>| \n\0')
    assert name not in (".", "..")


def test_markdown_holds_every_table_and_escapes(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path, label="a|b<script>*")
    text = markdown_page(build_report(load_cells([tmp_path]), published=True))
    for title in ("Protocols", "jitter@1 of the reference", "Selectivity", "Number of references", "Cost"):
        assert title in text
    assert "a\\|b\\<script\\>\\*" in text
    assert "<script>" not in text
    assert re.search(r"28\.50 .*released-weights", text)
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def test_json_is_one_document_with_analyses(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path)
    data = json.loads(json_text(build_report(load_cells([tmp_path]))))
    assert data["metric"] == "psnr_y"
    assert len(data["cells"]) == len(made.instances()) * 3
    datsr = next(c for c in data["cells"] if c["method"] == "datsr")
    assert datsr["cost"]["match_share"] == pytest.approx(0.8, abs=0.1)
    curve = next(c for c in data["robustness"] if c["family"] == "jitter@1" and "datsr" in c["method_label"])
    assert curve["result"]["score"]["difference"]["mean"] == pytest.approx(0.4, abs=0.05)
    best = {r["best"] for r in data["rankings"] if r["protocol"] == "canonical@1" and r["metric"] == "psnr_y"}
    assert best == {"datsr (compact)"}
    assert data["published"] == []
