"""Cuts of a grid, the planner, sizes as text, and the receptive field of Swin layers."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from refbench.errors import UserError
from refbench.methods.datsr.swin import SwinLayers
from refbench.methods.datsr.swin_reach import swin_reach
from refbench.tiling import Pass, TooLittleMemory, Window, bounded, plan_passes, share_mb, tiled, whole
from refbench.tiling.passes import MIB, best_cut, cuts, least_limit, plan, usable
from refbench.tiling.size import memory_bytes, parse_size
from refbench.tiling.windows import Cut

sides = st.integers(1, 40)


@given(sides, sides, sides, sides, st.integers(0, 9))
def test_cores_cover_every_pixel_once_and_windows_hold_their_halo(
    height: int, width: int, tall: int, wide: int, halo: int
) -> None:
    cut = Cut((height, width), (tall, wide), halo)
    seen = torch.zeros(height, width)
    areas = []
    for tile in cut:
        tile.core.of(seen).add_(1)
        assert tile.outer == Window(
            max(tile.core.top - halo, 0),
            max(tile.core.left - halo, 0),
            min(tile.core.top + tall + halo, height),
            min(tile.core.left + wide + halo, width),
        )
        areas.append(tile.outer.size[0] * tile.outer.size[1])
    assert bool((seen == 1).all())
    assert (cut.count, cut.largest >= max(areas), cut.computed) == (len(areas), True, sum(areas))


@given(sides, sides, st.integers(0, 6), st.integers(1, 5), st.integers(1, 2000))
def test_the_best_cut_is_the_cheapest_that_fits(h: int, w: int, halo: int, align: int, budget: int) -> None:
    one = Pass("p", (h, w), 1.0, 0.0, halo, align)
    fitting = [cut for cut in cuts(one) if cut.largest <= budget]
    best = best_cut(one, budget)
    if not fitting:
        assert best is None
        return
    assert best is not None
    assert best.computed == min(cut.computed for cut in fitting)
    assert all(core % align == 0 for core in best.core)
    assert best.halo % align == 0
    assert best.halo >= halo


def test_too_little_memory_names_the_field_and_what_works() -> None:
    passes = [Pass("a", (64, 64), 1000.0, 5 * MIB, 4), Pass("b", (8, 8), 10.0, 30 * MIB)]
    least = least_limit(passes)
    with pytest.raises(TooLittleMemory) as caught:
        plan(passes, least - 2 * MIB)
    assert str(caught.value) == (
        f"memory.limit={least // MIB - 2}MB is too little for the pass 'b' of this image; "
        f"the least that works is memory.limit={least // MIB}MB"
    )
    assert plan(passes, least)["b", (8, 8)].count == 1
    assert usable(8 * MIB) == 6 * MIB


def test_a_halo_larger_than_the_image_means_no_tiles() -> None:
    one = Pass("wide", (20, 20), 1000.0, 0.0, 20)
    with bounded(2 * MIB) as budget:
        plan_passes(lambda: [one])
    assert budget is not None
    assert budget.tiles == {"wide": 1}


def _blur(image: Tensor) -> Tensor:
    return nn.functional.conv2d(image, torch.ones(1, 1, 5, 5) / 25, padding=2)


def test_a_pass_in_windows_equals_the_pass_at_once() -> None:
    image = torch.rand(1, 1, 37, 52)
    calls: list[Window] = []

    def compute(window: Window) -> list[Tensor]:
        calls.append(window)
        blurred = _blur(window.of(image))
        return [blurred, blurred.repeat_interleave(2, -1).repeat_interleave(2, -2)]

    expected = tiled("blur", (37, 52), compute, (1, 2))
    assert calls == [Window(0, 0, 37, 52)]
    one = Pass("blur", (37, 52), usable(MIB) / 200, 0.0, 2)
    with bounded(MIB):
        plan_passes(lambda: [one])
        assert not whole("blur", (37, 52))
        found = tiled("blur", (37, 52), compute, (1, 2))
    assert len(calls) > 5
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)
    assert whole("blur", (37, 52))


def test_a_step_with_its_own_bound_gets_what_is_left() -> None:
    assert share_mb("match") == 256.0
    with bounded(80 * MIB):
        plan_passes(lambda: [Pass("match", (1, 1), 4.0 * MIB, 20.0 * MIB)])
        assert share_mb("match") == pytest.approx(40)
        assert share_mb("match", most=8.0) == 8.0


@pytest.mark.parametrize(
    ("text", "size"), [("4GB", 4 << 30), ("800 MB", 800 << 20), ("1.5gib", 3 << 29), ("64B", 64)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text, "memory.limit") == size
    assert memory_bytes(text) == size


def test_no_size() -> None:
    assert memory_bytes(None) is None
    for text in ("0GB", "many"):
        with pytest.raises(UserError, match=rf"^memory.limit={text}: give a size such as 4GB or 800MB$"):
            memory_bytes(text)


@pytest.mark.parametrize(("depths", "window"), [((2,), 4), ((2, 2), 4), ((3, 1), 4)])
def test_swin_reach_is_what_gradients_say(depths: tuple[int, ...], window: int) -> None:
    """The farthest pixel that a core on the window grid depends on, by perturbation."""
    torch.manual_seed(0)
    net = SwinLayers(4, depths, (1,) * len(depths), window, drop_path=0.0).eval()
    for parameter in net.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.5)
    reach = swin_reach(depths, window)
    side = window * (2 * (reach // window + 2) + 1)
    image = torch.rand(1, 4, side, side, requires_grad=True)
    middle = side // 2 // window * window
    core = net(image)[:, :, middle : middle + window, middle : middle + window]
    (gradient,) = torch.autograd.grad(core.square().sum(), image)
    touched = gradient.abs().sum(dim=(0, 1)) > 0
    rows, columns = touched.any(1).nonzero().view(-1), touched.any(0).nonzero().view(-1)
    found = [middle - int(rows[0]), int(rows[-1]) - middle - window + 1]
    found += [middle - int(columns[0]), int(columns[-1]) - middle - window + 1]
    assert max(found) == reach
