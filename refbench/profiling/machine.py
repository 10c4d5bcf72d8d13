"""What the numbers were measured on: device, driver, clocks, precision flags, threads, and the peaks."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refbench.execution.precision import precision_scope
from refbench.profiling.cells import Conditions
from refbench.profiling.roofline import measure_peaks
from refbench.store.gpu import smi
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
        "smi": smi(str(getattr(facts, "uuid", "")), SMI_FIELDS),
    }
