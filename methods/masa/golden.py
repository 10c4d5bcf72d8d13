"""MASA against the official forward pass."""

from __future__ import annotations

from pathlib import Path

import torch.nn.functional as F

from refbench.conformance.golden_case import GoldenCase

from .config import RELEASED
from .model import BlockMatch, MasaModel
from .search import coarse_search, dense_search, geometry, window_starts
from .warp import centres

OPTIONAL = ()


def run(case: GoldenCase, keys: Path, k: int | None) -> None:
    """Compare every stage with ``case``; there is one match per pixel, so ``k`` has no meaning."""
    del keys, k
    model = MasaModel(RELEASED)
    case.fill(model, "MASA")
    lr, small = case.image("lr_pad_uint8"), case.image("ref_down_uint8")
    levels, reference = model.enc(lr), model.enc(case.image("ref_pad_uint8"))
    small_levels = model.enc(small)
    for name, maps in (("lr", levels), ("refdown", small_levels), ("ref", reference)):
        for level, features in enumerate(maps, start=1):
            case.compare(f"enc/{name}_L{level}", features)
    key = small_levels[0]
    place = geometry((lr.shape[2], lr.shape[3]), (key.shape[2], key.shape[3]), RELEASED)
    coarse, correlation = coarse_search(levels[0], key, place.blocks, RELEASED.dilations)
    case.compare("search/corr", correlation[..., None])
    coarse = case.index("search/idx", coarse[..., None], case.arrays["search/margin"][..., None])[..., 0]
    y, x = window_starts(coarse, place)
    index, similarity = dense_search(levels[0], key, place, y, x)
    case.compare("search_org/corr", similarity[0, ..., None])
    index = case.index("search_org/idx", index[0, ..., None], case.arrays["search_org/margin"][..., None])
    found = BlockMatch(place.blocks, centres(index[None, ..., 0], place, y, x), similarity)
    warped = model.warp((reference[2], reference[1], reference[0]), found)
    for scale, features in zip((1, 2, 4), warped, strict=True):
        case.compare(f"warp_ref_x{scale}", features)
    case.watch(model)
    sr = model.decoder(lr, levels, warped)
    case.compare("sr", sr)
    case.compare("residual", sr - F.interpolate(lr, scale_factor=4, mode="bicubic", align_corners=False))
