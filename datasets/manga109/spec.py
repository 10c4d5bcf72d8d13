"""Spec of Manga109."""

from __future__ import annotations

from refbench.specs import DatasetSpec

SPEC = DatasetSpec(
    name="manga109",
    target="refbench.datasets.manga109.adapter:open_dataset",
    title="Manga109, reference: a fixed other page",
    display="Manga109",
    count=109,
    layout="109 page images in one folder (NNN.png or book titles)",
    source="http://www.manga109.org (application form; also hal-utokyo/Manga109 on Hugging Face, gated)",
    licence="academic use on application; no redistribution",
    paper="Matsui et al., Sketch-based Manga Retrieval Using Manga109 Dataset, MTA 2017",
    bibtex="matsui2017manga109",
)
