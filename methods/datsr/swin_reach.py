"""How far a pixel behind Swin layers sees, in windows that keep the grid of the whole image."""

from __future__ import annotations

from collections.abc import Sequence


def swin_reach(depths: Sequence[int], window: int, after: int = 0) -> int:
    """Pixels beyond a core whose edges lie on the window grid.

    ``after``: pixels that what follows the layers already needs. Walking back, the convolution that ends
    a layer needs one pixel more, and a block needs every window that the pixels so far lie in: windows
    end at multiples of ``window``, in every second block ``window // 2`` further down and right.
    """
    shift = window // 2
    above = below = after
    for depth in reversed(depths):
        above, below = above + 1, below + 1
        for block in reversed(range(depth)):
            moved = shift if block % 2 else 0
            above += (-moved - above) % window
            below += (moved - below) % window
    return max(above, below)
