"""edvr_ref: what it is and its weights."""

from __future__ import annotations

from refbench.nets.options import FUSE_PARAM
from refbench.specs import MethodSpec, WeightsFile, WeightsVariant

SPEC = MethodSpec(
    name="edvr_ref",
    target="refbench.methods.edvr_ref.method:EdvrRef",
    title="EDVR's alignment with HR references (local alignment, no search)",
    display="EDVR-ref",
    scale=4,
    min_refs=0,
    max_refs=16,
    params={"multi": FUSE_PARAM},
    variants=(
        WeightsVariant(
            "compact",
            (
                WeightsFile(
                    "net",
                    "compact.safetensors",
                    source="`refbench train method=edvr_ref preset=compact`",
                    licence="Apache-2.0",
                ),
            ),
            bundled=True,
            note="small net trained on freely licensed photos; EDVR's own weights do not fit",
        ),
    ),
    paper=(
        "after Wang et al., EDVR: Video Restoration with Enhanced Deformable Convolutional Networks, "
        "CVPRW 2019"
    ),
    bibtex="wang2019edvr",
    licence="Apache-2.0",
    tiles=True,
)
