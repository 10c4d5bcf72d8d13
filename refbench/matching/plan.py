"""How a matching problem is cut into tiles: cache-sized on the CPU, as large as memory allows on CUDA.

The layout (see :mod:`.stream`): query block (all rows, ``query_width`` columns) x reference band
(``band`` rows of positions). Within it ``gemm_rows`` query rows at a time are correlated with the whole
band into a ring of pixel correlations, from which patch scores are summed for ``chunk`` reference rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

MIB = 1024 * 1024
FLOAT = 4


@dataclass(frozen=True)
class Problem:
    """Sizes of one matching problem, zero padding included."""

    channels: int
    query: tuple[int, int]
    reference: tuple[int, int]
    patch: int

    @property
    def halo(self) -> int:
        """Rows (columns) of pixels that a block of positions needs beyond its own count."""
        return self.patch - 1


@dataclass(frozen=True)
class Tiles:
    """Counts of patch positions (query_height, query_width, band, chunk) and of pixel rows (gemm_rows)."""

    query_height: int
    query_width: int
    band: int
    gemm_rows: int
    chunk: int

    def ring_rows(self, problem: Problem) -> int:
        """Query pixel rows that the ring holds: two GEMM blocks, or all rows where those are fewer."""
        return min(2 * self.gemm_rows, self.query_height + problem.halo)

    def bytes(self, problem: Problem) -> int:
        """Working memory: both operands, the ring, two score buffers."""
        halo = problem.halo
        wide = self.query_width + halo
        band_pixels = (self.band + halo) * problem.reference[1]
        query = problem.channels * (self.query_height + halo) * wide
        reference = problem.channels * band_pixels
        ring = self.ring_rows(problem) * wide * band_pixels
        scores = 2 * wide * self.chunk * problem.reference[1]
        return FLOAT * (query + reference + ring + scores)


def _even(total: int, largest: int) -> int:
    """Size of the parts when ``total`` is cut into as few, nearly equal parts of at most ``largest``."""
    parts = -(-total // max(1, min(largest, total)))
    return -(-total // parts)


def plan(problem: Problem, memory_mb: float, *, cuda: bool = False, threads: int = 1) -> Tiles:
    """Tiles whose working memory stays below ``memory_mb``; raises ValueError when nothing fits.

    Measured on a Zen 3 core (docs/performance.md): a GEMM needs about 160 query pixels to amortise its
    packing, a ring much larger than the last-level cache costs more than its halo saves, and the score
    buffers should stay near the second-level cache.
    """
    halo, reference_width = problem.halo, problem.reference[1]
    height, width = problem.query[0] - halo, problem.query[1] - halo
    bands = problem.reference[0] - halo
    ring_floats = (192 if cuda else 2 * min(threads, 8)) * MIB
    score_floats = 32 * MIB if cuda else 56 * 1024 * min(threads, 8)
    gemm_pixels = 4096 if cuda else 160
    query_width = _even(width, width if width <= 192 else 128)
    wide = query_width + halo
    gemm_rows = max(halo, 1, min(-(-gemm_pixels // wide), height + halo))
    row_floats = 2 * gemm_rows * wide * reference_width
    band = _even(bands, max(ring_floats // row_floats - halo, 4))
    chunk = _even(band, max(score_floats // (wide * reference_width), 1))
    tiles = Tiles(height, query_width, band, gemm_rows, chunk)
    budget = int(memory_mb * MIB)
    while tiles.bytes(problem) > budget:
        smaller = _shrink(tiles, problem)
        if smaller is None:
            need = tiles.bytes(problem) / MIB
            raise ValueError(f"memory_mb={memory_mb:g} is too little: this match needs {need:.1f} MB or more")
        tiles = smaller
    return tiles


def _shrink(tiles: Tiles, problem: Problem) -> Tiles | None:
    """The halving that saves most; None when every count is at its least."""
    options = []
    for field in ("query_height", "query_width", "band", "chunk", "gemm_rows"):
        count = getattr(tiles, field)
        least = max(1, problem.halo) if field == "gemm_rows" else 1
        if count > least:
            smaller = replace(tiles, **{field: max(least, -(-count // 2))})
            smaller = replace(smaller, chunk=min(smaller.chunk, smaller.band))
            options.append(smaller)
    better = [o for o in options if o.bytes(problem) < tiles.bytes(problem)]
    return min(better, key=lambda o: o.bytes(problem), default=None)
