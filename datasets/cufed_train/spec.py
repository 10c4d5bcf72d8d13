"""Spec of the CUFED training set."""

from __future__ import annotations

from refbench.specs import DatasetSpec

SPEC = DatasetSpec(
    name="cufed_train",
    target="refbench.datasets.cufed_train.adapter:open_dataset",
    title="CUFED training pairs (160x160)",
    count=11871,
    layout="input/X.png and ref/X.png of the same name",
    source="the SRNTT project page (https://github.com/ZZUTK/SRNTT) links CUFED_SRNTT.zip",
    licence="Flickr photos without an explicit licence; research use",
    paper="Zhang et al., Image Super-Resolution by Neural Texture Transfer, CVPR 2019",
    bibtex="zhang2019srntt",
)
