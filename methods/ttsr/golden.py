"""TTSR against the official forward pass."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from refbench.conformance.golden_case import GoldenCase
from refbench.matching.transfer import transfer

from .config import RELEASED
from .model import SCALES, TtsrModel

OPTIONAL = ()


def run(case: GoldenCase, keys: Path, k: int | None) -> None:
    """Compare every stage with ``case``; there is one match per position, so ``k`` has no meaning."""
    del keys, k
    model = TtsrModel(RELEASED)
    case.fill(model, "TTSR", leave_out="LTE_copy.")
    upsampled = case.image("lr_sr_uint8", signed=True)
    reference = model.encode(
        case.image("ref_crop_uint8", signed=True), case.image("ref_sr_uint8", signed=True)
    )
    case.compare("lte/lrsr_lv3", model.LTE((upsampled + 1.0) / 2.0)[2])
    case.compare("lte/refsr_lv3", reference.key)
    for level, value in enumerate(reference.values, start=1):
        case.compare(f"lte/ref_lv{level}", value)
    found, relevance = model.search(upsampled, reference)
    case.compare("S", relevance)
    index = case.index("match/idx", found[0], case.arrays["match/margin"])[None]
    textures = [transfer(v, index, scale=s) for v, s in zip(reference.values, SCALES, strict=True)]
    for level, texture in enumerate(textures, start=1):
        case.compare(f"T_lv{level}", texture)
    case.watch(model)

    def before_clamp(module: nn.Module, inputs: object, output: Tensor) -> None:
        case.compare("sr_before_clamp", output)

    model.MainNet.merge_tail.register_forward_hook(before_clamp)
    case.compare("sr", model.MainNet(case.image("lr_uint8", signed=True), relevance, textures))
