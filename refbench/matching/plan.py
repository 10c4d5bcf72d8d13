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
    value_bytes: int = FLOAT
    """Of one value of an operand."""
    tall: bool = False
    """Whether operands hold, for each pixel, the ``patch`` pixels from it downwards (as more channels)."""

    @property
    def halo(self) -> int:
        """Columns (and rows) of pixels that a block of positions needs beyond its own count."""
        return self.patch - 1

    @property
    def row_halo(self) -> int:
        """Rows of products that a block of positions needs beyond its own: none where operands are tall."""
        return 0 if self.tall else self.halo


@dataclass(frozen=True)
class Tiles:
    """Counts of patch positions, but for ``gemm_rows`` (query pixel rows)."""

    query_height: int
    query_width: int
    band: int
    """Reference rows that one ring covers."""
    gemm_rows: int
    """Query pixel rows of one GEMM; the ring holds two such blocks."""
    chunk: int
    """Reference rows that are summed at a time."""
    score_rows: int
    """Query rows that are summed at a time."""

    def buffer_floats(self, problem: Problem) -> tuple[int, int, int]:
        """Elements of the ring, of the sums down the rows, and of the scores."""
        halo, reference_width = problem.halo, problem.reference[1]
        wide = self.query_width + halo
        ring_rows = min(2 * self.gemm_rows, self.query_height + halo)
        ring = ring_rows * wide * (self.band + halo) * reference_width
        down = self.score_rows * wide * self.chunk * reference_width
        return ring, down + problem.patch, down * -(-self.band // self.chunk)

    def bytes(self, problem: Problem) -> int:
        """Working memory: both operands, the ring, sums and scores."""
        halo = problem.halo
        query = (self.query_height + halo) * (self.query_width + halo)
        reference = (self.band + halo) * problem.reference[1]
        return FLOAT * (problem.channels * (query + reference) + sum(self.buffer_floats(problem)))


def _even(total: int, largest: int) -> int:
    """Size of the parts when ``total`` is cut into as few, nearly equal parts of at most ``largest``."""
    parts = -(-total // max(1, min(largest, total)))
    return -(-total // parts)


def plan(problem: Problem, memory_mb: float, *, k: int = 1, cuda: bool = False, threads: int = 1) -> Tiles:
    """Tiles whose working memory stays below ``memory_mb``; raises ValueError when nothing fits.

    Measured on a Zen 3 core (docs/performance.md): a GEMM needs about 160 query pixels to amortise its
    packing, a ring much larger than the last-level cache costs more than its halo saves, and the sums
    should stay near the second-level cache. K > 1 reads back whole chunks, so those are kept short.
    """
    halo, reference_width = problem.halo, problem.reference[1]
    height, width = problem.query[0] - halo, problem.query[1] - halo
    bands = problem.reference[0] - halo
    parallel = max(1, min(threads, 8))
    ring_floats = 192 * MIB if cuda else 3 * MIB * parallel
    score_floats = 32 * MIB if cuda else 96 * 1024 * parallel
    gemm_pixels = 4096 if cuda else 160

    def waste(columns: int) -> tuple[float, int, int, int]:
        """(pixel products per patch score, columns, rows of a GEMM, band) for a query tile's width."""
        wide = columns + halo
        gemm_rows = max(halo, 1, -(-gemm_pixels // wide))
        if 16 * wide * problem.reference[0] * reference_width <= ring_floats:
            # a map so small that one row is little work for one call
            gemm_rows = max(gemm_rows, 8)
        gemm_rows = max(halo, 1, min(gemm_rows, height + halo))
        band = _even(bands, max(ring_floats // (2 * gemm_rows * wide * reference_width) - halo, 1))
        return (1 + halo / columns) * (1 + halo / band), columns, gemm_rows, band

    _, query_width, gemm_rows, band = min(waste(_even(width, -(-width // parts))) for parts in range(1, 9))
    wide = query_width + halo
    score_rows = gemm_rows if k > 1 or gemm_rows >= 4 else 1
    score_rows = max(1, min(score_rows, score_floats // (wide * reference_width)))
    chunk = _even(band, max(score_floats // (score_rows * wide * reference_width), 1))
    tiles = Tiles(height, query_width, band, gemm_rows, chunk, score_rows)
    budget = int(memory_mb * MIB)
    while tiles.bytes(problem) > budget:
        smaller = _shrink(tiles, problem)
        if smaller is None:
            need = tiles.bytes(problem) / MIB
            raise ValueError(f"memory_mb={memory_mb:g} is too little: this match needs {need:.1f} MB or more")
        tiles = smaller
    return tiles


def least_bytes(problem: Problem) -> int:
    """The smallest working memory for which :func:`plan` finds tiles."""
    tiles = Tiles(1, 1, 1, max(problem.halo, 1), 1, 1)
    return tiles.bytes(problem)


def _shrink(tiles: Tiles, problem: Problem) -> Tiles | None:
    """The halving that saves most; None when every count is at its least."""
    options = []
    for field in ("query_height", "query_width", "band", "chunk", "score_rows", "gemm_rows"):
        count = getattr(tiles, field)
        least = max(1, problem.halo) if field == "gemm_rows" else 1
        if count > least:
            smaller = replace(tiles, **{field: max(least, -(-count // 2))})
            smaller = replace(smaller, chunk=min(smaller.chunk, smaller.band))
            options.append(replace(smaller, score_rows=min(smaller.score_rows, smaller.gemm_rows)))
    better = [o for o in options if o.bytes(problem) < tiles.bytes(problem)]
    return min(better, key=lambda o: o.bytes(problem), default=None)
