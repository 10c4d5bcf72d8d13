"""Hosted nets in windows: SR is that of the whole image, whatever the windows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from refbench.methods.c2_matching.config import C2Config
from refbench.methods.c2_matching.model import C2Model
from refbench.methods.c2_matching.tiling import passes as c2_passes
from refbench.methods.datsr.config import COMPACT as DATSR_COMPACT
from refbench.methods.datsr.config import DatsrConfig
from refbench.methods.datsr.model import DatsrModel
from refbench.methods.datsr.tiling import passes as datsr_passes
from refbench.methods.edvr.config import EdvrConfig
from refbench.methods.edvr.net import EdvrNet
from refbench.methods.edvr.tiling import passes as edvr_passes
from refbench.methods.edvr_ref.config import EdvrRefConfig
from refbench.methods.edvr_ref.net import EdvrRefNet
from refbench.methods.edvr_ref.tiling import passes as edvr_ref_passes
from refbench.methods.mrefsr.config import MRefConfig
from refbench.methods.mrefsr.model import MRefModel
from refbench.methods.mrefsr.tiling import passes as mrefsr_passes
from refbench.methods.srntt.config import SrnttConfig
from refbench.methods.srntt.model import SrnttModel
from refbench.methods.srntt.tiling import passes as srntt_passes
from refbench.methods.ttsr.config import TtsrConfig
from refbench.methods.ttsr.model import TtsrModel
from refbench.methods.ttsr.tiling import passes as ttsr_passes
from refbench.nets.framing import pil_up
from refbench.nets.needs import Sizes
from refbench.tiling import Pass, TooLittleMemory, bounded, plan_passes
from refbench.tiling.passes import cuts, least_limit, usable

SMALL: dict[str, Any] = {
    "widths": (8, 8, 8),
    "channels": (4, 4, 8),
    "extractor_channels": (4, 4, 8),
    "groups": 2,
    "nominal": None,
    "dead_content_extractor": False,
}
DATSR: dict[str, tuple[DatsrConfig, tuple[int, int], tuple[int, int]]] = {
    "compact": (DATSR_COMPACT, (32, 24), (120, 136)),
    "released": (
        DatsrConfig(**SMALL, depths=((2,), (2,), (2,)), heads=((2,), (2,), (2,))), (24, 32), (136, 100)
    ),
    "up only": (
        DatsrConfig(
            **SMALL,
            attend_down=False,
            aggregation=("residual", "residual", "swin"),
            depths=((), (), (2, 2)),
            heads=((), (), (2, 2)),
        ),
        (40, 48),
        (80, 100),
    ),
    "paper": (
        DatsrConfig(
            **SMALL,
            matching="per_level",
            top_k=2,
            concat_unwarped=False,
            aggregation=("residual", "residual", "residual"),
            residual_blocks=(1, 1, 1),
        ),
        (13, 18),
        (64, 52),
    ),
}  # fmt: skip
MIB = 2**20


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        yield


def random_net(model: nn.Module) -> Any:
    """Weights that keep activations in range."""
    for parameter in model.parameters():
        if parameter.dim() > 1 and parameter.requires_grad:
            nn.init.normal_(parameter, std=0.6 / parameter[0].numel() ** 0.5)
    return model.eval()


def picture(height: int, width: int) -> Tensor:
    """Smooth noise (1, 3, H, W) in [0, 1]."""
    coarse = torch.rand(1, 3, height // 4 + 2, width // 4 + 2)
    return nn.functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)


def squeezed(passes: Sequence[Pass], limit: int, most: int = 9) -> list[Pass]:
    """The same passes, each so dear that it is cut into about ``most`` windows."""
    dear = []
    for one in passes:
        smallest = min(cut.largest for cut in cuts(one) if cut.count <= most)
        dear.append(dataclasses.replace(one, held=0.0, per_pixel=usable(limit) / smallest))
    return dear


def check(run: Callable[[], Tensor], passes: Sequence[Pass], cut_passes: set[str]) -> None:
    """``run`` within its least limit and with every pass in windows, against the whole image."""
    with torch.inference_mode():
        whole = run()
        least = least_limit(passes)
        with bounded(least):
            plan_passes(lambda: passes)
            tight = run()
        with bounded(least) as budget:
            plan_passes(lambda: squeezed(passes, least))
            small = run()
        assert budget is not None
        assert {name for name, count in budget.tiles.items() if count > 1} >= cut_passes
        with bounded(least - 2 * MIB), pytest.raises(TooLittleMemory, match=f"={least // MIB}MB$"):
            plan_passes(lambda: passes)
    assert float(whole.abs().max()) > 0.1
    torch.testing.assert_close(tight, whole, rtol=0, atol=1e-5)
    torch.testing.assert_close(small, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", DATSR)
def test_datsr(name: str) -> None:
    config, (height, width), reference_size = DATSR[name]
    model = random_net(DatsrModel(config))
    lr, reference = picture(height, width), picture(*reference_size)
    up = pil_up(lr[0])[None]
    passes = datsr_passes(config, Sizes((height, width), (reference_size,), config.top_k))
    check(
        lambda: model.restore(lr, up, model.correspondences.encode(reference)),
        passes,
        {"extract query", "extract reference", "down medium", "up medium", "up large"},
    )


@pytest.mark.parametrize("gate", [False, True])
def test_c2_matching(gate: bool) -> None:
    config = C2Config(
        ngf=8, n_blocks=2, level_blocks=(1, 2, 2), channels=(4, 4, 8), extractor_channels=(4, 4, 8),
        groups=2, trust_gate=gate,
    )  # fmt: skip
    model = random_net(C2Model(config))
    lr, reference = picture(23, 30), picture(100, 84)
    up = pil_up(lr[0])[None]
    check(
        lambda: model.restore(lr, up, model.correspondences.encode(reference)),
        c2_passes(config, Sizes((23, 30), ((100, 84),))),
        {"extract query", "extract reference", "content", "small", "medium", "large", *(["trust"] * gate)},
    )


@pytest.mark.parametrize("base", ["none", "bicubic"])
def test_ttsr(base: str) -> None:
    config = TtsrConfig(
        n_feats=8, blocks=(2, 1, 1, 1), lte_channels=(4, 4, 8), base=base, trust_gate=base == "bicubic",
        clamp=base == "none",
    )  # fmt: skip
    model = random_net(TtsrModel(config))
    lr, reference = picture(29, 46) * 2 - 1, picture(60, 84) * 2 - 1
    up = pil_up(lr[0] / 2 + 0.5)[None] * 2 - 1
    check(
        lambda: model.restore(lr, up, model.encode(reference, reference)),
        ttsr_passes(config, Sizes((29, 46), ((60, 84),))),
        {"extract query", "extract reference", "level 1", "level 2", "level 3"},
    )


@pytest.mark.parametrize("gate", [False, True])
@pytest.mark.parametrize("size", [(23, 30), (22, 33)])
def test_mrefsr(gate: bool, size: tuple[int, int]) -> None:
    """Sides that are not multiples of four: the heads reflect at the true border only."""
    config = MRefConfig(
        ngf=8, n_blocks=2, level_blocks=(1, 2, 2), channels=(4, 4, 8), extractor_channels=(4, 4, 8),
        groups=2, trust_gate=gate,
    )  # fmt: skip
    model = random_net(MRefModel(config))
    lr, references = picture(*size), [picture(100, 84), picture(64, 120)]
    up = pil_up(lr[0])[None]
    check(
        lambda: model(lr, up, references),
        mrefsr_passes(config, Sizes(size, ((100, 84), (64, 120)))),
        {"extract query", "extract reference", "content", "small", "medium", "large", *(["trust"] * gate)},
    )


@pytest.mark.parametrize("size", [(64, 100), (96, 68)])
def test_edvr_ref(size: tuple[int, int]) -> None:
    config = EdvrRefConfig(channels=8, groups=2, extract_blocks=1, restore_blocks=1)
    model = random_net(EdvrRefNet(config))
    height, width = size
    lr, references = picture(*size), [picture(4 * height, 4 * width) for _ in range(2)]
    check(
        lambda: model(lr, references),
        edvr_ref_passes(config, Sizes(size, ((4 * height, 4 * width),) * 2)),
        {
            "extract lr",
            "extract reference",
            "align 1/4",
            "align 1/2",
            "align",
            "align again",
            "fuse",
            "restore",
        },
    )


@pytest.mark.parametrize("tsa", [True, False])
def test_edvr(tsa: bool) -> None:
    config = EdvrConfig(channels=8, frames=3, groups=2, extract_blocks=1, restore_blocks=1, tsa=tsa)
    model = random_net(EdvrNet(config))
    frames = torch.stack([picture(64, 100) for _ in range(3)], dim=1)
    names = {"extract lr", "align 1/4", "align 1/2", "align", "align again", "fuse", "restore"}
    check(lambda: model(frames), edvr_passes(config, Sizes((64, 100), ((256, 400),) * 2)), names)


@pytest.mark.parametrize("weighted", [True, False])
def test_srntt(weighted: bool) -> None:
    config = SrnttConfig(ngf=8, n_blocks=2, channels=(4, 4, 8), use_weights=weighted)
    model = random_net(SrnttModel(config))
    lr, reference = picture(23, 30), picture(100, 84)
    up = pil_up(lr[0])[None]
    check(
        lambda: model(lr, up, reference, reference),
        srntt_passes(config, Sizes((23, 30), ((100, 84),))),
        {"extract query", "extract reference", "content", "small", "medium", "large"},
    )
