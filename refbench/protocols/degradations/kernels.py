"""Blur kernels of the second-order degradation: generalised Gaussians, plateaus and sinc filters."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
SIDES = tuple(range(7, 22, 2))
SINC = 0.1
"""Probability of a sinc kernel in place of a Gaussian one."""
SHAPES = (
    ("iso", 0.45), ("aniso", 0.25), ("generalised iso", 0.12), ("generalised aniso", 0.03),
    ("plateau iso", 0.12), ("plateau aniso", 0.03),
)  # fmt: skip
"""Probabilities: 0.7 Gaussian, 0.15 generalised, 0.15 plateau (section 4.1)."""
GENERALISED = (0.5, 4.0)
PLATEAU = (1.0, 2.0)


def filtered(image: Floats, kernel: Floats) -> Floats:
    """``image`` (H, W, 3) correlated with a square kernel, the border mirrored without its edge pixel."""
    if kernel.size == 1:
        return image
    from scipy.ndimage import correlate

    planes = [correlate(image[..., c], kernel, mode="mirror") for c in range(image.shape[2])]
    made: Floats = np.stack(planes, axis=2)
    return made


def drawn_kernel(rng: np.random.Generator, sigmas: tuple[float, float]) -> tuple[Floats, str]:
    """(kernel that sums to 1, what it is); ``sigmas``: range of the standard deviations in pixels."""
    side = int(rng.choice(SIDES))
    if rng.random() < SINC:
        # small kernels cannot hold slow waves
        least = math.pi / 3 if side < 13 else math.pi / 5
        cutoff = float(rng.uniform(least, math.pi))
        return sinc(side, cutoff), f"sinc {side} {cutoff:.2f}"
    shape = str(rng.choice([name for name, _ in SHAPES], p=[share for _, share in SHAPES]))
    across = float(rng.uniform(*sigmas))
    along = across if shape.endswith(" iso") or shape == "iso" else float(rng.uniform(*sigmas))
    angle = 0.0 if along == across else float(rng.uniform(-math.pi, math.pi))
    beta = 1.0
    if shape.startswith(("generalised", "plateau")):
        least, most = GENERALISED if shape.startswith("generalised") else PLATEAU
        # as often below 1 as above
        below = least < 1 and rng.random() < 0.5
        beta = float(rng.uniform(least, 1.0) if below else rng.uniform(1.0, most))
    kernel = bell(side, across, along, angle, beta, plateau=shape.startswith("plateau"))
    return kernel, f"{shape} {side} {across:.2f}" + ("" if along == across else f" {along:.2f}")


def bell(
    side: int, across: float, along: float, angle: float = 0.0, beta: float = 1.0, plateau: bool = False
) -> Floats:
    """exp(-q^beta / 2), or for a plateau 1 / (1 + q^beta), with q the squared distance in units of the two
    standard deviations, turned by ``angle``; (side, side), sum 1."""
    centre = np.arange(side) - side // 2
    y, x = np.meshgrid(centre, centre, indexing="ij")
    u = (math.cos(angle) * x + math.sin(angle) * y) / across
    v = (-math.sin(angle) * x + math.cos(angle) * y) / along
    q = (u * u + v * v) ** beta
    kernel: Floats = 1 / (1 + q) if plateau else np.exp(-0.5 * q)
    return _of_sum_one(kernel)


def sinc(side: int, cutoff: float) -> Floats:
    """The circular low-pass filter: cutoff J1(cutoff r) / (2 pi r), (side, side), sum 1; cutoff in radians
    per pixel (paper, equation (6))."""
    from scipy.special import j1

    centre = np.arange(side) - side // 2
    y, x = np.meshgrid(centre, centre, indexing="ij")
    r = np.sqrt(x * x + y * y).astype(np.float64)
    r[side // 2, side // 2] = 1.0
    kernel: Floats = cutoff * j1(cutoff * r) / (2 * math.pi * r)
    kernel[side // 2, side // 2] = cutoff**2 / (4 * math.pi)
    return _of_sum_one(kernel)


def _of_sum_one(kernel: Floats) -> Floats:
    scaled: Floats = kernel / kernel.sum()
    return scaled
