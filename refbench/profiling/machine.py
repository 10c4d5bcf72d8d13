"""What the numbers were measured on: device, driver, clocks, precision flags, threads, and the peaks."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refbench.execution.precision import precision_scope
from refbench.profiling.cells import Conditions
from refbench.profiling.roofline import measure_peaks
from refbench.store.provenance import cpu_name

if TYPE_CHECKING:
    import torch

SMI_FIELDS = (
    "name", "driver_version", "clocks.sm", "clocks.mem", "clocks.max.sm", "clocks.max.mem",
    "power.limit", "temperature.gpu",
)  # fmt: skip


def describe_machine(conditions: Conditions) -> dict[str, Any]:
    """``machine`` (facts) and ``peaks``, in the process and under the settings of a cell."""
    import torch

    device = torch.device(conditions.device)
    with precision_scope(conditions.precision):
        return {
            "machine": {
                "torch": torch.__version__,
                "device": conditions.device,
                "cpu": _cpu(),
                "cuda": _cuda(device) if device.type == "cuda" else None,
                "threads": torch.get_num_threads(),
                "interop_threads": torch.get_num_interop_threads(),
                "precision": conditions.precision,
                "flags": {
                    "matmul.allow_tf32": torch.backends.cuda.matmul.allow_tf32,
                    "cudnn.allow_tf32": torch.backends.cudnn.allow_tf32,
                    "cudnn.benchmark": torch.backends.cudnn.benchmark,
                    "deterministic": torch.are_deterministic_algorithms_enabled(),
                    "float32_matmul_precision": torch.get_float32_matmul_precision(),
                    "mkldnn": torch.backends.mkldnn.is_available(),  # type: ignore[no-untyped-call]
                },
            },
            "peaks": asdict(measure_peaks(device, conditions.precision, conditions.probe_seconds)),
        }


def _cpu() -> dict[str, Any]:
    import torch

    return {
        "name": cpu_name(),
        "logical_cpus": os.cpu_count(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "mhz": _cpu_mhz(),
        # on a shared machine this says how far the times can be trusted
        "load_average": os.getloadavg() if hasattr(os, "getloadavg") else None,
    }


def _cpu_mhz() -> float | None:
    """The first core's clock now, in MHz; None where the system does not tell."""
    scaling = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")
    try:
        return int(scaling.read_text()) / 1000.0
    except (OSError, ValueError):
        pass
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        return next((float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")), None)
    except (OSError, ValueError):
        return None


def _cuda(device: torch.device) -> dict[str, Any]:
    import torch

    facts = torch.cuda.get_device_properties(device)
    return {
        "name": facts.name,
        "capability": f"{facts.major}.{facts.minor}",
        "memory_mb": facts.total_memory / 2**20,
        "multiprocessors": facts.multi_processor_count,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        "smi": _smi(str(getattr(facts, "uuid", ""))),
    }


def _smi(uuid: str) -> dict[str, str] | None:
    """What the driver's tool says of the device (its index may be another there); None without the tool."""
    tool = shutil.which("nvidia-smi")
    if tool is None or not uuid:
        return None
    command = [tool, f"--query-gpu={','.join(SMI_FIELDS)}", "--format=csv,noheader", f"--id=GPU-{uuid}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return dict(zip(SMI_FIELDS, (v.strip() for v in done.stdout.strip().split(",")), strict=False))
