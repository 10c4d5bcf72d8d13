"""EDVR: what it is and its weights."""

from __future__ import annotations

from refbench.nets.options import FUSE_PARAM
from refbench.specs import MethodSpec, WeightsFile, WeightsVariant

BASICSR = "docs/ModelZoo.md of github.com/XPixelGroup/BasicSR"
YEAR_2019 = "the README of github.com/xinntao/EDVR, branch old_version"
LICENCE = "Apache-2.0"


def _basicsr(name: str, digest: str) -> tuple[WeightsFile, ...]:
    file = f"{name}_official-{digest}.pth"
    return (WeightsFile("net", file, sha256_prefix=digest, source=BASICSR, licence=LICENCE),)


def _old(name: str) -> tuple[WeightsFile, ...]:
    return (WeightsFile("net", name, source=YEAR_2019, licence=LICENCE),)


SPEC = MethodSpec(
    name="edvr",
    target="refbench.methods.edvr.method:Edvr",
    title="EDVR (references at LR size as neighbour frames)",
    display="EDVR",
    scale=4,
    min_refs=0,
    max_refs=6,
    params={"multi": FUSE_PARAM},
    variants=(
        WeightsVariant("m", _basicsr("EDVR_M_x4_SR_REDS", "32075921"), note="M, 5 frames, REDS"),
        WeightsVariant("l", _basicsr("EDVR_L_x4_SR_REDS", "9f5f5039"), note="L, 5 frames, REDS"),
        WeightsVariant(
            "l_vimeo", _basicsr("EDVR_L_x4_SR_Vimeo90K", "162b54e4"), note="L, 7 frames, Vimeo-90K"
        ),
        WeightsVariant("m_2019", _old("EDVR_REDS_SR_M.pth"), note="M, 5 frames, REDS, 2019 layout"),
        WeightsVariant(
            "m_wotsa_2019", _old("EDVR_REDS_SR_M_woTSA.pth"), note="M without TSA, REDS, 2019 layout"
        ),
        WeightsVariant("l_2019", _old("EDVR_REDS_SR_L.pth"), note="L, 5 frames, REDS, 2019 layout"),
        WeightsVariant(
            "l_vimeo_2019", _old("EDVR_Vimeo90K_SR_L.pth"), note="L, 7 frames, Vimeo-90K, 2019 layout"
        ),
    ),
    paper=(
        "Wang et al., EDVR: Video Restoration with Enhanced Deformable Convolutional Networks, CVPRW 2019"
    ),
    bibtex="wang2019edvr",
    licence=LICENCE,
    tiles=True,
)
