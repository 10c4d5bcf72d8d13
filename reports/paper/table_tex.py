"""The paper's table in LaTeX: as wide as its letters ask for, never scaled, with label and citations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from refbench.stats.paired import ALPHA

from ..latex_text import latex_note, latex_text
from ..literature import family
from ..options import PrintOptions
from ..published import HOW_READ, Published
from .citations import Bibliography, cite
from .model import Column, PaperTable, Row, Value
from .words import card_params, listed, metric_words, name_of, protocol_label, protocol_words

LABEL = "tab:refbench"
COLUMN, PAGE = 237.0, 496.0
"""Points of one column and of both in CVPR's class."""
HEIGHT = 640.0
"""Points of a page's text."""
SIZES = (("small", 9.0), ("footnotesize", 8.0), ("scriptsize", 7.0))
_SEPARATION = {"small": 4.0, "footnotesize": 3.0, "scriptsize": 2.0}
"""Points of ``\\tabcolsep``."""
EYE = r"$^{\dagger}$"


@dataclass(frozen=True)
class Cell:
    """LaTeX and, for the width, how many letters of it are printed."""

    tex: str
    letters: float


@dataclass(frozen=True)
class _Grid:
    """The table's fields before they are typeset."""

    head: list[list[Cell]]
    spans: list[list[tuple[Cell, int]]]
    """Lines over the head whose fields span columns."""
    body: list[list[Cell]]
    rule_after: int
    """Rows of the literature; 0: none."""
    left: int
    """Leading columns that are flush left."""


def table_tex(table: PaperTable, options: PrintOptions, cites: Bibliography) -> tuple[str, list[str]]:
    """(the float, what a person should know): ``\\input`` it, needs booktabs."""
    grid = _transposed(table, options) if options.transpose else _upright(table, options)
    size, wide, notes = _fit(grid, options.width)
    points = dict(SIZES)[size] * 1.25
    if (len(grid.body) + 6) * points > HEIGHT:
        notes.append(
            f"the table has {len(grid.body)} lines, more than a page holds: choose with methods= or "
            "published=own, or use layout=pair"
        )
    star = "*" if wide else ""
    separation = _SEPARATION[size]
    lines = [
        rf"\begin{{table{star}}}[t]",
        rf"\centering\{size}\setlength{{\tabcolsep}}{{{separation:g}pt}}",
        rf"\caption{{{caption(table, options, cites)}}}",
        rf"\label{{{LABEL}}}\vspace{{3pt}}",
        rf"\begin{{tabular}}{{@{{}}{'l' * grid.left}{'c' * (len(grid.head[0]) - grid.left)}@{{}}}}",
        r"\toprule",
        *_spanning(grid),
        *(" & ".join(cell.tex for cell in line) + r" \\" for line in grid.head),
        r"\midrule",
    ]
    for k, line in enumerate(grid.body):
        if grid.rule_after and k == grid.rule_after:
            lines.append(r"\midrule")
        lines.append(" & ".join(cell.tex for cell in line) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}", rf"\end{{table{star}}}", ""]
    return "\n".join(lines), notes


def _upright(table: PaperTable, options: PrintOptions) -> _Grid:
    heads = _heads(table)
    rows = options.layout == "rows"
    groups = [[spec.alias] for spec in table.metrics] if rows else [[s.alias for s in table.metrics]]
    body: list[list[Cell]] = []
    above = 0
    for row in table.rows:
        # leave out a metric that nobody has printed for this method: it would be a line of dashes
        own = [k for k, group in enumerate(groups) if row.literature is None or _has(row, table, group)]
        for k in own:
            group = groups[k]
            line = [_name(row) if k == own[0] else Cell("", 0)]
            line += [_plain(name_of(table.metrics[k]))] if rows else []
            body.append([*line, *(_values(row, column, group) for column in table.columns)])
        above += len(own) if row.literature is not None else 0
    left = 2 if rows else 1
    lead = [_plain("Method"), *([_plain("Metric")] if rows else [])]
    spans, under = _column_heads(heads, left)
    lines = [[*lead, *under]]
    if not rows:
        pairs = [_pair_head(table, column, groups[0]) for column in table.columns]
        lines.append([Cell("", 0)] * left + [Cell(pair, _letters(pair)) for pair in pairs])
    return _Grid(lines, spans, body, above if above < len(body) else 0, left)


def _transposed(table: PaperTable, options: PrintOptions) -> _Grid:
    heads = _heads(table)
    rows = options.layout == "rows"
    groups = [[spec.alias] for spec in table.metrics] if rows else [[s.alias for s in table.metrics]]
    protocols = any(protocol for _, protocol in heads)
    body = []
    before = None
    for column, (dataset, protocol) in zip(table.columns, heads, strict=True):
        for k, group in enumerate(groups):
            first = dataset if k == 0 and dataset != before else ""
            line = [_plain(first)]
            line += [_plain(protocol if k == 0 else "")] if protocols else []
            shown = _pair_head(table, column, group)
            line.append(Cell(shown, _letters(shown)))
            before = dataset
            body.append([*line, *(_values(row, column, group) for row in table.rows)])
    left = 3 if protocols else 2
    lead = [_plain("Dataset"), *([_plain("Protocol")] if protocols else []), _plain("Metric")]
    return _Grid([[*lead, *(_stacked(row) for row in table.rows)]], [], body, 0, left)


def _heads(table: PaperTable) -> list[tuple[str, str]]:
    """(dataset, protocol) of each column; protocols are empty where every dataset has one."""
    cards = [column.protocol.partition("+")[0] for column in table.columns if column.protocol]
    several = len({column.protocol for column in table.columns if column.protocol}) > 1
    return [
        (
            column.dataset,
            (protocol_label(column.protocol, cards) if column.protocol else "published") if several else "",
        )
        for column in table.columns
    ]


def _column_heads(
    heads: Sequence[tuple[str, str]], left: int
) -> tuple[list[list[tuple[Cell, int]]], list[Cell]]:
    """(lines of spanning datasets, the line below): protocols below datasets where there are several."""
    if not any(protocol for _, protocol in heads):
        return [], [_plain(dataset) for dataset, _ in heads]
    line: list[tuple[Cell, int]] = [(Cell("", 0), left)]
    for dataset, _ in heads:
        if len(line) > 1 and line[-1][0].tex == latex_text(dataset):
            line[-1] = (line[-1][0], line[-1][1] + 1)
        else:
            line.append((_plain(dataset), 1))
    return [line], [_plain(protocol) for _, protocol in heads]


def _spanning(grid: _Grid) -> list[str]:
    lines = []
    for line in grid.spans:
        lines.append(" & ".join(rf"\multicolumn{{{n}}}{{c}}{{{c.tex}}}" for c, n in line) + r" \\")
        at, rules = 1, []
        for cell, n in line:
            rules += [rf"\cmidrule(lr){{{at}-{at + n - 1}}}"] if cell.tex else []
            at += n
        lines.append("".join(rules))
    return lines


def _name(row: Row) -> Cell:
    text = latex_text(row.name) + (EYE if _by_eye(row) else "")
    return Cell(text + cite(*row.cite), len(row.name) + (4 if any(row.cite) else 0))


def _stacked(row: Row) -> Cell:
    """A method over its column: what its name has in brackets stands below it."""
    lines = re.split(r" (?=[(\[])", row.name)
    shown = [*map(latex_text, lines)]
    shown[-1] += (EYE if _by_eye(row) else "") + cite(*row.cite)
    letters = max([*map(len, lines[:-1]), len(lines[-1]) + (4 if any(row.cite) else 0)])
    if len(lines) == 1:
        return Cell(shown[0], letters)
    below = r" \\ ".join(shown)
    return Cell(rf"\begin{{tabular}}[t]{{@{{}}c@{{}}}}{below}\end{{tabular}}", letters)


def _has(row: Row, table: PaperTable, aliases: Sequence[str]) -> bool:
    return any((column.key, alias) in row.values for column in table.columns for alias in aliases)


def _by_eye(row: Row) -> bool:
    """Whether all its numbers were read by eye: said once then, at the name."""
    return all(value.by_eye for value in row.values.values())


def _values(row: Row, column: Column, aliases: Sequence[str]) -> Cell:
    found = [row.values.get((column.key, alias)) for alias in aliases]
    if not any(found):
        return Cell("--", 1)
    shown = [_value(value, value is not None and value.by_eye and not _by_eye(row)) for value in found]
    return Cell(" / ".join(c.tex for c in shown), sum(c.letters for c in shown) + 2.0 * (len(shown) - 1))


def _value(value: Value | None, by_eye: bool) -> Cell:
    if value is None:
        return Cell("--", 1)
    text = latex_text(value.text)
    tex = {"best": rf"\textbf{{{text}}}", "second": rf"\underline{{{text}}}", "": text}[value.mark]
    if value.half:
        tex += rf"{{\scriptsize$\pm${value.half}}}"
    if by_eye:
        tex += EYE
    return Cell(tex, len(value.text) + 0.8 * len(value.half) + 0.8 * by_eye + 1.2 * bool(value.half))


def _metric_head(table: PaperTable, alias: str) -> str:
    spec = next(spec for spec in table.metrics if spec.alias == alias)
    return latex_text(name_of(spec)) + ("" if spec.higher_is_better else r"$\downarrow$")


def _pair_head(table: PaperTable, column: Column, aliases: Sequence[str]) -> str:
    """``PSNR-Y / SSIM-Y``; where only the literature has numbers, the name that it gives them."""
    if column.cell is not None:
        return " / ".join(_metric_head(table, alias) for alias in aliases)
    return " / ".join(latex_text(family(s) or "--") for s in table.metrics if s.alias in aliases)


def _plain(text: str) -> Cell:
    return Cell(latex_text(text), len(text))


def _letters(tex: str) -> float:
    return len(tex.replace(r"$\downarrow$", "v"))


def _fit(grid: _Grid, wanted: str) -> tuple[str, bool, list[str]]:
    """(letters, both columns?, notes): the largest letters that fit, in one column if any do."""
    lines = [*grid.head, *grid.body]
    widest = [max(line[k].letters for line in lines) for k in range(len(grid.head[0]))]
    for line in grid.spans:
        at = 0
        for cell, n in line:
            lack = cell.letters - sum(widest[at : at + n])
            widest[at] += max(0.0, lack)
            at += n
    tries = [(COLUMN, False)] * (wanted != "page") + [(PAGE, True)] * (wanted != "column")
    for width, wide in tries:
        for size, points in SIZES[: 2 if wanted == "auto" and not wide else 3]:
            # digits are half their size wide, names of mixed letters hardly more
            needed = sum(widest) * points * 0.52 + 2 * _SEPARATION[size] * (len(widest) - 1)
            if needed <= width:
                return size, wide, []
    room, wide = tries[-1]
    over = sum(widest) * 7.0 * 0.52 + 4.0 * (len(widest) - 1) - room
    return "scriptsize", wide, [
        f"the table is about {over / 72:.1f} in wider than the {'page' if wide else 'column'}: try "
        "transpose=true, layout=rows, fewer columns= or datasets="
        + ("" if wide else ", or width=page")
    ]  # fmt: skip


def caption(table: PaperTable, options: PrintOptions, cites: Bibliography) -> str:
    """What is measured, how, and what bold means: from cards, signatures and the options."""
    measured = [column for column in table.columns if column.cell is not None]
    sets = dict.fromkeys((c.dataset, c.dataset_id if c.cited else "", c.images) for c in measured)
    where = listed(
        [
            latex_note(f"{dataset} ({images} image{'s' if images > 1 else ''})") + cite(cites.dataset(plain))
            for dataset, plain, images in sets
        ]
    )
    what = listed([latex_note(_quantity(spec)) + cite(cites.metric(spec)) for spec in table.metrics])
    sentences = [f"{what} on {where}."]
    protocols = list(dict.fromkeys(column.protocol for column in measured))
    if len(protocols) == 1 and measured[0].cell is not None:
        scale = card_params(measured[0].cell).get("scale", 4)
        words = latex_note(f"{protocol_words(measured[0].cell)}.")
        sentences.append(rf"Protocol {latex_note(protocols[0])}: $\times${scale}, {words}")
    else:
        sentences.append(latex_note(f"Protocols: {', '.join(protocols)}."))
    sentences += [latex_note(text) for text in metric_words(table.metrics)]
    if options.interval == "pm":
        sentences.append(r"$\pm$: half the 95\,\% interval of the mean, clustered by image.")
    sentences += _marks(table)
    sentences += _literature(table, cites)
    return " ".join(sentences)


def _quantity(spec: object) -> str:
    unit = getattr(spec, "unit", "")
    title = getattr(spec, "title", "") or getattr(spec, "alias", "")
    return f"{title} in {unit}" if unit else str(title)


def _marks(table: PaperTable) -> list[str]:
    if sum(row.literature is None for row in table.rows) < 2:
        return []
    if table.marks == "value":
        return ["Bold and underlined: best and second measured mean by value, not by a test."]
    if not table.marked:
        return ["No method is significantly better than all others, so none is marked."]
    return [
        r"Bold and underlined: best and second of the measured methods, only where significantly better than "
        rf"the others (paired by image, Holm over the column, $p \le {ALPHA:g}$)."
    ]


def _source(number: Published, cites: Bibliography) -> str:
    cited = cite(cites.source(number)) or (f" (doi:{latex_note(number.doi)})" if number.doi else "")
    quoted = f" ({HOW_READ['quotation']})" if number.read == "quotation" else ""
    return latex_note(number.source) + cited + quoted


def _literature(table: PaperTable, cites: Bibliography) -> list[str]:
    rows = [row.literature for row in table.rows if row.literature is not None]
    shown = {column.dataset_id for column in table.columns}
    if not rows:
        return []
    numbers = [number for row in rows for number in row.values.values() if number.dataset_id in shown]
    sources = dict.fromkeys(_source(n, cites) for n in numbers)
    text = (
        f"Above the rule: numbers as published, read in {listed(list(sources))}; their protocols differ or "
        "are not stated, so they are not ranked with the measured ones."
    )
    return [text, f"{EYE} read by eye from a picture."] if any(row.by_eye for row in rows) else [text]
