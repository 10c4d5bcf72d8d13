"""A Chrome trace of one call (chrome://tracing, Perfetto), with the stages as named spans."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refbench.errors import UserError
from refbench.stages import recording

if TYPE_CHECKING:
    import torch


class SpanRecorder:
    """Marks stages in the profiler's record as ``stage:NAME``."""

    def __init__(self) -> None:
        self._open: list[Any] = []

    def enter(self, name: str) -> None:
        """A stage opens."""
        from torch.profiler import record_function

        span = record_function(f"stage:{name}")
        span.__enter__()  # type: ignore[no-untyped-call]
        self._open.append(span)

    def leave(self, name: str) -> None:
        """The innermost open stage closes."""
        self._open.pop().__exit__(None, None, None)


def write_trace(call: Callable[[], object], path: Path, device: torch.device) -> None:
    """Run ``call`` under torch.profiler and write its trace. UserError when ``path`` cannot be written."""
    from torch.profiler import ProfilerActivity, profile

    activities = [ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as profiler, recording(SpanRecorder()):
        call()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        profiler.export_chrome_trace(str(path))
    except (OSError, RuntimeError) as error:
        raise UserError(f"trace={path}: cannot be written ({error})") from error
