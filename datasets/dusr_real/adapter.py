"""Reads a DuSR-Real copy: ``LR``, ``HR`` and ``Ref_SIFT`` of the test part, and its box file."""

from __future__ import annotations

from ..dual_camera import Layout, adapter
from .spec import SPEC

open_dataset, scan = adapter(SPEC, Layout("DuSR-Real", ("test", "."), "HR", "LR", "Ref_SIFT"))
