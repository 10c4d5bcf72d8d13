"""Features of recent references, so that trials which share a reference compute them once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from torch import Tensor

from refbench.tiling.budget import active

T = TypeVar("T")
LIMIT_SHARE = 16
"""One part in this many of ``memory.limit`` may be kept."""


def content_key(image: Tensor) -> str:
    """sha256 hex of an image's values and shape."""
    digest = hashlib.sha256(str((tuple(image.shape), image.dtype)).encode())
    digest.update(image.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


class ReferenceCache(Generic[T]):
    """The most recently used features by content, within a number of bytes.

    ``tensors`` lists the tensors of an entry, for its size. An entry larger than the budget is returned
    but not kept. Results do not depend on the cache: features are a function of the image.
    """

    def __init__(self, tensors: Callable[[T], Iterable[Tensor]], budget: int = 512 * 2**20) -> None:
        self._tensors = tensors
        self._budget = budget
        self._entries: OrderedDict[str, tuple[T, int]] = OrderedDict()

    def get(self, image: Tensor, compute: Callable[[], T]) -> T:
        """The features of ``image``, from the cache or from ``compute``."""
        key = content_key(image)
        if key in self._entries:
            self._entries.move_to_end(key)
            return self._entries[key][0]
        features = compute()
        size = sum(t.numel() * t.element_size() for t in self._tensors(features))
        self._entries[key] = (features, size)
        limit = active()
        # what is kept for later trials counts towards a memory limit now
        budget = self._budget if limit is None else min(self._budget, limit.limit // LIMIT_SHARE)
        while self._entries and sum(s for _, s in self._entries.values()) > budget:
            self._entries.popitem(last=False)
        return features
