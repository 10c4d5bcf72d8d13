"""MRefSR: what it is, its weights, and the numbers published for it."""

from __future__ import annotations

from refbench.nets.options import APPROX_PARAM, FUSE_PARAM, PADDING_PARAM, VGG19
from refbench.specs import MethodSpec, WeightsFile, WeightsVariant

SOURCE = "experiments/pretrained_models/ of github.com/wdmwhh/MRefSR, branch test, commit 8f4a05c"
LICENCE = "MIT by a badge in its README; no licence file"


def _official(restoration: str) -> tuple[WeightsFile, ...]:
    return (
        WeightsFile("extractor", "feature_extraction.pth", source=SOURCE, licence=LICENCE),
        WeightsFile("restoration", restoration, source=SOURCE, licence=LICENCE),
        VGG19,
    )


SPEC = MethodSpec(
    name="mrefsr",
    target="refbench.methods.mrefsr.method:MRefSR",
    title="MRefSR (multi-reference fusion)",
    scale=4,
    min_refs=1,
    max_refs=16,
    params={"padding": PADDING_PARAM, "multi": FUSE_PARAM, "approx": APPROX_PARAM},
    variants=(
        WeightsVariant("mse", _official("mrefsr_mse.pth"), note="reconstruction loss only"),
        WeightsVariant("gan", _official("mrefsr_gan.pth"), note="with perceptual and adversarial loss"),
        WeightsVariant(
            "compact",
            (
                WeightsFile(
                    "net", "compact.safetensors", source="`refbench train method=mrefsr preset=compact`"
                ),
            ),
            bundled=True,
            note="small net trained on freely licensed photos; not the official one",
        ),
    ),
    paper=(
        "Zhang et al., LMR: A Large-Scale Multi-Reference Dataset for Reference-based Super-Resolution, "
        "CVPR 2023"
    ),
    licence=f"Apache-2.0; weights {LICENCE}",
    code=("refbench.nets", "refbench.matching", "refbench.tiling", "refbench.imaging", "refbench.tensors"),
    tiles=True,
)
