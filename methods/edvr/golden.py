"""EDVR against the official forward pass, in either layout of its keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refbench.conformance.golden_case import GoldenCase
from refbench.errors import UserError

from .config import config_of
from .layout import basicsr_name
from .net import EdvrNet, TemporalSpatialAttention

OPTIONAL = ()
NET = "net_g"
OTHER_FILL = "crc32_filled_as_basicsr"


def run(case: GoldenCase, keys: Path, k: int | None) -> None:
    """Compare every stage with ``case``; nothing is matched, so ``k`` has no meaning."""
    del k
    entries = case.entries(NET)
    shapes = {basicsr_name(str(e["name"])): e["shape"] for e in entries}
    try:
        net = EdvrNet(config_of(shapes)).eval()
    except (KeyError, ValueError) as error:
        raise UserError(f"keys={keys}: not the keys of an EDVR ({error})") from None
    count = net.config.frames
    frames = torch.stack([case.image(f"frame{i}_uint8") for i in range(count)], dim=1)
    case.fill(net, NET, rename=basicsr_name)
    if all(OTHER_FILL in e for e in entries) and not _agrees(case, net(frames)):
        # keys of 2019 may be filled by their own names or by those of BasicSR; the stored SR says which
        case.fill_as(net, NET, [_as_basicsr(e) for e in entries])
    seen = _Calls(net)
    sr = net(frames)
    seen.close()
    for name in case.names:
        if name.startswith("act/"):
            value = seen.of(name.removeprefix("act/"))
            if value is not None:
                case.compare(name, value)
    if isinstance(net.fusion, TemporalSpatialAttention):
        aligned = seen.calls["pcd_align"]
        case.compare("tsa/corr_prob", torch.cat(net.fusion.agreement(aligned), dim=1))
    case.compare("sr", sr)
    base = F.interpolate(frames[:, net.config.centre], scale_factor=4, mode="bilinear", align_corners=False)
    case.compare("residual", sr - base)


def _agrees(case: GoldenCase, sr: Tensor) -> bool:
    wanted = case.arrays.get("sr")
    return (
        wanted is not None and wanted.shape == sr.shape and np.allclose(sr.cpu().numpy(), wanted, atol=1e-3)
    )


def _as_basicsr(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**entry, "name": basicsr_name(str(entry["name"])), "crc32_filled": entry[OTHER_FILL]}


class _Calls:
    """Outputs of every module, call by call: frames go through one by one, and are stored as a batch."""

    def __init__(self, net: nn.Module) -> None:
        self.calls: dict[str, list[Tensor]] = defaultdict(list)
        self._hooks = [m.register_forward_hook(self._keeps(name)) for name, m in net.named_modules() if name]

    def _keeps(self, name: str) -> Any:
        def keep(module: nn.Module, inputs: Sequence[Any], output: Any) -> None:
            # what follows may work in place
            self.calls[name].append(output.clone())

        return keep

    def of(self, name: str) -> Tensor | None:
        """``module#j``: its j-th output; ``module``: all of them, one after the other. None: never called."""
        path, _, call = name.partition("#")
        found = self.calls.get(basicsr_name(path), [])
        if call:
            return found[int(call)] if int(call) < len(found) else None
        return torch.cat(found) if found else None

    def close(self) -> None:
        """Stop looking."""
        for hook in self._hooks:
            hook.remove()
