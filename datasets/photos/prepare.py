"""``refbench prepare dataset=photos out=DIR``: fetches and prepares every photo of the manifest.

Sources are installed Python packages (scikit-image, scikit-learn) and Debian packages, fetched over https, or
taken from a folder of .deb files, or fetched by apt-get. Each package's and each photo's sha256 is checked.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from refbench.errors import UserError
from refbench.imaging import write_png
from refbench.types import Image

from .archives import deb_files, rcc_file
from .debs import deb_file
from .manifest import ROLES, PhotoRow, Role, read_manifest

_PYPI = {"skimage": "scikit-image", "sklearn": "scikit-learn"}


def prepare_photos(
    out: str | Path,
    roles: Iterable[Role] = ROLES,
    debs: str | Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Write ``out/<role>/<name>.png`` for every photo of ``roles``; returns the paths.

    ``debs``: a folder that holds the .deb files (any version whose photos have the manifest's hashes);
    ``apt``: apt-get fetches them; None: fetched over https into ``out/.sources``, which an interrupted run
    goes on from and a finished one removes. ``say`` gets one line per source package.
    Raises UserError naming the package when a source is missing or a photo's hash differs.
    """
    wanted = [row for row in read_manifest() if row.role in set(roles)]
    sources: dict[tuple[str, str], list[PhotoRow]] = defaultdict(list)
    for row in wanted:
        sources[row.kind, row.package].append(row)
    written: list[Path] = []
    kept = Path(out) / ".sources"
    for (kind, package), rows in sources.items():
        say(f"{package}: {len(rows)} photos")
        if kind == "python":
            contents = _from_python(package, rows)
        else:
            contents = _from_deb(deb_file(package, debs, kept, say), rows)
        for row in rows:
            photo = prepared(row, _checked(row, contents.get(row.path)))
            written.append(write_png(Path(out) / row.role / f"{row.name}.png", photo))
    shutil.rmtree(kept, ignore_errors=True)
    return sorted(written)


def prepared(row: PhotoRow, content: bytes) -> Image:
    """Decode a source file to RGB and reduce it to ``row.long_side`` (Lanczos, antialiased)."""
    # content is what the manifest's sha256 says: it needs no further check
    with PILImage.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP", "TIFF")) as opened:
        image = opened.convert("RGB")
    factor = row.long_side / max(image.size)
    width, height = (max(1, round(side * factor)) for side in image.size)
    if (width, height) != image.size:
        # in two steps, because newer Pillow versions choose the order of the passes by shape
        columns = image.resize((width, image.height), PILImage.Resampling.LANCZOS)
        image = columns.resize((width, height), PILImage.Resampling.LANCZOS)
    return np.array(image, dtype=np.uint8)


def _checked(row: PhotoRow, content: bytes | None) -> bytes:
    if content is None:
        raise UserError(f"{row.package} has no {row.path}; the manifest was made from version {row.version}")
    if hashlib.sha256(content).hexdigest() != row.sha256:
        raise UserError(
            f"{row.package}: {row.path} is not the photo of the manifest (sha256 differs); use {row.version}"
        )
    return content


def _from_python(package: str, rows: Iterable[PhotoRow]) -> dict[str, bytes]:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise UserError(f"photos of {package} need it installed: pip install {_PYPI.get(package, package)}")
    root = Path(spec.origin).parent
    return {row.path: (root / row.path).read_bytes() for row in rows if (root / row.path).is_file()}


def _from_deb(deb: Path, rows: Iterable[PhotoRow]) -> dict[str, bytes]:
    rows = list(rows)
    outer = deb_files(deb, {row.path.partition("#")[0] for row in rows})
    contents: dict[str, bytes] = {}
    for row in rows:
        file, _, inner = row.path.partition("#")
        if file not in outer:
            continue
        try:
            contents[row.path] = rcc_file(outer[file], inner) if inner else outer[file]
        except (KeyError, ValueError) as error:
            raise UserError(f"{deb.name}: {row.path}: {error}; use version {row.version}") from error
    return contents
