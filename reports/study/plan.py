"""Which pairs a study shows: order and sides drawn by a seed, equally often for every pair of methods."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True)
class Pair:
    """One question."""

    sample: str
    left: str
    """Method label."""
    right: str


def plan_pairs(samples: Mapping[str, Sequence[str]], count: int, seed: int) -> tuple[Pair, ...]:
    """At most ``count`` questions (0: all) from ``sample -> methods that have an image of it``.

    Pairs of methods come equally often, samples too as far as that goes; which one stands left is drawn, with
    each pair's sides balanced. The same seed asks the same questions in the same order.
    """
    rng = random.Random(f"refbench study {seed}")
    by_pair: dict[tuple[str, str], list[str]] = {}
    for sample in sorted(samples):
        for pair in combinations(sorted(samples[sample]), 2):
            by_pair.setdefault(pair, []).append(sample)
    for own in by_pair.values():
        rng.shuffle(own)
    chosen: list[tuple[tuple[str, str], str]] = []
    used: dict[str, int] = {}
    total = sum(map(len, by_pair.values()))
    left = {pair: list(own) for pair, own in by_pair.items()}
    while len(chosen) < (min(count, total) if count else total):
        for pair in sorted(left):
            if left[pair] and (not count or len(chosen) < count):
                # the sample that was shown least so far
                sample = min(left[pair], key=lambda s: used.get(s, 0))
                left[pair].remove(sample)
                used[sample] = used.get(sample, 0) + 1
                chosen.append((pair, sample))
    sides: dict[tuple[str, str], int] = {}
    found = []
    for pair, sample in chosen:
        turn = sides.setdefault(pair, rng.randrange(2))
        sides[pair] = 1 - turn
        first, second = pair if turn == 0 else pair[::-1]
        found.append(Pair(sample, first, second))
    rng.shuffle(found)
    return tuple(found)


def blind_name(secret: str, *parts: str) -> str:
    """A file name that says nothing of what it holds to whoever has no key: 20 hex digits."""
    text = "\0".join((secret, *parts))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]
