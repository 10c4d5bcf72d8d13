"""C2-Matching against the official forward pass."""

from __future__ import annotations

from pathlib import Path

import torch.nn.functional as F

from refbench.conformance.golden_case import GoldenCase
from refbench.matching import match
from refbench.nets.correspondence import level_match
from refbench.nets.matched import SCALES
from refbench.nets.vgg import LEVELS

from .config import RELEASED
from .model import C2Model

OPTIONAL = ("act/content_extractor",)


def run(case: GoldenCase, keys: Path, k: int | None) -> None:
    """Compare every stage with ``case``; there is one match per position, so ``k`` has no meaning."""
    del keys, k
    model = C2Model(RELEASED).eval()
    encoders = model.correspondences
    case.fill(encoders.extractor, "net_extractor")
    case.fill(encoders.texture, "net_map")
    case.fill(model.restoration, "net_g")
    reference = case.image("ref_padded_uint8")
    query = encoders.extractor.query(case.image("up_uint8"))[0]
    key = encoders.extractor.key(reference)[0]
    textures = encoders.texture(reference)
    case.compare("dense_features1", query)
    case.compare("dense_features2", key)
    found = match(query, key)
    case.compare("match/val", found.similarity[0, 0])
    index = case.index("match/idx", found.index[0, 0], case.arrays["match/margin"])
    matches = [level_match(index[None, None], found.similarity, key.shape[3] - 2, s) for s in SCALES]
    for name, texture, level in zip(LEVELS, textures, matches, strict=True):
        case.compare(f"ref_feat/{name}", texture)
        case.compare(f"pre_offset/{name}", level.pre_offset[:, 0])
    case.watch(model.restoration)
    lr = case.image("lq_uint8")
    sr = model.restoration(lr, textures, matches)
    case.compare("sr", sr)
    case.compare("residual", sr - F.interpolate(lr, scale_factor=4, mode="bilinear", align_corners=False))
