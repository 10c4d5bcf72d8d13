"""The header of a safetensors file, read without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from refbench.errors import UserError

LONGEST = 16 << 20
"""Bytes; the header of the largest net here has 60 kB."""
MOST_TENSORS = 50_000
DEEPEST = 8
"""Dimensions of a tensor."""
DTYPES = ("F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL")


def read_header(path: Path) -> Mapping[str, Any] | None:
    """The JSON header of ``path``, or None when the file is not a safetensors file."""
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= LONGEST:
            return None
        text = stream.read(length)
    if len(text) < length or not text.startswith(b"{"):
        return None
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return header if isinstance(header, dict) else None


def check_header(path: Path, header: Mapping[str, Any] | None) -> None:
    """UserError for a header that no checkpoint of a net has; what it says is not taken as true elsewhere."""
    if header is None:
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
        long = f" (a header of {length} bytes is announced)" if length > LONGEST else ""
        raise UserError(f"{path}: damaged or truncated safetensors file{long}; copy it again")
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    if len(tensors) > MOST_TENSORS:
        raise UserError(
            f"{path}: holds {len(tensors)} tensors, over {MOST_TENSORS}; it is not a checkpoint of a net"
        )
    for name, entry in tensors.items():
        shape = entry.get("shape") if isinstance(entry, dict) else None
        if not isinstance(shape, list) or not all(type(side) is int and side >= 0 for side in shape):
            raise UserError(f"{path}: tensor {shown(name)} has no proper shape; the file is damaged")
        if len(shape) > DEEPEST:
            raise UserError(f"{path}: tensor {shown(name)} has {len(shape)} dimensions, over {DEEPEST}")
        if entry.get("dtype") not in DTYPES:
            dtype = shown(str(entry.get("dtype")))
            raise UserError(f"{path}: tensor {shown(name)} is of type {dtype}; known are {', '.join(DTYPES)}")


def shown(name: object) -> str:
    """A name from a file, short enough for an error line."""
    if not isinstance(name, str):
        return f"of type {type(name).__name__}"
    return ascii(name) if len(name) <= 60 else f"{name[:57]!a}..."


def read_metadata(path: Path) -> Mapping[str, str]:
    """The text metadata of a safetensors file; empty when there is none or it is another format."""
    header = read_header(path)
    metadata = header.get("__metadata__", {}) if header is not None else {}
    return {str(k): str(v) for k, v in metadata.items()} if isinstance(metadata, dict) else {}


def has_config(path: Path) -> bool:
    """Whether the file carries a refbench configuration, and so a whole model."""
    return "config" in read_metadata(path)
