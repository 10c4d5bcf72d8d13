"""DISTS against its formula written the other way, on a VGG16 whose weights are random."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from refbench.metrics import METRICS, MetricCatalog, MetricUnavailable, build
from refbench.metrics.data_files import arrays
from refbench.specs import MetricSpec


def spec() -> MetricSpec:
    return MetricCatalog(METRICS).of_names(["dists"])[0]


class HanningPool(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        taps = torch.tensor([0.25, 0.5, 0.25])
        padded = nn.functional.pad(x**2, (1, 1, 1, 1))
        summed = sum(
            taps[i] * taps[j] * padded[:, :, i : i + x.shape[2], j : j + x.shape[3]]
            for i in range(3)
            for j in range(3)
        )
        return torch.sqrt(summed[:, :, ::2, ::2] + 1e-12)


def by_modules(net: nn.Module, a: torch.Tensor, b: torch.Tensor) -> float:
    layers = [HanningPool() if isinstance(m, nn.MaxPool2d) else m for m in net.features[:30]]
    normalise = torchvision.transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    maps = []
    for image in (a, b):
        x, kept = normalise(image), [image]
        for number, layer in enumerate(layers):
            x = layer(x.clone())
            if number in (3, 8, 15, 22, 29):
                kept.append(x.clone())
        maps.append(kept)
    alpha, beta = arrays("dists")["alpha"], arrays("dists")["beta"]
    score, place = 0.0, 0
    for x, y in zip(*maps, strict=True):
        for own, other in zip(x[0].double().numpy(), y[0].double().numpy(), strict=True):
            mx, my = own.mean(), other.mean()
            texture = (2 * mx * my + 1e-6) / (mx**2 + my**2 + 1e-6)
            covariance = ((own - mx) * (other - my)).mean()
            structure = (2 * covariance + 1e-6) / (own.var() + other.var() + 1e-6)
            score += alpha[place] * texture + beta[place] * structure
            place += 1
    assert place == len(alpha) == len(beta) == 1475
    return float(1 - score / (alpha.sum() + beta.sum()))


def test_equal_to_the_formula(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = torchvision.models.vgg16(weights=None).eval()
    path = tmp_path / "hub" / "checkpoints" / "vgg16-own.pth"
    path.parent.mkdir(parents=True)
    torch.save({k: v for k, v in net.state_dict().items() if k.startswith("features")}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("refbench.metrics.backbones.BACKBONES", {"vgg": (path.name, digest[:8])})
    rng = np.random.default_rng(0)
    a = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    b = np.clip(a + rng.normal(0, 30, a.shape), 0, 255).astype(np.uint8)
    metric = build(spec())
    tensors = [torch.from_numpy(x.transpose(2, 0, 1)[None].copy()).float() / 255 for x in (a, b)]
    with torch.inference_mode():
        assert metric(a, b) == pytest.approx(by_modules(net, *tensors), abs=1e-5)
    assert metric(a, a) == pytest.approx(0.0, abs=1e-6)


def test_without_its_backbone_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(MetricUnavailable, match=r"backbone vgg16-397923af\.pth is not in"):
        build(spec())
