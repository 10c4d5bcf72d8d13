"""Networks behind learned metrics, in torch's hub cache, with their hash checked.

torch itself does not check a file that is already in the cache, so a truncated or foreign file would
be used silently. The suffix of the official file name is the start of the file's sha256.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from refbench.identity.file_digest import file_sha256
from refbench.metrics.build import MetricUnavailable
from refbench.weights.resolve import hub_folder

if TYPE_CHECKING:
    from torch import Tensor

    from refbench.specs import MetricSpec

INCEPTION = "inception"
BACKBONES: Mapping[str, tuple[str, str]] = {
    "alex": ("alexnet-owt-7be5be79.pth", "7be5be79"),
    "vgg": ("vgg16-397923af.pth", "397923af"),
    INCEPTION: ("pt_inception-2015-12-05-6726825d.pth", "6726825d"),
}
"""net -> (official file name, sha256 prefix)."""
ADDRESSES: Mapping[str, str] = {
    "alex": "https://download.pytorch.org/models/",
    "vgg": "https://download.pytorch.org/models/",
    INCEPTION: "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/",
}
"""net -> where the file of that name is published."""


def backbone_of(spec: MetricSpec) -> str | None:
    """The net of a metric that needs a file; None for metrics that need none, or look after it themselves."""
    family = spec.signature.partition("|")[0]
    nets = {"lpips": str(spec.options.get("net")), "dists": "vgg", "fid": INCEPTION, "kid": INCEPTION}
    return nets.get(family)


def verified_backbone(net: str) -> Path:
    """The file of ``net``. Raises MetricUnavailable when it is missing or has another hash."""
    name, prefix = BACKBONES[net]
    path = hub_folder() / name
    if not path.is_file():
        raise MetricUnavailable(
            f"backbone {name} is not in {path.parent}; fetch it with refbench prepare metric=NAME"
        )
    digest = file_sha256(path)
    if not digest.startswith(prefix):
        raise MetricUnavailable(
            f"backbone {path} has sha256 {digest[:8]}..., its name says {prefix}; fetch it again"
        )
    return path


def backbone_state(net: str) -> dict[str, Tensor]:
    """The state dict of the torchvision net behind a metric.

    Raises MetricUnavailable when the file is missing, has another hash, or cannot be read.
    """
    return load_state(verified_backbone(net))


def load_state(path: Path) -> dict[str, Tensor]:
    """A flat state dict, loaded with ``weights_only=True``. Raises MetricUnavailable when unreadable."""
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as exc:
        reason = str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
        raise MetricUnavailable(f"{path} cannot be read as weights: {reason}") from exc
    return dict(state)
