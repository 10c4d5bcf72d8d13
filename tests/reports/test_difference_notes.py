"""Next to a mean difference: its median, where it holds, who carries it, and one rule for what is painted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from refbench.metrics import METRICS, MetricCatalog
from refbench.reports.differences import differences_grid
from refbench.reports.html.view import score_cell
from refbench.reports.table import Table, comparison_table
from refbench.reports.table_markdown import markdown
from refbench.reports.table_text import render
from refbench.results.record import CellRecord
from refbench.stats import summarise

PROTOCOL = "canonical@1"


def cell(method: str, values: np.ndarray, metrics: str = "psnr_y", **more: Any) -> CellRecord:
    specs = MetricCatalog(METRICS).of_names(metrics.split(","))
    rows = [
        {
            "sample_id": f"{i:03d}",
            "draw": 0,
            "status": "ok",
            "metrics": {s.signature: float(v) for s in specs},
        }
        for i, v in enumerate(values)
    ]
    pieces = summarise(rows, specs)
    facts: dict[str, Any] = {
        "method": method, "weights": "", "method_label": method, "dataset": "d", "dataset_label": "set",
        "protocol": PROTOCOL, "baseline": method == "bicubic", "n": pieces.n, "trials": pieces.trials,
        "errors": 0, "run_key": method, "rows_path": "x", "metrics": pieces.metrics, "values": pieces.values,
        "compare_key": {"dataset": "f", "protocol": {"id": PROTOCOL}, "seed": 0},
    }  # fmt: skip
    return CellRecord(**(facts | more))


def table(gain: np.ndarray, metrics: str = "psnr_y") -> Table:
    base = np.random.default_rng(7).normal(25, 3, len(gain))
    return comparison_table([cell("bicubic", base, metrics), cell("mine", base + gain, metrics)])


def tones(made: Table) -> list[str]:
    return [entry.scores[0].delta_tone for section in made.sections for entry in section.entries]


def test_a_column_that_is_not_ranked_has_no_colour() -> None:
    # Student's t of four gains excludes zero; the footnote says that four images cannot be ranked
    few = table(np.array([1.0, 1.1, 0.9, 1.05]))
    (delta,) = [e.scores[0].delta for e in few.sections[0].entries if e.scores[0].delta]
    assert delta.difference.excludes_zero
    assert any("not ranked: with 4 images" in note for note in few.notes)
    assert tones(few) == ["", ""]
    mine = few.sections[0].entries[1]
    assert score_cell(mine.scores[0], few.columns[0], "delta").kind == ""
    assert "\x1b[32m" not in render(few, terminal=True, width=100).split("not ranked")[0].split("mine")[-1]
    assert [row[6].text for row in differences_grid([few]).rows] == ["no"]


@pytest.mark.parametrize(("gain", "tone"), [(1.0, "gain"), (-1.0, "loss")])
def test_a_significant_difference_has_the_same_colour_everywhere(gain: float, tone: str) -> None:
    made = table(gain + np.random.default_rng(1).normal(0, 0.1, 12))
    assert tones(made) == ["", tone]
    score = made.sections[0].entries[1].scores[0]
    assert score_cell(score, made.columns[0], "delta").kind == tone
    colour = {"gain": "\x1b[32m", "loss": "\x1b[31m"}[tone]
    assert colour in render(made, terminal=True, width=100)
    assert [row[6].text for row in differences_grid([made]).rows] == ["yes"]
    assert any("coloured differences: significant" in line for line in made.footer)


def test_colours_are_corrected_for_the_number_of_methods() -> None:
    rng = np.random.default_rng(5)
    base = rng.normal(25, 3, 30)
    noise = rng.normal(0.0, 1.0, 30)
    # alone this gain has a p a little below 0.05
    gain = noise - noise.mean() + 2.3 * noise.std(ddof=1) / np.sqrt(30)
    alone = comparison_table([cell("bicubic", base), cell("mine", base + gain)])
    assert tones(alone) == ["", "gain"]
    others = [cell(f"m{k}", base + np.random.default_rng(k).normal(0, 1, 30)) for k in range(9)]
    many = comparison_table([cell("bicubic", base), cell("mine", base + gain), *others])
    assert set(tones(many)) == {""}


def test_unknown_directions_and_parts_of_a_run_have_no_colour() -> None:
    base = np.random.default_rng(7).normal(25, 3, 12)
    shard = [cell(m, base + g, partial="partial: shard 1/4") for m, g in (("bicubic", 0), ("mine", 1))]
    assert tones(comparison_table(shard)) == ["", ""]


def test_what_the_mean_hides_stands_in_every_format() -> None:
    gain = np.array([6.0, 5.0, 4.0, *np.full(9, 0.01), -0.2])
    made = table(gain)
    text = " ".join(render(made, width=80, full=True).split())
    assert "mine +1.15 +0.01 12 of 13 [64, 100] % 3 of 13 images carry 80 %" in text
    (row,) = differences_grid([made]).rows
    assert row[4].text == "13"
    assert [f.text for f in row[7:]] == ["+0.01", "12 of 13 [64, 100] %", "3 of 13 images carry 80 %"]
    assert "3 of 13 images carry 80 %" in differences_grid([made]).markdown()
    assert "power: with n = 13" in markdown(made)


def test_lower_is_better_metrics_count_the_images_that_fell() -> None:
    made = table(np.array([*np.full(9, -0.1), *np.full(3, 0.1)]), metrics="stlpips")
    (row,) = differences_grid([made]).rows
    assert row[8].text.startswith("9 of 12 ")


def test_the_power_line_names_the_smallest_detectable_difference() -> None:
    # spread 0.2 dB at n = 126: (1.979 + 0.845) x 0.2 / sqrt 126 = 0.0503
    gain = np.random.default_rng(0).normal(0.0, 1.0, 126)
    gain = 0.2 * (gain - gain.mean()) / gain.std(ddof=1)
    lines = [line for line in table(gain).footer if line.startswith("power")]
    assert lines == [
        "power: with n = 126 and this spread the smallest detectable difference is PSNR-Y 0.05 dB "
        "(found in 80 % of cases)"
    ]


def test_without_a_baseline_the_power_is_that_between_the_methods() -> None:
    base = np.random.default_rng(7).normal(25, 3, 12)
    made = comparison_table([cell("a", base), cell("b", base + np.random.default_rng(1).normal(0, 0.2, 12))])
    assert made.baseline is None
    assert sum(line.startswith("power: with n = 12") for line in made.footer) == 1
    assert not any(line.startswith("power") for line in comparison_table([cell("a", base)]).footer)
