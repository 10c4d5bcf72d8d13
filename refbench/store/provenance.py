"""Where a session's numbers come from: code, packages, machine, time. Never secrets.

The environment is an allow-list, and secrets in the command line are blanked (refbench.untrusted.redact).
"""

from __future__ import annotations

import os
import platform
import secrets
import socket
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from refbench.store.gpu import gpu_facts
from refbench.untrusted.redact import without_credentials

PACKAGES = (
    "refbench", "torch", "torchvision", "numpy", "pillow", "scikit-image", "lpips", "pyiqa",
    "stlpips-pytorch", "hydra-core", "mlflow", "pandas", "safetensors", "ray",
)  # fmt: skip
"""Packages whose version can change a number or a file."""

ENVIRONMENT = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "CUDA_VISIBLE_DEVICES",
    "CUBLAS_WORKSPACE_CONFIG", "PYTORCH_CUDA_ALLOC_CONF", "NVIDIA_TF32_OVERRIDE",
    "SLURM_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT",
)  # fmt: skip
"""The only environment variables that are recorded."""


def new_session(
    argv: Sequence[str] | None = None,
    *,
    device: str | None = None,
    threads: int | None = None,
    code: Path | None = None,
) -> dict[str, Any]:
    """Provenance of a run that starts now, for ``Manifest.sessions``; plain data.

    argv: the command line (default: this process's). device: ``cpu`` or ``cuda:0``; of a GPU its name,
    driver and capability are recorded. threads: CPU threads of the networks. code: folder of the package,
    whose git commit is recorded when it is a checkout (default: refbench's).
    """
    package = code or Path(__file__).resolve().parent.parent
    return {
        "id": secrets.token_hex(6),
        "started": now(),
        "command": [without_credentials(a) for a in (sys.argv if argv is None else argv)],
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "cpu": cpu_name(),
        "cpus": os.cpu_count(),
        "threads": threads,
        "device": device,
        "gpu": gpu_facts(device),
        "packages": package_versions(),
        "git": git_state(package),
        "project": project_state(Path.cwd()),
        "environment": {name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
    }


def now() -> str:
    """The time in UTC, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def package_versions(names: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Installed versions, from package metadata: nothing is imported."""
    found: dict[str, str] = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def cpu_name() -> str:
    """Model name of the processor, or the machine type where the system does not tell."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def project_state(folder: Path) -> dict[str, Any] | None:
    """``{"commit", "dirty"}`` of the git checkout that ``folder`` is in, None outside of any: the repository
    of the method that is run, where git_state is that of refbench."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit, "dirty": bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))}


def git_state(package: Path) -> dict[str, Any] | None:
    """``{"commit", "dirty"}`` when ``package`` lies directly in a git checkout of its own, else None.

    An installed copy inside somebody's project is not that project's commit, so the checkout's top
    folder must be the parent of ``package`` and hold its pyproject.toml.
    """
    top = package.parent
    if not (top / ".git").exists() or not (top / "pyproject.toml").exists():
        return None
    commit = _git(top, "rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit, "dirty": bool(_git(top, "status", "--porcelain", "--untracked-files=no"))}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
