"""Spec of CameraFusion."""

from __future__ import annotations

from refbench.specs import DatasetSpec

SPEC = DatasetSpec(
    name="camerafusion",
    target="refbench.datasets.camerafusion.adapter:open_dataset",
    title="CameraFusion: dual camera, x2",
    display="CameraFusion",
    layout="test_LR, test_HR and test_ref with equal names",
    source="https://github.com/Tengfei-Wang/DCSR links the set",
    licence="not stated; research use",
    paper="Wang et al., Dual-Camera Super-Resolution with Aligned Attention Modules, ICCV 2021",
    bibtex="wang2021dcsr",
)
