"""300 seeded edits of rows, manifest, summary and images: which of them an audit finds.

Each edit is made twice: as by accident, with the digests left as they were, and as on purpose, with digests
that fit. What changes a number or a label must be found as by accident always; on purpose wherever images and
data speak against it.
"""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PilImage

from refbench.auditing.audit import audit
from refbench.imaging import read_image
from refbench.registry import Registry
from refbench.results.digests import store_digests

pytestmark = pytest.mark.slow

EDITS = 300
TIMES = ("finished",)
"""Of a summary: when it was made is neither a number of a table nor a label."""
ROW_TRUTHS = (
    "metrics", "sample_id", "draw", "status", "hr_size", "lr_size", "ref_sizes", "ref_names", "notes",
    "sr_sha256", "hr_sha256", "lr_sha256", "ref_sha256",
)  # fmt: skip
"""Fields of a row that image and data decide; costs, device and the like are its maker's word."""


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of every number and text in JSON data."""
    if isinstance(value, dict):
        return [p for k, v in value.items() for p in leaves(v, (*path, k))]
    if isinstance(value, list):
        return [p for k, v in enumerate(value) for p in leaves(v, (*path, k))]
    return [] if value is None else [path]


def changed(value: Any, rng: random.Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + rng.choice((1, 2, 7))
    if isinstance(value, float):
        return value + rng.choice((-1, 1)) * max(abs(value), 1.0) * rng.choice((0.001, 0.02, 0.3))
    return value[:-1] + ("x" if value[-1:] != "x" else "y") if value else "x"


def put(data: Any, path: tuple[Any, ...], rng: random.Random) -> None:
    for key in path[:-1]:
        data = data[key]
    data[path[-1]] = changed(data[path[-1]], rng)


def edit_row(cell: Path, rng: random.Random) -> tuple[str, bool]:
    """Change, delete, double or swap; (what, whether images and data speak against it)."""
    path = cell / "samples.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    row = rng.choice(rows)
    kind = rng.choice(("field", "field", "field", "delete", "double", "swap"))
    decided = True
    if kind == "field":
        options = [p for p in leaves(row) if p[0] != "schema" and p[:1] != ("image",)]
        place = rng.choice([p for p in options if p[0] in ROW_TRUTHS] if rng.random() < 0.7 else options)
        put(row, place, rng)
        decided = place[0] in ROW_TRUTHS
        kind = f"row {place[0]}"
    elif kind == "delete":
        rows.remove(row)
    elif kind == "double":
        copy = json.loads(json.dumps(row))
        signature = rng.choice(sorted(copy["metrics"]))
        copy["metrics"][signature] = changed(copy["metrics"][signature], rng)
        rows.insert(rng.randrange(len(rows) + 1), copy)
    else:
        other = rng.choice([r for r in rows if r["metrics"] != row["metrics"]])
        row["metrics"], other["metrics"] = other["metrics"], row["metrics"]
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return kind, decided


def edit_json(cell: Path, name: str, rng: random.Random) -> tuple[str, bool]:
    path = cell / name
    data = json.loads(path.read_text())
    place = rng.choice([p for p in leaves(data) if p[-1] not in TIMES])
    put(data, place, rng)
    path.write_text(json.dumps(data))
    # of a manifest with fitting digests only what the run key and the data decide can be told
    return f"{name} {place[0]}", name == "summary.json" or place[0] in (
        "identity",
        "compare",
        "run_key",
        "seed",
    )


def edit_image(cell: Path, rng: random.Random) -> tuple[str, bool]:
    images = sorted((cell / "images").glob("*.png"))
    first, second = rng.sample(images, 2)
    kind = rng.choice(("pixel", "copy", "shift", "cut"))
    if kind == "copy" and first.read_bytes() == second.read_bytes():
        # draws of a method without references: nothing would change
        kind = "pixel"
    if kind == "copy":
        shutil.copy(second, first)
    elif kind == "cut":
        first.write_bytes(first.read_bytes()[: rng.randrange(20, 400)])
    else:
        image = read_image(str(first)).copy()
        if kind == "pixel":
            image[rng.randrange(image.shape[0]), rng.randrange(image.shape[1]), rng.randrange(3)] ^= 1
        else:
            image = image[:, ::-1]
        PilImage.fromarray(image).save(first)
    return f"image {kind}", True


def spoil(cell: Path, rng: random.Random) -> tuple[str, bool]:
    edits: tuple[Callable[[], tuple[str, bool]], ...] = (
        lambda: edit_row(cell, rng),
        lambda: edit_row(cell, rng),
        lambda: edit_json(cell, "manifest.json", rng),
        lambda: edit_json(cell, "summary.json", rng),
        lambda: edit_image(cell, rng),
    )
    return rng.choice(edits)()


def test_every_edit_of_a_number_or_label_is_found(
    finished: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = Registry.discover()
    counts: Counter[str] = Counter()
    missed: list[str] = []
    for number in range(EDITS):
        rng = random.Random(number)
        source = finished.cell(number % 2)
        cell = tmp_path / f"{number}" / source.name
        shutil.copytree(source, cell)
        what, decided = spoil(cell, rng)
        if audit([cell], registry, data_root=str(finished.data)).exit_code == 1:
            counts["found"] += 1
        else:
            missed.append(f"{number}: {what}")
        if store_digests_or_none(cell):
            code = audit([cell], registry, data_root=str(finished.data)).exit_code
            counts["forged"] += 1
            counts["forged, found"] += code == 1
            if decided and code != 1:
                missed.append(f"{number}: {what}, with digests that fit")
        shutil.rmtree(cell.parent)
    with capsys.disabled():
        print(
            f"\n{EDITS} edits: {counts['found']} found; with digests made to fit: "
            f"{counts['forged, found']} of {counts['forged']} found"
        )
    assert not missed, "\n".join(missed)


def store_digests_or_none(cell: Path) -> bool:
    """Make the digests fit; False where the files cannot be read any more."""
    from refbench.errors import UserError

    try:
        return store_digests(cell) is not None
    except UserError:
        return False
