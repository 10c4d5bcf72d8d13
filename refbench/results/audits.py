"""What audits found, for tables that say of each number whether somebody has checked it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from refbench.errors import UserError
from refbench.results.digests import record_digest
from refbench.results.record import CellRecord
from refbench.untrusted.files import read_object

CONTRADICTED = "contradicted"


def read_audits(files: Iterable[Path]) -> dict[str, str]:
    """Record digest -> verdict, from the documents that ``refbench audit --json`` prints.

    A later file wins, but for a cell that any of them contradicts. Raises UserError for another file.
    """
    found: dict[str, str] = {}
    for file in files:
        try:
            document = read_object(file)
            if document is None:
                raise ValueError("no such file")
            cells = document["cells"]
            verdicts = {str(cell["record"]): _verdict(cell) for cell in cells}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{file}: not the output of refbench audit --json ({error}); give the file that it was "
                "written to"
            ) from None
        found |= {k: v for k, v in verdicts.items() if found.get(k) != CONTRADICTED}
    return found


def _verdict(cell: Mapping[str, object]) -> str:
    return CONTRADICTED if cell["contradictions"] else str(cell["verdict"])


def audited(cell: CellRecord, audits: Mapping[str, str]) -> CellRecord:
    """``cell`` with the verdict on exactly its rows and manifest, where there is one."""
    if not audits:
        return cell
    return replace(cell, audit=audits.get(record_digest(cell.path), ""))
