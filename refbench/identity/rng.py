"""Random numbers that come from names, never from a running generator.

Two trials get the same numbers whenever their names are the same, whatever the order, the shard, the
``limit`` or the process they run in.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np


def generator(*names: str | int) -> np.random.Generator:
    """A PCG64 generator seeded from sha256 of ``names`` (order matters, 1 and "1" differ)."""
    text = json.dumps(list(names), ensure_ascii=False, separators=(",", ":"))
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))
