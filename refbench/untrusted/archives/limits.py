"""How much an archive may hold, counted while it is read."""

from __future__ import annotations

from dataclasses import dataclass


class Refused(Exception):
    """The archive holds what is not unpacked; the message says what, in a few words."""


@dataclass(frozen=True)
class Limits:
    """The bounds of one archive. The defaults fit every RefSR dataset with room to spare."""

    files: int = 200_000
    """Members, folders included."""
    total: int = 64 << 30
    """Unpacked bytes of all members."""
    ratio: int = 250
    """Unpacked bytes for each packed one, over the whole archive: images are packed already, deflate
    can reach 1032 and xz far more."""
    free: int = 16 << 20
    """Unpacked bytes that the ratio is not asked of."""


class Count:
    """What was met so far; each method raises Refused when it is too much."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.files = 0
        self.total = 0

    def member(self) -> None:
        """One more member."""
        self.files += 1
        if self.files > self.limits.files:
            raise Refused(f"has more than {self.limits.files} members")

    def unpacked(self, size: int, packed: int) -> None:
        """``size`` more unpacked bytes; ``packed``: bytes of the archive that all so far came from."""
        self.total += size
        check_size(self.total, packed, self.limits)


def check_size(total: int, packed: int, limits: Limits) -> None:
    """Raises Refused when ``total`` bytes are too many at all, or for ``packed`` ones."""
    if total > limits.total:
        raise Refused(f"unpacks to more than {limits.total / 2**30:g} GiB")
    if total > limits.free + limits.ratio * packed:
        raise Refused(f"is a decompression bomb: more than {limits.ratio} unpacked bytes for each packed one")
