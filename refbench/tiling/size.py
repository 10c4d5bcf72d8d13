"""Sizes as people write them: ``4GB``, ``800MB``, ``1.5GiB``."""

from __future__ import annotations

import re

from refbench.errors import UserError

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B", re.IGNORECASE)


def parse_size(text: str, key: str) -> int:
    """Bytes of ``text``; K, M, G, T are powers of 1024, with or without the i. UserError naming ``key``."""
    found = _SIZE.fullmatch(text.strip())
    if found is None or float(found[1]) == 0:
        raise UserError(f"{key}={text}: give a size such as 4GB or 800MB")
    return int(float(found[1]) * 1024 ** " KMGT".index(found[2].upper() or " "))


def memory_bytes(text: str | None) -> int | None:
    """``memory.limit=`` in bytes; None: no limit."""
    return None if text is None else parse_size(text, "memory.limit")
