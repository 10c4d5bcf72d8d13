"""TTSR: what it is, its weights, and the numbers published for it."""

from __future__ import annotations

from refbench.nets.options import APPROX_PARAM, MULTI_PARAM
from refbench.specs import MethodSpec, WeightsFile, WeightsVariant

SOURCE = "https://drive.google.com/drive/folders/1CTm-r3hSbdYVCySuQ27GsrqXhhVOS-qh"

SPEC = MethodSpec(
    name="ttsr",
    target="refbench.methods.ttsr.method:Ttsr",
    title="TTSR (texture transformer)",
    display="TTSR",
    scale=4,
    min_refs=1,
    max_refs=16,
    params={"multi": MULTI_PARAM, "approx": APPROX_PARAM},
    variants=(
        WeightsVariant(
            "mse",
            (WeightsFile("net", "TTSR-rec.pt", source=SOURCE, licence="MIT"),),
            note="reconstruction loss only",
        ),
        WeightsVariant(
            "gan",
            (WeightsFile("net", "TTSR.pt", source=SOURCE, licence="MIT"),),
            note="with perceptual, transferal perceptual and adversarial loss",
        ),
        WeightsVariant(
            "compact",
            (
                WeightsFile(
                    "net",
                    "compact.safetensors",
                    source="`refbench train method=ttsr preset=compact`",
                    licence="Apache-2.0",
                ),
            ),
            bundled=True,
            note="small net trained on freely licensed photos; not the official one",
        ),
    ),
    paper="Yang et al., Learning Texture Transformer Network for Image Super-Resolution, CVPR 2020",
    bibtex="yang2020ttsr",
    licence="Apache-2.0; weights MIT",
    tiles=True,
)
