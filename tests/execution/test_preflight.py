"""A preflight sees names and sizes, and decodes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from refbench.datasets.image_dataset import ImageDataset
from refbench.execution.preflight import trial_metas
from refbench.plan.job import Task
from refbench.plan.planner import Cell, Planner
from refbench.registry import Registry
from refbench.settings import MethodChoice, ProtocolEntry, RunConfig, SuiteConfig
from refbench.specs import DataRequest

SUITE = SuiteConfig(
    "names",
    "names",
    protocols=(
        ProtocolEntry(control=True),
        ProtocolEntry(reference={"policy": "other"}),
        ProtocolEntry(reference={"policy": "lr"}),
        ProtocolEntry(card="masa@1"),
    ),
)


@pytest.fixture
def cells(tmp_path: Path) -> tuple[Cell, ...]:
    """Two pairs; the first input lies on its side and is turned by its EXIF data."""
    rng = np.random.default_rng(0)
    for name, (height, width) in {"a": (41, 54), "b": (33, 47)}.items():
        for folder in ("input", "ref"):
            (tmp_path / folder).mkdir(exist_ok=True)
            image = PILImage.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
            exif = PILImage.Exif()
            exif[0x0112] = 6 if (name, folder) == ("a", "input") else 1
            image.save(tmp_path / folder / f"{name}.png", exif=exif)
    config = RunConfig(
        method=MethodChoice("bicubic", locator="bicubic"),
        suite=SUITE,
        dataset="pairs",
        data=DataRequest(root=str(tmp_path)),
        out=tmp_path / "out",
        against=None,
        tracking="none",
    )
    return Planner(Registry.discover()).plan([config]).cells()


def test_names_and_sizes_are_those_of_the_trials(
    cells: tuple[Cell, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from refbench.registry import load_class

    expected = {}
    for cell in cells:
        dataset = load_class(cell.job.data.target)(cell.job.data.request)
        for sample in cell.ids:
            trial = cell.protocol.apply(dataset.load(sample), 0, cell.job.seed, dataset)
            assert trial.target is not None
            expected[cell.key, sample] = (trial.ref_names, trial.target.shape[:2])

    def refuse(self: ImageDataset, sample_id: str) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageDataset, "load", refuse)
    found = {}
    for cell in cells:
        for meta in trial_metas(cell, [Task(cell.key, sample, 0) for sample in cell.ids]):
            found[cell.key, meta.sample_id] = (meta.ref_names, meta.expected_size)
    assert found == expected
    assert {size for _, size in expected.values()} >= {(52, 40), (32, 44)}


def test_a_trial_that_cannot_be_made_is_left_out(cells: tuple[Cell, ...]) -> None:
    cell = cells[0]
    assert cell.job.data.request.root is not None
    (Path(cell.job.data.request.root) / "input" / "b.png").write_bytes(b"no image")
    metas = trial_metas(replace(cell), [Task(cell.key, sample, 0) for sample in cell.ids])
    assert [meta.sample_id for meta in metas] == ["a"]
