"""Bicubic under each official protocol against an evaluation written anew from what that code does.

Each function below goes from HR and reference to PSNR and SSIM in the order and arithmetic of one official
code, with numpy, Pillow and scipy alone; refbench's card must give the same to 1e-3 dB and 1e-4. Photos of
scikit-image at odd sizes always run. Real WR-SR and CUFED5 images may not be redistributed: they run where
REFBENCH_REAL_DATA names a folder with copies. All 80 of WR-SR, Urban100 and Sun80 run alike where they are.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image as PILImage
from scipy.ndimage import correlate1d
from skimage import data

from refbench.imaging import read_image
from refbench.methods.bicubic.method import Bicubic
from refbench.metrics import METRICS, MetricCatalog
from refbench.metrics.metric_set import MetricSet
from refbench.protocols import ProtocolInstance
from refbench.protocols.card import card_names, load_card
from refbench.tensors import to_image, to_tensor
from refbench.types import Image, Input, Sample

Plane = npt.NDArray[np.float64]
Values = dict[str, float]


def resized(image: Image, height: int, width: int) -> Image:
    """Pillow's bicubic, horizontally first: newer versions choose the order of the passes by shape."""
    across = PILImage.fromarray(image).resize((width, image.shape[0]), PILImage.Resampling.BICUBIC)
    return np.asarray(across.resize((width, height), PILImage.Resampling.BICUBIC))


def restored(hr: Image) -> Image:
    """Down by 4 and up again."""
    height, width = hr.shape[:2]
    return resized(resized(hr, height // 4, width // 4), height, width)


def psnr(a: Plane, b: Plane) -> float:
    return float(20 * np.log10(255.0 / np.sqrt(np.mean((a - b) ** 2))))


def ssim(a: Plane, b: Plane) -> float:
    """Gaussian 11 x 11 of sigma 1.5, valid region."""
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    taps /= taps.sum()

    def mean(image: Plane) -> Plane:
        found: Plane = correlate1d(correlate1d(image, taps, axis=0), taps, axis=1)[5:-5, 5:-5]
        return found

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ma, mb = mean(a), mean(b)
    va, vb, both = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    return float((((2 * ma * mb + c1) * (2 * both + c2)) / ((ma**2 + mb**2 + c1) * (va + vb + c2))).mean())


def ttsr_luma(image: Image) -> Plane:
    """utils.py: coefficients over 256."""
    r, g, b = (image[:, :, k].astype(np.float64) for k in range(3))
    return np.asarray((65.738 * r + 129.057 * g + 25.064 * b) / 256 + 16)


def mmsr_luma(image: Image) -> Plane:
    """bgr2ycbcr of mmsr, on BGR."""
    bgr = image[:, :, ::-1].astype(np.float64)
    return np.asarray(np.dot(bgr, [24.966, 128.553, 65.481]) / 255.0 + 16.0)


def cropped(image: Image, multiple: int) -> Image:
    height, width = image.shape[:2]
    return image[: height - height % multiple, : width - width % multiple]


def by_ttsr(hr: Image, ref: Image) -> Values:
    target = cropped(hr, 4)
    a, b = ttsr_luma(restored(target)), ttsr_luma(target)
    return {"psnr_y_c0": psnr(a, b), "ssim_y_c0": ssim(a, b)}


def by_mmsr(hr: Image, ref: Image, multiple: int = 4) -> Values:
    target, other = cropped(hr, multiple), cropped(ref, multiple)
    size = [max(target.shape[k], other.shape[k]) for k in (0, 1)]
    padded = np.zeros((*size, 3), np.uint8)
    padded[: target.shape[0], : target.shape[1]] = target
    sr = restored(padded)[: target.shape[0], : target.shape[1]]
    a, b = mmsr_luma(sr)[4:-4, 4:-4], mmsr_luma(target)[4:-4, 4:-4]
    rgb = [image[4:-4, 4:-4].astype(np.float64) for image in (sr, target)]
    return {"psnr_y": psnr(a, b), "ssim_y": ssim(a, b), "psnr_rgb": psnr(*rgb)}


def by_datsr(hr: Image, ref: Image) -> Values:
    return by_mmsr(hr, ref, 32)


def by_canonical(hr: Image, ref: Image) -> Values:
    """mmsr's metrics without its padding."""
    return by_mmsr(hr, hr[:8, :8])


def by_masa(hr: Image, ref: Image) -> Values:
    height, width = hr.shape[:2]
    down, across = -height % 32, -width % 32
    top, left = down // 2, across // 2
    rows = np.clip(np.arange(height + down) - top, 0, height - 1)
    columns = np.clip(np.arange(width + across) - left, 0, width - 1)
    sr = restored(hr[rows][:, columns])[top : top + height, left : left + width]
    a, b = mmsr_luma(sr), mmsr_luma(hr)
    return {"psnr_y_c0": psnr(a, b), "ssim_y_c0": ssim(a, b)}


def by_mmagic(hr: Image, ref: Image) -> Values:
    target = cropped(hr, 4)
    a, b = (image[4:-4, 4:-4].astype(np.float64) for image in (restored(target), target))
    channels = [ssim(a[:, :, k], b[:, :, k]) for k in range(3)]
    return {"psnr_rgb": psnr(a, b), "ssim_rgb": float(np.mean(channels))}


OFFICIAL: dict[str, Callable[[Image, Image], Values]] = {
    "canonical": by_canonical,
    "c2_matching": by_mmsr,
    "datsr": by_datsr,
    "masa": by_masa,
    "mmagic_rgb": by_mmagic,
    "ttsr": by_ttsr,
}


def measured(card: str, hr: Image, ref: Image) -> Values:
    """As a run scores it."""
    trial = ProtocolInstance(load_card(card)).apply(Sample("1", hr, (ref,)), 0, 0)
    with torch.inference_mode():
        sr = to_image(Bicubic(None, "cpu")(Input(to_tensor(trial.lr), ())))
    if trial.sr_cut is not None:
        top, left, height, width = trial.sr_cut
        sr = sr[top : top + height, left : left + width].copy()
    names = load_card(card).metrics
    specs = MetricCatalog(METRICS).of_names(names)
    values, absent = MetricSet(specs).score(sr, trial)
    assert not absent
    signatures = {spec.alias: spec.signature for spec in specs}
    return {name: float(values[signatures[name]] or np.nan) for name in names}


def compare(card: str, hr: Image, ref: Image) -> None:
    ours, theirs = measured(card, hr, ref), OFFICIAL[card](hr, ref)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, abs=1e-3 if name.startswith("psnr") else 1e-4), name


PERCEPTUAL_AND_DUAL = {
    "canonical_x2", "canonical_x3", "canonical_x8", "dcsr", "irag", "irag_adain", "irag_wavelet", "kedusr",
    "lmr", "realesrgan", "selfdzsr", "selfdzsr_x2",
}  # fmt: skip
"""Those of test_card_evaluations.py."""


def test_every_card_has_an_independent_evaluation() -> None:
    assert set(OFFICIAL) | PERCEPTUAL_AND_DUAL == set(card_names())


@pytest.mark.parametrize("card", sorted(OFFICIAL))
@pytest.mark.parametrize(
    ("hr_size", "ref_size"), [((97, 130), (131, 91)), ((64, 96), (64, 96)), ((75, 66), (33, 150))]
)
def test_odd_sizes(card: str, hr_size: tuple[int, int], ref_size: tuple[int, int]) -> None:
    photo, other = data.astronaut(), data.coffee()
    compare(card, photo[10 : 10 + hr_size[0], 150 : 150 + hr_size[1]], other[: ref_size[0], : ref_size[1]])


def real() -> list[tuple[str, str]]:
    """(HR, reference) below REFBENCH_REAL_DATA, at most all of WR-SR and the first of each CUFED5 group."""
    root = os.environ.get("REFBENCH_REAL_DATA")
    if not root:
        return []
    pairs = [(p, p.parents[1] / "ref" / f"{p.stem}_ref.png") for p in Path(root).glob("WR-SR/input/*.png")]
    pairs += [(p, p.with_name(p.name.replace("_0.", "_1."))) for p in Path(root).glob("CUFED5/*_0.png")]
    return sorted((str(hr), str(ref)) for hr, ref in pairs if ref.is_file())


def test_real_images_under_every_protocol() -> None:
    pairs = real()
    if not pairs:
        pytest.skip("REFBENCH_REAL_DATA names no folder with WR-SR or CUFED5: they may not be redistributed")
    for hr, ref in pairs:
        for card in sorted(OFFICIAL):
            compare(card, read_image(Path(hr)), read_image(Path(ref)))
