"""Versions of what changes numbers, optional packages, plugins, and the device."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

from refbench import __version__
from refbench.cli.diagnosis.finding import Finding
from refbench.errors import UserError
from refbench.execution.device import resolve_device
from refbench.extras import EXTRAS, install_command, present
from refbench.registry import Registry
from refbench.store.gpu import gpu_facts
from refbench.store.provenance import cpu_name, package_versions

_IMPORT = "import torch, torchvision; print(torch.ops.torchvision.nms is not None)"


def versions() -> list[Finding]:
    """refbench, Python and the packages whose version can change a number; do torch and torchvision fit?"""
    found = [
        Finding("refbench", "ok", __version__, facts={"version": __version__}),
        Finding("python", "ok", platform.python_version(), facts={"version": platform.python_version()}),
    ]
    for name, version in package_versions().items():
        if name != "refbench":
            found.append(Finding(name, "ok", version, facts={"version": version}))
    # in a process of its own: a pair of different releases can end the process that imports it
    done = subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        found.append(
            Finding(
                "torch with torchvision",
                "problem",
                f"cannot be used together: {said}",
                "install a torch and a torchvision of one release pair",
            )
        )
    return found


def extras() -> list[Finding]:
    """Optional packages: here, or what they would enable and how to get them."""
    found = []
    for name, extra in EXTRAS.items():
        here = present(name)
        text = extra.enables if here else f"not installed; would enable {extra.enables}"
        facts = {"installed": here, "enables": extra.enables}
        remedy = "" if here else install_command(name)
        found.append(Finding(name, "ok" if here else "missing", text, remedy, facts))
    return found


def plugins(registry: Registry) -> list[Finding]:
    """Methods, datasets and metrics of other packages that cannot be read."""
    found = []
    for kind in ("methods", "datasets", "metrics"):
        for entry in registry.entries(kind):
            if entry.error:
                remedy = f"repair or uninstall {entry.source}"
                found.append(
                    Finding(f"{kind[:-1]} {entry.name}", "problem", f"cannot be read: {entry.error}", remedy)
                )
    return found


def device(name: str) -> list[Finding]:
    """The processor, and the device that ``device=name`` means."""
    cpus = os.cpu_count()
    found = [Finding("cpu", "ok", f"{cpu_name()}, {cpus} logical CPUs", facts={"logical_cpus": cpus})]
    try:
        resolved = resolve_device(name)
        gpu = gpu_facts(resolved)
    except UserError as error:
        return [*found, Finding("device", "problem", str(error))]
    # resolve_device has imported torch; one that cannot be imported is a finding, not a crash
    except (ImportError, OSError, RuntimeError) as error:
        return [*found, Finding("device", "problem", f"torch does not start: {error}", "install torch again")]
    if gpu is not None:
        text = (
            f"{resolved}: {gpu['name']}, capability {gpu['capability']}, driver {gpu['driver'] or 'unknown'}"
        )
        return [*found, Finding("device", "ok", text, facts={"device": resolved, "gpu": gpu})]
    text = f"{resolved}; no CUDA device is used"
    return [*found, Finding("device", "ok", text, facts={"device": resolved, "gpu": None})]
