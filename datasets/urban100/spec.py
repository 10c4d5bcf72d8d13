"""Spec of Urban100."""

from __future__ import annotations

from refbench.specs import DatasetSpec

SPEC = DatasetSpec(
    name="urban100",
    target="refbench.datasets.urban100.adapter:open_dataset",
    title="Urban100 (no references: protocols take the LR image)",
    display="Urban100",
    count=100,
    layout="img_NNN.png, NNN.png or SelfExSR's image_SRF_4/img_NNN_SRF_4_HR.png",
    source="https://github.com/jbhuang0604/SelfExSR",
    licence="Flickr photos under Creative Commons, per image; research use",
    paper="Huang et al., Single Image SR from Transformed Self-Exemplars, CVPR 2015",
    bibtex="huang2015selfexsr",
)
