"""A gate result as text, JSON document, JUnit XML and Markdown. Names come from outside and are escaped."""

from __future__ import annotations

import dataclasses
from typing import Any
from xml.etree import ElementTree

from refbench.gate.tolerance import cost_floor
from refbench.gate.verdict import CellVerdict, GateResult, ImageChange, MetricVerdict
from refbench.untrusted.escape import markdown_text, printable

MARKS = {"regressed": "FAIL", "not comparable": "????", "improved": "good", "unchanged": "ok"}
SHOWN_EXTRA = 5
SHOWN_IMAGES = 5
SHOWN_NAMES = 10


def numbers(metric: MetricVerdict) -> str:
    """``26.5312 -> 26.4101, change -0.1211 [-0.1540, -0.0880], tolerance 0.02, 13 images``."""
    if metric.baseline is None or metric.current is None or metric.change is None:
        return metric.reason
    if metric.is_cost:
        then, now = (_counted(metric.name, value) for value in (metric.baseline, metric.current))
        return f"{then} -> {now}, x {metric.change:.2f}, limit x {metric.tolerance:.3g}{_remark(metric)}"
    interval = f" [{metric.lo:+.4f}, {metric.hi:+.4f}]" if metric.lo is not None else ""
    return (
        f"{metric.baseline:.4f} -> {metric.current:.4f}, change {metric.change:+.4f}{interval}, "
        f"tolerance {metric.tolerance:g}, {metric.images} image{'s' if metric.images != 1 else ''}"
        f"{_remark(metric)}"
    )


def _counted(name: str, cost: float) -> str:
    """A cost, and what it counts as where that is more: the ratio is one of what counts."""
    floor = cost_floor(name)
    return f"{cost:.4g}" + (f" (counts as {floor:g})" if cost < floor else "")


def _remark(metric: MetricVerdict) -> str:
    return f" ({metric.reason})" if metric.reason else ""


def _others(result: GateResult) -> str:
    """Names of the first cells that the baseline does not have; the JSON document has all."""
    more = len(result.extra) - SHOWN_EXTRA
    return "; ".join(result.extra[:SHOWN_EXTRA]) + (f"; and {more} more" if more > 0 else "")


def image_text(image: ImageChange) -> str:
    """``004 29.1234 -> 14.1234 (-15.0000)``."""
    return f"{image.sample_id} {image.baseline:.4f} -> {image.current:.4f} ({image.change:+.4f})"


def image_lines(metric: MetricVerdict) -> list[str]:
    """What single images did: those beyond the limit, or of a regressed mean the worst ones."""
    lines = []
    if metric.image_limit is not None or metric.worse or metric.better:
        for images, verb in ((metric.worse, "lost"), (metric.better, "gained")):
            if images:
                limit = f" more than {metric.image_limit:g}" if metric.image_limit is not None else ""
                plural = "image" if len(images) == 1 else "images"
                shown = ", ".join(map(image_text, images[:SHOWN_IMAGES]))
                more = f", and {len(images) - SHOWN_IMAGES} more" if len(images) > SHOWN_IMAGES else ""
                lines.append(f"{len(images)} {plural} {verb}{limit}: {shown}{more}")
    if metric.verdict == "regressed" and not metric.worse and metric.worst:
        lines.append("worst: " + ", ".join(map(image_text, metric.worst)))
    return lines


def set_lines(cell: CellVerdict) -> list[str]:
    """Which images only one side has, or has with another content."""
    found = []
    for names, what in (
        (cell.added, "added, not in the baseline"),
        (cell.missing, "missing, only in the baseline"),
        (cell.changed, "same name, other content or unknown content"),
    ):
        if names:
            more = f", and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
            plural = "image" if len(names) == 1 else "images"
            found.append(f"{len(names)} {plural} {what}: {', '.join(names[:SHOWN_NAMES])}{more}")
    return found


def headline(result: GateResult) -> str:
    """The verdict in one sentence: which method, by how much, on which images; the JSON has the rest."""
    worst = [(c, m) for c in result.cells for m in _cases(c) if m.verdict == result.verdict]
    if not worst or result.verdict == "unchanged":
        count = len(result.cells)
        return f"{count} cell{'s' if count != 1 else ''} unchanged"
    cell, metric = max(worst, key=lambda found: _severity(found[1]))
    more = f"; and {len(worst) - 1} more" if len(worst) > 1 else ""
    if metric.change is None or metric.baseline is None or metric.current is None:
        return f"{cell.name}: {metric.reason}{more}"
    sizes = f"{metric.baseline:.4f} -> {metric.current:.4f} ({metric.change:+.4f})"
    if metric.is_cost:
        sizes = f"{metric.baseline:.4g} -> {metric.current:.4g} (x {metric.change:.2f})"
    images = metric.worse if metric.verdict == "regressed" else metric.better
    single = ""
    if images:
        limit = f" by more than {metric.image_limit:g}" if metric.image_limit is not None else ""
        word = "worse" if metric.verdict == "regressed" else "better"
        single = f", {len(images)} of {metric.images} images {word}{limit}, first {image_text(images[0])}"
    return f"{cell.name}: {metric.name} {sizes}{single}{more}"


def _severity(metric: MetricVerdict) -> float:
    """How far a change is beyond what is tolerated, as a ratio."""
    if metric.change is None:
        return 0.0
    if metric.is_cost:
        return max(metric.change, 1.0 / metric.change) if metric.change else 0.0
    mean = abs(metric.change) / metric.tolerance if metric.tolerance else abs(metric.change)
    image = metric.largest / metric.image_limit if metric.image_limit else 0.0
    return max(mean, image)


def text(result: GateResult) -> str:
    """Lines for people: every cell and metric, the worst images of what regressed, the verdict last."""
    lines = []
    for cell in result.cells:
        lines.append(printable(cell.name))
        if cell.remark:
            lines.append(f"      {printable(cell.remark)}")
        if cell.reason:
            lines.append(f"  {MARKS['not comparable']}  not comparable: {printable(cell.reason)}")
        lines += [f"      {printable(line)}" for line in set_lines(cell)]
        for metric in cell.metrics:
            lines.append(
                f"  {MARKS[metric.verdict]:<4}  {metric.name}: {metric.verdict}, {printable(numbers(metric))}"
            )
            lines += [f"        {printable(line)}" for line in image_lines(metric)]
    if result.extra:
        lines.append(f"not in the baseline: {printable(_others(result))}")
    lines.append(f"verdict: {result.verdict}")
    return "\n".join(lines)


def document(result: GateResult) -> dict[str, Any]:
    """The result as one JSON document."""
    return {
        "verdict": result.verdict,
        "headline": headline(result),
        "exit_code": result.exit_code,
        "cells": [
            {
                "name": cell.name,
                "verdict": cell.verdict,
                "field": cell.field,
                "reason": cell.reason,
                "remark": cell.remark,
                "run_key": cell.run_key,
                "images_added": list(cell.added),
                "images_missing": list(cell.missing),
                "images_changed": list(cell.changed),
                "metrics": [_metric_document(metric) for metric in cell.metrics],
            }
            for cell in result.cells
        ],
        "not_in_baseline": list(result.extra),
    }


def _metric_document(metric: MetricVerdict) -> dict[str, Any]:
    return dataclasses.asdict(metric)


def junit(result: GateResult) -> str:
    """JUnit XML: a test suite per cell, a test case per metric; not comparable is an error."""
    cases = [(cell, metric) for cell in result.cells for metric in _cases(cell)]
    failures = sum(metric.verdict == "regressed" for _, metric in cases)
    errors = sum(metric.verdict == "not comparable" for _, metric in cases)
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": str(errors)}
    root = ElementTree.Element("testsuites", {"name": "refbench check", **counts})
    for cell in result.cells:
        metrics = _cases(cell)
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            {
                "name": printable(cell.name),
                "tests": str(len(metrics)),
                "failures": str(sum(m.verdict == "regressed" for m in metrics)),
                "errors": str(sum(m.verdict == "not comparable" for m in metrics)),
            },
        )
        for metric in metrics:
            case = ElementTree.SubElement(
                suite, "testcase", {"classname": printable(cell.name), "name": printable(metric.name)}
            )
            detail = printable(numbers(metric))
            if metric.verdict == "regressed":
                failure = ElementTree.SubElement(case, "failure", {"message": f"regressed, {detail}"})
                failure.text = printable("; ".join(image_lines(metric)))
            elif metric.verdict == "not comparable":
                ElementTree.SubElement(case, "error", {"message": detail})
            else:
                ElementTree.SubElement(case, "system-out").text = f"{metric.verdict}, {detail}"
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _cases(cell: CellVerdict) -> tuple[MetricVerdict, ...]:
    """A cell without a counterpart is one case, so that it is not invisible."""
    if cell.reason:
        return (MetricVerdict("comparable", "not comparable", reason=cell.reason),)
    return cell.metrics


def markdown(result: GateResult, pictures: str = "") -> str:
    """A summary for a pull request: the headline, a table, single images folded away.

    pictures: finished Markdown with crops of the worst images, see :mod:`refbench.cli.crops`.
    """
    lines = [f"**refbench check: {result.verdict}** · {markdown_text(headline(result))}", ""]
    lines += [
        "| cell | metric | verdict | baseline | now | change [95 %] | tolerance |",
        "|---|---|---|---|---|---|---|",
    ]
    single: list[str] = []
    said: list[str] = []
    for cell in result.cells:
        for metric in _cases(cell):
            verdict = (
                f"**{metric.verdict}**"
                if metric.verdict in ("regressed", "not comparable")
                else metric.verdict
            )
            name = f"{markdown_text(cell.name)} | {markdown_text(metric.name)}"
            lines.append(f"| {name} | {verdict} | {_columns(metric)} |")
            where = name.replace(" | ", ", ")
            single += [f"- {where}: {markdown_text(line)}" for line in image_lines(metric)]
        notes = [*set_lines(cell), *([cell.remark] if cell.remark else [])]
        said += [f"- {markdown_text(cell.name)}: {markdown_text(note)}" for note in notes]
    if said:
        lines += ["", *said]
    if single:
        lines += ["", "<details><summary>Single images</summary>", "", *single, "", "</details>"]
    if pictures:
        lines += ["", pictures]
    if result.extra:
        lines += ["", f"Not in the baseline: {markdown_text(_others(result))}"]
    return "\n".join(lines) + "\n"


def _columns(metric: MetricVerdict) -> str:
    if metric.baseline is None or metric.current is None or metric.change is None:
        return f"| | {markdown_text(metric.reason)} | "
    if metric.is_cost:
        return (
            f"{metric.baseline:.4g} | {metric.current:.4g} | x {metric.change:.2f} | x {metric.tolerance:.3g}"
        )
    interval = f" [{metric.lo:+.4f}, {metric.hi:+.4f}]" if metric.lo is not None else ""
    change = f"{metric.change:+.4f}{interval}"
    return f"{metric.baseline:.4f} | {metric.current:.4f} | {change} | {metric.tolerance:g}"
