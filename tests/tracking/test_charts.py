"""What the parent run of a command charts, against the records that it is made from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from refbench.execution.runner import RunOutcome, SuiteOutcome
from refbench.protocols.reference import ReferencePolicy
from refbench.results.cells import load_cells
from refbench.results.digests import store_digests
from refbench.results.drops import Drops
from refbench.results.protocol_parts import level_order
from refbench.results.record import CellRecord
from refbench.store import Run, find_runs
from refbench.tracking.charts import (
    level_curves,
    level_steps,
    method_scores,
    metric_names,
    reference_curves,
    reference_steps,
    source_tags,
)
from refbench.tracking.images import COLUMNS, image_table
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


def with_reference(cell: CellRecord, reference: ReferencePolicy) -> CellRecord:
    assert cell.parts is not None
    protocol = f"canonical@1+ref={reference.id}"
    parts = replace(cell.parts, transform=None, level=None, reference=reference)
    return replace(cell, protocol=protocol, parts=parts)


def test_numbers_and_levels_of_references_are_steps(cells: tuple[CellRecord, ...]) -> None:
    own = [c for c in cells if c.method_label == "datsr (compact)"]
    (control,) = [c for c in own if c.protocol == "canonical@1"]
    others = [c for c in own if c is not control][:3]
    policies = [
        ReferencePolicy("count", count=3, order="best"),
        ReferencePolicy("count", count=2, order="worst"),
        ReferencePolicy("level", level=4),
    ]
    suite = [control, *(with_reference(c, p) for c, p in zip(others, policies, strict=True))]
    curves = reference_curves(suite, Drops(suite))
    first, best, worst, level = (c.metrics["psnr_y"].mean for c in suite)
    assert curves["psnr_y.datsr_compact.references_best"] == [(1, first), (3, best)]
    assert curves["psnr_y.datsr_compact.references_worst"] == [(2, worst)]
    assert curves["psnr_y.datsr_compact.reference_level"] == [(1, first), (4, level)]
    assert reference_steps(suite)["steps.references_best"] == "number of references"


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
        for child in children:
            (cell,) = [c for c in own if c.run_key == child.data.tags["run_key"]]
            table = client.download_artifacts(child.info.run_id, "per_image.json")
            shown = json.loads(Path(table).read_text())
            # a run's records hold no rows: the table comes from those on disk
            assert not cell.rows
            expected_table = image_table(cell)
            assert len(shown["data"]) == len((cell.path / "samples.jsonl").read_text().splitlines()) > 0
            assert shown["columns"] == list(expected_table)
            for got, (name, expected) in zip(
                zip(*shown["data"], strict=True), expected_table.items(), strict=True
            ):
                numbers = name in cell.metrics or name == "seconds"
                assert list(got) == (pytest.approx(expected) if numbers else list(expected)), name
            assert json.loads(child.data.tags["mlflow.loggedArtifacts"]) == [
                {"path": "per_image.json", "type": "table"}
            ]
        (used,) = client.get_run(str(result.run_id)).inputs.dataset_inputs
        columns = json.loads(used.dataset.schema)["mlflow_colspec"]
        assert {column["name"]: column["type"] for column in columns} == dict(COLUMNS)
        assert json.loads(used.dataset.profile)["num_rows"] == 3
    (parent,) = found
    assert parent.info.run_id == result.run_id
    assert parent.data.metrics["psnr_y.datsr_compact"] == mean(cells, "datsr (compact)", None)
    assert {run.data.tags["mlflow.source.git.commit"] for run in (parent, *children)} == {"abc"}
    assert len(children) == len(cells)
    assert {run.data.tags["digest"] for run in children} == {cell.digest for cell in cells}
