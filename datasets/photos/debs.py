"""Where the Debian packages of the manifest come from: a folder, the network, or apt-get."""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path

from refbench.errors import UserError
from refbench.untrusted.downloads import Remote, fetch

APT = "apt"
"""``debs=apt``: let apt-get fetch, from the mirrors and through the keys that it is set up with."""


def sources() -> Mapping[str, Remote]:
    """Package -> the file of the manifest's version in Debian's archive."""
    lines = (files(__package__) / "sources.csv").read_text(encoding="utf-8").splitlines()
    return {
        row["package"]: Remote(row["url"], row["sha256"], size=int(row["size"]))
        for row in csv.DictReader(lines)
    }


def deb_file(package: str, debs: str | Path | None, kept: Path, say: Callable[[str], None]) -> Path:
    """The package's .deb: the newest-named one in the folder ``debs``; None: over https into ``kept``.

    UserError naming the package, with the other ways to get it.
    """
    if debs is not None and str(debs) != APT:
        return _newest(package, Path(debs))
    if str(debs) == APT:
        _apt_get(package, kept)
        return _newest(package, kept)
    source = sources()[package]
    say(f"{package}: {(source.size or 0) / 1e6:.0f} MB from {source.host}")
    try:
        fetch(source, kept / source.name)
    except UserError as error:
        raise UserError(
            f"{error}; debs=apt fetches with apt-get, debs=DIR takes .deb files from a folder"
        ) from None
    return kept / source.name


def _newest(package: str, folder: Path) -> Path:
    found = sorted(folder.glob(f"{package}_*.deb"))
    if not found:
        raise UserError(
            f"no {package}_*.deb in {folder}; get it from https://packages.debian.org/bookworm/{package}"
        )
    return found[-1]


def _apt_get(package: str, folder: Path) -> None:
    manual = f"get {package} from https://packages.debian.org/bookworm/{package} and give its folder as debs="
    if shutil.which("apt-get") is None:
        raise UserError(f"apt-get is not on this machine; {manual}")
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["apt-get", "download", package], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(f"apt-get download {package} failed ({reason}); {manual}")
