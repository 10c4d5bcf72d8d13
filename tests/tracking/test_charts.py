"""What the parent run of a command charts, against the records that it is made from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from refbench.execution.runner import RunOutcome, SuiteOutcome
from refbench.results.cells import load_cells
from refbench.results.digests import store_digests
from refbench.results.drops import Drops
from refbench.results.protocol_parts import level_order
from refbench.results.record import CellRecord
from refbench.store import Run, find_runs
from refbench.tracking.charts import level_curves, level_steps, method_scores, metric_names, source_tags
from refbench.tracking.local import local_uri
from refbench.tracking.publish import publish_run
from refbench.tracking.quiet import quiet


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of a control and levels of two methods."""
    import results_folder

    made: ModuleType = results_folder
    folder = tmp_path_factory.mktemp("charts") / "results"
    made.write_results(folder, ids=("a", "b", "c"), methods={"bicubic": 0.0, "datsr": 1.0})
    for cell in find_runs(folder):
        store_digests(cell)
    return folder


@pytest.fixture(scope="module")
def cells(out: Path) -> tuple[CellRecord, ...]:
    return tuple(load_cells([out]).cells)


def mean(cells: tuple[CellRecord, ...], label: str, level: str | None) -> float:
    protocol = f"canonical@1+jitter@1[level={level}]" if level else "canonical@1"
    (found,) = [cell for cell in cells if (cell.method_label, cell.protocol) == (label, protocol)]
    value = found.metrics["psnr_y"].mean
    assert value is not None
    return value


def test_a_method_has_the_score_of_its_control(cells: tuple[CellRecord, ...]) -> None:
    scores = method_scores(cells, Drops(cells))
    assert set(scores) == {
        f"{alias}.{name}" for alias in ("psnr_y", "ssim_y") for name in ("bicubic", "datsr_compact")
    }
    assert scores["psnr_y.datsr_compact"] == mean(cells, "datsr (compact)", None)


def test_without_one_control_each_protocol_has_its_score(cells: tuple[CellRecord, ...]) -> None:
    levels = [cell for cell in cells if cell.control not in (None, cell.protocol)]
    scores = method_scores(levels, Drops(levels))
    assert {name.split(".", 2)[2] for name in scores if name.startswith("psnr_y.datsr_compact.")} == {
        cell.protocol for cell in levels
    }
    assert "psnr_y.datsr_compact" not in scores


def test_levels_are_steps_and_a_part_of_them_has_the_same(cells: tuple[CellRecord, ...]) -> None:
    families = {cell.parts.transform for cell in cells if cell.parts and cell.parts.transform}
    ordered = [family for family in families if level_order(family)]
    assert ordered
    for family in ordered:
        name, order = family.partition("@")[0], level_order(family) or ()
        own = [c for c in cells if c.parts and c.parts.transform == family]
        ran = {cell.parts.level for cell in own if cell.parts}
        expected = [(0, mean(cells, "datsr (compact)", None))] + [
            (step, mean(cells, "datsr (compact)", level))
            for step, level in enumerate(order, 1)
            if level in ran
        ]
        assert level_curves(cells, Drops(cells))[f"psnr_y.datsr_compact.{name}"] == expected
        assert level_steps(cells)[f"steps.{name}"].split(", ")[-1] == f"{len(order)} {order[-1]}"
        strongest = [c for c in own if c.parts and c.parts.level == expected_level(order, ran)]
        (point,) = level_curves(strongest, Drops(strongest))[f"psnr_y.datsr_compact.{name}"]
        assert point == expected[-1]


def expected_level(order: tuple[str, ...], ran: set[str | None]) -> str:
    return [level for level in order if level in ran][-1]


def test_labels_that_read_alike_stay_apart() -> None:
    assert len(set(metric_names(["a (b)", "a b", "a_b", "a_b_2", "()"]).values())) == 5


def with_session(cell: CellRecord, **facts: Any) -> CellRecord:
    assert cell.run is not None
    manifest = replace(cell.manifest, sessions=({"project": {"commit": "old"}}, facts))
    return replace(cell, run=Run(cell.path, manifest, (), ()))


def test_the_commit_is_that_of_the_users_repository_in_the_last_session(
    cells: tuple[CellRecord, ...],
) -> None:
    new = with_session(cells[0], started="2026-02-02", project={"commit": "abc", "dirty": True})
    earlier = with_session(cells[1], started="2026-02-01", project={"commit": "def", "dirty": False})
    expected = {"mlflow.source.git.commit": "abc", "mlflow.source.git.dirty": "true"}
    assert source_tags([earlier, new, earlier]) == expected
    assert source_tags([with_session(cells[0], started="2026-02-02", project=None)]) == {}
    # the commit of refbench itself is not the user's
    assert source_tags(cells) == {}


def test_a_command_in_mlflow(out: Path, cells: tuple[CellRecord, ...]) -> None:
    own = tuple(
        with_session(c, started="2026-02-02T00:00:00+00:00", project={"commit": "abc"}) for c in cells
    )
    outcome = RunOutcome((SuiteOutcome("jitter", "Jitter", 0, own),), {}, 0, 0)
    config: Any = SimpleNamespace(out=out, tracking_uri=None)
    (result,) = publish_run(outcome, config, ["| table |"])
    assert result.warning is None
    with quiet():
        from mlflow.tracking import MlflowClient

        client = MlflowClient(tracking_uri=local_uri(out))
        found = client.search_runs(
            [str(result.experiment_id)],
            "tags.kind = 'suite'",
            order_by=["metrics.`psnr_y.datsr_compact` DESC"],
        )
        curves = level_curves(own, Drops(own))
        assert curves
        for name, points in curves.items():
            history = client.get_metric_history(str(result.run_id), name)
            assert sorted((m.step, m.value) for m in history) == points
        children = client.search_runs([str(result.experiment_id)], "tags.kind = 'cell'")
    (parent,) = found
    assert parent.info.run_id == result.run_id
    assert parent.data.metrics["psnr_y.datsr_compact"] == mean(cells, "datsr (compact)", None)
    assert {run.data.tags["mlflow.source.git.commit"] for run in (parent, *children)} == {"abc"}
    assert len(children) == len(cells)
    assert {run.data.tags["digest"] for run in children} == {cell.digest for cell in cells}
