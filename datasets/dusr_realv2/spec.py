"""Spec of DuSR-RealV2."""

from __future__ import annotations

from refbench.specs import DatasetSpec

SPEC = DatasetSpec(
    name="dusr_realv2",
    target="refbench.datasets.dusr_realv2.adapter:open_dataset",
    title="DuSR-RealV2: dual camera, x2",
    display="DuSR-RealV2",
    layout="Paired/test/LR, HR_CC_curve and ref with equal names (Unpaired/test: without HR)",
    source="Hugging Face data set zhangfangpu/DuSR-RealV2",
    licence="not stated; research use",
)
