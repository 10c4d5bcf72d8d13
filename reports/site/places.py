"""Addresses inside the site: file names and anchors made from names that come from outside."""

from __future__ import annotations

import hashlib

from refbench.exchange.names import key12, slug
from refbench.registry import Registry
from refbench.results.record import CellRecord
from refbench.specs import MethodSpec


def page_name(text: str) -> str:
    """``cufed5``; a name that is not a plain word gets a piece of its hash, so that two never share a file."""
    plain = slug(text)
    if plain == text:
        return plain
    return f"{plain}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def suite_page(suite: str) -> str:
    """Relative to the first page."""
    return f"suites/{page_name(suite or 'unnamed')}.html"


def dataset_page(dataset: str) -> str:
    """Relative to the first page."""
    return f"datasets/{page_name(dataset)}.html"


def method_key(cell: CellRecord) -> str:
    """What has one page: the method with all its weights; a label of its own where the plain id is shared by
    whoever looks results up (``folder``, ``command``) or is not known here."""
    spec = known_methods().get(cell.method)
    return cell.method if spec is not None and not spec.reads_files else cell.method_label


def method_page(cell: CellRecord) -> str:
    """Relative to the first page."""
    return f"methods/{page_name(method_key(cell))}.html"


def anchor(cell: CellRecord) -> str:
    """Of the row: ``run-0a1b2c3d4e5f``."""
    return f"run-{key12(cell)}"


_known: dict[str, MethodSpec] = {}


def known_methods() -> dict[str, MethodSpec]:
    """The methods of the registry, read once."""
    if not _known:
        entries = Registry.discover().entries("methods")
        _known.update({e.name: e.spec for e in entries if isinstance(e.spec, MethodSpec)})
    return _known
