"""MASA: what it is, its weights, and the numbers published for it.

The authors state no licence, neither for their code nor for their weights. Nothing of theirs is in this
folder: the nets are written from a description of the architecture and checked by golden vectors.
"""

from __future__ import annotations

from refbench.nets.options import MULTI_PARAM
from refbench.specs import MethodSpec, WeightsFile, WeightsVariant

SOURCE = "the README of github.com/dvlab-research/MASA-SR"
LICENCE = "not stated; ask the authors before use"

SPEC = MethodSpec(
    name="masa",
    target="refbench.methods.masa.method:Masa",
    title="MASA-SR (matching acceleration)",
    display="MASA",
    scale=4,
    min_refs=1,
    max_refs=16,
    params={"multi": MULTI_PARAM},
    variants=(
        WeightsVariant(
            "mse",
            (WeightsFile("net", "masa_rec.pth", source=SOURCE, licence=LICENCE),),
            note="reconstruction loss only",
        ),
        WeightsVariant(
            "gan",
            (WeightsFile("net", "masa.pth", source=SOURCE, licence=LICENCE),),
            note="with perceptual and adversarial loss",
        ),
    ),
    paper=(
        "Lu et al., MASA-SR: Matching Acceleration and Spatial Adaptation for Reference-Based Image "
        "Super-Resolution, CVPR 2021"
    ),
    bibtex="lu2021masa",
    licence="Apache-2.0; weights: not stated",
)
