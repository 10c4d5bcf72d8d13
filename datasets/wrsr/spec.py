"""Spec of WR-SR."""

from __future__ import annotations

from refbench.specs import DatasetSpec

SPEC = DatasetSpec(
    name="wrsr",
    target="refbench.datasets.wrsr.adapter:open_dataset",
    title="WR-SR test set",
    display="WR-SR",
    count=80,
    layout="input/NNN.png and ref/NNN_ref.png",
    source="the C2-Matching project page (https://github.com/yumingj/C2-Matching) links WR-SR",
    licence="web images without a licence; research use",
    paper="Jiang et al., Robust Reference-based Super-Resolution via C2-Matching, CVPR 2021",
    bibtex="jiang2021c2matching",
)
