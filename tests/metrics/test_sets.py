"""FID and KID: closed forms, scipy's matrix root, the definition as a double loop, and the set's limits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.linalg
from PIL import Image as PilImage

from refbench.errors import SampleError
from refbench.metrics import METRICS, MetricCatalog, MetricUnavailable, build
from refbench.metrics.sets import SetMetric, frechet, kernel_distance, resized, tiles


def exact_sample(rng: np.random.Generator, mean: np.ndarray, covariance: np.ndarray, n: int) -> np.ndarray:
    """n points whose mean and unbiased covariance are exactly the given ones."""
    raw = rng.standard_normal((n, len(mean)))
    raw -= raw.mean(axis=0)
    raw = np.linalg.qr(raw)[0] * np.sqrt(n - 1)
    return raw @ np.linalg.cholesky(covariance).T + mean


def test_two_gaussians_with_a_closed_form() -> None:
    """For diagonal covariances: |m1 - m2|^2 + sum (s1 - s2)^2."""
    rng = np.random.default_rng(0)
    means = rng.normal(size=(2, 6))
    deviations = rng.uniform(0.5, 2, size=(2, 6))
    a, b = (exact_sample(rng, m, np.diag(s**2), 40) for m, s in zip(means, deviations, strict=True))
    wanted = ((means[0] - means[1]) ** 2).sum() + ((deviations[0] - deviations[1]) ** 2).sum()
    assert frechet(a, b) == pytest.approx(wanted, rel=1e-10)
    assert frechet(a, a) == pytest.approx(0.0, abs=1e-10)


@pytest.mark.parametrize("n", [5, 9, 60])
def test_the_root_is_that_of_scipy(n: int) -> None:
    """Also with fewer points than dimensions, where the covariances are singular."""
    rng = np.random.default_rng(n)
    a, b = rng.normal(size=(n, 9)), rng.normal(size=(n + 3, 9)) @ rng.normal(size=(9, 9))
    covariances = [np.cov(x, rowvar=False) for x in (a, b)]
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    difference = a.mean(axis=0) - b.mean(axis=0)
    wanted = difference @ difference + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert frechet(a, b) == pytest.approx(wanted, rel=1e-6)


def test_kid_is_its_definition() -> None:
    rng = np.random.default_rng(1)
    made = [rng.normal(size=(k, 5)) for k in (1, 3, 2, 4)]
    real = [rng.normal(0.3, 1, size=(len(f), 5)) for f in made]
    x, y = np.concatenate(made), np.concatenate(real)

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / 5 + 1) ** 3)

    within = [np.mean([kernel(*pair) for pair in itertools.permutations(points, 2)]) for points in (x, y)]
    between = np.mean([kernel(a, b) for a in x for b in y])
    found = kernel_distance(made, real)
    assert found.value == pytest.approx(within[0] + within[1] - 2 * between, rel=1e-10)
    assert found.items == 10
    assert found.lo is not None
    assert found.hi is not None
    assert found.lo < found.value < found.hi


def test_the_interval_of_kid_holds_the_truth_about_as_often_as_it_says() -> None:
    """Two equal distributions: the truth is 0. 60 sets of 30: 95 % of them are 57."""
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(60):
        a, b = ([rng.normal(size=(1, 4)) for _ in range(30)] for _ in range(2))
        value = kernel_distance(a, b)
        assert value.lo is not None
        assert value.hi is not None
        held += value.lo <= 0.0 <= value.hi
    assert held >= 51


def test_images_are_resized_as_clean_fid_does() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 52, 3), dtype=np.uint8)
    found = resized(image)
    plane = PilImage.fromarray(image[:, :, 1].astype(np.float32)).resize(
        (299, 299), PilImage.Resampling.BICUBIC
    )
    assert found.shape == (3, 299, 299)
    assert np.array_equal(found[1], np.asarray(plane).clip(0, 255))
    assert np.any(found != np.round(found)), "not rounded"


def means(images: list[np.ndarray]) -> np.ndarray:
    return np.stack([image.reshape(-1, 3).mean(axis=0) for image in images])


def test_patches_crop_and_limits() -> None:
    image = np.arange(20 * 33 * 3, dtype=np.uint32).reshape(20, 33, 3).astype(np.uint8)
    assert len(tiles(image, 8)) == 2 * 4
    assert SetMetric("kid", 8, 2, means).features(image).shape == (2 * 3, 3)
    assert SetMetric("kid", 0, 2, means).features(image) == pytest.approx(means([image[2:-2, 2:-2]]))
    with pytest.raises(SampleError, match="too small for KID: needs 64 px a side"):
        SetMetric("kid", 64, 0, means).features(image)
    few = [np.zeros((1, 3))] * 99
    with pytest.raises(SampleError, match="FID needs at least 100 images, here are 99; score patches"):
        SetMetric("fid", 0, 0, means).value(few, few)
    with pytest.raises(SampleError, match="FID needs at least 100 64x64 patches, here are 99"):
        SetMetric("fid", 64, 0, means).value(few, few)


def test_without_package_or_weights_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    from refbench.metrics import sets

    (spec,) = MetricCatalog(METRICS).of_names(["fid:patch=64"])
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    sets.inception.cache_clear()
    monkeypatch.setattr(sets, "find_spec", lambda name: None)
    with pytest.raises(MetricUnavailable, match=r"pip install 'pytorch-fid>=0\.3'$"):
        build(spec)
    monkeypatch.setattr(sets, "find_spec", lambda name: object())
    with pytest.raises(MetricUnavailable, match=r"backbone pt_inception-2015-12-05-6726825d\.pth is not in"):
        build(spec)
