"""MASA's blocks, search and warping against loops written from the specification with unfold and fold."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from refbench.matching import match
from refbench.matching.observing import observing
from refbench.matching.result import Match
from refbench.methods.masa.blocks import cut_blocks, window
from refbench.methods.masa.config import MasaConfig
from refbench.methods.masa.model import BlockMatch, MasaModel, best_of
from refbench.methods.masa.search import coarse_search, dense_search, geometry, window_starts
from refbench.methods.masa.warp import centres, warp

TINY = MasaConfig(nf=6, encoder_blocks=1, lr_blocks=1, fusion_blocks=(1, 1, 1))
PAIRS = [
    ((24, 32), (30, 41)),  # non-square, unequal
    ((32, 16), (21, 50)),  # windows at both borders
    ((20, 12), (26, 23)),  # blocks of 10 and 12
    ((8, 8), (9, 12)),  # one block: its window is the whole reference
    ((40, 24), (5, 4)),  # windows of one patch
]


def features(height: int, width: int, seed: int, batch: int = 1) -> Tensor:
    return torch.randn(batch, 6, height, width, generator=torch.Generator().manual_seed(seed))


def plain_match(lr: Tensor, key: Tensor) -> dict[str, Tensor]:
    """Spec 1.4 for one item, a loop over blocks and dilations; windows are clamped into the reference."""
    height, width = lr.shape[2:]
    rows, columns = height // 8, width // 8
    ky, kx = height // rows, width // columns
    hr, wr = key.shape[2:]
    dy = min(2 * int(hr // (2 * rows) * 1.5) + 1, hr - 2)
    dx = min(2 * int(wr // (2 * columns) * 1.5) + 1, wr - 2)
    padded = F.pad(lr, (1, 1, 1, 1), mode="replicate")
    found: dict[str, list[Tensor]] = {name: [] for name in ("coarse", "sum", "y", "x", "index", "corr")}
    for i in range(rows):
        for j in range(columns):
            block = padded[:, :, i * ky : i * ky + ky + 2, j * kx : j * kx + kx + 2]
            total = torch.zeros(hr * wr)
            for d in (1, 2, 3):
                cy, cx = (ky + 2) // 2, (kx + 2) // 2
                sample = block[:, :, cy - d : cy + d + 1 : d, cx - d : cx + d + 1 : d]
                q = F.normalize(sample.reshape(-1), dim=0)
                k = F.normalize(F.unfold(key, 3, dilation=d, padding=d)[0], dim=0)
                total += q @ k
            best = int(total.argmax())
            y = max(0, min(best // wr - dy // 2 - 1, hr - dy - 2))
            x = max(0, min(best % wr - dx // 2 - 1, wr - dx - 2))
            q = F.normalize(F.unfold(block, 3)[0], dim=0)
            k = F.normalize(F.unfold(key[:, :, y : y + dy + 2, x : x + dx + 2], 3)[0], dim=0)
            corr, index = (q.T @ k).max(dim=1)
            values = (best, float(total.max()), y, x, index.view(ky, kx), corr.view(ky, kx))
            for name, value in zip(found, values, strict=True):
                found[name].append(torch.as_tensor(value))
    return {name: torch.stack(parts) for name, parts in found.items()}


def plain_warp(
    value: Tensor, plain: dict[str, Tensor], lr: tuple[int, int], wy: int, wx: int, s: int
) -> Tensor:
    """Gather unfolded window patches, fold them in their block, divide by the folded ones, weigh."""
    rows, columns = lr[0] // 8, lr[1] // 8
    ky, kx = lr[0] // rows, lr[1] // columns
    out = torch.zeros(1, value.shape[1], s * lr[0], s * lr[1])
    for n in range(rows * columns):
        y, x = int(plain["y"][n]) * s, int(plain["x"][n]) * s
        patches = F.unfold(value[:, :, y : y + wy * s, x : x + wx * s], 3 * s, stride=s)
        taken = patches[:, :, plain["index"][n].reshape(-1)]
        sums, count = (
            F.fold(t, (ky * s, kx * s), 3 * s, padding=s, stride=s) for t in (taken, torch.ones_like(taken))
        )
        corr = F.interpolate(plain["corr"][n][None, None], size=(ky * s, kx * s), mode="bilinear")
        i, j = n // columns * ky * s, n % columns * kx * s
        out[:, :, i : i + ky * s, j : j + kx * s] = sums / count * corr
    return out


@pytest.mark.parametrize(("lr", "ref"), PAIRS)
def test_search_is_the_plain_one(lr: tuple[int, int], ref: tuple[int, int]) -> None:
    query, key = features(*lr, seed=1), features(*ref, seed=2)
    wanted = plain_match(query, key)
    place = geometry(lr, ref, TINY)
    coarse, total = coarse_search(query, key, place.blocks, TINY.dilations)
    assert torch.equal(coarse[0], wanted["coarse"])
    assert torch.allclose(total[0], wanted["sum"].float(), atol=1e-5)
    y, x = window_starts(coarse, place)
    assert torch.equal(y[0], wanted["y"])
    assert torch.equal(x[0], wanted["x"])
    index, similarity = dense_search(query, key, place, y, x)
    assert torch.equal(index[0], wanted["index"])
    assert torch.allclose(similarity[0], wanted["corr"], atol=1e-5)


@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize(("lr", "ref"), PAIRS)
def test_warp_is_the_plain_one(lr: tuple[int, int], ref: tuple[int, int], scale: int) -> None:
    query, key = features(*lr, seed=1), features(*ref, seed=2)
    value = features(ref[0] * scale, ref[1] * scale, seed=3)
    plain = plain_match(query, key)
    place = geometry(lr, ref, TINY)
    y, x = plain["y"][None], plain["x"][None]
    centre = centres(plain["index"][None], place, y, x)
    mine = warp(value, centre, plain["corr"][None], place.blocks, scale)
    wanted = plain_warp(value, plain, lr, place.down.side, place.across.side, scale)
    assert torch.allclose(mine, wanted, atol=1e-5)


def test_a_batch_is_its_items() -> None:
    query, key = features(16, 24, seed=4, batch=2), features(20, 18, seed=5, batch=2)
    model = MasaModel(TINY)
    both = model.search(query, key)
    for b in range(2):
        one = model.search(query[b : b + 1], key[b : b + 1])
        assert torch.equal(both.centre[b], one.centre[0])
        assert torch.allclose(both.similarity[b], one.similarity[0], atol=1e-6)


def test_small_chunks_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    query, key = features(24, 32, seed=6), features(30, 28, seed=7)
    model = MasaModel(TINY)
    whole = model.search(query, key)
    monkeypatch.setattr("refbench.methods.masa.search.CHUNK", 1)
    single = model.search(query, key)
    assert torch.equal(whole.centre, single.centre)
    assert torch.allclose(whole.similarity, single.similarity, atol=1e-6)


def test_one_block_with_the_whole_reference_is_the_exact_matcher() -> None:
    """Where the window is everything, MASA's dense search is an exhaustive one over unpadded patches."""
    query, key = features(8, 8, seed=8), features(11, 10, seed=9)
    mine = MasaModel(TINY).search(query, key).as_match((11, 10))
    padded = F.pad(query, (1, 1, 1, 1), mode="replicate")
    exact = match(padded, key, flavour="ttsr", padding=0)
    y, x = exact.index // 8, exact.index % 8  # (11 - 2) x (10 - 2) unpadded patches
    assert torch.equal(mine.index, (y + 1) * 10 + x + 1)
    assert torch.allclose(mine.similarity, exact.similarity, atol=1e-5)
    assert mine.centre == 0


def test_an_image_finds_itself_and_listeners_hear_it_once() -> None:
    key = features(24, 32, seed=10)
    seen: list[Match] = []
    with observing(seen.append):
        found = MasaModel(TINY).search(key, key)
    assert len(seen) == 1
    index = seen[0].index
    assert index.shape == (1, 1, 24, 32)
    assert seen[0].reference_grid == (24, 32)
    inside = torch.arange(24 * 32).view(24, 32)[1:-1, 1:-1]
    assert torch.equal(index[0, 0, 1:-1, 1:-1], inside)  # the rim repeats pixels that the reference lacks
    assert torch.equal(found.blocks.assemble(found.centre[:, :, None])[0], index[0])


def test_patches_do_not_cross_blocks() -> None:
    """Another match in one block changes no pixel of the others."""
    place = geometry((16, 16), (20, 20), TINY)
    value = features(20, 20, seed=11)
    centre = torch.full((1, 4, 8, 8), 5 * 20 + 5)
    other = centre.clone()
    other[0, 1] = 12 * 20 + 9
    ones = torch.ones(1, 4, 8, 8)
    first, second = (warp(value, c, ones, place.blocks, 1) for c in (centre, other))
    changed = (first != second).any(dim=1)[0]
    assert changed[:8, 8:].any()
    changed[:8, 8:] = False
    assert not changed.any()


def test_rounded_precision_leaves_the_search_alone() -> None:
    query, key = features(16, 16, seed=12), features(18, 20, seed=13)
    model = MasaModel(TINY)
    exact = model.search(query, key)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        same = model.search(query, key)
    assert torch.equal(exact.centre, same.centre)
    assert torch.equal(exact.similarity, same.similarity)


@pytest.mark.parametrize("length", [3, 8, 40, 125, 640])
@pytest.mark.parametrize("count", [1, 2, 5, 16])
def test_windows_lie_inside_the_reference(length: int, count: int) -> None:
    span = window(length, count)
    starts = span.start(torch.arange(length))
    assert int(starts.min()) >= 0
    assert int(starts.max()) + span.side <= length
    official = 2 * int(length // (2 * count) * 1.5) + 1
    if official + 2 <= length:  # as far as the official arithmetic holds
        assert span.diameter == official
        at = np.arange(length)
        low = at - official // 2 - 1
        high = at + official // 2 + 1
        low, high = np.where(low < 0, 0, low), np.where(low < 0, official + 1, high)
        low = np.where(high > length - 1, length - 1 - (official + 1), low)
        assert starts.tolist() == low.tolist()


@pytest.mark.parametrize(
    ("size", "message"), [((8, 6), "width 6"), ((18, 8), "height 18"), ((44, 8), "height 44")]
)
def test_lr_sizes_that_give_no_blocks(size: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cut_blocks(*size)


def test_gradients_reach_the_values_of_a_match() -> None:
    """The searches carry none, the warp does: what a training would need."""
    value = features(12, 12, seed=14).requires_grad_()
    place = geometry((8, 8), (12, 12), TINY)
    found = BlockMatch(place.blocks, torch.full((1, 1, 8, 8), 40), torch.ones(1, 1, 8, 8))
    warp(value, found.centre, found.similarity, found.blocks, 1).sum().backward()
    assert value.grad is not None
    assert float(value.grad.abs().sum()) > 0


def test_of_several_references_every_pixel_takes_the_best_patch() -> None:
    """Against patches picked by a loop over pixels and folded block by block."""
    query = features(16, 8, seed=15)
    keys = [features(12, 14, seed=16), features(20, 11, seed=17), features(12, 14, seed=16)]
    values = [features(*key.shape[2:], seed=20 + i) for i, key in enumerate(keys)]
    model = MasaModel(TINY)
    found = [model.search(query, key) for key in keys]
    chosen = best_of(found)
    place = geometry((16, 8), (12, 14), TINY)
    mine = torch.stack(
        [warp(v, f.centre, f.similarity, f.blocks, 1) for v, f in zip(values, chosen, strict=True)]
    ).sum(0)
    wanted = torch.zeros_like(mine)
    owners = set()
    for n in range(place.blocks.count):
        patches = torch.zeros(6 * 9, 64)
        best = torch.zeros(8, 8)
        for p in range(64):
            scores = [float(f.similarity[0, n, p // 8, p % 8]) for f in found]
            owner = scores.index(max(scores))
            owners.add(owner)
            best[p // 8, p % 8] = scores[owner]
            width = keys[owner].shape[3]
            y, x = divmod(int(found[owner].centre[0, n, p // 8, p % 8]), width)
            patches[:, p] = values[owner][0, :, y - 1 : y + 2, x - 1 : x + 2].reshape(-1)
        total, count = (F.fold(t[None], (8, 8), 3, padding=1) for t in (patches, torch.ones_like(patches)))
        wanted[:, :, n * 8 : n * 8 + 8] = total / count * best
    assert owners == {0, 1}  # the third equals the first, which wins ties
    assert torch.allclose(mine, wanted, atol=1e-5)
