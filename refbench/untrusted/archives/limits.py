"""How much an archive may hold."""

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

    def check_count(self, count: int) -> None:
        """Raises Refused for more members than :attr:`files`."""
        if count > self.files:
            raise Refused(f"has more than {self.files} members")

    def check_size(self, total: int, packed: int) -> None:
        """Raises Refused when ``total`` unpacked bytes are too many at all, or for ``packed`` ones."""
        if total > self.total:
            raise Refused(f"unpacks to more than {self.total / 2**30:g} GiB")
        if total > self.free + self.ratio * packed:
            raise Refused(
                f"is a decompression bomb: more than {self.ratio} unpacked bytes for each packed one"
            )
