"""File names of the SelfExSR repository's copies: ``img_001_SRF_4_HR.png`` is image 001."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from refbench.errors import UserError

_NAME = re.compile(r"(?:img_)?(\d{3})(?:_SRF_\d+_HR)?")
_LR = re.compile(r".*_SRF_\d+_LR")


def numbered(paths: Iterable[Path]) -> dict[str, Path]:
    """Id -> file: ``img_001.png``, ``001.png`` and ``img_001_SRF_4_HR.png`` are all ``001``.

    Other names are their own id; the LR images next to SelfExSR's HR images are left out. Raises
    UserError when two files have the same id.
    """
    found: dict[str, Path] = {}
    for path in paths:
        if _LR.fullmatch(path.stem):
            continue
        match = _NAME.fullmatch(path.stem)
        key = match[1] if match else path.stem
        if key in found:
            raise UserError(
                f"{path.parent}: {found[key].name} and {path.name} are both image {key}; keep one"
            )
        found[key] = path
    return found
