"""DATSR against the official forward pass, with one match per position and with K."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from refbench.conformance.golden import read_arrays, read_networks
from refbench.conformance.golden_case import GoldenCase
from refbench.errors import UserError
from refbench.matching import match
from refbench.nets.correspondence import level_match
from refbench.nets.matched import SCALES
from refbench.nets.vgg import LEVELS

from .config import RELEASED
from .model import DatsrModel

OPTIONAL = ("act/content_extractor",)
"""The released net computes it and throws it away."""


def run(case: GoldenCase, keys: Path, k: int | None) -> None:
    """Compare with ``case``; its K>1 files borrow inputs and encoders from the K=1 file next to them."""
    if any(name.startswith("sr_K") for name in case.names):
        _run_many(case, keys, k)
        return
    if k not in (None, 1):
        raise UserError(f"{case.path}: was made with K=1; method.k={k} needs a file that stores sr_K{k}")
    model = _filled(case, case)
    query, key, textures = _features(case, case, model)
    found = match(query, key)
    case.compare("match/val", found.similarity[0, 0])
    index = case.index("match/idx", found.index[0, 0], case.arrays["match/margin"])
    matches = [level_match(index[None, None], found.similarity, key.shape[3] - 2, s) for s in SCALES]
    for name, texture, level in zip(LEVELS, textures, matches, strict=True):
        case.compare(f"ref_feat/{name}", texture)
        case.compare(f"pre_offset/{name}", level.pre_offset[:, 0])
        case.compare(f"pre_flow/{name}", level.flow[:, 0])
        case.compare(f"pre_similarity/{name}", level.similarity[:, 0])
    case.watch(model.restoration)
    lr = case.image("lq_uint8")
    model.restoration.content_extractor(lr)
    sr = model.restoration(lr, textures, matches)
    case.compare("sr", sr)
    case.compare("residual", sr - F.interpolate(lr, scale_factor=4, mode="bilinear", align_corners=False))


def _filled(case: GoldenCase, encoders: GoldenCase) -> DatsrModel:
    model = DatsrModel(RELEASED)
    encoders.fill(model.correspondences.extractor, "net_extractor")
    encoders.fill(model.correspondences.texture, "net_map")
    case.fill(model.restoration, "net_g")
    return model.eval()


def _features(case: GoldenCase, inputs: GoldenCase, model: DatsrModel) -> tuple[Tensor, Tensor, list[Tensor]]:
    reference = inputs.image("ref_padded_uint8")
    query = model.correspondences.extractor.query(inputs.image("up_uint8"))[0]
    key = model.correspondences.extractor.key(reference)[0]
    case.compare("dense_features1", query)
    case.compare("dense_features2", key)
    return query, key, model.correspondences.texture(reference)


def _run_many(case: GoldenCase, keys: Path, k: int | None) -> None:
    """K matches: ``sr_K<k>`` and, on the same weights, ``sr_K1``."""
    count = case.arrays["match/val_top2"].shape[0]
    if k not in (None, count):
        raise UserError(f"{case.path}: was made with K={count}; give method.k={count}")
    companions = _companion(case.path), _companion(keys)
    inputs = GoldenCase(
        case.method,
        companions[0],
        read_arrays(companions[0]),
        read_networks(companions[1]),
        device=case.device,
    )
    model = _filled(case, inputs)
    case.results[:0] = inputs.results
    query, key, textures = _features(case, inputs, model)
    # one more than K, so that the K-th index has a margin as well
    found = match(query, key, k=count + 1)
    similarity = found.similarity[0]
    gaps = torch.minimum(
        (similarity[:-1] - similarity[1:]),
        torch.cat((torch.full_like(similarity[:1], 2.0), similarity[:-2] - similarity[1:-1])),
    )
    index = case.index("match/idx_top2", found.index[0, :count], gaps.cpu().numpy())
    case.compare("match/val_top2", similarity[:count])
    width = key.shape[3] - 2
    matches = [level_match(index[None], found.similarity[:, :count], width, s) for s in SCALES]
    for name, level in zip(LEVELS, matches, strict=True):
        case.compare(f"pre_offset/{name}", level.pre_offset)
        case.compare(f"pre_flow/{name}", level.flow)
        case.compare(f"pre_similarity/{name}", level.similarity)
    lr = inputs.image("lq_uint8")
    case.compare(f"sr_K{count}", model.restoration(lr, textures, matches))
    single = [level_match(index[None, :1], found.similarity[:, :1], width, s) for s in SCALES]
    case.compare("sr_K1", model.restoration(lr, textures, single))


def _companion(path: Path) -> Path:
    """``datsr_mul.sq.npz`` -> ``datsr.sq.npz`` in the same folder."""
    other = path.with_name(path.name.replace("_mul", ""))
    if other == path:
        raise UserError(
            f"{path}: a K>1 golden file is called datsr_mul*, next to the datsr* file with its inputs"
        )
    return other
