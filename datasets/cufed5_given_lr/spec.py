"""Spec of CUFED5 with given LR images."""

from __future__ import annotations

from refbench.specs import DatasetSpec

SPEC = DatasetSpec(
    name="cufed5_given_lr",
    target="refbench.datasets.cufed5_given_lr.adapter:open_dataset",
    title="CUFED5 with ReFIR's LR images (Real-ESRGAN degradation)",
    display="CUFED5 (given LR)",
    count=126,
    layout="Real_Deg/HR/NNN_0_HR.png, Real_Deg/LR/NNN_0_LR.png and ref/NNN_1.png",
    source="https://github.com/csguoh/ReFIR links the images",
    licence="as the set itself; research use",
    paper="Guo et al., ReFIR: Grounding Large Restoration Models with Retrieval Augmentation, NeurIPS 2024",
    bibtex="guo2024refir",
)
