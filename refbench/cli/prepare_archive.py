"""``refbench prepare dataset=NAME url=https://... sha256=... out=DIR``: an archive fetched and unpacked.

Addresses of the RefSR sets change, and none of them is published with a checksum: both come from the user.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from refbench.errors import UserError
from refbench.untrusted.archives import unpack
from refbench.untrusted.downloads import fetch
from refbench.untrusted.downloads.remote import Remote, remote

STEP = 16 << 20
"""Bytes between two lines of progress."""


def prepare_archive(args: argparse.Namespace, values: dict[str, Any]) -> Path:
    """Unpack ``archive=`` (fetched from ``url=`` first, where given) into ``out=``; returns that folder.

    The archive is kept: a copy that was changed can be unpacked again without the network.
    """
    if values["out"] is None:
        raise UserError(
            f"prepare dataset={values['dataset']}: out= is missing; give the folder to unpack into"
        )
    out = Path(values["out"])
    archive = Path(values["archive"]) if values["archive"] else None
    if values["url"] is not None:
        if values["sha256"] is None:
            raise UserError("prepare: url= needs sha256=, the digest that the archive's publisher states")
        source = remote(values["url"], values["sha256"])
        if archive is None:
            if not source.name:
                raise UserError(f"url={source.url}: names no file; say archive=FILE to keep it under")
            archive = out.absolute().parent / source.name
        new = fetch(source, archive, say=_progress(args, source))
        args.output.line(f"{'fetched' if new else 'present'}: {archive}")
    assert archive is not None
    count = unpack(archive, out)
    args.output.line(f"{count} files in {out}")
    return out


def _progress(args: argparse.Namespace, source: Remote) -> Any:
    last = 0

    def say(done: int, total: int | None) -> None:
        nonlocal last
        if done - last >= STEP:
            last = done
            of = f" of {total / 1e6:.0f}" if total else ""
            args.output.note(f"{source.host}: {done / 1e6:.0f}{of} MB")

    return say
