"""Numeric precision as a scope: set, and put back as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

PRECISIONS = ("fp32", "tf32", "bf16")


@contextmanager
def precision_scope(name: str) -> Iterator[None]:
    """``fp32`` turns TF32 off for convolutions and matmuls alike (cuDNN's TF32 is on by default), ``tf32``
    turns both on, ``bf16`` adds autocast. The former settings come back afterwards."""
    import torch

    conv, matmul = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = name != "fp32"
    try:
        if name == "bf16":
            device = "cuda" if torch.cuda.is_available() else "cpu"
            with torch.autocast(device, dtype=torch.bfloat16):
                yield
        else:
            yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = conv, matmul
