"""Reads CUFED5 as ReFIR publishes it, with LR images."""

from __future__ import annotations

from ..given_lr import adapter
from .spec import SPEC

open_dataset, scan = adapter(SPEC, (".", "CUFED5", "cufed5"))
