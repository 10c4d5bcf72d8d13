"""The comparison table: what it compares, what it refuses, and that it fits."""

from __future__ import annotations

import re
import zlib
from typing import Any

import numpy as np
import pytest

from refbench.metrics import METRICS, MetricCatalog, recorded_specs
from refbench.reports.table import Table, comparison_table
from refbench.reports.table_markdown import markdown
from refbench.reports.table_text import render
from refbench.results.record import CellRecord
from refbench.specs import MetricSpec
from refbench.stats import summarise

CONTROL, LEVEL = "canonical@1", "canonical@1+jitter@1[level=x1]"


def cell(
    method: str,
    gain: float,
    *,
    protocol: str = CONTROL,
    loss: float = 0.0,
    n: int = 12,
    draws: int = 1,
    failed: str = "",
    metrics: str = "psnr_y,ssim_y,psnr_rgb",
    label: str = "",
    dataset_label: str = "cufed5-sample",
    fingerprint: str = "f",
    seed: int = 0,
    specs: tuple[MetricSpec, ...] | None = None,
) -> CellRecord:
    """A method whose PSNR is the image's own value plus ``gain`` minus ``loss``, with a little noise."""
    specs = specs if specs is not None else MetricCatalog(METRICS).of_names(metrics.split(","))
    rng = np.random.default_rng(zlib.crc32(f"{method} {protocol}".encode()))
    base = np.random.default_rng(7).normal(25, 3, n)
    rows: list[dict[str, Any]] = []
    for i in range(n):
        for draw in range(draws):
            value = base[i] + gain - loss + (float(rng.normal(0, 0.02)) if gain else 0.0)
            by_name = {"psnr_y": value, "psnr_rgb": value - 1.4, "ssim_y": value / 50}
            scores = {s.signature: by_name.get(s.alias, value) for s in specs if "lpips" not in s.alias}
            rows.append(
                {"sample_id": f"{i:03d}", "draw": draw, "status": "ok", "metrics": scores,
                 "absent": {"lpips_alex": "backbone alexnet is not there"}}
            )  # fmt: skip
            if f"{i:03d}" == failed:
                rows[-1] = {"sample_id": failed, "draw": draw, "status": "error", "metrics": {}}
    pieces = summarise(rows, specs)
    return CellRecord(
        method=method,
        weights="" if method == "bicubic" else "compact",
        method_label=label or (method if method == "bicubic" else f"{method} (compact)"),
        dataset="cufed5",
        dataset_label=dataset_label,
        protocol=protocol,
        baseline=method == "bicubic",
        n=pieces.n,
        trials=pieces.trials,
        errors=pieces.errors,
        run_key=f"{method}{protocol}",
        rows_path="results/x/samples.jsonl",
        metrics=pieces.metrics,
        values=pieces.values,
        compare_key={"dataset": fingerprint, "protocol": {"id": protocol}, "seed": seed},
        control=None if protocol == CONTROL else CONTROL,
        failed=pieces.failed,
    )


def jitter_table(width_metrics: str = "psnr_y,ssim_y,psnr_rgb") -> Table:
    cells = []
    for protocol, loss, draws in ((CONTROL, 0.0, 1), (LEVEL, 0.2, 5)):
        for method, gain in (("bicubic", 0.0), ("datsr", 1.2), ("ttsr", 0.6)):
            own_loss = loss if gain else 0.0
            cells.append(
                cell(method, gain, protocol=protocol, loss=own_loss, draws=draws, metrics=width_metrics)
            )
    return comparison_table(cells, title="cufed5_jitter on cufed5-sample")


def test_sections_columns_and_marks() -> None:
    table = jitter_table()
    assert [s.protocol for s in table.sections] == [CONTROL, LEVEL]
    assert [s.control for s in table.sections] == [True, False]
    assert [c.alias for c in table.columns] == ["psnr_y", "ssim_y", "psnr_rgb"]
    bicubic, datsr, ttsr = table.sections[1].entries
    assert [e.scores[0].mark for e in (bicubic, datsr, ttsr)] == ["", "best", "second"]
    assert bicubic.scores[0].delta is None
    assert datsr.scores[0].delta is not None
    assert datsr.scores[0].delta.difference.mean == pytest.approx(1.0, abs=0.02)
    assert datsr.scores[0].drop is not None
    assert datsr.scores[0].drop.difference.mean == pytest.approx(0.2, abs=0.02)
    assert datsr.scores[0].drop.difference.clusters == 12
    assert table.sections[0].entries[1].scores[0].drop is None


def test_text_says_what_it_must() -> None:
    text = render(jitter_table(), full=True)
    lines = text.splitlines()
    assert lines[0] == "cufed5_jitter on cufed5-sample"
    assert "cufed5-sample, canonical@1  (control)" in lines
    assert f"cufed5-sample, {LEVEL}" in lines
    assert "12 x 5" in text
    assert "PSNR-Y = psnr|space=y601|range=255|round=u8|crop=4|v1" in lines
    assert any(line.startswith("datsr (compact)") and "*" in line and "+1." in line for line in lines)
    assert "the wider of Student's t and the studentised bootstrap" in " ".join(text.split())


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_it_fits_the_terminal_and_is_ascii(width: int) -> None:
    text = render(jitter_table(), width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert text.isascii()
    for title in ("PSNR-Y", "SSIM-Y", "PSNR-RGB"):
        assert title in text.split("[1]")[0]


def test_brief_has_one_line_per_method_and_no_row_of_zeros() -> None:
    text = render(jitter_table(), width=80)
    lines = text.split("[1]")[0].split("drop:")[0].splitlines()
    entries = [line for line in lines if line.startswith(("bicubic", "datsr", "ttsr"))]
    assert len(entries) == 6
    assert max(map(len, text.splitlines())) <= 80
    assert "[" not in "".join(entries)
    assert "psnr|space" not in text
    assert "table=full" in text.splitlines()[-1]
    head = next(line for line in lines if line.startswith("method"))
    drop = head.index("drop")
    distorted = entries[3:]
    assert [line[drop : drop + 5].strip() for line in distorted] == ["", "+0.21", "+0.20"]


def test_brief_names_errors_below_the_method() -> None:
    text = render(comparison_table([cell("bicubic", 0.0), cell("datsr", 1.0, failed="004")]), width=80)
    assert "1 error: 004" in text


def test_wide_terminals_show_more_deltas() -> None:
    table = jitter_table()
    assert render(table, width=100, full=True).count("vs bicubic") < render(
        table, width=200, full=True
    ).count("vs bicubic")


def test_plain_has_no_escape_codes_and_the_terminal_has_the_same_words() -> None:
    table = jitter_table()
    assert "\x1b" not in render(table, terminal=False)
    coloured = render(table, terminal=True, width=120)
    assert "\x1b[1;32m" in coloured
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in stripped.splitlines()] == render(table, width=120).splitlines()


def test_errors_are_marked_and_stop_the_ranking() -> None:
    table = comparison_table([cell("bicubic", 0.0), cell("datsr", 1.0, failed="004")])
    text = render(table)
    assert "1 error: 004" in text
    assert [e.scores[0].mark for e in table.sections[0].entries] == ["", ""]
    assert "not ranked: sample sets differ (datsr (compact) has no value for 1 trial: 004)" in " ".join(
        text.split()
    )
    delta = table.sections[0].entries[1].scores[0].delta
    assert delta is not None
    assert delta.difference.clusters == 11


def test_an_absent_metric_says_why() -> None:
    metrics = "psnr_y,lpips_alex"
    table = comparison_table([cell("bicubic", 0.0, metrics=metrics), cell("datsr", 1.0, metrics=metrics)])
    text = render(table)
    assert "absent [1]" in text
    assert "[1] LPIPS-Alex: backbone alexnet is not there" in text
    assert "absent" in markdown(table)


def test_too_few_images_are_said_once_for_all_columns() -> None:
    table = comparison_table([cell("bicubic", 0.0, n=3), cell("datsr", 1.0, n=3)])
    assert len(table.notes) == 1
    assert table.notes[0] == (
        "PSNR-Y, SSIM-Y, PSNR-RGB not ranked: with 3 images the smallest attainable p is 0.25, above 0.05; "
        "in cufed5-sample, canonical@1"
    )


def test_other_data_with_the_same_name_is_another_section() -> None:
    table = comparison_table([cell("bicubic", 0.0), cell("datsr", 1.0, fingerprint="g")])
    assert len(table.sections) == 2
    assert all(
        e.scores[0].mark == "" and e.scores[0].delta is None for s in table.sections for e in s.entries
    )
    assert any("not ranked against each other" in note for note in table.notes)


def test_seeds_are_named_where_they_differ() -> None:
    table = comparison_table([cell("bicubic", 0.0), cell("bicubic", 0.0, seed=1)])
    assert len(table.sections) == 2
    assert "cufed5-sample, canonical@1, seed 1" in render(table)
    assert table.notes == ()


def test_signatures_never_share_a_column() -> None:
    old = (MetricSpec(alias="psnr_y", signature="psnr|old|v0", target="x:y", title="PSNR-Y old"),)
    table = comparison_table([cell("bicubic", 0.0), cell("datsr", 1.0, specs=old)])
    assert [c.signature for c in table.columns][-1] == "psnr|old|v0"
    assert table.sections[0].entries[1].scores[0].summary is None
    assert all(score.mark == "" for e in table.sections[0].entries for score in e.scores)


def test_a_metric_that_is_not_installed_is_ranked_as_its_manifest_says() -> None:
    facts = {"signature": "mine|v1", "higher_is_better": False, "title": "Mine", "unit": "px", "decimals": 1}
    mine = recorded_specs({"mine": facts})
    table = comparison_table([cell("bicubic", 0.0, specs=mine), cell("datsr", 1.0, specs=mine)])
    assert "Mine = mine|v1" in table.footer
    assert [e.scores[0].mark for e in table.sections[0].entries] == ["best", ""]
    assert "Mine" in render(table)


def test_markdown_is_a_table_and_escapes_names() -> None:
    hostile = "da|tsr <script> `x` [y](z)"
    table = comparison_table([cell("bicubic", 0.0), cell("datsr", 1.0, label=hostile)], title="a|b")
    text = markdown(table)
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    columns = {line.replace("\\|", "").count("|") for line in rows}
    assert len(rows) == 3
    assert len(columns) == 1
    assert r"da\|tsr \<script\> \`x\` \[y\](z)" in text
    assert "**" in rows[2]
    assert "bold: best, italic: second" in text


def test_escape_sequences_in_names_do_not_reach_the_terminal() -> None:
    text = render(comparison_table([cell("evil", 1.0, label="evil\x1b[31m\n")]))
    assert "\x1b" not in text
    assert "evil?[31m?" in text


def test_long_names_are_cut_and_two_cells_of_one_label_are_kept() -> None:
    long = "a" * 80
    table = comparison_table([cell("x", 1.0, label=long), cell("y", 2.0, label=long)])
    assert len(table.sections[0].entries) == 2
    assert "a" * 33 + "..." in render(table)


def test_without_cells() -> None:
    assert "no finished cells" in render(comparison_table([]))
