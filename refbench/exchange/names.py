"""File names and identifiers made from names that come from outside."""

from __future__ import annotations

import hashlib
import re
import uuid

from refbench.results.record import CellRecord

_OTHER = re.compile(r"[^a-z0-9.]+")


def slug(text: str, fallback: str = "unnamed") -> str:
    """Lower-case ASCII letters, digits, dots and hyphens; never empty, hidden, or longer than 60."""
    return _OTHER.sub("-", text.lower())[:60].strip("-.") or fallback


def file_stem(cell: CellRecord) -> str:
    """``cufed5-datsr-mse-canonical-1-<12 hex of the run key>``: readable, and different for each cell."""
    readable = "-".join(slug(part) for part in (cell.dataset, cell.method_label, cell.protocol))
    return f"{readable[:120].strip('-.')}-{key12(cell)}"


def key12(cell: CellRecord) -> str:
    """Twelve hex digits that stand for the run: of the run key, or of its digest where it is not hex."""
    key = cell.run_key[:12]
    if re.fullmatch(r"[0-9a-f]{12}", key):
        return key
    return hashlib.sha256(cell.run_key.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def uuid_of(text: str) -> str:
    """A version 4 UUID, the same for the same text."""
    return str(
        uuid.UUID(bytes=hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16], version=4)
    )
