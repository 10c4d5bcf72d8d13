"""Reads a Nikon copy: folders ``test_LR``, ``test_HR`` and ``test_ref``."""

from __future__ import annotations

from ..dual_camera import Layout, adapter
from .spec import SPEC

open_dataset, scan = adapter(SPEC, Layout("Nikon", (".",), "test_HR", "test_LR", "test_ref"))
