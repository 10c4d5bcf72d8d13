"""Resident-set readings on Linux; None where the system does not offer them."""

from __future__ import annotations

from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def _read(field: str) -> float | None:
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) / 1024.0
    except OSError:
        pass
    return None


def resident_mb() -> float | None:
    """Resident set now, MiB."""
    return _read("VmRSS:")


def peak_resident_mb() -> float | None:
    """Largest resident set since :func:`reset_peak` (or the process's start), MiB."""
    return _read("VmHWM:")


def reset_peak() -> bool:
    """Start a new peak measurement; False where the kernel refuses (the peak is then the process's)."""
    try:
        _CLEAR.write_text("5")
    except OSError:
        return False
    return True
