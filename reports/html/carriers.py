"""Where the page's pictures are kept: in the page while they are few, else in a folder next to it.

A page that is opened from a disk may show a picture that lies next to it but not read its pixels, which the
viewer's measures need. It may run a script; so each picture next to the page is one that hands it over.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from ..files import put

EMBED_LIMIT = 24_000_000
"""Bytes of pictures that go into the page itself; more lie in a folder next to it and load when looked at."""


class Pictures:
    """WebP pictures of one page, each kept once. Names are digests or numbers, never names of samples."""

    def __init__(self, folder: Path, name: str) -> None:
        """``folder/name`` is made only where pictures are many."""
        self._folder, self._name = folder, name
        self._held: dict[str, bytes] = {}
        self._written: dict[str, str] = {}
        self.size = 0
        """Bytes of all pictures."""

    def keep(self, data: bytes) -> str:
        """Keep a full-resolution picture; its name. Raises UserError when the folder cannot be written."""
        return self._add(f"{hashlib.sha256(data).hexdigest()[:20]}.webp", data)

    def thumb(self, number: int, data: bytes) -> str:
        """Keep the small picture of entry ``number`` of the gallery."""
        return self._add(f"{number:04d}_thumb.webp", data)

    def addresses(self) -> dict[str, str]:
        """Name -> address for the page: the picture itself, or the file that holds it."""
        return {**self._written, **{name: _embedded(data) for name, data in self._held.items()}}

    def files(self) -> list[Path]:
        """What was written next to the page."""
        return [self._folder / self._name] if self._written else []

    def _add(self, name: str, data: bytes) -> str:
        if name in self._held or name in self._written:
            return name
        self.size += len(data)
        self._held[name] = data
        if self.size > EMBED_LIMIT:
            for held, content in self._held.items():
                self._write(held, content)
            self._held.clear()
        return name

    def _write(self, name: str, data: bytes) -> None:
        if name.endswith("_thumb.webp"):
            address, content = f"{self._name}/{name}", data
        else:
            address = f"{self._name}/{name.removesuffix('.webp')}.js"
            content = f'refbenchPicture("{name}","{_embedded(data)}");\n'.encode("ascii")
        put(self._folder, address, content)
        self._written[name] = address


def _embedded(data: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(data).decode("ascii")
