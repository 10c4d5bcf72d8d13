"""MRefSR: what it is, its weights, and the numbers published for it."""

from __future__ import annotations

from refbench.nets.options import APPROX_PARAM, FUSE_PARAM, PADDING_PARAM, VGG19
from refbench.specs import MethodSpec, WeightsFile, WeightsVariant

COMMIT = "8f4a05c4"
"""Of branch ``test``. In earlier ones the two mrefsr files are links to nothing."""
FOLDER = "experiments/pretrained_models"
SOURCE = f"{FOLDER}/ of github.com/wdmwhh/MRefSR, branch test, commit {COMMIT}"
LICENCE = "MIT by a badge in its README; no licence file"


def _committed(role: str, name: str, blob: str) -> WeightsFile:
    url = f"https://github.com/wdmwhh/MRefSR/raw/{COMMIT}/{FOLDER}/{name}"
    return WeightsFile(role, name, git_blob=blob, url=url, source=SOURCE, licence=LICENCE)


EXTRACTOR = _committed("extractor", "feature_extraction.pth", "220edd545d92f5708f762f67e470191dc42cdddd")
MSE = _committed("restoration", "mrefsr_mse.pth", "76ab102c3617dfe3a87439f420bf53c21927609b")
GAN = _committed("restoration", "mrefsr_gan.pth", "9f012bd4ac42b1f32ccce52a49aa558de565b677")


SPEC = MethodSpec(
    name="mrefsr",
    target="refbench.methods.mrefsr.method:MRefSR",
    title="MRefSR (multi-reference fusion)",
    display="MRefSR",
    scale=4,
    min_refs=1,
    max_refs=16,
    params={"padding": PADDING_PARAM, "multi": FUSE_PARAM, "approx": APPROX_PARAM},
    variants=(
        WeightsVariant("mse", (EXTRACTOR, MSE, VGG19), note="reconstruction loss only"),
        WeightsVariant("gan", (EXTRACTOR, GAN, VGG19), note="with perceptual and adversarial loss"),
        WeightsVariant(
            "compact",
            (
                WeightsFile(
                    "net",
                    "compact.safetensors",
                    source="`refbench train method=mrefsr preset=compact`",
                    licence="Apache-2.0",
                ),
            ),
            bundled=True,
            note="small net trained on freely licensed photos; not the official one",
        ),
    ),
    paper=(
        "Zhang et al., LMR: A Large-Scale Multi-Reference Dataset for Reference-based Super-Resolution, "
        "ICCV 2023"
    ),
    bibtex="zhang2023lmr",
    licence=f"Apache-2.0; weights {LICENCE}",
    tiles=True,
)
