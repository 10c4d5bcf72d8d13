"""Any LR and reference size is brought into sizes that the nets take, and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from refbench.errors import SampleError
from refbench.nets.framing import frame_inside, frame_official, pil_up


@settings(max_examples=40, deadline=None)
@given(
    lr=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    reference=st.tuples(st.integers(16, 90), st.integers(16, 90)),
    multiple=st.sampled_from([1, 8]),
    official=st.booleans(),
)
def test_sizes(lr: tuple[int, int], reference: tuple[int, int], multiple: int, official: bool) -> None:
    image, other = torch.rand(3, *lr), torch.rand(3, *reference)
    frame = frame_official(image, [other], multiple)[0] if official else frame_inside(image, other, multiple)
    assert all(side % multiple == 0 and side >= 3 for side in frame.lr.shape[1:])
    assert all(side % 4 == 0 for side in frame.reference.shape[1:])
    if official:
        assert frame.reference.shape[1:] == tuple(4 * side for side in frame.lr.shape[1:])
    sr = torch.zeros(1, 3, 4 * frame.lr.shape[1], 4 * frame.lr.shape[2])
    assert frame.cut(sr).shape == (3, 4 * lr[0], 4 * lr[1])


def test_inside_pads_the_lr_by_reflection_and_only_crops_the_reference() -> None:
    lr, reference = torch.rand(3, 10, 16), torch.rand(3, 43, 70)
    frame = frame_inside(lr, reference, 8)
    assert torch.equal(frame.lr[:, :10], lr)
    assert torch.equal(frame.lr[:, 10], lr[:, 8])
    assert torch.equal(frame.reference, reference[:, :40, :68])


def test_official_pads_both_with_black_to_the_larger() -> None:
    lr, reference = torch.ones(3, 30, 44), torch.ones(3, 136, 200)
    (frame,) = frame_official(lr, [reference], 1)
    assert frame.lr.shape == (3, 34, 50)  # C2-Matching: HR 120x176 and Ref 136x200 -> 136x200
    assert frame.reference.shape == (3, 136, 200)
    assert frame.lr[:, 30:].sum() == 0
    assert frame.lr[:, :, 44:].sum() == 0


def test_official_gives_several_references_one_common_size() -> None:
    """MRefSR's rule: HR 96x176 with references of 120x100 and 90x200 -> 120x200."""
    frames = frame_official(torch.ones(3, 24, 44), [torch.ones(3, 120, 100), torch.ones(3, 90, 200)], 1)
    assert [f.reference.shape for f in frames] == [(3, 120, 200)] * 2
    assert all(f.lr.shape == (3, 30, 50) and torch.equal(f.lr, frames[0].lr) for f in frames)
    assert frames[1].reference[:, 88:].sum() == 0


def test_a_reference_without_a_patch_is_refused() -> None:
    with pytest.raises(SampleError, match="reference of 40x15 pixels; matching needs at least 16x16"):
        frame_inside(torch.rand(3, 8, 8), torch.rand(3, 15, 40), 8)


def test_upsampling_is_pils_bicubic_on_8_bits() -> None:
    u8 = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    wanted = np.asarray(Image.fromarray(u8).resize((36, 36), Image.Resampling.BICUBIC))
    found = pil_up(torch.from_numpy(u8).permute(2, 0, 1).float() / 255)
    assert (found.permute(1, 2, 0) * 255 - torch.from_numpy(wanted.copy())).abs().max() <= 1.01
