"""C2-Matching: what it is, its weights, and the numbers published for it."""

from __future__ import annotations

from refbench.nets.options import APPROX_PARAM, MULTI_PARAM, PADDING_PARAM, VGG19
from refbench.specs import MethodSpec, WeightsFile, WeightsVariant

SOURCE = "https://drive.google.com/drive/folders/1dTkXMzeBrHelVQUEx5zib5MdmvqDaSd9"
LICENCE = "Apache-2.0 (its README says MIT)"


def _official(restoration: str) -> tuple[WeightsFile, ...]:
    return (
        WeightsFile("extractor", "feature_extraction.pth", source=SOURCE, licence=LICENCE),
        WeightsFile("restoration", restoration, source=SOURCE, licence=LICENCE),
        VGG19,
    )


SPEC = MethodSpec(
    name="c2_matching",
    target="refbench.methods.c2_matching.method:C2Matching",
    title="C2-Matching",
    display="C2-Matching",
    scale=4,
    min_refs=1,
    max_refs=16,
    params={
        "padding": PADDING_PARAM,
        "multi": MULTI_PARAM,
        "approx": APPROX_PARAM,
    },
    variants=(
        WeightsVariant("mse", _official("c2_matching_restoration_mse.pth"), note="reconstruction loss only"),
        WeightsVariant(
            "gan", _official("c2_matching_restoration.pth"), note="with perceptual and adversarial loss"
        ),
        WeightsVariant(
            "compact",
            (
                WeightsFile(
                    "net",
                    "compact.safetensors",
                    source="`refbench train method=c2_matching preset=compact`",
                    licence="Apache-2.0",
                ),
            ),
            bundled=True,
            note="small net trained on freely licensed photos; not the official one",
        ),
    ),
    paper="Jiang et al., Robust Reference-based Super-Resolution via C2-Matching, CVPR 2021",
    bibtex="jiang2021c2matching",
    licence=f"Apache-2.0; weights {LICENCE}",
    tiles=True,
)
