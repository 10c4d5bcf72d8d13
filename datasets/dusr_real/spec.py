"""Spec of DuSR-Real."""

from __future__ import annotations

from refbench.specs import DatasetSpec

SPEC = DatasetSpec(
    name="dusr_real",
    target="refbench.datasets.dusr_real.adapter:open_dataset",
    title="DuSR-Real: dual camera, x2, with center and corner",
    display="DuSR-Real",
    layout="test/LR, HR and Ref_SIFT with equal names, and corrdinate/corrdinate_DuSR-Real.json",
    source="https://github.com/ZifanCui/KeDuSR links the set and has its box file",
    licence="CC BY-NC-SA 4.0",
    paper="Yue et al., KeDuSR: Real-World Dual-Lens SR via Kernel-Free Matching, AAAI 2024",
    bibtex="yue2024kedusr",
)
