"""SRNTT's PyTorch port: official values, swapping, and both kinds of checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from refbench.conformance.golden import check_golden, render
from refbench.matching import match
from refbench.matching.transfer import swap
from refbench.methods.srntt.config import PORT, UNWEIGHTED, SrnttConfig
from refbench.methods.srntt.method import load_model
from refbench.methods.srntt.model import SrnttModel
from refbench.methods.srntt.net import SrnttNet
from refbench.nets.vgg import TORCHVISION_FEATURES, TextureFeatures
from refbench.tiling.windows import Window
from refbench.weights import ResolvedWeights

GOLDEN = Path(__file__).parents[1] / "data" / "golden"


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(8)
        yield


def test_official_values() -> None:
    report = check_golden("srntt", GOLDEN / "srntt.sq.npz", GOLDEN / "srntt.keys.json")
    assert report.ok, render(report)
    assert report.compared == 29


def test_sizes() -> None:
    def count(config: SrnttConfig) -> tuple[int, int]:
        net = SrnttNet(config)
        return sum(p.numel() for p in net.parameters()), len(net.state_dict())

    assert count(PORT) == (5_746_252, 282)
    assert count(UNWEIGHTED) == (5_746_246, 280)


def plain_swap(value: Tensor, index: Tensor, width: int, scale: int) -> Tensor:
    """Patch by patch: add, then divide by how many there were."""
    rows, columns = index.shape
    out = torch.zeros(value.shape[0], (rows + 2) * scale, (columns + 2) * scale)
    count = torch.zeros(1, *out.shape[1:])
    side = 3 * scale
    for y in range(rows):
        for x in range(columns):
            ry, rx = divmod(int(index[y, x]), width)
            part = value[:, ry * scale : ry * scale + side, rx * scale : rx * scale + side]
            out[:, y * scale : y * scale + side, x * scale : x * scale + side] += part
            count[:, y * scale : y * scale + side, x * scale : x * scale + side] += 1
    return out / count


@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize("size", [(3, 3), (3, 6), (7, 9)])
def test_swap_against_a_loop(scale: int, size: tuple[int, int]) -> None:
    value = torch.rand(1, 5, 8 * scale, 6 * scale)
    index = torch.randint(0, 6 * 4, (1, size[0] - 2, size[1] - 2))
    wanted = plain_swap(value[0], index[0], 4, scale)
    found = swap(value, index, 4, scale=scale)[0]
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)
    whole = Window(0, 0, found.shape[1], found.shape[2])
    torch.testing.assert_close(swap(value, index, 4, scale=scale, window=whole)[0], wanted, rtol=0, atol=1e-6)


def test_matching_against_products() -> None:
    """The port's rule: the raw query decides, keys are divided by norm + 1e-5, no normalised pixels."""
    query, key = torch.randn(1, 6, 7, 9), torch.randn(1, 6, 8, 5)
    q, k = (F.unfold(f, 3)[0].T for f in (query, key))
    scores = q @ (k / (k.norm(dim=1, keepdim=True) + 1e-5)).T
    best, index = scores.max(dim=1)
    found = match(query, key, flavour="srntt")
    assert torch.equal(found.index.flatten(), index)
    wanted = best / (q.norm(dim=1) + 1e-5)
    torch.testing.assert_close(found.similarity.flatten(), wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("config", [PORT, UNWEIGHTED], ids=["weighted", "unweighted"])
def test_official_files_load(config: SrnttConfig, tmp_path: Path) -> None:
    vgg = TextureFeatures()
    layers = vgg.vgg.get_submodule("vgg_net")
    torchvision = {
        f"features.{place}.{part}": layers.get_parameter(f"{layer}.{part}").detach()
        for layer, place in TORCHVISION_FEATURES.items()
        for part in ("weight", "bias")
    }
    net = SrnttNet(config)
    paths = {"net": tmp_path / "any name.pth", "vgg19": tmp_path / "vgg19.pth"}
    torch.save(net.state_dict(), paths["net"])
    torch.save(torchvision, paths["vgg19"])
    none, no = dict.fromkeys(paths), dict.fromkeys(paths, False)
    model = load_model(ResolvedWeights("srntt", "x", "x", paths, none, no))
    assert isinstance(model, SrnttModel)
    assert model.config == config
    assert torch.equal(model.texture.vgg.get_submodule("vgg_net")[0].weight, layers[0].weight)  # type: ignore[index]
