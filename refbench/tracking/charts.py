"""What a command's parent run charts: a score for each method, and curves with levels as steps."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from refbench.results.drops import Drops
from refbench.results.protocol_parts import level_order
from refbench.results.record import CellRecord

Point = tuple[int, float]
"""(step, value)."""


def metric_names(labels: Sequence[str]) -> dict[str, str]:
    """Method label -> its part of a metric's name: ``datsr (compact)`` -> ``datsr_compact``; no two alike.

    >>> metric_names(["bicubic", "datsr (compact)", "datsr/compact"])
    {'bicubic': 'bicubic', 'datsr (compact)': 'datsr_compact', 'datsr/compact': 'datsr_compact_2'}
    """
    found: dict[str, str] = {}
    for label in dict.fromkeys(labels):
        plain = name = re.sub(r"[^\w\-.]+", "_", label).strip("_") or "method"
        number = 1
        while name in found.values():
            number += 1
            name = f"{plain}_{number}"
        found[label] = name
    return found


def method_scores(cells: Sequence[CellRecord], drops: Drops) -> dict[str, float | None]:
    """``psnr_y.datsr_compact``: mean of the cell that the method's other cells are measured from.

    Where a suite has several such cells and so no single score, each has its protocol behind the name.
    """
    names = metric_names([cell.method_label for cell in cells])
    # the oracle is measured from nothing, and nothing from it: it is not the method's score
    own = [cell for cell in cells if cell.protocol in drops.protocols] or [
        cell for cell in cells if drops.control(cell) is None
    ]
    count = {label: sum(cell.method_label == label for cell in own) for label in names}
    found: dict[str, float | None] = {}
    for cell in own:
        rest = f".{cell.protocol}" if count[cell.method_label] > 1 else ""
        for alias, metric in cell.metrics.items():
            found[f"{alias}.{names[cell.method_label]}{rest}"] = metric.mean
    return found


def level_curves(cells: Sequence[CellRecord], drops: Drops) -> dict[str, list[Point]]:
    """``psnr_y.datsr_compact.jitter``: step 0 is the control, 1 the mildest level that the family has.

    A level has the same step in every run, whichever of them were run. Families without an order have no
    curve.
    """
    names = metric_names([cell.method_label for cell in cells])
    found: dict[str, dict[int, float]] = {}
    for cell in cells:
        step = _step(cell)
        if step is None or cell.parts is None or cell.parts.transform is None:
            continue
        control, family = drops.control(cell), cell.parts.transform.partition("@")[0]
        for alias, metric in cell.metrics.items():
            curve = found.setdefault(f"{alias}.{names[cell.method_label]}.{family}", {})
            if metric.mean is not None:
                curve[step] = metric.mean
            clean = control.metrics.get(alias) if control is not None else None
            if clean is not None and clean.mean is not None and clean.signature == metric.signature:
                curve[0] = clean.mean
    return {name: sorted(curve.items()) for name, curve in found.items() if curve}


def level_steps(cells: Sequence[CellRecord]) -> dict[str, str]:
    """Tags that say what the steps are: ``steps.jitter`` -> ``0 control, 1 x0.5, 2 x1, 3 x2``."""
    families: dict[str, str] = {}
    for cell in cells:
        if _step(cell) is not None and cell.parts is not None and cell.parts.transform is not None:
            order = level_order(cell.parts.transform) or ()
            text = ", ".join(["0 control", *(f"{k} {level}" for k, level in enumerate(order, 1))])
            families[f"steps.{cell.parts.transform.partition('@')[0]}"] = text
    return families


def reference_curves(cells: Sequence[CellRecord], drops: Drops) -> dict[str, list[Point]]:
    """``psnr_y.datsr_compact.references_best``: the step is the number of references, in the order best,
    worst or random; ``psnr_y.datsr_compact.reference_level``: it is the level of the one that was given.

    The control, which has the best reference, is step 1 of the levels and of the order best.
    """
    names = metric_names([cell.method_label for cell in cells])
    found: dict[str, dict[int, float]] = {}
    for cell in cells:
        place = _reference_step(cell)
        if place is None:
            continue
        family, step = place
        control = drops.control(cell)
        for alias, metric in cell.metrics.items():
            curve = found.setdefault(f"{alias}.{names[cell.method_label]}.{family}", {})
            if metric.mean is not None:
                curve[step] = metric.mean
            clean = control.metrics.get(alias) if control is not None and _is_first(control) else None
            same = clean is not None and clean.signature == metric.signature
            if clean is not None and clean.mean is not None and same and family in _FROM_FIRST:
                curve.setdefault(1, clean.mean)
    return {name: sorted(curve.items()) for name, curve in found.items() if curve}


def reference_steps(cells: Sequence[CellRecord]) -> dict[str, str]:
    """Tags that say what the steps of :func:`reference_curves` are."""
    families = {place[0] for cell in cells if (place := _reference_step(cell)) is not None}
    return {f"steps.{name}": _STEPS[name.partition("_")[0]] for name in sorted(families)}


_FROM_FIRST = ("references_best", "reference_level")
_STEPS = {"references": "number of references", "reference": "level of the reference, 1 the most similar"}


def _reference_step(cell: CellRecord) -> tuple[str, int] | None:
    """(curve, step) of a cell that differs from its control in the references alone."""
    parts = cell.parts
    if parts is None or parts.transform is not None:
        return None
    policy = parts.reference
    if policy.name == "count" and policy.count is not None:
        return f"references_{policy.order or 'best'}", policy.count
    if policy.name == "level" and policy.level is not None:
        return "reference_level", policy.level
    return None


def _is_first(cell: CellRecord) -> bool:
    return cell.parts is not None and cell.parts.transform is None and cell.parts.reference.name == "first"


def source_tags(cells: Sequence[CellRecord]) -> Mapping[str, str]:
    """The commit of the user's repository in the last session of the cells, under MLflow's own names."""
    sessions = [cell.manifest.sessions[-1] for cell in cells if cell.manifest.sessions]
    if not sessions:
        return {}
    project = max(sessions, key=lambda session: str(session.get("started", ""))).get("project")
    if not isinstance(project, Mapping) or not project.get("commit"):
        return {}
    dirty = str(bool(project.get("dirty"))).lower()
    return {"mlflow.source.git.commit": str(project["commit"]), "mlflow.source.git.dirty": dirty}


def _step(cell: CellRecord) -> int | None:
    parts = cell.parts
    if parts is None or parts.transform is None or parts.level is None:
        return None
    order = level_order(parts.transform)
    return order.index(parts.level) + 1 if order and parts.level in order else None
