"""Reads a DuSR-RealV2 copy: folders ``LR``, ``HR_CC_curve`` and ``ref`` of ``Paired/test``.

``data.root=.../Unpaired`` has no HR: outputs and no-reference metrics only.
"""

from __future__ import annotations

from ..dual_camera import Layout, adapter
from .spec import SPEC

open_dataset, scan = adapter(
    SPEC, Layout("DuSR-RealV2", ("Paired/test", "test", "."), "HR_CC_curve", "LR", "ref")
)
