"""Figures for papers, and the same charts as SVG in the page."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PilImage

from refbench.errors import UserError
from refbench.reports.chart_data import MARKERS, PALETTE, Chart, Point, Series
from refbench.reports.cost_summary import cost_of
from refbench.reports.figures import displayed, draw, figure_files, write_figures
from refbench.reports.html.svg import svg
from refbench.reports.report import build_report
from refbench.reports.style import STYLES, figure_style
from refbench.reports.ticks import log_axis_ticks, log_ticks, nice_ticks, number_text
from refbench.results.cells import load_cells

HOSTILE = '<script>alert(1)</script> "quoted" $x_1$ \\frac ../../etc Ü中 ' + "long " * 60


def chart(name: str = "datsr (compact)", **changes: object) -> Chart:
    points = (Point(0.0, 1.0, 0.5, 1.5, "control"), Point(1.0, 0.5, 0.1, 0.9, "x1"))
    settings: dict[str, object] = {
        "key": "robustness_x",
        "title": "jitter@1",
        "x_label": "level",
        "y_label": "PSNR-Y / dB",
        "series": (Series("bicubic", points, 0), Series(name, points, 1)),
        "x_ticks": ("control", "x1"),
        "zero_line": True,
    }
    return Chart(**(settings | changes))  # type: ignore[arg-type]


def test_three_formats_that_open_and_repeat(tmp_path: Path) -> None:
    first, second = figure_files(chart()), figure_files(chart())
    assert sorted(first) == ["pdf", "png", "svg"]
    assert first == second
    (tmp_path / "f.png").write_bytes(first["png"])
    with PilImage.open(tmp_path / "f.png") as image:
        assert image.size[0] > 600
    root = ET.fromstring(first["svg"])
    texts = "".join(root.itertext())
    assert "PSNR-Y / dB" in texts
    assert "datsr (compact)" in texts
    assert first["pdf"].startswith(b"%PDF-")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"x_ticks": (), "x_log": True, "y_log": True, "zero_line": False,
         "series": (Series("a", (Point(1.0, 2.0), Point(1000.0, 5.0)), 0, line=False),)},
        {"kind": "stack", "series": (Series("match", (Point(0.0, 1.0, label="a"), Point(1.0, 2.0)), 0),)},
        {"labels": True, "series": (Series("a", (Point(0.0, 3.0, label="a"),), 0, line=False),)},
        {"series": ()},
    ],
    ids=["lines", "log", "stack", "labels", "empty"],
)  # fmt: skip
def test_hostile_names_are_text_everywhere(changes: dict[str, object]) -> None:
    drawn = chart(HOSTILE, **changes)
    for text in (figure_files(drawn, ["svg"])["svg"].decode(), str(svg(drawn))):
        root = ET.fromstring(text)
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert "script" not in tags
        assert not any(
            "href" in k and not v.startswith("#") for e in root.iter() for k, v in e.attrib.items()
        )


def test_series_carry_their_method_and_the_front_none() -> None:
    front = Series("Pareto front", (Point(0.0, 1.0), Point(1.0, 2.0)), 6)
    text = str(svg(chart(series=(Series('a"b', (Point(0.0, 1.0),), 3), front))))
    groups = [e for e in ET.fromstring(text).iter() if e.tag == "g"]
    # the front lies below the names of the points
    assert [g.get("data-method") for g in groups] == [None, 'a"b']
    assert [g.get("class") for g in groups] == ["front", "s3"]


def test_points_are_where_their_values_are() -> None:
    text = str(svg(chart(x_ticks=(), series=(Series("a", (Point(0.0, 0.0), Point(10.0, 1.0)), 0),))))
    line = re.search(r'points="([^"]+)"', text)
    assert line is not None
    (x0, y0), (x1, y1) = (tuple(map(float, p.split(","))) for p in line[1].split())
    assert x1 > x0
    assert y1 < y0


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_round_and_inside(lo: float, span: float) -> None:
    hi = lo + span
    ticks = nice_ticks(lo, hi)
    if hi > lo:
        assert all(lo - span * 1e-6 <= t <= hi + span * 1e-6 for t in ticks)
        assert 2 <= len(ticks) <= 13


@given(st.floats(1e-6, 1e6), st.floats(1.01, 1e6))
def test_log_ticks_are_inside(lo: float, ratio: float) -> None:
    assert all(lo * 0.99 <= t <= lo * ratio * 1.01 for t in log_ticks(lo, lo * ratio))


def test_the_palette_keeps_its_distance_in_grey_and_colour() -> None:
    colours = [tuple(int(c[i : i + 2], 16) for i in (1, 3, 5)) for c in PALETTE]
    assert len(set(colours)) == len(set(MARKERS)) == 12
    # Okabe and Ito's first three, which most figures need, differ also for a reader without red or green
    for a in range(3):
        for b in range(a):
            blue_yellow = abs(colours[a][2] - colours[b][2])
            light = abs(sum(colours[a]) - sum(colours[b]))
            assert blue_yellow > 30 or light > 60


def test_all_figures_of_a_report(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path / "r", protocols=made.instances()[:3])
    report = build_report(load_cells([tmp_path / "r"]))
    written = write_figures(report, tmp_path / "figures")
    assert {p.suffix for p in written} == {".png", ".svg", ".pdf"}
    assert all(p.stat().st_size > 1000 for p in written)
    assert all(p.parent == tmp_path / "figures" for p in written)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*; choose another report.dir="):
        write_figures(report, tmp_path / "file")


@pytest.mark.parametrize(("lo", "hi"), [(4.18e7, 5.62e7), (2.2, 6.1), (0.01, 300.0), (1e-3, 1.4e-3)])
def test_ticks_of_any_logarithmic_range_are_few_and_read_differently(lo: float, hi: float) -> None:
    ticks = log_axis_ticks(lo, hi)
    texts = [number_text(tick) for tick in ticks]
    assert 3 <= len(ticks) <= 12
    assert len(set(texts)) == len(texts)
    assert max(len(text) for text in texts) <= 6


def test_a_name_in_the_right_half_stands_left_of_its_point() -> None:
    series = tuple(
        Series(name, (Point(x, 25.0, label=name),), k, line=False)
        for k, (name, x) in enumerate((("fast", 0.01), ("slow", 10.0)))
    )
    axes = draw(chart(series=series, x_ticks=(), x_log=True, zero_line=False, labels=True)).axes[0]
    assert {text.get_text(): text.get_ha() for text in axes.texts} == {"fast": "left", "slow": "right"}
    # a name next to its point is not repeated in a legend
    assert axes.get_legend() is None


def test_a_figure_has_no_title_and_twelve_methods_look_different() -> None:
    points = (Point(0.0, 1.0), Point(1.0, 2.0))
    series = tuple(Series(f"method {k}", tuple(Point(p.x, p.y + k) for p in points), k) for k in range(12))
    figure = draw(chart(series=series), STYLES["cvpr"])
    (axes,) = figure.axes
    assert axes.get_title() == ""
    looks = {(line.get_color(), line.get_marker()) for line in axes.lines if line.get_marker() != "None"}
    assert len(looks) == 12
    assert len({colour for colour, _ in looks}) == len({marker for _, marker in looks}) == 12
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [s.name for s in series]


@pytest.mark.parametrize("name", STYLES)
def test_a_style_has_its_width_and_letters(name: str, tmp_path: Path) -> None:
    style = STYLES[name]
    (tmp_path / "f.png").write_bytes(figure_files(chart(), ["png"], style)["png"])
    with PilImage.open(tmp_path / "f.png") as image:
        assert image.size[0] == pytest.approx(300 * style.column, abs=2)
    assert ("STIX" in style.settings()["font.family"]) == style.serif


def test_serif_letters_are_a_choice() -> None:
    assert figure_style("cvpr").serif
    assert not figure_style("cvpr", False).serif
    with pytest.raises(UserError, match=r"no figure.style 'cvpar'; did you mean 'cvpr'"):
        figure_style("cvpar")


def test_long_names_are_whole_and_names_in_print_replace_labels() -> None:
    label = "colourtransfer (compact) [strength=0.25, precision=bf16, code=0a1b2c]"
    shown = displayed(chart(label), {"bicubic": "Bicubic"})
    assert [series.name for series in shown.series] == ["Bicubic", label]
    (legend,) = draw(shown, STYLES["cvpr"]).legends
    assert " ".join(legend.get_texts()[1].get_text().split()) == label


def test_file_names_need_no_quoting(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path / "r", protocols=made.instances()[:3])
    written = write_figures(build_report(load_cells([tmp_path / "r"])), tmp_path / "figures", ["svg"])
    assert written
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", path.name) for path in written)


def test_a_cost_is_a_median_with_quartiles_without_the_warm_up(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path, protocols=made.instances()[:1])
    cell = next(c for c in load_cells([tmp_path]).cells if c.method == "datsr")
    assert cell.run is not None
    times = (9.0, 0.2, 0.1, 0.3, 0.4, 0.5)
    rows = [replace(row, seconds={"method": t}) for row, t in zip(cell.rows, times, strict=False)]
    cost = cost_of(replace(cell, run=replace(cell.run, rows=tuple(rows))))
    assert cost.seconds == pytest.approx(0.3)
    assert cost.spread == pytest.approx((0.2, 0.4))
    point = Point(cost.seconds, 30.0, None, None, "a", *cost.spread)
    drawn = chart(series=(Series("a", (point,), 0, line=False),), x_ticks=(), zero_line=False, labels=True)
    (axes,) = draw(drawn).axes
    across = axes.containers[0].lines[2][0].get_segments()[0]
    assert [round(float(x), 6) for x, _ in across] == [0.2, 0.4]
