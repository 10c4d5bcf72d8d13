"""Files of a report: each written whole, below its folder."""

from __future__ import annotations

import errno
from pathlib import Path

from refbench.errors import UserError
from refbench.files.disk import disk_error, make_folder, write_atomic


def put(root: Path, name: str, data: str | bytes) -> Path:
    """Write the file ``name`` (with ``/``) below the report folder ``root``, through no link. UserError."""
    path = root / name
    try:
        make_folder(path.parent, root)
        write_atomic(path, data if isinstance(data, bytes) else data.encode("utf-8", "replace"), root)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise disk_error(path, error) from error
        raise UserError(f"{path}: cannot write ({error.strerror}); choose another report.dir=") from error
    return path
