"""``threads=``: a bound on torch's CPU threads."""

from __future__ import annotations


def set_threads(threads: int | None) -> None:
    """Let torch use this many CPU threads in this process; None leaves its own choice."""
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
