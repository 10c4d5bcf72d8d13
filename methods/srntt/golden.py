"""SRNTT against the forward pass of its PyTorch port."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F

from refbench.conformance.golden_case import GoldenCase
from refbench.errors import UserError
from refbench.matching import match
from refbench.matching.transfer import swap
from refbench.nets.matched import SCALES
from refbench.nets.vgg import LEVELS

from .config import PORT, UNWEIGHTED
from .model import SrnttModel

OPTIONAL = ()
HAND_SET = ("texture_transfer.a", "texture_transfer.b")
"""Values that the weight rule does not give; the key file carries them."""


def run(case: GoldenCase, keys: Path, k: int | None) -> None:
    """Compare every stage with ``case``; there is one match per position, so ``k`` has no meaning."""
    del k
    weighted = any(e["name"] == HAND_SET[0] for e in case.entries("net_g"))
    model = SrnttModel(PORT if weighted else UNWEIGHTED).eval().to(case.device)
    net, trunk = model.restoration, model.texture.vgg.get_submodule("vgg_net")
    case.fill(net, "net_g")
    listed = [e for e in case.entries("vgg") if e.get("kind") != "buffer"]
    case.fill_as(trunk, "vgg", listed, lambda name: name.removeprefix("net."))
    if weighted:
        _set_by_hand(net.texture_transfer, keys)
    up, blurred = case.image("up_uint8"), case.image("ref_blur_uint8")
    of_up, textures = model.texture(up), model.texture(case.image("ref_uint8"))
    for name, mine, theirs in zip(LEVELS, of_up, textures, strict=True):
        case.compare(f"vgg/up/{name}", mine)
        case.compare(f"vgg/ref/{name}", theirs)
    found = match(of_up[-1], model.texture(blurred)[-1], flavour="srntt")
    case.compare("match/weights", found.similarity[0, 0])
    index = case.index("match/idx", found.index[0, 0], case.arrays["match/margin"])[None]
    swapped = [
        swap(value, index, found.reference_grid[1], scale=scale)
        for value, scale in zip(textures, SCALES, strict=True)
    ]
    weights = net.texture_transfer.weights(found.similarity)
    weighed = swapped if weights is None else [t * w for t, w in zip(swapped, weights, strict=True)]
    for name, before, after in zip(LEVELS, swapped, weighed, strict=True):
        case.compare(f"swapped/{name}", before)
        case.compare(f"weighted/{name}", after)
    case.watch(net)
    lr = case.image("lr_uint8")
    sr = net(lr, lambda level, window: window.of(weighed[level]))
    base = F.interpolate(lr, scale_factor=4, mode="bilinear", align_corners=False)
    case.compare("sr", sr)
    case.compare("residual", sr - base)
    # only the port's first training stage looks at the enlargement without a reference
    start = net.content_extractor.head(lr)
    plain = net.content_extractor.tail(net.content_extractor.body(start) + start)
    case.compare("sr_plain", plain + base)


def _set_by_hand(module: torch.nn.Module, keys: Path) -> None:
    meta = json.loads(keys.read_text(encoding="utf-8")).get("meta", {})
    for name in HAND_SET:
        if name not in meta:
            raise UserError(f"keys={keys}: meta.{name} is missing; the weight rule does not give its values")
        parameter = module.get_parameter(name.rpartition(".")[2])
        parameter.copy_(torch.tensor(meta[name]))
