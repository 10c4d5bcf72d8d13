"""Geometric changes of the reference: rotation, scaling, perspective, flips, and two controls.

C2-Matching's paper names small, medium and large scale and rotation changes, but no public text or code
gives their sizes: the levels here are refbench's own. All go through one antialiased warp of the
reference onto a canvas of its own size, borders repeated. Because resampling alone costs detail, the
family ``resample`` is the control: the identity (exactly the image) and a shift by half a pixel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from refbench.imaging.warp import Matrix, warp
from refbench.protocols.transforms import Transform
from refbench.types import Image

Facts = dict[str, str | float]


def about_centre(linear: Matrix, height: int, width: int) -> Matrix:
    """The 3 x 3 map that applies a 2 x 2 ``linear`` one about the image's centre."""
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = centre - linear @ centre
    return matrix


def rotation_matrix(degrees: float, height: int, width: int) -> Matrix:
    """Output -> input map that turns the picture by ``degrees`` (clockwise on screen)."""
    angle = math.radians(degrees)
    linear = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return about_centre(linear, height, width)


def scaling_matrix(factor: float, height: int, width: int) -> Matrix:
    """Output -> input map that shows the picture ``factor`` times as large, about its centre."""
    return about_centre(np.eye(2) / factor, height, width)


def perspective_matrix(share: float, rng: np.random.Generator, height: int, width: int) -> Matrix:
    """Output -> input map that moves each corner inwards or outwards by up to ``share`` of the size."""
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], dtype=np.float64)
    moved = corners + rng.uniform(-1, 1, (4, 2)) * share * np.array([width, height])
    return homography_from_points(corners, moved)


def homography_from_points(start: Matrix, end: Matrix) -> Matrix:
    """The homography that maps four points ``start`` to ``end`` (both of shape (4, 2))."""
    rows, right = [], []
    for (x, y), (u, v) in zip(start, end, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    solved = np.linalg.solve(np.array(rows), np.array(right))
    return np.append(solved, 1.0).reshape(3, 3)


def matrix_of(
    params: Mapping[str, float], rng: np.random.Generator, height: int, width: int
) -> tuple[Matrix, Facts]:
    """Output -> input map of one draw, and its facts. The matching-accuracy suites use it as the truth."""
    if "degrees" in params:
        degrees = params["degrees"] * (1.0 if rng.random() < 0.5 else -1.0)
        return rotation_matrix(degrees, height, width), {"degrees": degrees}
    if "factor" in params:
        return scaling_matrix(params["factor"], height, width), {"factor": params["factor"]}
    if "corner_share" in params:
        return perspective_matrix(params["corner_share"], rng, height, width), {}
    shift = np.eye(3)
    shift[:2, 2] = params["shift"]
    return shift, {"shift": params["shift"]}


def apply_warp(image: Image, params: Mapping[str, float], rng: np.random.Generator) -> tuple[Image, Facts]:
    """Warp one uint8 RGB image by a draw of its family."""
    matrix, facts = matrix_of(params, rng, image.shape[0], image.shape[1])
    return warp(image, matrix), facts


def apply_flip(image: Image, params: Mapping[str, float], rng: np.random.Generator) -> tuple[Image, Facts]:
    """Mirror one image, exactly."""
    flipped = image[:, ::-1] if params["axis"] == 1 else image[::-1]
    return np.ascontiguousarray(flipped), {}


def _family(name: str, key: str, levels: Mapping[str, float], random: bool) -> Transform:
    return Transform(
        name, 1, {k: {key: v} for k, v in levels.items()}, apply_warp, matrix=matrix_of, random=random
    )


RESAMPLE = _family("resample", "shift", {"identity": 0.0, "halfpixel": 0.5}, random=False)
ROTATION = _family("rotation", "degrees", {"5deg": 5.0, "15deg": 15.0, "30deg": 30.0}, random=True)
SCALING = _family("scaling", "factor", {"0.9": 0.9, "0.8": 0.8, "0.6": 0.6}, random=False)
PERSPECTIVE = _family("perspective", "corner_share", {"3%": 0.03, "6%": 0.06, "12%": 0.12}, random=True)
FLIP = Transform(
    "flip",
    1,
    {"horizontal": {"axis": 1}, "vertical": {"axis": 0}},
    apply_flip,
    moves=True,
    random=False,
    ordered=False,
)
