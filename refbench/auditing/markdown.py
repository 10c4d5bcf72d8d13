"""The findings of an audit as Markdown, for the summary of a CI job or a pull request."""

from __future__ import annotations

from refbench.auditing.audit import AuditResult
from refbench.untrusted.escape import markdown_text

_HEAD = {0: "The results hold", 1: "The results are contradicted", 3: "Nothing could be checked"}


def markdown(result: AuditResult) -> str:
    """A table of verdicts, then every contradiction and what could not be checked."""
    lines = [f"# {_HEAD[result.exit_code]}", ""]
    lines += ["| method | dataset | protocol | run key | verdict |", "|---|---|---|---|---|"]
    for cell in result.cells:
        label = cell.labels()
        texts = [label["method_label"], label["dataset_label"], label["protocol"]]
        texts += [label["run_key"][:12], cell.verdict]
        lines.append("| " + " | ".join(map(markdown_text, texts)) + " |")
    for cell in result.cells:
        if cell.contradictions or cell.notes:
            label = cell.labels()
            lines += [
                "",
                f"## {markdown_text(label['method_label'])}, {markdown_text(label['protocol'])}",
                "",
            ]
            lines += [f"- **contradicted** {markdown_text(c.line())}" for c in cell.contradictions]
            lines += [f"- {markdown_text(note)}" for note in cell.notes]
    tables = result.tables
    if tables.checked or tables.contradictions or tables.notes:
        lines += ["", "## Tables", ""]
        lines += [f"- **contradicted** {markdown_text(c.line())}" for c in tables.contradictions]
        if tables.checked:
            lines.append(f"- derived again from the rows: {markdown_text(', '.join(tables.checked))}")
        lines += [f"- {markdown_text(note)}" for note in tables.notes]
    return "\n".join(lines) + "\n"
