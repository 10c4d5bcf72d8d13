"""Records the hashes of all held-out photos: ``python tools/held_out.py --photos DIR --out FILE``.

``--photos`` is what ``refbench prepare dataset=photos`` wrote; the file is datasets/photos/held_out.csv.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from refbench.datasets.photos.manifest import read_manifest
from refbench.datasets.photos.split import EVALUATION, HeldOut, dhash, pixels_sha256
from refbench.imaging import read_image


def rows(photos: Path) -> Iterable[HeldOut]:
    for row in read_manifest():
        if row.role in EVALUATION:
            image = read_image(photos / row.role / f"{row.name}.png")
            yield HeldOut(row.name, row.role, row.sha256, pixels_sha256(image), dhash(image))
    # L5 of a group is a part of another group's photo, whose own input is among the others
    bundled = Path(str(files("refbench.datasets.sample"))) / "images"
    for path in sorted(bundled.glob("*_[0-4].png")):
        image = read_image(path)
        file_hash = hashlib.sha256(path.read_bytes()).hexdigest()
        bits = dhash(image) if path.stem.endswith("_0") else None
        yield HeldOut(path.name, "sample", file_hash, pixels_sha256(image), bits)


def main(argv: Sequence[str] | None = None) -> int:
    """Write ``--out``; returns the exit code."""
    parser = argparse.ArgumentParser(description="Record the hashes of all held-out photos.")
    parser.add_argument("--photos", type=Path, required=True, help="made by: refbench prepare dataset=photos")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(argv)
    with options.out.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["name", "role", "source_sha256", "pixels_sha256", "dhash"])
        for row in rows(options.photos):
            bits = "" if row.dhash is None else f"{row.dhash:064x}"
            writer.writerow([row.name, row.role, row.source_sha256, row.pixels_sha256, bits])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
