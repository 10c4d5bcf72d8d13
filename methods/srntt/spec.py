"""SRNTT: what it is and its weights.

Hosted is the PyTorch port; the authors' own files are TensorFlow's and do not fit.
"""

from __future__ import annotations

from refbench.nets.options import APPROX_PARAM, MULTI_PARAM, VGG19
from refbench.specs import MethodSpec, WeightsFile, WeightsVariant

SOURCE = "the README of github.com/S-aiueo32/srntt-pytorch (give your file as method.weights=FILE)"
LICENCE = "Apache-2.0"

SPEC = MethodSpec(
    name="srntt",
    target="refbench.methods.srntt.method:Srntt",
    title="SRNTT (neural texture transfer, PyTorch port)",
    display="SRNTT",
    scale=4,
    min_refs=1,
    max_refs=16,
    params={"multi": MULTI_PARAM, "approx": APPROX_PARAM},
    variants=(
        WeightsVariant(
            "port",
            (WeightsFile("net", "srntt.pth", source=SOURCE, licence=LICENCE), VGG19),
            note="of the PyTorch port, not of the authors; any file name goes as method.weights=FILE",
        ),
    ),
    paper="Zhang et al., Image Super-Resolution by Neural Texture Transfer, CVPR 2019",
    bibtex="zhang2019srntt",
    licence=LICENCE,
    tiles=True,
)
