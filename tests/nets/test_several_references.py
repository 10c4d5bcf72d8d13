"""Several references: the joined search is exactly the best of the single ones; seams are never matched."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from refbench.errors import UserError
from refbench.matching import match
from refbench.methods.c2_matching.config import C2Config
from refbench.methods.c2_matching.model import C2Model
from refbench.methods.ttsr.config import TtsrConfig
from refbench.methods.ttsr.model import ReferenceTextures, TtsrModel, join_textures
from refbench.nets.matched import ReferenceFeatures, join_features
from refbench.nets.several import checked_multi, join_maps, join_valid, stitch


def features(seed: int, height: int, width: int) -> tuple[Tensor, ...]:
    rng = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(1, 6, height * f, width * f, generator=rng) for f in (4, 2, 1))


@pytest.mark.parametrize("flavour", ["c2", "ttsr"])
def test_joined_search_is_the_best_over_references(flavour: str) -> None:
    sizes = [(7, 9), (5, 12), (8, 6)]
    keys = [features(i, h, w)[-1] for i, (h, w) in enumerate(sizes)]
    query = features(9, 6, 8)[-1]
    single = [match(query, key, flavour=flavour) for key in keys]  # type: ignore[arg-type]
    best = torch.stack([m.similarity for m in single]).max(dim=0)
    joined, valid = join_maps(keys, 1), join_valid(sizes, query.device)
    over = "pixels" if flavour == "c2" else "patches"
    found = match(query, joined, flavour=flavour, reference_valid=valid, valid_over=over)  # type: ignore[arg-type]
    assert torch.allclose(found.similarity, best.values, atol=1e-6)
    # and the place is the same place: first row of each reference in the joined map
    tops = [0, 8, 14]
    width = found.reference_grid[1]
    y, x = found.index // width, found.index % width
    for b, top in enumerate(tops):
        won = best.indices == b
        own = single[b].index
        assert torch.equal(y[won], (own // single[b].reference_grid[1] + top)[won])
        assert torch.equal(x[won], (own % single[b].reference_grid[1])[won])


def test_one_reference_is_left_alone() -> None:
    maps = features(0, 5, 5)
    one = ReferenceFeatures(maps[-1:], maps)
    assert join_features([one]) is one
    textures = ReferenceTextures(maps[-1], (maps[0], maps[1], maps[2]))
    assert join_textures([textures]) is textures


def test_levels_stay_aligned_and_gaps_are_empty() -> None:
    several = [
        ReferenceFeatures(features(i, h, w)[-1:], features(i, h, w))
        for i, (h, w) in enumerate([(4, 6), (5, 5)])
    ]
    joined = join_features(several)
    assert [tuple(t.shape[-2:]) for t in joined.textures] == [(40, 24), (20, 12), (10, 6)]
    for level, factor in zip(joined.textures, (4, 2, 1), strict=True):
        assert torch.equal(
            level[..., : 4 * factor, : 6 * factor], several[0].textures[(4, 2, 1).index(factor)]
        )
        assert torch.equal(
            level[..., 5 * factor :, : 5 * factor], several[1].textures[(4, 2, 1).index(factor)]
        )
        assert float(level[..., 4 * factor : 5 * factor, :].abs().sum()) == 0.0
    assert joined.valid is not None
    assert joined.valid.sum() == 24 + 25


def test_a_second_equal_reference_changes_nothing_in_ttsr() -> None:
    torch.manual_seed(0)
    config = TtsrConfig(n_feats=8, blocks=(1, 1, 1, 1), lte_channels=(4, 4, 4))
    model = TtsrModel(config).eval()
    lr, up, ref = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 36)
    with torch.inference_mode():
        one = model.encode(ref, ref)
        assert torch.allclose(
            model.restore(lr, up, join_textures([one, one])), model.restore(lr, up, one), atol=1e-6
        )


def test_a_second_useless_reference_changes_nothing_in_c2() -> None:
    """A reference whose patches are all worse is never matched: away from the seam SR is the same."""
    torch.manual_seed(0)
    model = C2Model(
        C2Config(
            ngf=8,
            n_blocks=1,
            level_blocks=(1, 1, 1),
            groups=1,
            channels=(4, 4, 4),
            extractor_channels=(4, 4, 8),
        )
    ).eval()
    hr = torch.rand(1, 3, 32, 32)
    lr = torch.nn.functional.avg_pool2d(hr, 4)
    with torch.inference_mode():
        good = model.correspondences.encode(hr)
        flat = model.correspondences.encode(torch.full((1, 3, 32, 32), 0.5))
        alone = model.correspondences.similarity(hr, good)
        both = model.correspondences.similarity(hr, join_features([flat, good]))
        assert bool((both >= alone - 1e-6).all())
        sr = model.restore(lr, hr, join_features([good, flat]))
        assert sr.shape == (1, 3, 32, 32)


def test_stitched_images() -> None:
    out = stitch([torch.ones(3, 4, 6), torch.ones(3, 5, 4)])
    assert out.shape == (3, 9, 6)
    assert float(out[:, 4:, 4:].sum()) == 0.0


def test_wrong_options() -> None:
    with pytest.raises(UserError, match=r"method\.multi=frist of datsr: give one of first, stitch"):
        checked_multi("datsr", "frist")
    with pytest.raises(UserError, match=r"goes with method\.padding=inside only"):
        checked_multi("datsr", "best", "official")
