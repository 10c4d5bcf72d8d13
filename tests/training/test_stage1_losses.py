"""Triplet, distillation, window contrast and PCK against brute force and known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from torch.nn import functional as F

from refbench.training.stage1.distill import correlation_kl
from refbench.training.stage1.pck import match_errors, pck
from refbench.training.stage1.positions import cell_centres, features_at, inside, transform
from refbench.training.stage1.triplet import hardest_triplet
from refbench.training.stage1.window import window_contrast


def _brute_triplet(f, s, p1, p2, valid, margin, radius):  # type: ignore[no-untyped-def]
    total, count = 0.0, 0
    for b in range(f.shape[0]):
        for i in range(f.shape[1]):
            if not valid[b, i]:
                continue
            positive = 2 - 2 * f[b, i] @ s[b, i]
            rivals = []
            for j in range(f.shape[1]):
                if not valid[b, j]:
                    continue
                if np.abs(p2[b, i] - p2[b, j]).max() > radius:
                    rivals.append(2 - 2 * f[b, i] @ s[b, j])
                if np.abs(p1[b, i] - p1[b, j]).max() > radius:
                    rivals.append(2 - 2 * s[b, i] @ f[b, j])
            if rivals:
                total += max(0.0, margin + positive - min(rivals))
                count += 1
    return total / max(count, 1)


@pytest.mark.parametrize("seed", range(4))
def test_triplet_equals_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    f, s = (rng.normal(size=(2, 14, 5)) for _ in range(2))
    f, s = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (f, s))
    p1, p2 = (rng.uniform(0, 40, size=(2, 14, 2)) for _ in range(2))
    valid = rng.random((2, 14)) < 0.7
    got = hardest_triplet(*(torch.from_numpy(v) for v in (f, s, p1, p2, valid)), 1.0, 12.0)
    assert float(got) == pytest.approx(_brute_triplet(f, s, p1, p2, valid, 1.0, 12.0), rel=1e-9)


def test_triplet_of_no_valid_point_is_zero() -> None:
    f = F.normalize(torch.randn(1, 6, 4, generator=torch.Generator().manual_seed(0)), dim=-1)
    points = torch.zeros(1, 6, 2)
    loss = hardest_triplet(f, f, points, points, torch.zeros(1, 6, dtype=torch.bool))
    assert float(loss) == 0.0


def test_kl_equals_the_definition_and_vanishes_for_equal_correlations() -> None:
    rng = np.random.default_rng(0)
    student, teacher = (rng.uniform(-1, 1, (2, 5, 9)) for _ in range(2))
    valid = np.array([[1, 1, 0, 1, 1], [0, 1, 1, 1, 0]], dtype=bool)
    log_s, log_t = (log_softmax(v / 0.15, axis=-1) for v in (student, teacher))
    expected = (np.exp(log_t) * (log_t - log_s)).sum(-1)[valid].mean()
    tensors = [torch.from_numpy(v) for v in (student, teacher, valid)]
    assert float(correlation_kl(*tensors, temperature=0.15)) == pytest.approx(expected, rel=1e-9)
    assert float(correlation_kl(tensors[1], tensors[1], tensors[2])) == pytest.approx(0.0, abs=1e-12)


def test_kl_gives_the_teacher_no_gradient() -> None:
    student, teacher = (torch.randn(1, 3, 4, requires_grad=True) for _ in range(2))
    correlation_kl(student, teacher, torch.ones(1, 3, dtype=torch.bool)).backward()
    assert student.grad is not None
    assert teacher.grad is None


def _unique_features(height: int, width: int) -> torch.Tensor:
    """Features that tell every cell from every other: random directions in many dimensions."""
    return torch.randn(1, 64, height, width, generator=torch.Generator().manual_seed(3))


def test_perfect_features_have_pck_one() -> None:
    features, stride = _unique_features(12, 12), 4.0
    shift = torch.eye(3)
    shift[0, 2], shift[1, 2] = 8.0, -4.0
    moved = torch.roll(features, (-1, 2), dims=(2, 3))
    errors, valid = match_errors(
        features, moved, shift.unsqueeze(0).unsqueeze(0), torch.zeros(1, 144, dtype=torch.long), stride
    )
    # a border patch sees the zero padding in one image only, so the rim is left out
    centres = cell_centres(12, 12, stride)
    inner = valid & inside(centres, 48, 48, 6) & inside(transform(shift.unsqueeze(0), centres), 48, 48, 6)
    assert int(inner.sum()) > 50
    assert pck(errors, inner, (1.0, 2.0, 4.0)) == [1.0, 1.0, 1.0]


def test_pck_counts_a_wrong_match_and_needs_cells() -> None:
    errors = torch.tensor([[0.5, 3.0, 9.0, 0.0]])
    valid = torch.tensor([[True, True, True, False]])
    assert pck(errors, valid, (1.0, 4.0, 16.0)) == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert pck(errors, valid, (1.0,), unit=4.0) == pytest.approx([2 / 3])
    assert math.isnan(pck(errors, torch.zeros_like(valid), (1.0,))[0])


def test_features_at_cell_centres_are_the_cells() -> None:
    features = _unique_features(5, 7)
    sampled = features_at(features, cell_centres(5, 7, 4.0).unsqueeze(0), 4.0)
    torch.testing.assert_close(
        sampled[0], F.normalize(features[0].flatten(1).T, dim=-1), rtol=1e-5, atol=1e-5
    )


def test_window_contrast_is_lowest_at_the_true_position() -> None:
    features = F.avg_pool2d(_unique_features(20, 20), 3, 1, 1)
    points = cell_centres(20, 20, 2.0).unsqueeze(0)
    valid = inside(points, 40, 40, 10)
    true, off = (
        float(window_contrast(features, features, points, points + move, valid, 2.0))
        for move in (0.0, torch.tensor([2.0, 0.0]))
    )
    assert true < 0.5 * off
