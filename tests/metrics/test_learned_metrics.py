"""Learned metrics: equal to their packages' values, and never computed from anything but checked weights."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from refbench.errors import SampleError, UserError
from refbench.metrics import METRICS, MetricCatalog, MetricUnavailable, build
from refbench.metrics.backbones import BACKBONES
from refbench.metrics.lpips import lpips_network
from refbench.metrics.stlpips import load_network, network_from_state
from refbench.metrics.tensors import to_signed_tensor
from refbench.specs import MetricSpec
from refbench.types import Image


def spec(name: str) -> MetricSpec:
    return MetricCatalog(METRICS).of_names([name])[0]


def filled_state() -> dict[str, torch.Tensor]:
    import stlpips_fill

    state: dict[str, torch.Tensor] = stlpips_fill.filled_state()
    return state


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_stlpips_network_equals_the_wheels_own(astronaut: tuple[Image, Image]) -> None:
    """Values of the wheel's LPIPS(net="alex", variant="shift_tolerant") on the same filled weights."""
    photo = astronaut[1][200:245, 200:239]
    model = network_from_state(filled_state())
    with torch.inference_mode():
        shifted = model(to_signed_tensor(np.roll(photo, 2, 0)), to_signed_tensor(photo)).item()
        inverted = model(to_signed_tensor(255 - photo), to_signed_tensor(photo)).item()
    assert shifted == pytest.approx(0.000214274, rel=1e-4)
    assert inverted == pytest.approx(0.362151146, rel=1e-5)


@pytest.mark.skipif(
    importlib.util.find_spec("stlpips_pytorch") is None, reason="extra stlpips is not installed"
)
def test_stlpips_values_of_the_wheel(astronaut: tuple[Image, Image]) -> None:
    sr, target = astronaut
    score = build(spec("stlpips"))
    window = np.s_[100:229, 60:203]
    assert score(sr[window], target[window]) == pytest.approx(0.367077023, abs=1e-6)
    assert score(np.roll(target[window], 1, 1), target[window]) == pytest.approx(0.007483216, abs=1e-6)
    assert score(target[window], target[window]) == 0.0
    assert not {"stlpips_pytorch", "IPython", "torchsummary"} & set(sys.modules)
    with pytest.raises(SampleError, match="too small for ST-LPIPS: needs 32 px"):
        score(sr[:31], target[:31])


def test_stlpips_refuses_another_file(tmp_path: Path) -> None:
    path = tmp_path / "alex_shift_tolerant.pth"
    torch.save(filled_state(), path)
    with pytest.raises(MetricUnavailable, match=r"has sha256 [0-9a-f]{8}\.\.\., expected b356b382"):
        load_network(path)


def test_stlpips_without_its_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refbench.metrics.stlpips.find_spec", lambda name: None)
    with pytest.raises(MetricUnavailable, match=r"pip install 'stlpips-pytorch>=0\.0\.2'$"):
        build(spec("stlpips"))


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_lpips_without_a_backbone(net: str, hub: Path) -> None:
    with pytest.raises(MetricUnavailable) as caught:
        build(spec(f"lpips_{net}"))
    assert BACKBONES[net][0] in caught.value.reason
    assert str(hub) in caught.value.reason


def test_lpips_checks_the_hash_in_the_name(hub: Path) -> None:
    (hub / "alexnet-owt-7be5be79.pth").write_bytes(b"not the net")
    found = hashlib.sha256(b"not the net").hexdigest()[:8]
    with pytest.raises(MetricUnavailable, match=f"has sha256 {found}..., its name says 7be5be79"):
        build(spec("lpips_alex"))


def random_alexnet() -> dict[str, torch.Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return dict(torchvision.models.alexnet(weights=None).features.state_dict(prefix="features."))


def test_lpips_file_with_a_fitting_hash_is_used(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "alexnet-owt-7be5be79.pth"
    torch.save(random_alexnet(), hub / name)
    digest = hashlib.sha256((hub / name).read_bytes()).hexdigest()
    monkeypatch.setattr("refbench.metrics.backbones.BACKBONES", {"alex": (name, digest[:8])})
    score = build(spec("lpips_alex"))
    image = np.arange(48 * 48 * 3, dtype=np.uint32).reshape(48, 48, 3).astype(np.uint8)
    assert score(image, image) == 0.0
    assert score(255 - image, image) > 0.0
    with pytest.raises(SampleError, match="too small for LPIPS"):
        score(image[:31], image[:31])


def test_lpips_equals_its_definition() -> None:
    """Zhang et al. 2018, eq. 1, evaluated layer by layer on torchvision's own AlexNet."""
    import lpips

    backbone = random_alexnet()
    before = torch.random.get_rng_state()
    model = lpips_network("alex", backbone)
    assert torch.equal(before, torch.random.get_rng_state())
    net = torchvision.models.alexnet(weights=None).features.eval()
    net.load_state_dict({k.removeprefix("features."): v for k, v in backbone.items()})
    weights = torch.load(
        Path(lpips.__file__).with_name("weights") / "v0.1" / "alex.pth", map_location="cpu", weights_only=True
    )
    generator = torch.Generator().manual_seed(1)
    a, b = torch.rand(2, 1, 3, 64, 70, generator=generator) * 2 - 1
    shift = torch.tensor([-0.030, -0.088, -0.188]).reshape(1, 3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).reshape(1, 3, 1, 1)
    x, y, total, layer = (a - shift) / scale, (b - shift) / scale, 0.0, 0
    with torch.inference_mode():
        for module in net[:12]:
            x, y = module(x), module(y)
            if isinstance(module, torch.nn.ReLU):
                unit = [m / (m.norm(dim=1, keepdim=True) + 1e-10) for m in (x, y)]
                lin = weights[f"lin{layer}.model.1.weight"]
                total += float(((unit[0] - unit[1]).square() * lin).sum(1).mean())
                layer += 1
        assert layer == 5
        assert float(model(a, b)) == pytest.approx(total, rel=1e-5)


def test_lpips_backbone_of_another_net_is_refused() -> None:
    state = random_alexnet()
    del state["features.3.bias"]
    with pytest.raises(MetricUnavailable, match=r"has no tensor 'features\.3\.bias'"):
        lpips_network("alex", state)
    state = random_alexnet()
    state["features.0.weight"] = torch.zeros(64, 3, 7, 7)
    with pytest.raises(MetricUnavailable, match="does not fit"):
        lpips_network("alex", state)


FAKE_PYIQA = """
import torch
class Model:
    lower_better = {lower}
    def __call__(self, sr, target=None):
        assert sr.shape[1] == 3 and float(sr.max()) <= 1.0
        return (sr - target).abs().mean() if target is not None else sr.mean()
def create_metric(name, device):
    if name == "musiq":
        raise OSError("<urlopen error no network>")
    if name == "clipiqa":
        raise ModuleNotFoundError("No module named 'pkg_resources'")
    return Model()
"""


def fake_pyiqa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lower: bool) -> None:
    (tmp_path / "pyiqa.py").write_text(FAKE_PYIQA.format(lower=lower))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pyiqa", raising=False)


def test_pyiqa_is_called_with_images_in_unit_range(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_pyiqa(tmp_path, monkeypatch, lower=True)
    black, white = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)
    assert build(spec("pyiqa:dists"))(white, black) == pytest.approx(1.0)
    assert build(spec("pyiqa:niqe"))(white, black) == pytest.approx(1.0)
    with pytest.raises(SampleError):
        build(spec("pyiqa:niqe"))(white[..., 0], black)


def test_pyiqa_reasons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_pyiqa(tmp_path, monkeypatch, lower=False)
    with pytest.raises(MetricUnavailable, match="runs the other way"):
        build(spec("pyiqa:dists"))
    with pytest.raises(MetricUnavailable, match="pyiqa cannot build 'musiq': <urlopen error no network>"):
        build(spec("pyiqa:musiq"))
    with pytest.raises(MetricUnavailable, match=r"No module named 'pkg_resources'; pip install 'pyiqa>="):
        build(spec("pyiqa:clipiqa"))
    monkeypatch.setattr("refbench.metrics.pyiqa.find_spec", lambda name: None)
    with pytest.raises(MetricUnavailable, match=r"pip install 'pyiqa>=0\.1\.14'.* \("):
        build(spec("pyiqa:dists"))


def test_a_broken_third_party_target_is_one_line() -> None:
    with pytest.raises(UserError, match="metric 'x': cannot load 'nowhere:factory'"):
        build(MetricSpec(alias="x", signature="x|v1", target="nowhere:factory"))
