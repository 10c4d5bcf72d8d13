"""A random AlexNet instead of LPIPS's backbone file, which may not be fetched here."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
import torchvision


def random_alexnet(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """Write the file below ``folder`` and have refbench look for it there; its tensors by name."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        state = dict(torchvision.models.alexnet(weights=None).features.state_dict(prefix="features."))
    path = folder / "hub" / "checkpoints" / "alex.pth"
    path.parent.mkdir(parents=True)
    torch.save(state, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setenv("TORCH_HOME", str(folder))
    monkeypatch.setattr("refbench.metrics.backbones.BACKBONES", {"alex": (path.name, digest[:8])})
    return state
