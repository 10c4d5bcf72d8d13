"""ImageNet backbones in torch's hub cache, with their hash checked.

torch itself does not check a file that is already in the cache, so a truncated or foreign file would
be used silently. The suffix of the official file name is the start of the file's sha256.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from refbench.metrics.build import MetricUnavailable

if TYPE_CHECKING:
    from torch import Tensor

BACKBONES: Mapping[str, tuple[str, str]] = {
    "alex": ("alexnet-owt-7be5be79.pth", "7be5be79"),
    "vgg": ("vgg16-397923af.pth", "397923af"),
}
"""net -> (official file name, sha256 prefix)."""


def hub_checkpoints() -> Path:
    """$TORCH_HOME/hub/checkpoints, with torch's own defaults for TORCH_HOME."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return Path(home).expanduser() / "hub" / "checkpoints"


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def backbone_state(net: str) -> dict[str, Tensor]:
    """The state dict of the torchvision net behind LPIPS-``net``.

    Raises MetricUnavailable when the file is missing, has another hash, or cannot be read.
    """
    name, prefix = BACKBONES[net]
    path = hub_checkpoints() / name
    if not path.is_file():
        raise MetricUnavailable(f"backbone {name} is not in {path.parent}; put it there (docs/metrics.md)")
    digest = sha256_of(path)
    if not digest.startswith(prefix):
        raise MetricUnavailable(
            f"backbone {path} has sha256 {digest[:8]}..., its name says {prefix}; fetch it again"
        )
    return load_state(path)


def load_state(path: Path) -> dict[str, Tensor]:
    """A flat state dict, loaded with ``weights_only=True``. Raises MetricUnavailable when unreadable."""
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as exc:
        reason = str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
        raise MetricUnavailable(f"{path} cannot be read as weights: {reason}") from exc
    return dict(state)
