"""Rectangles of a pixel grid, and how an image is cut into them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Window:
    """Rows top..bottom and columns left..right of a grid, ends excluded."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.bottom - self.top, self.right - self.left

    @property
    def origin(self) -> tuple[int, int]:
        """(top, left)."""
        return self.top, self.left

    def times(self, factor: int) -> Window:
        """The same place on a grid ``factor`` times finer."""
        return Window(self.top * factor, self.left * factor, self.bottom * factor, self.right * factor)

    def within(self, outer: Window) -> Window:
        """This window in the coordinates of ``outer``."""
        down, right = outer.origin
        return Window(self.top - down, self.left - right, self.bottom - down, self.right - right)

    def of(self, image: Tensor) -> Tensor:
        """The view of ``image`` (..., H, W) under this window."""
        return image[..., self.top : self.bottom, self.left : self.right]

    def of_vectors(self, field: Tensor) -> Tensor:
        """The view of a vector field (..., H, W, 2) under this window."""
        return field[..., self.top : self.bottom, self.left : self.right, :]

    def covers(self, size: tuple[int, int]) -> bool:
        """Whether it is the whole of a grid of ``size``."""
        return self.origin == (0, 0) and (self.bottom, self.right) == size


@dataclass(frozen=True)
class Tile:
    """What one step computes (``outer``) and the part of it that is kept (``core``)."""

    core: Window
    outer: Window


@dataclass(frozen=True)
class Cut:
    """A grid of ``size`` cut into cores of at most ``core`` pixels with ``halo`` pixels around each.

    ``core`` and ``halo`` are multiples of whatever the pass must be aligned to; windows end at the image's
    true border, which therefore is a border of every window that touches it.
    """

    size: tuple[int, int]
    core: tuple[int, int]
    halo: int

    @property
    def counts(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        return -(-self.size[0] // self.core[0]), -(-self.size[1] // self.core[1])

    @property
    def count(self) -> int:
        """Number of tiles."""
        rows, columns = self.counts
        return rows * columns

    @property
    def largest(self) -> int:
        """Pixels of the largest window, halo included."""
        height, width = (max(b - a for a, b in self._spans(axis)) for axis in (0, 1))
        return height * width

    @property
    def computed(self) -> int:
        """Pixels of all windows together."""
        rows, columns = (sum(b - a for a, b in self._spans(axis)) for axis in (0, 1))
        return rows * columns

    def _spans(self, axis: int) -> list[tuple[int, int]]:
        length, core = self.size[axis], self.core[axis]
        return [
            (max(start - self.halo, 0), min(start + core + self.halo, length))
            for start in range(0, length, core)
        ]

    def __iter__(self) -> Iterator[Tile]:
        height, width = self.size
        for row, (top, bottom) in enumerate(self._spans(0)):
            for column, (left, right) in enumerate(self._spans(1)):
                first = row * self.core[0], column * self.core[1]
                last = min(first[0] + self.core[0], height), min(first[1] + self.core[1], width)
                yield Tile(Window(*first, *last), Window(top, left, bottom, right))
