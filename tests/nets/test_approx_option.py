"""``method.approx``: reaches the search, is reported with its recall, and is refused where it cannot work."""

from __future__ import annotations

import pytest
import torch

from refbench.errors import UserError
from refbench.matching.observing import observing
from refbench.matching.result import Match
from refbench.methods.c2_matching.config import C2Config
from refbench.methods.c2_matching.model import C2Model
from refbench.methods.ttsr.config import TtsrConfig
from refbench.methods.ttsr.model import TtsrModel
from refbench.nets.hosting import checked_approx


def test_the_option() -> None:
    assert checked_approx("datsr", None, "first") is None
    assert checked_approx("datsr", "coarse", "best") == "coarse"
    assert checked_approx("datsr", "pca", "per_patch") == "pca"
    with pytest.raises(
        UserError, match=r"^method.approx=fast of datsr: give one of pca, coarse, patchmatch, or"
    ):
        checked_approx("datsr", "fast", "first")
    with pytest.raises(
        UserError, match=r"^method.approx=coarse of ttsr knows no masks: with multi=per_patch"
    ):
        checked_approx("ttsr", "coarse", "per_patch")


@pytest.mark.parametrize("approx", [None, "pca", "coarse", "patchmatch"])
def test_it_reaches_the_search_and_is_heard(approx: str | None) -> None:
    images = torch.rand(1, 3, 40, 48), torch.rand(1, 3, 56, 44)
    config = C2Config(
        ngf=4, n_blocks=1, level_blocks=(1, 1, 1), channels=(4, 4, 4), extractor_channels=(4, 4, 8), groups=2
    )
    c2, ttsr = C2Model(config).eval(), TtsrModel(TtsrConfig(n_feats=4, lte_channels=(4, 4, 8))).eval()
    c2.correspondences.approx = ttsr.approx = checked_approx("x", approx, "first")
    seen: list[Match] = []
    with torch.inference_mode(), observing(seen.append):
        c2.correspondences.correspond(images[0], c2.correspondences.encode(images[1]))
        ttsr.search(images[0], ttsr.encode(images[1], images[1]))
    assert [m.approximation for m in seen] == [approx or "exact"] * 2
    assert [m.recall_sample > 0 for m in seen] == [approx is not None] * 2
    assert all(0 < m.recall <= 1 for m in seen)
