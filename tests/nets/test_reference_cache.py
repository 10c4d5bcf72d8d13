"""Features of a reference are computed once, and forgotten in time."""

from __future__ import annotations

import torch
from torch import Tensor

from refbench.nets.reference_cache import ReferenceCache, content_key


def test_equal_content_is_one_entry_and_other_content_another() -> None:
    calls = []

    def compute(value: float) -> Tensor:
        calls.append(value)
        return torch.full((4,), value)

    cache: ReferenceCache[Tensor] = ReferenceCache(lambda t: (t,))
    image = torch.rand(3, 4, 4)
    first = cache.get(image, lambda: compute(1.0))
    again = cache.get(image.clone(), lambda: compute(2.0))
    other = cache.get(image + 1, lambda: compute(3.0))
    assert calls == [1.0, 3.0]
    assert first is again
    assert other[0] == 3.0


def test_the_budget_drops_the_oldest_and_keeps_nothing_that_exceeds_it() -> None:
    calls: list[int] = []

    def compute(key: int, size: int) -> Tensor:
        calls.append(key)
        return torch.zeros(size)

    cache: ReferenceCache[Tensor] = ReferenceCache(lambda t: (t,), budget=4 * 10)
    images = [torch.full((1, 1), float(i)) for i in range(3)]
    for i in (0, 1, 0, 2, 0, 1):
        cache.get(images[i], lambda i=i: compute(i, 5))
    assert calls == [0, 1, 2, 1]
    cache.get(torch.ones(2, 2), lambda: compute(9, 11))
    cache.get(torch.ones(2, 2), lambda: compute(9, 11))
    assert calls[-2:] == [9, 9]


def test_shape_is_part_of_the_content() -> None:
    assert content_key(torch.zeros(3, 2, 8)) != content_key(torch.zeros(3, 8, 2))
