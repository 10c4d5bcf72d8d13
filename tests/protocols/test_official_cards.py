"""The official evaluation codes' crops and paddings, each against a direct computation."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as PilImage

from refbench.protocols import ProtocolInstance
from refbench.protocols.card import load_card
from refbench.types import Sample, Trial

RNG = np.random.default_rng(3)
HR = RNG.integers(1, 256, (101, 170, 3), dtype=np.uint8)
REF = RNG.integers(1, 256, (131, 163, 3), dtype=np.uint8)


def trial(card: str) -> Trial:
    return ProtocolInstance(load_card(card)).apply(Sample("1", HR, (REF,)), 0, 0)


def pil_down(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    # columns first, as in refbench.imaging.resize: newer Pillow picks the order of its passes by shape
    wide = PilImage.fromarray(image).resize((width // 4, height), PilImage.Resampling.BICUBIC)
    return np.asarray(wide.resize((width // 4, height // 4), PilImage.Resampling.BICUBIC))


@pytest.mark.parametrize(("card", "multiple"), [("c2_matching", 4), ("datsr", 32)])
def test_zero_padding_to_the_common_size(card: str, multiple: int) -> None:
    made = trial(card)
    hr = HR[: HR.shape[0] // multiple * multiple, : HR.shape[1] // multiple * multiple]
    ref = REF[: REF.shape[0] // multiple * multiple, : REF.shape[1] // multiple * multiple]
    common = (max(hr.shape[0], ref.shape[0]), max(hr.shape[1], ref.shape[1]), 3)
    padded = np.zeros(common, np.uint8)
    padded[: hr.shape[0], : hr.shape[1]] = hr
    assert made.target is not None
    assert np.array_equal(made.target, hr)
    assert np.array_equal(made.lr, pil_down(padded))
    assert made.refs[0].shape == common
    assert np.array_equal(made.refs[0][: ref.shape[0], : ref.shape[1]], ref)
    assert made.refs[0][ref.shape[0] :].sum() == 0
    assert made.sr_cut == (0, 0, hr.shape[0], hr.shape[1])


def test_ttsr_crops_to_four_and_pads_nothing() -> None:
    made = trial("ttsr")
    assert np.array_equal(made.lr, pil_down(HR[:100, :168]))
    assert made.refs[0].shape == (128, 160, 3)
    assert made.sr_cut is None


def test_masa_pads_all_sides_and_scores_the_full_image() -> None:
    made = trial("masa")
    assert made.target is not None
    assert np.array_equal(made.target, HR)
    assert made.sr_cut == (13, 11, 101, 170)
    assert made.lr.shape == (32, 48, 3)
    assert made.refs[0].shape == (144, 176, 3)
    assert np.array_equal(made.refs[0][131], made.refs[0][130])
