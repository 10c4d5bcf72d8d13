"""A composite is the sum of its parts, and says which part is missing."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from refbench.errors import UserError
from refbench.metrics import METRICS, MetricCatalog, MetricUnavailable, build

NAME = "ntire_perceptual@2026"
CATALOG = MetricCatalog(METRICS)
VALUES = {"lpips": 0.3, "dists": 0.2, "clipiqa": 0.6, "maniqa": 0.4, "musiq": 65.0, "niqe": 4.5}


@pytest.fixture
def shapes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """A pyiqa whose metrics have fixed values; the list collects the sizes of what they are given."""
    seen: list[tuple[int, ...]] = []

    def create_metric(name: str, device: Any) -> Any:
        class Model:
            lower_better = name in ("lpips", "dists", "niqe")

            def __call__(self, *images: torch.Tensor) -> torch.Tensor:
                seen.append(tuple(images[0].shape))
                return torch.tensor(VALUES[name])

        return Model()

    module = ModuleType("pyiqa")
    module.create_metric = create_metric  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyiqa", module)
    monkeypatch.setattr("refbench.metrics.pyiqa.find_spec", lambda name: object())
    return seen


def test_the_sum_by_hand(shapes: list[tuple[int, ...]]) -> None:
    image = np.zeros((40, 48, 3), np.uint8)
    wanted = (1 - 0.3) + (1 - 0.2) + 0.6 + 0.4 + 0.65 + (10 - 4.5) / 10
    assert build(CATALOG.of_names([NAME])[0])(image, image) == pytest.approx(wanted)
    assert set(shapes) == {(1, 3, 40, 48)}
    shapes.clear()
    build(CATALOG.of_names([f"{NAME}:crop=4"])[0])(image, image)
    assert set(shapes) == {(1, 3, 32, 40)}


def test_a_bad_niqe_adds_nothing(shapes: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VALUES, "niqe", 14.0)
    image = np.zeros((40, 48, 3), np.uint8)
    assert build(CATALOG.of_names([NAME])[0])(image, image) == pytest.approx(0.7 + 0.8 + 0.6 + 0.4 + 0.65)


def test_identity_changes_with_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = CATALOG.of_names([NAME])[0]
    assert CATALOG.by_signature(spec.signature) == spec
    monkeypatch.setattr("refbench.metrics.pyiqa_names.pyiqa_version", lambda: "9.9")
    assert CATALOG.of_names([NAME])[0].signature != spec.signature


def test_what_is_missing_or_misspelt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refbench.metrics.pyiqa.find_spec", lambda name: None)
    with pytest.raises(MetricUnavailable, match="its part pyiqa:lpips: pyiqa is not installed"):
        build(CATALOG.of_names([NAME])[0])
    with pytest.raises(UserError, match="did you mean 'ntire_perceptual@2026'"):
        CATALOG.of_names(["ntire_perceptual"])
