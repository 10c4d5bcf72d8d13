"""The comparison table as Markdown: flat, one row per method and protocol, nothing left out."""

from __future__ import annotations

from refbench.untrusted.escape import markdown_text

from .provenance import provenance_grid
from .table_model import Entry, Section, Table
from .table_notes import MARKS
from .table_numbers import difference_text, interval_text, mean_text


def markdown(table: Table) -> str:
    """One Markdown table with a row per method and protocol, every delta and drop, then the notes.

    Best in bold, second in italics, both only where significant.
    """
    entries = [entry for section in table.sections for entry in section.entries]
    header = ["dataset", "protocol", "method", "n", "trials", "errors"]
    extras: list[tuple[int, str]] = []
    for k, spec in enumerate(table.columns):
        unit = f" {spec.unit}" if spec.unit else ""
        title = markdown_text(spec.title or spec.alias)
        header.append(title + unit)
        if any(entry.scores[k].delta is not None for entry in entries):
            header.append(f"{title} vs {markdown_text(table.baseline or 'baseline')}")
            extras.append((k, "delta"))
        if any(entry.scores[k].drop is not None for entry in entries):
            header.append(f"{title} drop")
            extras.append((k, "drop"))
    lines = [f"### {markdown_text(table.title)}", ""] if table.title else []
    lines += ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for section in table.sections:
        lines += ["| " + " | ".join(_row(table, section, entry, extras)) + " |" for entry in section.entries]
    lines += ["", *(f"{number}. {markdown_text(note)}" for number, note in enumerate(table.notes, start=1))]
    if table.notes:
        lines.append("")
    lines += [
        f"- {markdown_text(line.replace(MARKS, 'bold: best, italic: second'))}" for line in table.footer
    ]
    provenance = provenance_grid([e.cell for s in table.sections for e in s.entries])
    if provenance.rows:
        lines += ["", provenance.markdown()]
    return "\n".join(lines).rstrip() + "\n"


def _row(table: Table, section: Section, entry: Entry, extras: list[tuple[int, str]]) -> list[str]:
    cell = entry.cell
    protocol = markdown_text(section.protocol) + (" (control)" if section.control else "")
    row = [markdown_text(section.dataset_label), protocol, markdown_text(cell.method_label)]
    row += [str(cell.n), str(cell.trials), str(cell.errors)]
    for k, spec in enumerate(table.columns):
        score = entry.scores[k]
        mean = mean_text(score, spec)
        if score.mark:
            wrap = "**" if score.mark == "best" else "*"
            mean = mean.replace("*", "").replace("'", "")
            mean = f"{wrap}{mean}{wrap}"
        row.append(f"{mean} {interval_text(score, spec)}".strip())
        for kind in ("delta", "drop"):
            if (k, kind) in extras:
                comparison = score.delta if kind == "delta" else score.drop
                row.append(" ".join(difference_text(comparison, spec)).strip())
    return row
