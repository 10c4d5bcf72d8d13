"""Where a trial's SR image is kept: file names from sample ids, which are data from outside."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from refbench.files.disk import explained, write_atomic

IMAGES = "images"
_LONGEST = 100
_SAFE = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.+-]{{0,{_LONGEST - 1}}}")
_HASHED = re.compile(r".*-[0-9a-f]{12}")
_UNSAFE = re.compile(r"[^A-Za-z0-9_+-]+")


def image_name(sample_id: str, draw: int) -> str:
    """``<id>_d<draw>.png``; ids that are not safe file names become readable text and a hash.

    Different trials get different names: a plain id that looks like a hashed one is hashed too.
    """
    stem = sample_id
    if not _SAFE.fullmatch(sample_id) or _HASHED.fullmatch(sample_id):
        readable = _UNSAFE.sub("_", sample_id)[:60].strip("_.+-")
        code = hashlib.sha256(sample_id.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        stem = f"{readable or 'id'}-{code}"
    return f"{stem}_d{draw}.png"


def write_image(folder: Path, sample_id: str, draw: int, data: bytes) -> str:
    """Write a PNG into ``folder/images`` atomically; returns its path relative to ``folder``.

    Needs no open store, so that a worker process can call it. Raises UserError when it cannot write, or
    when ``folder`` is not there.
    """
    relative = f"{IMAGES}/{image_name(sample_id, draw)}"
    with explained(folder):
        # a cell folder that is gone is not made again: its rows would be missing
        (folder / IMAGES).mkdir(exist_ok=True)
        write_atomic(folder / relative, data, folder.parent)
    return relative
