"""Spec of WR-SR with given LR images."""

from __future__ import annotations

from refbench.specs import DatasetSpec

SPEC = DatasetSpec(
    name="wrsr_given_lr",
    target="refbench.datasets.wrsr_given_lr.adapter:open_dataset",
    title="WR-SR with ReFIR's LR images (Real-ESRGAN degradation)",
    display="WR-SR (given LR)",
    count=80,
    layout="NNN_HR.png, NNN_LR.png and NNN_ref.png, in Real_Deg/HR, Real_Deg/LR and ref or in one folder",
    source="https://github.com/csguoh/ReFIR links the images",
    licence="as the set itself; research use",
    paper="Guo et al., ReFIR: Grounding Large Restoration Models with Retrieval Augmentation, NeurIPS 2024",
    bibtex="guo2024refir",
)
