"""Stored tables derived again from the rows next to them: what ``refbench audit`` makes of ``report/``.

Tables do not say with which options they were made, so a file is compared with what each choice of
``metric=`` and ``published=`` gives, the default first. Verdicts of audits that a table names are repeated
as they stand: whoever gave them vouches for them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product, zip_longest
from pathlib import Path
from typing import Any

from refbench import __version__
from refbench.auditing.findings import TableAudit
from refbench.auditing.tolerance import alike
from refbench.config.report_keys import PUBLISHED
from refbench.errors import UserError
from refbench.identity.keys import MISSING, differences
from refbench.results.cells import FinishedCells, load_cells
from refbench.results.digests import record_digest
from refbench.results.provenance import SELF_REPORTED, SHORT
from refbench.store.manifest import MANIFEST
from refbench.untrusted.files import read_bounded
from refbench.untrusted.schema import parse_object

from .document import LEFT_OUT, json_document
from .report import Report, build_report
from .write import text_files

DOCUMENT, PAGE, PROVENANCE = "report.json", "report.md", "csv/provenance.csv"
LATEX = ("latex/tables.tex", "latex/numbers.tex", "latex/provenance.tex")
UNCHECKED = ("report.html", "rows.parquet", "latex/paper.tex", "latex/appendix.tex")
"""Depend on options or packages that the folder does not state: not derived again, which is said."""
_PLACES = frozenset({"rows", "problems", "files"})
"""Fields of report.json that name places of the machine it was made on."""


def audit_tables(folders: Sequence[Path]) -> TableAudit:
    """Compare every report that lies in results folders with the rows there; nothing is written."""
    found = TableAudit()
    for folder in folders:
        for place in _report_places(folder):
            try:
                _Stored(place, folder, found).compare()
            except UserError as error:
                found.notes.append(f"{place.name}: tables are not derived again ({error})")
    return found


def _report_places(folder: Path) -> Iterator[Path]:
    """The folder itself and those in it that hold tables, never through a link."""
    inside = sorted(p for p in folder.iterdir() if p.is_dir() and not p.is_symlink())
    for place in (folder, *inside):
        names = (DOCUMENT, PAGE, PROVENANCE, *LATEX)
        if not (place / MANIFEST).exists() and any((place / name).exists() for name in names):
            yield place


@dataclass
class _Stored:
    """One folder of tables, made of cells in ``folder``."""

    place: Path
    folder: Path
    found: TableAudit
    document: Mapping[str, Any] = field(default_factory=dict)
    """report.json."""
    texts: dict[str, str] = field(default_factory=dict)
    """The other files by name."""
    reports: list[Report] = field(default_factory=list)
    derived: dict[tuple[int, str], Mapping[str, str | bytes]] = field(default_factory=dict)

    def compare(self) -> None:
        """Find what contradicts the rows. Raises UserError without rows to derive tables from."""
        for name in self._names():
            try:
                text = read_bounded(self.place / name).decode("utf-8")
                if name == DOCUMENT:
                    self.document = parse_object(text)
                else:
                    self.texts[name] = text
            except (OSError, ValueError) as error:
                self.found.contradict(self._shown(name), "file", "a table of refbench", f"damaged: {error}")
        made_by = self.document.get("refbench", __version__)
        if made_by != __version__:
            raise UserError(f"made by refbench {made_by}, this is {__version__}")
        stored = self._cells()
        if self.document:
            self._compare_document(stored)
        for name, text in self.texts.items():
            self._compare_text(name, text, stored)
        left = [self._shown(name) for name in UNCHECKED if (self.place / name).exists()]
        if left:
            self.found.notes.append(f"not derived again: {', '.join(left)}; refbench report makes them anew")

    def _names(self) -> list[str]:
        names = [DOCUMENT, PAGE]
        if not (self.place / "csv").is_symlink():
            names += [f"csv/{path.name}" for path in sorted((self.place / "csv").glob("*.csv"))]
        if not (self.place / "latex").is_symlink():
            names += LATEX
        # also what is a link or a pipe: it is said to be damaged
        return [name for name in names if (self.place / name).exists() or (self.place / name).is_symlink()]

    def _shown(self, name: str) -> str:
        return name if self.place == self.folder else f"{self.place.name}/{name}"

    def _cells(self) -> FinishedCells:
        """The cells that the tables say they are about, all that are there where they do not say."""
        stated = self._stated()
        there = load_cells([self.folder])
        if not stated:
            return there
        chosen = {key: cell for cell in there.cells if (key := cell.run_key[:SHORT]) in stated}
        if len(chosen) < len(stated):
            raise UserError("they are about cells that are not here; name the folders of these, too")
        audits = {
            record_digest(cell.path): stated[key]
            for key, cell in chosen.items()
            if stated[key] != SELF_REPORTED
        }
        if len(chosen) == len(there.cells) and not audits:
            return there
        if audits:
            said = ", ".join(sorted(set(audits.values())))
            self.found.notes.append(
                f"{self._shown('')}: says audits found {said}: of that this audit knows nothing"
            )
        return load_cells([cell.path for cell in chosen.values()], audits)

    def _stated(self) -> dict[str, str]:
        """First digits of a run key -> what the tables say of an audit."""
        try:
            if self.document:
                return {
                    str(cell["run_key"])[:SHORT]: str(cell["provenance"]["audit"])
                    for cell in self.document["cells"]
                }
            rows = csv.DictReader(io.StringIO(self.texts.get(PROVENANCE, "")))
            return {str(row["run_key"])[:SHORT]: str(row["audit"]) for row in rows}
        except (csv.Error, KeyError, TypeError, AttributeError) as error:
            name = DOCUMENT if self.document else PROVENANCE
            self.found.contradict(self._shown(name), "cells", "those of a report", f"damaged: {error!r}")
            raise UserError("they do not say what they are about") from None

    def _choices(self, stored: FinishedCells) -> Iterator[tuple[int, Report]]:
        """A report for every choice of options, each built once and when it is needed."""
        aliases = [alias for cell in stored.cells for alias in cell.metrics]
        stated = self.document.get("metric")
        metrics = [stated] if stated in aliases else [None, *dict.fromkeys(aliases)]
        for number, (metric, published) in enumerate(product(metrics, PUBLISHED)):
            if number == len(self.reports):
                self.reports.append(build_report(stored, metric=metric, published=published))
            yield number, self.reports[number]

    def _compare_document(self, stored: FinishedCells) -> None:
        least: list[tuple[str, object, object]] | None = None
        for _, report in self._choices(stored):
            apart = [
                (path, a, b)
                for path, a, b in differences(self.document, json_document(report))
                if path.rpartition(".")[2].partition("[")[0] not in _PLACES and not _near(a, b)
            ]
            least = apart if least is None or len(apart) < len(least) else least
            if not least:
                break
        self.found.checked.append(self._shown(DOCUMENT))
        for path, a, b in least or ():
            self._contradict(DOCUMENT, path, a, b)

    def _compare_text(self, name: str, text: str, stored: FinishedCells) -> None:
        least: list[tuple[int, str, str]] | None = None
        for number, report in self._choices(stored):
            kind = name.partition("/")[0].removeprefix("report.")
            if (number, kind) not in self.derived:
                self.derived[number, kind] = text_files(report, (kind,))
            own = self.derived[number, kind].get(name)
            if not isinstance(own, str):
                continue
            lines = zip_longest(_lines(text), _lines(own), fillvalue="nothing")
            apart = [(k, a, b) for k, (a, b) in enumerate(lines, start=1) if a != b]
            least = apart if least is None or len(apart) < len(least) else least
            if not least:
                break
        if least is None:
            self.found.notes.append(
                f"{self._shown(name)}: is not a table of these cells, perhaps one of an earlier report"
            )
            return
        self.found.checked.append(self._shown(name))
        for k, a, b in least:
            self._contradict(name, f"line {k}", *_apart(a, b))

    def _contradict(self, name: str, field: str, stated: object, own: object) -> None:
        there = "not there" if stated is MISSING else stated
        self.found.contradict(
            self._shown(name), field, there, f"{'nothing' if own is MISSING else own} from the rows"
        )


def _lines(text: str) -> list[str]:
    return text.partition(LEFT_OUT)[0].rstrip().splitlines()


def _near(a: object, b: object) -> bool:
    return type(a) is float and isinstance(b, float) and alike(a, b)


def _apart(a: str, b: str) -> tuple[str, str]:
    """The first fields in which two lines of a table differ; the lines where they have other fields."""
    for separator in (" | ", " & ", ","):
        left, right = a.split(separator), b.split(separator)
        if 1 < len(left) == len(right):
            return next((x.strip(), y.strip()) for x, y in zip(left, right, strict=True) if x != y)
    return a, b
