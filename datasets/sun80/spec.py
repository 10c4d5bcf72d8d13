"""Spec of Sun80."""

from __future__ import annotations

from refbench.specs import DatasetSpec

SPEC = DatasetSpec(
    name="sun80",
    target="refbench.datasets.sun80.adapter:open_dataset",
    title="Sun80 with scene matches",
    display="Sun80",
    count=80,
    layout="Sun_Hays_SR_groundtruth/*.jpg with Sun_Hays_SR_scenematches/<input>/*.jpg, or the HR images of "
    "SelfExSR's Sun-Hays80 alone",
    source="Sun_Hays_SR_groundtruth.zip and Sun_Hays_SR_scenematches.zip of cs.brown.edu/~lbsun/SRproj2012 "
    "(reported dead); HR alone: https://github.com/jbhuang0604/SelfExSR",
    licence="web photos without a stated licence; research use",
    paper="Sun and Hays, Super-resolution from Internet-scale Scene Matching, ICCP 2012",
    bibtex="sun2012scenematching",
)
