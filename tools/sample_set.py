"""Makes the bundled sample set: ``python tools/sample_set.py --photos DIR --out DIR``.

``--photos`` is what ``refbench prepare dataset=photos`` wrote (its ``sample`` folder is used). The result
is the same on every run: all random choices come from the names of the groups.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sample_views import GRADES, Array, departure, inside, overlap, render, similarity

from refbench.datasets.photos.manifest import PhotoRow, read_manifest
from refbench.errors import UserError
from refbench.imaging import read_image, write_png
from refbench.types import Image

MIN_OVERLAP = 0.3
"""Least share of an L1..L4 reference that shows part of the input."""


@dataclass(frozen=True)
class Group:
    """One input: which part of which photo, at which reduction."""

    photo: str
    centre: tuple[float, float]
    """(x, y) of the input's middle as fractions of the photo."""
    zoom: float
    """Photo pixels per input pixel; above 1 the reduction removes JPEG artefacts and demosaicing blur."""
    size: tuple[int, int]
    """(H, W) of the input."""


GROUPS: tuple[Group, ...] = (
    Group("astronaut", (0.47, 0.55), 1.4, (196, 152)),
    Group("coffee", (0.55, 0.52), 1.6, (144, 184)),
    Group("chelsea", (0.60, 0.48), 1.25, (138, 186)),
    Group("rocket", (0.42, 0.64), 1.5, (168, 148)),
    Group("china", (0.40, 0.50), 1.5, (172, 166)),
    Group("flower", (0.46, 0.50), 1.5, (160, 160)),
    Group("roebling-bridge", (0.48, 0.55), 2.5, (148, 196)),
    Group("citrus", (0.42, 0.48), 2.3, (160, 192)),
    Group("honey-bee", (0.48, 0.50), 2.8, (180, 172)),
    Group("chameleon", (0.48, 0.45), 2.0, (144, 200)),
    Group("lemur", (0.54, 0.50), 2.0, (180, 150)),
    Group("scarlet-macaw", (0.66, 0.56), 2.0, (188, 148)),
    Group("friends", (0.46, 0.60), 2.4, (204, 148)),
)


def make(photos: Path, out: Path) -> list[Path]:
    """Write ``out/images/NNN_0..5.png`` and ``out/LICENSES.csv``; returns the image paths."""
    rows = {row.name: row for row in read_manifest() if row.role == "sample"}
    sources = {group.photo: _photo(photos, group.photo) for group in GROUPS}
    written: list[Path] = []
    table: list[dict[str, str]] = []
    for index, group in enumerate(GROUPS):
        other = GROUPS[(index + len(GROUPS) // 2) % len(GROUPS)]
        for level, image in enumerate(_group(group, other, sources)):
            name = f"{index:03d}_{level}.png"
            written.append(write_png(out / "images" / name, image))
            table.append(_credit(name, rows[other.photo if level == 5 else group.photo]))
    with (out / "LICENSES.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    return written


def own_views(group: Group, photo: Image) -> list[Image]:
    """The input and its references L1 to L4, all seen in the one photo."""
    base = _base(group, photo)
    views = [render(photo, group.size, base)]
    for level, grade in enumerate(GRADES, start=1):
        size, to_input = _reference(group, level, photo, base)
        views.append(render(photo, size, base @ to_input, grade))
    return views


def _group(group: Group, other: Group, sources: dict[str, Image]) -> list[Image]:
    elsewhere = sources[other.photo]
    unrelated = render(elsewhere, other.size, _base(other, elsewhere))
    return [*own_views(group, sources[group.photo]), unrelated]


def _reference(group: Group, level: int, photo: Image, base: Array) -> tuple[tuple[int, int], Array]:
    """Size and homography of one reference: the first draw that stays in the photo and overlaps enough."""
    grade = GRADES[level - 1]
    seed = hashlib.sha256(f"refbench sample {group.photo} L{level}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(seed[:8], "big"))
    for _ in range(4000):
        height, width = (round(side * rng.uniform(0.88, 1.08)) for side in group.size)
        size = (height, width) if level > 1 else group.size
        to_input = departure(grade, size, rng)
        if inside(photo, size, base @ to_input) and overlap(size, to_input, group.size) >= MIN_OVERLAP:
            return size, to_input
    raise UserError(f"{group.photo} L{level}: no view fits into the photo; choose another centre or zoom")


def _base(group: Group, photo: Image) -> Array:
    height, width = photo.shape[:2]
    return similarity((group.centre[0] * (width - 1), group.centre[1] * (height - 1)), group.zoom)


def _photo(photos: Path, name: str) -> Image:
    for path in (photos / "sample" / f"{name}.png", photos / f"{name}.png"):
        if path.is_file():
            return read_image(path)
    raise UserError(
        f"--photos {photos} has no sample/{name}.png; make it: refbench prepare dataset=photos out=DIR"
    )


def _credit(name: str, row: PhotoRow) -> dict[str, str]:
    changed = "reduced, cropped" if name[4] in "05" else "warped, reduced, cropped, blurred or brightened"
    return {
        "image": name,
        "photo": row.name,
        "licence": row.licence,
        "licence_url": licence_url(row.licence),
        "author": row.author,
        "source": f"{row.package} {row.version}: {row.path}",
        "changes": changed,
    }


def licence_url(licence: str) -> str:
    """The licence text of a Creative Commons id such as ``CC-BY-SA-4.0``; empty for public domain."""
    base = "https://creativecommons.org"
    if licence == "CC0-1.0":
        return f"{base}/publicdomain/zero/1.0/"
    if not licence.startswith("CC-"):
        return ""
    kind, _, version = licence.removeprefix("CC-").lower().rpartition("-")
    return f"{base}/licenses/{kind}/{version}/"


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Make the bundled sample set.")
    parser.add_argument(
        "--photos", type=Path, required=True, help="folder made by: refbench prepare dataset=photos"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder that receives images/ and LICENSES.csv"
    )
    options = parser.parse_args(argv)
    try:
        written = make(options.photos, options.out)
    except UserError as error:
        parser.exit(2, f"error: {error}\n")
    size = sum(path.stat().st_size for path in written)
    print(f"{len(written)} images, {size / 1e6:.2f} MB, in {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
