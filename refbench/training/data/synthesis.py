"""References made from a photo: another view of the same place, another place, or nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from refbench.errors import UserError

from .distort import blur, colour_jitter, noise
from .homography import Matrix, apply_homography, dihedral, flip_rotate, random_homography, square_corners
from .homography import towards_identity as towards
from .pair import Pair, absent_reference, bicubic_lr
from .photos import Photo

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class SynthesisRecipe:
    """How references are drawn. Geometry is multiplied by a severity drawn from [0, 1] for each pair."""

    unrelated: float = 0.2
    """Share of references that show another place (of which one in eight is pure noise)."""
    absent: float = 0.1
    """Share of constant mid-grey references."""
    corner: float = 0.08
    """Largest displacement of each corner, as a fraction of the patch."""
    shift: float = 0.2
    """Largest displacement of the whole patch, as a fraction of it."""
    scale: float = 0.15
    """Largest zoom in or out, less one."""
    rotation: float = 10.0
    """Largest angle in degrees."""
    places: int = 3
    """Random places of a photo from which the most textured is taken: flat sky teaches nothing."""
    jitter: tuple[float, float, float, float] = (0.2, 0.2, 0.2, 0.05)
    """Brightness, contrast, saturation, hue."""
    jitter_share: float = 0.5
    blur: float = 2.0
    """Largest sigma in pixels."""
    blur_share: float = 0.2
    noise: float = 6.0
    """Largest standard deviation in 8-bit levels."""
    noise_share: float = 0.2

    def __post_init__(self) -> None:
        shares = (self.unrelated, self.absent, self.jitter_share, self.blur_share, self.noise_share)
        if any(not 0 <= share <= 1 for share in shares) or self.unrelated + self.absent > 1:
            raise UserError("train.synthesis: shares must lie in [0, 1], unrelated + absent at most 1")


class ReferenceSynthesizer:
    """Draws training pairs from photos. A pair depends on its generator alone, not on earlier pairs."""

    def __init__(self, photos: tuple[Photo, ...], recipe: SynthesisRecipe, patch: int) -> None:
        if patch % 4:
            raise UserError(f"train.patch: {patch} is no multiple of 4")
        self.photos, self.recipe, self.patch = photos, recipe, patch

    def pair(self, rng: np.random.Generator, kind: str | None = None) -> Pair:
        """One pair; ``kind`` fixes the sort of reference that the recipe's shares would draw."""
        recipe, patch = self.recipe, self.patch
        if kind is None:
            draw = rng.random()
            kind = "unrelated" if draw < recipe.unrelated else "similar"
            kind = "absent" if draw >= 1 - recipe.absent else kind
        number = int(rng.integers(len(self.photos)))
        pixels = self._size(rng, self.photos[number])
        matrix = self._homography(rng, pixels.shape)
        hr, warped = self._cut(rng, pixels, matrix)
        truth: Matrix | None = None
        if kind == "similar":
            ref, truth = self._distort(rng, warped), matrix
        elif kind == "unrelated":
            ref = self._distort(rng, self._unrelated(rng, number))
        else:
            ref = absent_reference(hr.shape)
        turn = int(rng.integers(8))
        if truth is not None:
            symmetry = dihedral(turn, patch)
            truth = symmetry @ truth @ np.linalg.inv(symmetry)
        hr = flip_rotate(hr, turn)
        return Pair(hr, bicubic_lr(hr), flip_rotate(ref, turn), kind, truth)

    def _size(self, rng: np.random.Generator, photo: Photo) -> Pixels:
        return photo.sizes[int(rng.integers(len(photo.sizes)))]

    def _homography(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Matrix:
        """HR patch -> reference patch, pulled towards the identity until the photo can hold both."""
        r, severity = self.recipe, rng.random()
        matrix = random_homography(
            rng,
            self.patch,
            r.corner * severity,
            r.shift * severity,
            r.scale * severity,
            r.rotation * severity,
        )
        for amount in (0.0, 0.3, 0.6, 1.0):
            blended = towards(matrix, self.patch, amount)
            low, high = self._extent(blended)
            if (high - low <= np.array([shape[1], shape[0]])).all():
                return blended
        raise UserError(f"train.data: a photo of {shape[1]}x{shape[0]} cannot hold a {self.patch} px patch")

    def _extent(self, matrix: Matrix) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Bounding box, relative to the HR patch, of the patch and of what the reference sees."""
        corners = square_corners(self.patch)
        inverse: Matrix = np.linalg.inv(matrix).astype(np.float64)
        seen = np.concatenate([corners, apply_homography(inverse, corners)])
        return np.floor(seen.min(axis=0)), np.ceil(seen.max(axis=0))

    def _cut(self, rng: np.random.Generator, pixels: Pixels, matrix: Matrix) -> tuple[Pixels, Pixels]:
        """The HR patch and the warped one, at the most textured of a few random places."""
        low, high = self._extent(matrix)
        limit = np.array([pixels.shape[1], pixels.shape[0]]) - (high - low)
        places = [
            (-low + np.floor(rng.random(2) * (limit + 1))).astype(int) for _ in range(self.recipe.places)
        ]
        patches = [pixels[y : y + self.patch, x : x + self.patch] for x, y in places]
        best = max(range(len(patches)), key=lambda i: _activity(patches[i]))
        origin = (int(places[best][0]), int(places[best][1]))
        return patches[best], warp(pixels, matrix, self.patch, origin)

    def _unrelated(self, rng: np.random.Generator, number: int) -> Pixels:
        if rng.random() < 1 / 8 or len(self.photos) == 1:
            return rng.integers(0, 256, (self.patch, self.patch, 3), dtype=np.uint8)
        other = (number + 1 + int(rng.integers(len(self.photos) - 1))) % len(self.photos)
        hr, _ = self._cut(rng, self._size(rng, self.photos[other]), np.eye(3))
        return hr

    def _distort(self, rng: np.random.Generator, image: Pixels) -> Pixels:
        r = self.recipe
        if rng.random() < r.jitter_share:
            image = colour_jitter(image, rng, r.jitter)
        if rng.random() < r.blur_share:
            image = blur(image, rng.uniform(0, r.blur))
        if rng.random() < r.noise_share:
            image = noise(image, rng, rng.uniform(0, r.noise))
        return image


def warp(pixels: Pixels, matrix: Matrix, size: int, origin: tuple[int, int] = (0, 0)) -> Pixels:
    """The size x size reference patch of a photo, bicubic: reference pixel r shows photo point
    ``origin`` + matrix^-1(r). Points outside the photo are black."""
    inverse = np.linalg.inv(matrix)
    inverse = np.array([[1.0, 0, origin[0]], [0, 1, origin[1]], [0, 0, 1]]) @ inverse
    inverse /= inverse[2, 2]
    image = PILImage.fromarray(pixels).transform(
        (size, size),
        PILImage.Transform.PERSPECTIVE,
        inverse.reshape(-1)[:8].tolist(),
        PILImage.Resampling.BICUBIC,
    )
    return np.asarray(image)


def _activity(image: Pixels) -> float:
    grey = image[..., 1].astype(np.float32)
    return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean())
