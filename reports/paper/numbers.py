r"""``numbers.tex``: a macro for each number, so that none is typed: ``\refbench{datsr/cufed5/psnr_y}``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from refbench.specs import MetricSpec

from ..report import Report
from ..table_model import Entry, Score, Section

_HEAD = r"""% made by refbench report; \input it once, then write \refbench{METHOD/DATASET/METRIC}
% METHOD: id or label; DATASET: label; also METHOD/DATASET/PROTOCOL/METRIC, and after the metric one of
% /lo /hi (95 % interval), /n (images), /delta /delta_lo /delta_hi (paired difference to the baseline),
% /drop (lost against the control), /p (of the paired difference)
% A key that is not here stops the run: a number that is no longer there must not stand in a paper.
\makeatletter
\providecommand{\refbench}[1]{\@ifundefined{refbench@#1}{%
  \PackageError{refbench}{there is no number '#1' in numbers.tex}{See the keys in that file.}}{%
  \csname refbench@#1\endcsname}}
"""
_TAIL = "\\makeatother\n"
_UNSAFE = re.compile(r"[^A-Za-z0-9 _.:+@=/()\[\],;-]")


def numbers_tex(report: Report) -> str:
    """The file. A short key is defined only where it means one number; what several would claim is left out
    and said in a comment."""
    found: dict[str, set[tuple[str, str]]] = {}
    plain: dict[str, set[tuple[str, str]]] = {}
    for group, table in report.tables:
        for section in table.sections:
            for entry in section.entries:
                for spec, score in zip(table.columns, entry.scores, strict=True):
                    for tail, text in _texts(entry, spec, score):
                        value = (text, f"{spec.signature}, run {entry.cell.run_key[:12]}")
                        for key in _keys(entry, section, True):
                            found.setdefault(f"{key}/{spec.alias}{tail}", set()).add(value)
                        if group.kind == "protocols":
                            for key in _keys(entry, section, False):
                                plain.setdefault(f"{key}/{spec.alias}{tail}", set()).add(value)
    lines = [_HEAD]
    for key, values in sorted({**plain, **found}.items()):
        if len(values) == 1:
            ((text, source),) = values
            lines.append(
                rf"\@namedef{{refbench@{key}}}{{{text}}}% {_UNSAFE.sub('-', source.replace('|', ';'))}"
            )
        elif "/" not in key.rpartition("/")[2]:
            lines.append(f"% {key}: {len(values)} numbers; name the protocol or the label")
    return "\n".join([*lines, _TAIL])


def defined(text: str) -> Mapping[str, str]:
    """Key -> number of everything that a ``numbers.tex`` defines."""
    return dict(re.findall(r"\\@namedef\{refbench@([^}]*)\}\{([^}]*)\}", text))


def safe_key(text: str) -> str:
    """A part of a key without what TeX would read as a command."""
    return " ".join(_UNSAFE.sub("-", text).replace("/", "-").split())


def _keys(entry: Entry, section: Section, with_protocol: bool) -> Iterator[str]:
    cell = entry.cell
    for method in dict.fromkeys((cell.method, cell.method_label)):
        key = f"{safe_key(method)}/{safe_key(section.dataset_label)}"
        yield f"{key}/{safe_key(section.protocol)}" if with_protocol else key


def _texts(entry: Entry, spec: MetricSpec, score: Score) -> Iterator[tuple[str, str]]:
    """(end of the key, number) of everything that a table's entry says."""
    summary = score.summary
    if summary is None or summary.mean is None:
        return
    yield "", _number(summary.mean, spec)
    yield from _bounds("", summary.lo, summary.hi, spec)
    yield "/n", str(summary.n)
    for name, comparison in (("/delta", score.delta), ("/drop", score.drop)):
        if comparison is None or comparison.difference.mean is None:
            continue
        yield name, f"{comparison.difference.mean:+.{spec.decimals}f}"
        yield from _bounds(name, comparison.difference.lo, comparison.difference.hi, spec, sign="+")
        if name == "/delta":
            yield "/p", f"{comparison.p:.3g}"


def _bounds(
    name: str, lo: float | None, hi: float | None, spec: MetricSpec, sign: str = ""
) -> Sequence[tuple[str, str]]:
    if lo is None or hi is None:
        return ()
    join = "_" if name else ""
    head = f"{name}{join}" if name else "/"
    return (f"{head}lo", _number(lo, spec, sign)), (f"{head}hi", _number(hi, spec, sign))


def _number(value: float, spec: MetricSpec, sign: str = "") -> str:
    return f"{value:{sign}.{spec.decimals}f}"
