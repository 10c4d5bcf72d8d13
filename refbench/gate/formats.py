"""A gate result as text, JSON document, JUnit XML and Markdown. Names come from outside and are escaped."""

from __future__ import annotations

import dataclasses
from typing import Any
from xml.etree import ElementTree

from refbench.gate.verdict import CellVerdict, GateResult, MetricVerdict
from refbench.untrusted.escape import markdown_text, printable

MARKS = {"regressed": "FAIL", "not comparable": "????", "improved": "good", "unchanged": "ok"}
SHOWN_EXTRA = 5


def numbers(metric: MetricVerdict) -> str:
    """``26.5312 -> 26.4101, change -0.1211 [-0.1540, -0.0880], tolerance 0.02``."""
    if metric.baseline is None or metric.current is None or metric.change is None:
        return metric.reason
    if metric.is_cost:
        change = f"x {metric.change:.2f}, limit x {metric.tolerance:.3g}{_remark(metric)}"
        return f"{metric.baseline:.4g} -> {metric.current:.4g}, {change}"
    interval = f" [{metric.lo:+.4f}, {metric.hi:+.4f}]" if metric.lo is not None else ""
    return (
        f"{metric.baseline:.4f} -> {metric.current:.4f}, change {metric.change:+.4f}{interval}, "
        f"tolerance {metric.tolerance:g}, {metric.images} image{'s' if metric.images != 1 else ''}"
        f"{_remark(metric)}"
    )


def _remark(metric: MetricVerdict) -> str:
    return f" ({metric.reason})" if metric.reason else ""


def _others(result: GateResult) -> str:
    """Names of the first cells that the baseline does not have; the JSON document has all."""
    more = len(result.extra) - SHOWN_EXTRA
    return "; ".join(result.extra[:SHOWN_EXTRA]) + (f"; and {more} more" if more > 0 else "")


def worst_images(metric: MetricVerdict) -> str:
    """``worst: 004 -0.3120, 011 -0.2501``; empty unless the metric regressed."""
    if metric.verdict != "regressed" or not metric.worst:
        return ""
    return "worst: " + ", ".join(f"{image} {change:+.4f}" for image, change in metric.worst)


def text(result: GateResult) -> str:
    """Lines for people: every cell and metric, the worst images of what regressed, the verdict last."""
    lines = []
    for cell in result.cells:
        lines.append(printable(cell.name))
        if cell.remark:
            lines.append(f"      {printable(cell.remark)}")
        if cell.reason:
            lines.append(f"  {MARKS['not comparable']}  not comparable: {printable(cell.reason)}")
        for metric in cell.metrics:
            lines.append(
                f"  {MARKS[metric.verdict]:<4}  {metric.name}: {metric.verdict}, {printable(numbers(metric))}"
            )
            worst = worst_images(metric)
            if worst:
                lines.append(f"        {printable(worst)}")
    if result.extra:
        lines.append(f"not in the baseline: {printable(_others(result))}")
    lines.append(f"verdict: {result.verdict}")
    return "\n".join(lines)


def document(result: GateResult) -> dict[str, Any]:
    """The result as one JSON document."""
    return {
        "verdict": result.verdict,
        "exit_code": result.exit_code,
        "cells": [
            {
                "name": cell.name,
                "verdict": cell.verdict,
                "field": cell.field,
                "reason": cell.reason,
                "remark": cell.remark,
                "run_key": cell.run_key,
                "metrics": [_metric_document(metric) for metric in cell.metrics],
            }
            for cell in result.cells
        ],
        "not_in_baseline": list(result.extra),
    }


def _metric_document(metric: MetricVerdict) -> dict[str, Any]:
    data = dataclasses.asdict(metric)
    data["worst"] = [{"sample_id": image, "change": change} for image, change in metric.worst]
    return data


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
                failure.text = printable(worst_images(metric))
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


def markdown(result: GateResult) -> str:
    """A summary for a pull request: the verdict, a table, the worst images folded away."""
    lines = [f"**refbench check: {result.verdict}**", ""]
    lines += [
        "| cell | metric | verdict | baseline | now | change [95 %] | tolerance |",
        "|---|---|---|---|---|---|---|",
    ]
    worst = []
    for cell in result.cells:
        for metric in _cases(cell):
            verdict = (
                f"**{metric.verdict}**"
                if metric.verdict in ("regressed", "not comparable")
                else metric.verdict
            )
            name = f"{markdown_text(cell.name)} | {markdown_text(metric.name)}"
            lines.append(f"| {name} | {verdict} | {_columns(metric)} |")
            if worst_images(metric):
                worst.append(f"- {name.replace(' | ', ', ')}: {markdown_text(worst_images(metric))}")
    if worst:
        lines += ["", "<details><summary>Worst images</summary>", "", *worst, "", "</details>"]
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
