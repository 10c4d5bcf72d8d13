"""Failures of the machine and of the installation, told from faults of ours, in one line."""

from __future__ import annotations

_LIBRARY = ("shared object", "cannot allocate memory", "undefined symbol", "elf", "dll load failed", "dlopen")
_NO_MEMORY = (
    "failed to map segment", "cannot allocate memory", "can't start new thread", "not enough memory",
    "can't allocate memory",
)  # fmt: skip
REMEDY = "more memory or address space is needed (ulimit -v, the container's limit)"


def machine_failure(error: BaseException) -> str | None:
    """One line for memory that ran out and for a library that cannot be loaded; None for anything else."""
    first: BaseException = error
    # numpy and others wrap the loader's message in a page of advice
    while isinstance(inner := first.__cause__ or first.__context__, ImportError | MemoryError):
        first = inner
    text = " ".join(str(first).split())[:300]
    lower = text.lower()
    if isinstance(first, MemoryError):
        return f"out of memory{f' ({text})' if text else ''}; {REMEDY}, or memory.limit= for large images"
    if isinstance(first, ImportError) and any(word in lower for word in _LIBRARY):
        remedy = (
            REMEDY if any(word in lower for word in _NO_MEMORY) else "install the package that holds it anew"
        )
        return f"cannot load a library: {text}; {remedy}"
    if isinstance(first, RuntimeError | OSError) and any(word in lower for word in _NO_MEMORY):
        return f"{text}; {REMEDY}"
    return None
