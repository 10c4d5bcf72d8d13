"""Strengths from pairwise choices (Bradley & Terry, Biometrika 39, 1952), with intervals clustered by image.

P(i preferred over j) = s_i / (s_i + s_j). A tie counts half for each side. The likelihood of log strengths is
concave (Hunter, Annals of Statistics 32, 2004), maximised by Newton steps. Each compared pair gets half a
virtual win on either side, so that a method that was always preferred has a large finite strength, not none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

VIRTUAL = 0.5
RESAMPLES = 1_999
_SEED = 20_240_229
_STEPS = 200
_LONGEST = 1.0
"""Of one step of Newton's method, in log strength."""
_TOLERANCE = 1e-10


@dataclass(frozen=True)
class Choice:
    """One answer: which of two was preferred on one image."""

    image: str
    first: str
    second: str
    preferred: str | None
    """``first``, ``second``, or None for no difference."""


@dataclass(frozen=True)
class Strength:
    """One method."""

    name: str
    score: float
    """Natural logarithm of its strength; the scores of all methods have mean zero."""
    lo: float | None
    """Lower end of the 95 % interval over images; None for fewer than two images."""
    hi: float | None
    won: float
    """Choices in its favour, ties counted half."""
    compared: int
    """Choices that it took part in."""


def bradley_terry(choices: Sequence[Choice]) -> tuple[Strength, ...]:
    """Strengths, strongest first.

    Interval: percentiles over RESAMPLES resamples of images, each fitted anew (never of answers: those on
    one image share its content). Raises ValueError without choices, for a choice of a third method, and for
    methods that no chain of comparisons joins: their order is not known.
    """
    if not choices:
        raise ValueError("no choices")
    names = sorted({name for c in choices for name in (c.first, c.second)})
    images = sorted({c.image for c in choices})
    place = {name: k for k, name in enumerate(names)}
    wins = np.zeros((len(images), len(names), len(names)))
    row = {image: k for k, image in enumerate(images)}
    for c in choices:
        if c.first == c.second or c.preferred not in (None, c.first, c.second):
            raise ValueError(f"{c.preferred!r} was not among {c.first!r} and {c.second!r}")
        i, j = place[c.first], place[c.second]
        share = 0.5 if c.preferred is None else float(c.preferred == c.first)
        wins[row[c.image], i, j] += share
        wins[row[c.image], j, i] += 1.0 - share
    total = wins.sum(axis=0)
    apart = _not_joined(total, names)
    if apart:
        raise ValueError(f"nothing compares {apart} with {names[0]}; their order is not known")
    scores = fit(total)
    ends = _interval(wins, scores)
    order = sorted(range(len(names)), key=lambda k: (-scores[k], names[k]))
    return tuple(
        Strength(
            names[k],
            float(scores[k]),
            None if ends is None else float(ends[0][k]),
            None if ends is None else float(ends[1][k]),
            float(total[k].sum()),
            round(float(total[k].sum() + total[:, k].sum())),
        )
        for k in order
    )


def fit(wins: Floats) -> Floats:
    """Log strengths with mean zero, shape (..., m), from ``wins[..., i, j]`` choices of i over j."""
    played = wins + wins.swapaxes(-1, -2)
    seen = played > 0
    wins = wins + VIRTUAL * seen
    played = played + 2 * VIRTUAL * seen
    won = wins.sum(axis=-1)
    m = wins.shape[-1]
    scores: Floats = np.zeros(wins.shape[:-1])
    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(scores[..., None, :] - scores[..., :, None]))
        gradient = won - (played * p).sum(axis=-1)
        weight = played * p * (1.0 - p)
        # the Laplacian of the comparisons; a constant added to all scores changes nothing, so it is pinned
        curvature = np.eye(m) * weight.sum(axis=-1)[..., None] - weight + 1.0 / m
        step = np.linalg.solve(curvature, gradient[..., None])[..., 0]
        step = np.clip(step, -_LONGEST, _LONGEST)
        scores = scores + step
        if np.max(np.abs(step)) < _TOLERANCE:
            break
    centred: Floats = scores - scores.mean(axis=-1, keepdims=True)
    return centred


def _interval(wins: Floats, scores: Floats) -> tuple[Floats, Floats] | None:
    """Percentile ends over resampled images; None for fewer than two, and where most resamples leave methods
    apart."""
    n = len(wins)
    if n < 2:
        return None
    rng = np.random.default_rng([_SEED, n])
    drawn = rng.multinomial(n, np.full(n, 1.0 / n), size=RESAMPLES).astype(np.float64)
    totals = np.tensordot(drawn, wins, axes=1)
    joined = np.array([not _not_joined(total, range(len(total))) for total in totals])
    if joined.sum() < RESAMPLES // 2:
        return None
    lo, hi = np.quantile(fit(totals[joined]), [0.025, 0.975], axis=0)
    return np.minimum(lo, scores), np.maximum(hi, scores)


def _not_joined(wins: Floats, names: Sequence[object]) -> str:
    """A method that no chain of comparisons joins to the first one; empty: all are joined."""
    reached, grown = {0}, True
    linked = (wins + wins.T) > 0
    while grown:
        more = {int(j) for i in reached for j in np.flatnonzero(linked[i])} - reached
        reached |= more
        grown = bool(more)
    return next((str(name) for k, name in enumerate(names) if k not in reached), "")


def preference(scores: Mapping[str, float], first: str, second: str) -> float:
    """The fitted probability that ``first`` is preferred over ``second``."""
    return float(1.0 / (1.0 + np.exp(scores[second] - scores[first])))
