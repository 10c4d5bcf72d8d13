"""Reads WR-SR as ReFIR publishes it, with LR images."""

from __future__ import annotations

from ..given_lr import adapter
from .spec import SPEC

open_dataset, scan = adapter(SPEC, (".", "WR-SR", "WRSR", "wrsr"))
