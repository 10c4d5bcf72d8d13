"""A softmax over references that come one by one: memory does not grow with their number.

The running maximum, the sum of exponentials and the weighted sum are kept and rescaled whenever a higher
score comes (online softmax). The result is that of the softmax over all, up to rounding, in any order.
"""

from __future__ import annotations

import torch
from torch import Tensor


class OnlineSoftmax:
    """sum_k softmax_k(score_k) value_k, one ``add`` per reference.

    Works with and without gradients. Without any ``add``, :meth:`mixed` is None.
    """

    def __init__(self) -> None:
        self._top: Tensor | None = None
        self._total: Tensor | None = None
        self._sum: Tensor | None = None

    def add(self, score: Tensor, value: Tensor) -> None:
        """``score`` (B, 1, H, W), finite; ``value`` (B, C, H, W)."""
        if self._top is None or self._total is None or self._sum is None:
            self._top, self._total, self._sum = score, torch.ones_like(score), value
            return
        top = torch.maximum(self._top, score)
        before, own = torch.exp(self._top - top), torch.exp(score - top)
        self._total = self._total * before + own
        self._sum = self._sum * before + value * own
        self._top = top

    def mixed(self) -> Tensor | None:
        """The mixture (B, C, H, W) so far."""
        if self._sum is None or self._total is None:
            return None
        return self._sum / self._total
