"""The settings of ``refbench verify``, for the command and for Python."""

from __future__ import annotations

from refbench.config.keys import DEVICE, METHOD, THREADS, WEIGHTS, WEIGHTS_ROOT, Key

VERIFY = (
    METHOD,
    WEIGHTS,
    Key("golden", "path", "FILE.npz of arrays from an official forward pass"),
    Key("keys", "path", "FILE.json with the official parameter names and shapes"),
    DEVICE,
    THREADS,
    WEIGHTS_ROOT,
)
