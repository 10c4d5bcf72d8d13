"""Kept SR images of a section, copied next to the pages: loaded only when somebody opens them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as PilImage

from refbench.exchange.names import key12
from refbench.results.record import CellRecord
from refbench.results.scoring import kept_image
from refbench.store import SampleRow
from refbench.untrusted.escape import printable

from ..files import put

LARGEST = 8 << 20
"""Bytes of one copied image; larger ones are left out, and that is said."""
PIXELS = 40_000_000
FOLDER = "images"


@dataclass(frozen=True)
class Strip:
    """One sample under one protocol, as every method shows it."""

    sample: str
    pictures: tuple[tuple[str, str], ...]
    """(method label, address relative to the site's first page)."""


class Pictures:
    """Copies images into the site, each once."""

    def __init__(self, out: Path, samples: int, note: Callable[[str], None]) -> None:
        """samples: most of each section. note: told what is left out, and why."""
        self._out = out
        self._samples = samples
        self._note = note
        self._written: dict[Path, str] = {}

    def strips(self, cells: Sequence[CellRecord]) -> tuple[Strip, ...]:
        """The first samples of which most methods of a section kept an image."""
        if not self._samples:
            return ()
        kept: dict[str, list[tuple[CellRecord, Path]]] = {}
        for cell in cells:
            for row in cell.rows:
                if row.ok and row.draw == 0 and (path := _kept(cell, row)) is not None:
                    kept.setdefault(row.sample_id, []).append((cell, path))
        chosen = sorted(kept, key=lambda sample: (-len(kept[sample]), sample))[: self._samples]
        strips = []
        for sample in chosen:
            found = [
                (cell.method_label, address)
                for cell, path in kept[sample]
                if (address := self._copied(cell, path)) is not None
            ]
            if found:
                strips.append(Strip(sample, tuple(found)))
        return tuple(strips)

    def __len__(self) -> int:
        """Images written."""
        return len(self._written)

    def _copied(self, cell: CellRecord, path: Path) -> str | None:
        if path not in self._written:
            data = _png(path)
            if data is None:
                self._note(f"{printable(str(path))}: not a PNG image within 8 MB, left out of the site")
                return None
            number = sum(1 for done in self._written if done.parent == path.parent)
            name = f"{FOLDER}/{key12(cell)}/{number}.png"
            put(self._out, name, data)
            self._written[path] = name
        return self._written[path]


def _kept(cell: CellRecord, row: SampleRow) -> Path | None:
    return kept_image(cell.path, row)


def _png(path: Path) -> bytes | None:
    """The bytes of a PNG file of bounded size, whose header alone is read; None for anything else."""
    try:
        if path.stat().st_size > LARGEST:
            return None
        with PilImage.open(path, formats=["PNG"]) as picture:
            if picture.size[0] * picture.size[1] > PIXELS:
                return None
        return path.read_bytes()
    except (OSError, ValueError, SyntaxError, PilImage.DecompressionBombError):
        return None
