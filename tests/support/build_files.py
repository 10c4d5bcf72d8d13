"""Hostile files other than archives: images, checkpoints, settings, rows, names. A few kilobytes each."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage

Maker = Callable[[Path], object]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes, *extra: bytes, colour: int = 2) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def pixels(width: int = 16, height: int = 16) -> bytes:
    return zlib.compress(b"".join(b"\0" + bytes(3 * width) for _ in range(height)))


def _gif_frames(path: Path) -> None:
    frames = [PILImage.new("L", (4, 4), i) for i in range(3)]
    frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:])


def _tiff_loop(path: Path) -> None:
    """A TIFF whose directory of images points at itself."""
    PILImage.new("RGB", (4, 4)).save(path, format="TIFF")
    data = bytearray(path.read_bytes())
    (at,) = struct.unpack("<I", data[4:8])
    (count,) = struct.unpack("<H", data[at : at + 2])
    end = at + 2 + 12 * count
    data[end : end + 4] = struct.pack("<I", at)
    path.write_bytes(bytes(data))


def _zip_tail(path: Path) -> None:
    """A PNG that is a zip file as well: it is what its first bytes say."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a", b"x")
    path.write_bytes(png(8, 8, b"\0") + stream.getvalue())


IMAGES: dict[str, Maker] = {
    "header-100k-x-100k": lambda p: p.write_bytes(png(100_000, 100_000, zlib.compress(b"\0"))),
    "header-2-to-the-31": lambda p: p.write_bytes(png(2**31 - 1, 2**31 - 1, zlib.compress(b"\0"))),
    "no-pixels": lambda p: p.write_bytes(png(0, 0, b"")),
    "pixel-bomb": lambda p: p.write_bytes(png(9_000, 9_900, zlib.compress(bytes(30 << 20), 9))),
    "text-bomb": lambda p: p.write_bytes(
        png(16, 16, pixels(), *[chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(60 << 20), 9))])),
    "profile-bomb": lambda p: p.write_bytes(
        png(16, 16, pixels(), chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(60 << 20), 9)))),
    "truncated": lambda p: p.write_bytes(png(64, 64, pixels(64, 64))[:60]),
    "truncated-data": lambda p: p.write_bytes(png(64, 64, pixels(64, 8))),
    "wrong-checksum": lambda p: p.write_bytes(png(16, 16, pixels())[:-20] + bytes(20)),
    "frames": _gif_frames,
    "tiff-loop": _tiff_loop,
    "polyglot": _zip_tail,
    "postscript": lambda p: p.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(w) file\n"),
    "svg": lambda p: p.write_text('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
    "html": lambda p: p.write_text("<html>quota exceeded</html>"),
    "python": lambda p: p.write_text("import os; os.mkdir('executed')"),
    "empty": lambda p: p.write_bytes(b""),
    "pickle": lambda p: p.write_bytes(pickle.dumps(Creates(p.parent / "executed"))),
}  # fmt: skip


class Creates:
    """A pickle that makes a folder when it is loaded without care."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        import os

        return os.mkdir, (str(self.folder),)


def safetensors(path: Path, header: object, data: bytes = b"", length: int | None = None) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)


def _torch(path: Path, value: object, legacy: bool = False) -> None:
    import torch

    torch.save(value, path, _use_new_zipfile_serialization=not legacy)


def _torch_compressed(path: Path) -> None:
    import torch

    _torch(path, {"w": torch.zeros(1 << 20)})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def _torch_strides(path: Path) -> None:
    """A tensor of 4 TB made of one number."""
    import torch

    _torch(path, {"w": torch.zeros(1).expand(1 << 20, 1 << 20)})


def _many_tensors(path: Path) -> None:
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    safetensors(path, {f"t{i}": entry for i in range(50_001)})


ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
CHECKPOINTS: dict[str, Maker] = {
    "pickle-zip": lambda p: _torch(p, {"w": Creates(p.parent / "executed")}),
    "pickle-legacy": lambda p: _torch(p, {"w": Creates(p.parent / "executed")}, legacy=True),
    "pickle-bare": lambda p: p.write_bytes(pickle.dumps(Creates(p.parent / "executed"))),
    "pickle-of-numpy": lambda p: p.write_bytes(pickle.dumps({"w": np.zeros(3)})),
    "zip-compressed": _torch_compressed,
    "strides": _torch_strides,
    "header-length": lambda p: safetensors(p, b"{}", length=1 << 60),
    "header-17-mb": lambda p: safetensors(p, b"{" + b" " * (17 << 20) + b"}"),
    "header-nested": lambda p: safetensors(p, b'{"a":' * 100_000),
    "header-list": lambda p: safetensors(p, [1, 2]),
    "many-tensors": _many_tensors,
    "huge-shape": lambda p: safetensors(p, {"w": {**ONE, "shape": [1 << 40, 1 << 40]}}, bytes(4)),
    "negative-shape": lambda p: safetensors(p, {"w": {**ONE, "shape": [-1]}}, bytes(4)),
    "text-shape": lambda p: safetensors(p, {"w": {**ONE, "shape": "1"}}, bytes(4)),
    "no-shape": lambda p: safetensors(p, {"w": 3}, bytes(4)),
    "dimensions": lambda p: safetensors(p, {"w": {**ONE, "shape": [1] * 40}}, bytes(4)),
    "dtype": lambda p: safetensors(p, {"w": {**ONE, "dtype": "OBJ"}}, bytes(4)),
    "offsets": lambda p: safetensors(p, {"w": {**ONE, "data_offsets": [0, 1 << 50]}}, bytes(4)),
    "html": lambda p: p.write_text("<html>quota exceeded</html>"),
    "empty": lambda p: p.write_bytes(b""),
}  # fmt: skip


def hostile_names(path: Path) -> None:
    """A sound file whose tensor has a name of 250 steering characters."""
    safetensors(path, {"\x1b[2J\n" * 50: ONE}, bytes(4))


LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
)
SUITES: dict[str, str] = {
    "python-tag": "name: x\ndataset: !!python/object/apply:os.mkdir [executed]\n",
    "python-name": "name: !!python/name:os.mkdir\n",
    "alias-bomb": LAUGHS + "draws: *a8\n",
    "alias-loop": "name: &a [*a]\n",
    "deep": "a: " + "[" * 3000 + "]" * 3000,
    "large": "a: " + "x" * (300 * 1024),
    "very-large": "# " + "x" * (2 << 20),
    "bad-date": "name: 2020-99-99\n",
    "huge-number": "draws: " + "9" * 5000,
    "draws-of-a-billion-digits": "name: x\ndataset: pairs\ndraws: 0x" + "f" * 5000,
    "merge": "<<: 3\n",
    "not-utf8": "\udcff",
    "tabs": "a:\n\t- b",
    "list": "- a\n- b\n",
    "interpolation": "name: x\ndataset: ${oc.env:HOME}\n",
    "target": "_target_: os.mkdir\n_args_: [executed]\n",
    "several": "a: 1\n---\nb: 2\n",
}

ROWS: dict[str, bytes] = {
    "no-json": b"import os",
    "nan": b'{"sample_id":"a","metrics":{"m":NaN}}',
    "infinity": b'{"sample_id":"a","seconds":{"t":1e999}}',
    "huge-int": b'{"sample_id":"a","draw":' + b"9" * 5000 + b"}",
    "large-int": b'{"sample_id":"a","draw":' + b"9" * 50 + b"}",
    "nested": b'{"sample_id":' + b"[" * 100_000,
    "nested-notes": b'{"sample_id":"a","notes":{"x":' + b'{"y":' * 500 + b"1" + b"}" * 501 + b"}",
    "list": b"[1,2,3]",
    "not-utf8": b'{"sample_id":"\xff\xfe"}',
    "number-as-id": b'{"sample_id":7}',
    "future": b'{"sample_id":"a","schema":99999}',
    "long-line": b'{"sample_id":"a"' + b" " * (5 << 20) + b"}",
    "image-outside": b'{"sample_id":"a","status":"maybe"}',
}
NAMES = (
    "<script>alert(1)</script>", "' onerror='alert(1)", "=cmd|' /C calc'!A0", "\x1b[2J\x1b]0;x\x07", "a\nb",
    "../../escaped", "/etc/passwd", "\u202egnp.exe", "\\input{/etc/passwd}", "|x|`y`", "{{7*7}}", "%s%n",
    "\ud800", "x" * 300,
)  # fmt: skip
