"""The header of a safetensors file, read without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LONGEST = 100_000_000
"""Bytes; the safetensors library refuses longer headers, too."""


def read_header(path: Path) -> Mapping[str, Any] | None:
    """The JSON header of ``path``, or None when the file is no safetensors file."""
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= LONGEST:
            return None
        text = stream.read(length)
    if len(text) < length or not text.startswith(b"{"):
        return None
    try:
        header = json.loads(text)
    except ValueError:
        return None
    return header if isinstance(header, dict) else None


def read_metadata(path: Path) -> Mapping[str, str]:
    """The text metadata of a safetensors file; empty when there is none or it is another format."""
    header = read_header(path)
    metadata = header.get("__metadata__", {}) if header is not None else {}
    return {str(k): str(v) for k, v in metadata.items()} if isinstance(metadata, dict) else {}


def has_config(path: Path) -> bool:
    """Whether the file carries a refbench configuration, and so a whole model."""
    return "config" in read_metadata(path)
