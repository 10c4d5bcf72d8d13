"""Spec of CUFED5."""

from __future__ import annotations

from refbench.specs import DatasetSpec

SPEC = DatasetSpec(
    name="cufed5",
    target="refbench.datasets.cufed5.adapter:open_dataset",
    title="CUFED5 test set",
    display="CUFED5",
    count=126,
    layout="NNN_0.png (input) and NNN_1.png to NNN_5.png (references, best first)",
    source="the SRNTT project page (https://github.com/ZZUTK/SRNTT) links CUFED5.zip, 233 MB",
    licence="Flickr photos without an explicit licence; research use",
    paper="Zhang et al., Image Super-Resolution by Neural Texture Transfer, CVPR 2019",
    bibtex="zhang2019srntt",
    embedded="sample",
)
