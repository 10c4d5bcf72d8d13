"""References made from a photo: another view of the same place, another place, a texture, or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from refbench.errors import UserError

from .camera import CameraRecipe, photograph
from .homography import Matrix, flip_rotate, random_homography
from .pair import Pair, absent_reference, bicubic_lr
from .photos import Photo
from .texture import texture_of
from .view import Truth, View, random_blob, random_half

Pixels = npt.NDArray[np.uint8]
DETAIL = 1.2
"""Photo pixels per reference pixel above which a view is sampled twice as finely and then reduced."""


@dataclass(frozen=True)
class SynthesisRecipe:
    """How references are drawn. Geometry is multiplied by a severity in [0, 1] drawn for each view."""

    unrelated: float = 0.2
    """Share of references that show another place (of which one in eight is pure noise)."""
    texture: float = 0.0
    """Share of references that show the texture of another photo and no place."""
    absent: float = 0.1
    """Share of constant mid-grey references."""
    corner: float = 0.08
    """Largest displacement of each corner, as a fraction of the patch."""
    shift: float = 0.2
    """Largest displacement of the whole patch, as a fraction of it: what remains overlaps in part."""
    scale: float = 0.15
    """Largest zoom in or out, less one."""
    rotation: float = 10.0
    """Largest angle in degrees."""
    nearness: float = 1.0
    """The severity is u ** nearness, u uniform in [0, 1]: above 1 most views are from nearly the same place,
    and the farthest stay as far. A net that aligns without a search finds its first matches among them."""
    parallax_share: float = 0.0
    """Share of views in which something stands in front and moves on its own, hiding other places."""
    parallax: float = 0.12
    """Its largest displacement against the background, as a fraction of the patch."""
    foreign_share: float = 0.0
    """Share of views of which a half shows another place."""
    places: int = 3
    """Random places of a photo from which the most textured is taken: flat sky teaches nothing."""
    input: CameraRecipe = field(default_factory=CameraRecipe)
    """The camera of the HR image (and so of the LR)."""
    reference: CameraRecipe = field(default_factory=CameraRecipe)
    """The camera of the reference, independent of the other."""

    def __post_init__(self) -> None:
        kinds = (self.unrelated, self.texture, self.absent)
        if any(not 0 <= share <= 1 for share in (*kinds, self.parallax_share, self.foreign_share)):
            raise UserError("train.synthesis: every share must lie in [0, 1]")
        if self.nearness <= 0:
            raise UserError(f"train.synthesis.nearness={self.nearness:g} is not above 0")
        if sum(kinds) > 1 + 1e-9:
            raise UserError("train.synthesis: unrelated + texture + absent must be at most 1")


class ReferenceSynthesizer:
    """Draws training pairs from photos. A pair depends on its generator alone, not on earlier pairs."""

    def __init__(self, photos: tuple[Photo, ...], recipe: SynthesisRecipe, patch: int) -> None:
        if patch % 4:
            raise UserError(f"train.patch: {patch} is not a multiple of 4")
        self.photos, self.recipe, self.patch = photos, recipe, patch

    def pair(self, rng: np.random.Generator, kind: str | None = None, more: int = 0) -> Pair:
        """One pair; ``kind`` fixes the sort of its first reference, which the recipe's shares would draw.

        ``more``: further references, each of a sort and a view of its own. The first one is the same with
        and without them.
        """
        kind = kind or self._kind(rng)
        number = int(rng.integers(len(self.photos)))
        pixels = self._size(rng, self.photos[number])
        view = self._fitting(self._view(rng), pixels.shape)
        hr, origin = self._cut(rng, pixels, view)
        ref, truth = self._reference(rng, kind, number, pixels, origin, view)
        hr = photograph(hr, self.recipe.input, rng)
        turn = int(rng.integers(8))
        others = []
        for _ in range(more):
            another = self._fitting(self._view(rng), pixels.shape, origin)
            others.append(self._reference(rng, self._kind(rng), number, pixels, origin, another)[0])
        hr = flip_rotate(hr, turn)
        return Pair(
            hr,
            bicubic_lr(hr),
            flip_rotate(ref, turn),
            kind,
            None if truth is None else truth.turned(turn, self.patch),
            tuple(flip_rotate(other, turn) for other in others),
        )

    def _kind(self, rng: np.random.Generator) -> str:
        recipe, draw = self.recipe, rng.random()
        if draw < recipe.unrelated:
            return "unrelated"
        if draw < recipe.unrelated + recipe.texture:
            return "texture"
        return "absent" if draw >= 1 - recipe.absent else "similar"

    def _size(self, rng: np.random.Generator, photo: Photo) -> Pixels:
        return photo.sizes[int(rng.integers(len(photo.sizes)))]

    def _view(self, rng: np.random.Generator) -> View:
        r, patch = self.recipe, self.patch
        severity = rng.random() ** r.nearness
        behind = random_homography(
            rng, patch, r.corner * severity, r.shift * severity, r.scale * severity, r.rotation * severity
        )
        front, blob = None, None
        if rng.random() < r.parallax_share:
            moved = np.eye(3)
            moved[:2, 2] = rng.uniform(-r.parallax, r.parallax, 2) * patch
            front, blob = moved @ behind, random_blob(rng, patch)
        foreign = random_half(rng, patch) if rng.random() < r.foreign_share else None
        return View(behind, front, blob, foreign)

    def _fitting(self, view: View, shape: tuple[int, ...], origin: tuple[int, int] | None = None) -> View:
        """The view, pulled towards the input's until the photo, with HR at ``origin``, holds both."""
        sides = np.array([shape[1], shape[0]])
        for amount in (0.0, 0.3, 0.6, 1.0):
            nearer = view.towards_identity(self.patch, amount)
            low, high = nearer.extent(self.patch)
            if origin is None and (high - low <= sides).all():
                return nearer
            if origin is not None and (low + origin >= 0).all() and (high + origin <= sides).all():
                return nearer
        raise UserError(f"train.data: a photo of {shape[1]}x{shape[0]} cannot hold a {self.patch} px patch")

    def _cut(self, rng: np.random.Generator, pixels: Pixels, view: View) -> tuple[Pixels, tuple[int, int]]:
        """The HR patch at the most textured of a few random places, and its (x, y) in the photo."""
        low, high = view.extent(self.patch)
        limit = np.array([pixels.shape[1], pixels.shape[0]]) - (high - low)
        places = [
            (-low + np.floor(rng.random(2) * (limit + 1))).astype(int) for _ in range(self.recipe.places)
        ]
        patches = [pixels[y : y + self.patch, x : x + self.patch] for x, y in places]
        best = max(range(len(patches)), key=lambda i: _activity(patches[i]))
        return patches[best], (int(places[best][0]), int(places[best][1]))

    def _reference(
        self,
        rng: np.random.Generator,
        kind: str,
        number: int,
        pixels: Pixels,
        origin: tuple[int, int],
        view: View,
    ) -> tuple[Pixels, Truth | None]:
        """A reference of ``kind`` and, when it shows the place, where the input's cells are in it."""
        if kind == "absent":
            return absent_reference((self.patch, self.patch, 3)), None
        if kind == "similar":
            ref, truth = self._seen(rng, number, pixels, origin, view), view.truth(self.patch, 4)
        else:
            ref, truth = self._elsewhere(rng, number, noisy=kind == "unrelated"), None
            if kind == "texture":
                ref = texture_of(ref, rng)
        return photograph(ref, self.recipe.reference, rng), truth

    def _seen(
        self, rng: np.random.Generator, number: int, pixels: Pixels, origin: tuple[int, int], view: View
    ) -> Pixels:
        ref = warp(pixels, view.behind, self.patch, origin)
        front, elsewhere = view.regions(self.patch)
        if not front.any() and not elsewhere.any():
            return ref
        ref = ref.copy()
        if view.front is not None:
            ref[front] = warp(pixels, view.front, self.patch, origin)[front]
        ref[elsewhere] = self._elsewhere(rng, number)[elsewhere]
        return ref

    def _elsewhere(self, rng: np.random.Generator, number: int, noisy: bool = False) -> Pixels:
        """A patch of another photo; with ``noisy``, or without another photo, it may be pure noise."""
        if (noisy and rng.random() < 1 / 8) or len(self.photos) == 1:
            return rng.integers(0, 256, (self.patch, self.patch, 3), dtype=np.uint8)
        other = (number + 1 + int(rng.integers(len(self.photos) - 1))) % len(self.photos)
        return self._cut(rng, self._size(rng, self.photos[other]), View(np.eye(3)))[0]


def warp(pixels: Pixels, matrix: Matrix, size: int, origin: tuple[int, int] = (0, 0)) -> Pixels:
    """The size x size reference patch of a photo, bicubic: reference pixel r shows photo point
    ``origin`` + matrix^-1(r). Points outside the photo are black. A view from farther away, which has more
    than DETAIL photo pixels per pixel, is antialiased."""
    inverse = np.linalg.inv(matrix)
    inverse = np.array([[1.0, 0, origin[0]], [0, 1, origin[1]], [0, 0, 1]]) @ inverse
    inverse /= inverse[2, 2]
    finer = 2 if abs(np.linalg.det(inverse[:2, :2])) > DETAIL**2 else 1
    sampled = inverse @ np.diag([1 / finer, 1 / finer, 1])
    image = PILImage.fromarray(pixels).transform(
        (size * finer, size * finer),
        PILImage.Transform.PERSPECTIVE,
        sampled.reshape(-1)[:8].tolist(),
        PILImage.Resampling.BICUBIC,
    )
    return np.asarray(image if finer == 1 else image.resize((size, size), PILImage.Resampling.BICUBIC))


def _activity(image: Pixels) -> float:
    grey = image[..., 1].astype(np.float32)
    return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean())
