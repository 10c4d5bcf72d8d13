"""Crop and region of learned metrics: LPIPS from its map, pyiqa on rectangles, the FID network on pixels."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
import torchvision
from random_backbone import random_alexnet

from refbench.errors import SampleError
from refbench.metrics import METRICS, MetricCatalog, build
from refbench.metrics.build import Metric
from refbench.metrics.lpips import lpips_network
from refbench.metrics.tensors import to_signed_tensor
from refbench.types import Image


def metric(name: str) -> Metric:
    return build(MetricCatalog(METRICS).of_names([name])[0])


@pytest.fixture
def pair() -> tuple[Image, Image]:
    rng = np.random.default_rng(5)
    return rng.integers(0, 256, (56, 72, 3), dtype=np.uint8), rng.integers(
        0, 256, (56, 72, 3), dtype=np.uint8
    )


@pytest.fixture
def alexnet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    return random_alexnet(tmp_path, monkeypatch)


def test_lpips_of_a_region_is_the_mean_of_its_map(
    pair: tuple[Image, Image], alexnet: dict[str, torch.Tensor]
) -> None:
    model = lpips_network("alex", alexnet)
    model.spatial = True
    inner = [image[4:-4, 4:-4] for image in pair]
    with torch.inference_mode():
        values = model(*map(to_signed_tensor, inner))[0, 0].numpy()
    mask = np.zeros((56, 72), bool)
    mask[20:40, 10:30] = True
    found = metric("lpips_alex:crop=4:region=center")(*pair, mask)
    assert found == pytest.approx(values[mask[4:-4, 4:-4]].mean(), rel=1e-5)
    assert metric("lpips_alex:crop=4:mean=spatial")(*pair) == pytest.approx(values.mean(), rel=1e-5)
    assert metric("lpips_alex:crop=4")(*pair) == metric("lpips_alex")(*inner)
    assert metric("lpips_alex:crop=4")(*pair) != pytest.approx(values.mean(), rel=1e-5)


def test_pyiqa_gets_the_box_of_a_region(pair: tuple[Image, Image], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []

    class Model:
        lower_better = True

        def __call__(self, *images: torch.Tensor) -> torch.Tensor:
            seen.extend(images)
            return images[0].mean()

    module = ModuleType("pyiqa")
    module.create_metric = lambda name, device: Model()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyiqa", module)
    monkeypatch.setattr("refbench.metrics.pyiqa.find_spec", lambda name: object())
    box = np.zeros((56, 72), bool)
    box[2:40, 10:30] = True
    metric("pyiqa:dists:crop=4:region=center")(*pair, box)
    wanted = [torch.from_numpy(i[4:40, 10:30].transpose(2, 0, 1).copy()).float() / 255 for i in pair]
    assert [torch.equal(a[0], b) for a, b in zip(seen, wanted, strict=True)] == [True, True]
    box[10, 15] = False
    with pytest.raises(
        SampleError, match="the region is not a rectangle, and pyiqa scores whole images only"
    ):
        metric("pyiqa:dists:region=center")(*pair, box)


@pytest.mark.slow
def test_the_fid_network_gives_features(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    inception_module = pytest.importorskip("pytorch_fid.inception")
    from refbench.metrics import sets

    monkeypatch.setattr(inception_module, "load_state_dict_from_url", lambda *args, **more: {})
    monkeypatch.setattr(torchvision.models.Inception3, "load_state_dict", lambda self, state: None)
    monkeypatch.setattr(sets, "verified_backbone", lambda net: tmp_path)
    sets.inception.cache_clear()
    try:
        before = torch.random.get_rng_state()
        extract = sets.inception()
        assert torch.equal(before, torch.random.get_rng_state())
        image = np.random.default_rng(0).integers(0, 256, (40, 52, 3), dtype=np.uint8)
        features = extract([image, image[:32]])
        assert features.shape == (2, 2048)
        assert np.array_equal(extract([image])[0], features[0])
    finally:
        sets.inception.cache_clear()
