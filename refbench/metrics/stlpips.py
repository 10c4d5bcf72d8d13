"""ST-LPIPS: shift-tolerant LPIPS (Ghildyal and Liu, ECCV 2022), AlexNet variant.

The weights are inside the ``stlpips-pytorch`` wheel. Its modules are not imported (they need undeclared
packages, and its blur-pool sources carry a noncommercial licence): the wheel's weights file is located,
checked and loaded into the network below, which is written from the paper and the tensor shapes.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refbench.extras import install_command
from refbench.identity.file_digest import file_sha256
from refbench.metrics.backbones import load_state
from refbench.metrics.build import Metric, MetricUnavailable
from refbench.metrics.pair import cropped_pair
from refbench.metrics.tensors import to_signed_tensor
from refbench.specs import MetricSpec
from refbench.types import Image

WEIGHTS = "weights/vST0.0/alex_shift_tolerant.pth"
SHA256 = "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee"
SMALLEST = 32
WIDTHS = (64, 192, 384, 256, 256)


class BlurPool(nn.Module):
    """Antialiased stride 2 (Zhang, ICML 2019): a depthwise 3x3 blur after reflection padding by 2.

    Padding 2, where 1 keeps the size, is the shift-tolerant variant's (section 4 of the paper).
    """

    filt: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("filt", torch.empty(width, 1, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), self.filt, stride=2, groups=x.shape[1])


class ShiftTolerantAlexNet(nn.Module):
    """AlexNet with stride 1 in its first convolution, blur pools, and its five ReLU outputs.

    Input float32 (N, 3, H, W); returns five feature maps with 64, 192, 384, 256, 256 channels.
    """

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d, e = WIDTHS
        self.slice1 = nn.Sequential(nn.Conv2d(3, a, 11, padding=2), BlurPool(a), nn.ReLU())
        self.slice2 = nn.Sequential(nn.MaxPool2d(3, 1), BlurPool(a), nn.Conv2d(a, b, 5, padding=2), nn.ReLU())
        self.slice3 = nn.Sequential(nn.MaxPool2d(3, 1), BlurPool(b), nn.Conv2d(b, c, 3, padding=1), nn.ReLU())
        self.slice4 = nn.Sequential(nn.Conv2d(c, d, 3, padding=1), nn.ReLU())
        self.slice5 = nn.Sequential(nn.Conv2d(d, e, 3, padding=1), nn.ReLU())

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for part in (self.slice1, self.slice2, self.slice3, self.slice4, self.slice5):
            x = part(x)
            maps.append(x)
        return maps


class ShiftTolerantLPIPS(nn.Module):
    """The distance: unit-normalised features, squared difference, learned channel weights, spatial mean.

    ``forward(a, b)``: float32 (N, 3, H, W) in [-1, 1] each -> (N,), 0 for equal images.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.empty(1, 3, 1, 1))
        self.register_buffer("scale", torch.empty(1, 3, 1, 1))
        self.net = ShiftTolerantAlexNet()
        self.lins = nn.ParameterList([torch.empty(1, width, 1, 1) for width in WIDTHS])

    def features(self, x: Tensor) -> list[Tensor]:
        maps = self.net((x - self.shift) / self.scale)
        return [m / (m.square().sum(dim=1, keepdim=True).sqrt() + 1e-10) for m in maps]

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        total = a.new_zeros(a.shape[0])
        for fa, fb, weight in zip(self.features(a), self.features(b), self.lins, strict=True):
            total = total + F.conv2d((fa - fb).square(), weight).mean(dim=(1, 2, 3))
        return total


def _renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The wheel numbers layers through the whole net (``net.slice2.5``); here each slice counts from 0."""
    first = {"slice1": 0, "slice2": 3, "slice3": 7, "slice4": 11, "slice5": 13}
    renamed = {}
    for key, tensor in state.items():
        parts = key.split(".")
        if parts[0] == "net" and len(parts) == 4 and parts[1] in first:
            key = f"net.{parts[1]}.{int(parts[2]) - first[parts[1]]}.{parts[3]}"
        elif parts[0].startswith("lin") and parts[-1] == "weight":
            key = f"lins.{parts[0].removeprefix('lin')}"
        elif parts[0] == "scaling_layer":
            key = parts[1]
        renamed[key] = tensor
    return renamed


def weights_path() -> Path:
    """The weights file inside the installed wheel. Raises MetricUnavailable with the remedy."""
    found = find_spec("stlpips_pytorch")
    if found is None or not found.submodule_search_locations:
        raise MetricUnavailable(f"stlpips-pytorch is not installed: {install_command('stlpips')}")
    path = Path(next(iter(found.submodule_search_locations))) / WEIGHTS
    if not path.is_file():
        raise MetricUnavailable(f"{path} is missing: pip install --force-reinstall stlpips-pytorch==0.0.2")
    return path


def network_from_state(state: dict[str, Tensor]) -> ShiftTolerantLPIPS:
    """The network with the tensors of the wheel's file (its own key names), loaded strictly."""
    with torch.random.fork_rng(devices=[]):
        model = ShiftTolerantLPIPS()
    model.load_state_dict(_renamed(state), strict=True)
    return model.eval().requires_grad_(False)


def load_network(path: Path) -> ShiftTolerantLPIPS:
    """The network with the weights of ``path``. Raises MetricUnavailable for any other file."""
    digest = file_sha256(path)
    if digest != SHA256:
        raise MetricUnavailable(f"{path} has sha256 {digest[:8]}..., expected {SHA256[:8]}... (0.0.2)")
    return network_from_state(load_state(path))


def factory(spec: MetricSpec) -> Metric:
    """Reads ``crop`` from the spec's options: AlexNet, shift-tolerant."""
    crop = int(spec.options.get("crop") or 0)
    model = load_network(weights_path())

    def score(sr: Image, target: Image) -> float:
        a, b = cropped_pair(sr, target, crop=crop, smallest=SMALLEST, metric=spec.title)
        with torch.inference_mode():
            return float(model(to_signed_tensor(a), to_signed_tensor(b)).item())

    return score
