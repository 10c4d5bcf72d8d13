"""MRefSR against the official forward pass, and its head alone against the official head."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refbench.conformance.golden_case import GoldenCase
from refbench.matching import match
from refbench.nets.correspondence import LevelMatch, level_match
from refbench.nets.matched import SCALES
from refbench.nets.vgg import LEVELS
from refbench.tiling import Window

from .config import RELEASED
from .head import MultiReferenceHead, Source, reflected
from .model import MRefModel
from .net import missing_at

OPTIONAL = ()
BATCHED = ("conv_emb1", "conv_emb2", "conv_ass")
"""Of a head: stored for all references at once, where the net takes them one by one."""


def run(case: GoldenCase, keys: Path, k: int | None) -> None:
    """Compare every stage with ``case``; there is one match per position, so ``k`` has no meaning."""
    del keys, k
    model = MRefModel(RELEASED).eval()
    case.fill(model.correspondences.extractor, "net_extractor")
    case.fill(model.correspondences.texture, "net_map")
    case.fill(model.restoration, "net_g")
    if case.has("a/target"):
        _heads(case, model)
    else:
        _net(case, model)


def _heads(case: GoldenCase, model: MRefModel) -> None:
    """The finest head on features that the file gives."""
    head = model.restoration.dyn_agg_restore.heads()["large"]
    for name in sorted({array.partition("/")[0] for array in case.arrays}):
        target, references = case.given(f"{name}/target"), case.given(f"{name}/refs")
        seen = _Heads({"large": head})
        out = head(target, len(references), _sources(references), _missing(target))
        seen.close()
        case.compare(f"{name}/weights", seen.weights("large"))
        case.compare(f"{name}/out", out)


def _sources(references: Tensor) -> Source:
    return lambda number: (references[number], None)


def _missing(x: Tensor) -> tuple[int, int]:
    size = (x.shape[2], x.shape[3])
    return missing_at(Window(0, 0, *size), size)


def _net(case: GoldenCase, model: MRefModel) -> None:
    encoders, net = model.correspondences, model.restoration
    query = encoders.extractor.query(case.image("up_uint8"))[0]
    case.compare("dense_features1", query)
    textures: list[list[Tensor]] = []
    matches: list[list[LevelMatch]] = []
    while not textures or f"ref{len(textures) + 1}_padded_uint8" in case.arrays:
        number = len(textures) + 1
        reference = case.image(f"ref{number}_padded_uint8")
        key = encoders.extractor.key(reference)[0]
        case.compare(f"dense_features2/{number}", key)
        found = match(query, key)
        place = f"match/{number}"
        case.compare(f"{place}/val", found.similarity[0, 0])
        index = case.index(f"{place}/idx", found.index[0, 0], case.arrays[f"{place}/margin"])
        width = key.shape[3] - 2
        textures.append(encoders.texture(reference))
        matches.append([level_match(index[None, None], found.similarity, width, s) for s in SCALES])
        for name, texture, level in zip(LEVELS, textures[-1], matches[-1], strict=True):
            case.compare(f"ref_feat/{number}/{name}", texture)
            case.compare(f"pre_offset/{number}/{name}", level.pre_offset[:, 0])
    heads = net.dyn_agg_restore.heads()
    seen = _Heads(heads)
    case.watch(net, without=[f"dyn_agg_restore.head_{name}.{part}" for name in heads for part in BATCHED])
    lr = case.image("lq_uint8")
    sr = net(lr, textures, matches)
    seen.close()
    for name in heads:
        for part, value in seen.batched(name).items():
            case.compare(f"act/dyn_agg_restore.head_{name}.{part}", value)
        case.compare(f"head/{name}/weights", seen.weights(name))
    case.compare("sr", sr)
    case.compare("residual", sr - F.interpolate(lr, scale_factor=4, mode="bilinear", align_corners=False))


class _Heads:
    """What goes into each head, so that what is stored for all references at once can be laid together."""

    def __init__(self, heads: Mapping[str, MultiReferenceHead]) -> None:
        self._heads = heads
        self._x: dict[str, Tensor] = {}
        self._textures: dict[str, list[Tensor]] = {name: [] for name in heads}
        self._hooks = []
        for name, head in heads.items():
            self._hooks.append(head.register_forward_pre_hook(self._keeps_x(name)))
            self._hooks.append(head.conv_ass.register_forward_pre_hook(self._keeps_texture(name)))

    def _keeps_x(self, name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def keep(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            self._x[name] = reflected(inputs[0], *inputs[3])

        return keep

    def _keeps_texture(self, name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        return lambda _, inputs: self._textures[name].append(inputs[0])

    def batched(self, name: str) -> dict[str, Tensor]:
        """Embeddings and values of all references, sample-major: (B * K, C, H, W)."""
        head, stacked = self._heads[name], torch.stack(self._textures[name], dim=1).flatten(0, 1)
        values = (head.conv_emb1(self._x[name]), head.conv_emb2(stacked), head.conv_ass(stacked))
        return dict(zip(BATCHED, values, strict=True))

    def weights(self, name: str) -> Tensor:
        """Softmax over references (B, K, H, W)."""
        head = self._heads[name]
        query = head.conv_emb1(self._x[name])
        scores = [head.score(query, head.conv_emb2(texture)) for texture in self._textures[name]]
        return torch.softmax(torch.cat(scores, dim=1), dim=1)

    def close(self) -> None:
        """Stop looking."""
        for hook in self._hooks:
            hook.remove()
