"""A profile from start to end: every cell in its own process, the document and where it is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from refbench.errors import UserError
from refbench.files.disk import explained, make_folder, write_atomic
from refbench.profiling.cells import MatcherCell, MethodCell, Order
from refbench.profiling.document import Row, Yardstick, assemble, matcher_row, method_row
from refbench.profiling.process import measure
from refbench.profiling.request import ProfileRequest
from refbench.store.provenance import new_session

Echo = Callable[[str], None]


def profile(
    request: ProfileRequest, argv: Sequence[str] | None = None, echo: Echo = lambda line: None
) -> Row:
    """Measure the machine, then each cell. A cell that fails or dies is a row with its reason.

    ``echo`` gets a line for each finished cell.
    """
    conditions = request.conditions
    session = new_session(argv, device=conditions.device, threads=conditions.threads)
    machine = measure(Order.of(conditions, None), request.timeout)
    yardstick, cuda = Yardstick.of(machine), conditions.device.startswith("cuda")
    if yardstick is None:
        echo(f"the machine's peaks were not measured: {machine['error']}")
    else:
        echo(f"machine: {yardstick.peaks.gflops:.1f} GFLOP/s, {yardstick.peaks.bandwidth:.1f} GB/s")
    methods: list[Row] = []
    matchers: list[Row] = []
    cells: list[MethodCell | MatcherCell] = [*request.methods, *request.matchers]
    for number, cell in enumerate(cells, 1):
        found = measure(Order.of(conditions, cell), request.timeout)
        if isinstance(cell, MethodCell):
            methods.append(method_row(cell, found, yardstick, cuda))
        else:
            matchers.append(matcher_row(cell, found, yardstick, cuda))
        echo(f"[{number}/{len(cells)}] {cell.label}: {_outcome(found)}")
    return assemble(request, session, machine, methods, matchers)


def _outcome(found: dict[str, Any]) -> str:
    if found["status"] != "ok":
        return f"{found['status']}: {found['error']}"
    timing = found["stages"]["total"] if "stages" in found else found
    return f"{timing['wall_s']['median']:.3f} s"


def failures(document: Row) -> int:
    """Cells without measurements."""
    return sum(row["status"] != "ok" for row in (*document["methods"], *document["matchers"]))


def profile_folder(out: Path, key: str) -> Path:
    """``OUT/profile/KEY``, made if need be. UserError when it cannot be."""
    folder = out / "profile" / key
    try:
        make_folder(folder, out)
    except OSError as error:
        raise UserError(f"out={out}: cannot make {folder} ({error.strerror or error})") from error
    return folder


def write_document(document: Row, folder: Path) -> Path:
    """``profile.json``, whole or not at all; a former one is replaced."""
    path = folder / "profile.json"
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    # OUT/profile/KEY/profile.json
    with explained(folder):
        write_atomic(path, text.encode(), folder.parent.parent)
    return path
