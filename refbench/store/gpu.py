"""Which GPU numbers come from: model name, driver and compute capability, as rows and the gate know it."""

from __future__ import annotations

import shutil
import subprocess

NAME, DRIVER, CAPABILITY = "name", "driver", "capability"


def gpu_facts(device: str | None) -> dict[str, str | None] | None:
    """``{"name", "driver", "capability"}`` of a CUDA device (``cuda:0``); None for every other device.

    name: as torch reports it, ``NVIDIA H100 80GB HBM3``. capability: ``9.0``. driver: the version that
    nvidia-smi reports, None where that tool is missing. A device that torch cannot see gives None, too.
    """
    if device is None or not device.startswith("cuda"):
        return None
    import torch

    if not torch.cuda.is_available():
        return None
    facts = torch.cuda.get_device_properties(torch.device(device))
    uuid = str(getattr(facts, "uuid", ""))
    said = smi(uuid, ("driver_version",))
    return {
        NAME: facts.name,
        DRIVER: None if said is None else said["driver_version"],
        CAPABILITY: f"{facts.major}.{facts.minor}",
    }


def smi(uuid: str, fields: tuple[str, ...]) -> dict[str, str] | None:
    """What the driver's tool says of the device (its index may be another there); None without the tool."""
    tool = shutil.which("nvidia-smi")
    if tool is None or not uuid:
        return None
    command = [tool, f"--query-gpu={','.join(fields)}", "--format=csv,noheader", f"--id=GPU-{uuid}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return dict(zip(fields, (v.strip() for v in done.stdout.strip().split(",")), strict=True))
