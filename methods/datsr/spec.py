"""DATSR: what it is, its weights, and the numbers published for it."""

from __future__ import annotations

from refbench.nets.options import APPROX_PARAM, MULTI_PARAM, PADDING_PARAM, VGG19
from refbench.specs import MethodSpec, Param, WeightsFile, WeightsVariant

SOURCE = "https://github.com/caojiezhang/DATSR/releases/tag/v0.0"
LICENCE = "CC-BY-NC-4.0"


def _official(restoration: str) -> tuple[WeightsFile, ...]:
    return (
        WeightsFile("extractor", "feature_extraction.pth", source=SOURCE, licence=LICENCE),
        WeightsFile("restoration", restoration, source=SOURCE, licence=LICENCE),
        VGG19,
    )


SPEC = MethodSpec(
    name="datsr",
    target="refbench.methods.datsr.method:Datsr",
    title="DATSR (deformable attention transformer)",
    display="DATSR",
    scale=4,
    min_refs=1,
    max_refs=16,
    params={
        "k": Param(
            None, "matches mixed per position by the softmax of their similarities; default: the net's"
        ),
        "padding": PADDING_PARAM,
        "multi": MULTI_PARAM,
        "approx": APPROX_PARAM,
    },
    variants=(
        WeightsVariant("mse", _official("restoration_mse.pth"), note="reconstruction loss only"),
        WeightsVariant("gan", _official("restoration_gan.pth"), note="with perceptual and adversarial loss"),
        WeightsVariant(
            "compact",
            (
                WeightsFile(
                    "net",
                    "compact.safetensors",
                    source="`refbench train method=datsr preset=compact`",
                    licence="Apache-2.0",
                ),
            ),
            bundled=True,
            note="small net trained on freely licensed photos; not the official one",
        ),
    ),
    paper="Cao et al., Reference-based Image SR with Deformable Attention Transformer, ECCV 2022",
    bibtex="cao2022datsr",
    licence=f"Apache-2.0; weights {LICENCE}",
    tiles=True,
)
