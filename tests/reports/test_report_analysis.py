"""What a report finds in finished runs: groups, curves, types, numbers, costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from refbench.errors import UserError
from refbench.reports.chart_data import Point, pareto_front
from refbench.reports.report import Report, build_report
from refbench.reports.report_charts import charts
from refbench.reports.report_grids import costs_grid
from refbench.results.cells import load_cells


@pytest.fixture(scope="module")
def report(made: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("results")
    made.write_results(folder)
    return build_report(load_cells([folder]))


def test_one_table_per_question_and_controls_in_front(report: Report) -> None:
    kinds = [group.kind for group, _ in report.tables]
    assert kinds == ["protocols", "flip@1", "jitter@1", "type", "number"]
    jitter = dict(zip(kinds, report.tables, strict=True))["jitter@1"][1]
    assert [s.protocol.split("level=")[-1] for s in jitter.sections] == ["canonical@1", "x0.5]", "x1]", "x2]"]
    assert jitter.sections[0].control
    drops = [(e.cell.baseline, e.scores[0].drop) for s in jitter.sections[1:] for e in s.entries]
    # a baseline that uses no reference loses nothing: a column of zeros is left empty
    assert all((drop is None) == baseline for baseline, drop in drops)
    assert [s.protocol for s in report.tables[0][1].sections] == ["canonical@1", "c2_matching@1"]


def test_nothing_is_ranked_across_protocols(report: Report) -> None:
    for _, table in report.tables:
        for section in table.sections:
            assert len({entry.cell.protocol for entry in section.entries}) == 1
            assert len([e for e in section.entries if e.scores[0].mark == "best"]) <= 1


def test_curves_in_order_with_the_effect_that_was_put_in(report: Report, made: ModuleType) -> None:
    curve = next(c for c in report.main_curves() if c.family == "jitter@1" and "datsr" in c.method_label)
    assert [level.name for level in curve.result.levels] == ["x0.5", "x1", "x2"]
    for level in curve.result.levels:
        assert level.drop.difference.mean == pytest.approx(-made.EFFECT[level.name], abs=0.05)
    score = curve.result.score.difference
    assert score.mean == pytest.approx((0.1 + 0.3 + 0.8) / 3, abs=0.05)
    assert score.excludes_zero
    flips = next(c for c in report.main_curves() if c.family == "flip@1" and "datsr" in c.method_label)
    assert not flips.ordered
    bicubic = next(c for c in report.main_curves() if c.family == "jitter@1" and c.method_label == "bicubic")
    assert bicubic.result.score.difference.mean == 0.0


def test_types_have_gain_harm_and_selectivity(report: Report) -> None:
    table = next(t for t in report.main_types() if "datsr" in t.method_label)
    by_name = {t.name: t for t in table.types}
    assert list(by_name) == [
        "L1",
        "L5",
        "HR (oracle: leaks HR)",
        "another image",
        "texture photo",
        "constant",
    ]
    assert by_name["constant"].result is None
    first, texture = by_name["L1"].result, by_name["texture photo"].result
    assert first is not None
    assert texture is not None
    assert first.gain.difference.mean == pytest.approx(1.0, abs=0.05)
    assert (first.harm.count, texture.harm.count) == (0, 10)
    assert table.unrelated == ("another image", "texture photo")
    assert table.selectivity is not None
    assert table.selectivity.difference.mean == pytest.approx(1.0, abs=0.05)


def test_numbers_start_at_the_plain_protocol(report: Report) -> None:
    curve = next(c for c in report.main_counts() if "datsr" in c.method_label)
    assert [p.count for p in curve.points] == [1, 2, 3]
    assert curve.points[0].gain is None
    gain = curve.points[2].gain
    assert gain is not None
    assert gain.difference.mean == pytest.approx(0.3, abs=0.05)
    assert curve.points[2].seconds == pytest.approx(0.05)


def test_costs_and_matching_share(report: Report) -> None:
    costs = {cost.method_label: cost for cost in report.plain_costs()}
    assert costs["bicubic"].match_share is None
    datsr = costs["datsr (compact)"]
    assert datsr.seconds == pytest.approx(0.05)
    assert list(datsr.stages) == ["match", "restore"]
    share = datsr.match_share
    assert share is not None
    assert share == pytest.approx(datsr.stages["match"] / sum(datsr.stages.values()))
    assert datsr.peak_mb is not None
    assert (datsr.parameters, datsr.flops) == (453161.0, 6.2866e9)
    assert (costs["ttsr (compact)"].parameters, costs["ttsr (compact)"].flops) == (None, None)
    grid = costs_grid(report.plain_costs())
    assert grid.header[-2:] == ("parameters", "GFLOP / image")
    shown = {row[2].text: [field.text for field in row[-2:]] for row in grid.rows}
    assert shown == {
        "bicubic": ["0", "unknown"], "datsr (compact)": ["0.45 M", "6.287"],
        "ttsr (compact)": ["unknown", "unknown"],
    }  # fmt: skip
    assert not any("GFLOP" in name for name in costs_grid([costs["ttsr (compact)"]]).header)


def test_charts_for_everything_that_was_measured(report: Report) -> None:
    found = {chart.key.split("_")[0]: chart for chart in charts(report)}
    assert set(found) == {"robustness", "reference", "cost", "stages", "matching"}
    assert len({chart.key for chart in charts(report)}) == len(charts(report))
    for chart in charts(report):
        assert chart.x_label
        assert chart.y_label
        styles = {s.name: s.style for s in chart.series}
        assert len(set(styles.values())) == len(styles)
    cost = found["cost"]
    assert cost.y_label == "PSNR-Y / dB"
    assert cost.x_label == "median time / s per image"
    front = next(s for s in cost.series if s.name == "Pareto front")
    assert [p.x for p in front.points] == sorted(p.x for p in front.points)


def test_pareto_front_by_brute_force() -> None:
    points = [Point(1, 5), Point(2, 4), Point(3, 7), Point(3, 6), Point(4, 7), Point(0.5, 1)]
    wanted = {
        p for p in points if not any((q.x <= p.x and q.y >= p.y) and (q.x < p.x or q.y > p.y) for q in points)
    }
    assert set(pareto_front(points)) == wanted
    assert pareto_front([]) == []


def test_matching_accuracy_against_gain(made: ModuleType, tmp_path: Path) -> None:
    oracle = [i for i in made.instances() if i.reference.name == "hr"]
    made.write_results(tmp_path, protocols=oracle, metrics=("psnr_y", "match_pck4"))
    found = charts(build_report(load_cells([tmp_path])))
    chart = next(c for c in found if c.key.startswith("matching_accuracy"))
    names = [s.name for s in chart.series]
    assert names == ["datsr (compact)", "ttsr (compact)"]
    assert chart.series[0].points[0].label == "canonical@1+ref=hr(oracle: leaks HR)"


def test_a_family_on_another_reference_says_so(made: ModuleType, tmp_path: Path) -> None:
    oracle = next(i for i in made.instances() if i.reference.name == "hr")
    warped = replace(oracle, transform="rotation", level="5deg", control=False)
    made.write_results(tmp_path, protocols=(oracle, warped))
    report = build_report(load_cells([tmp_path]))
    titles = [group.title for group, _ in report.tables]
    assert "cufed5-sample: rotation@1 of the reference, ref=hr(oracle: leaks HR)" in titles
    assert {c.base for c in report.curves} == {"canonical@1+ref=hr(oracle: leaks HR)"}


def test_a_metric_by_name_and_a_wrong_one(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path, protocols=made.instances()[:1])
    stored = load_cells([tmp_path])
    assert build_report(stored).metric.alias == "psnr_y"
    assert build_report(stored, metric="ssim_y").metric.alias == "ssim_y"
    with pytest.raises(UserError, match="no metric in these runs 'ssim'; did you mean 'ssim_y'"):
        build_report(stored, metric="ssim")


def test_datasets_and_incomplete_copies_stay_apart(made: ModuleType, tmp_path: Path) -> None:
    control = made.instances()[:1]
    made.write_results(tmp_path / "a", protocols=control)
    made.write_results(
        tmp_path / "b", protocols=control, dataset_label="wrsr [6 of 80]", fingerprint="e" * 64
    )
    report = build_report(load_cells([tmp_path / "a", tmp_path / "b"]))
    assert [group.title for group, _ in report.tables] == [
        "cufed5-sample: Protocols",
        "wrsr [6 of 80]: Protocols",
    ]
    assert all(len(table.sections) == 1 for _, table in report.tables)
