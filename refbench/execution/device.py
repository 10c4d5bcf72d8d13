"""Which device a run uses."""

from __future__ import annotations

from refbench.errors import UserError


def resolve_device(name: str) -> str:
    """``auto`` -> ``cuda`` where there is one, else ``cpu``; other names are checked. Raises UserError."""
    if name == "cpu":
        return name
    import torch

    if name == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"device={name}: not a device; use auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise UserError(f"device={name}: this machine has {count} CUDA devices; use device=cpu")
        return f"cuda:{device.index or 0}"
    if device.type != "cpu":
        raise UserError(f"device={name}: refbench runs on cpu and cuda")
    return "cpu"
