"""What is known of a file before it is fetched."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from refbench.errors import UserError
from refbench.identity.file_digest import DigestKind
from refbench.untrusted.redact import without_credentials

LARGEST = 64 << 30
"""Bytes of any file; the RefSR training sets are below 10 GB."""
_HEX = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True)
class Remote:
    """An address and the digest of what is expected there."""

    url: str
    digest: str
    """Hex digits; with ``prefix`` the first ones, where no more is known (torch-hub's file names)."""
    prefix: bool = False
    size: int | None = None
    """Bytes, where known."""
    kind: DigestKind = "sha256"

    @property
    def host(self) -> str:
        """For messages."""
        return urlsplit(self.url).hostname or ""

    @property
    def name(self) -> str:
        """The last part of the address, as a file name."""
        return PurePosixPath(unquote(urlsplit(self.url).path)).name

    def matches(self, digest: str) -> bool:
        """Whether ``digest`` (all hex digits of its kind) is the expected one."""
        return digest.startswith(self.digest) if self.prefix else digest == self.digest


def remote(url: str, sha256: str) -> Remote:
    """A user's address and digest, checked. UserError for another scheme, a user part, or no sha256."""
    check_address(url)
    digest = sha256.strip().lower()
    if len(digest) != 64 or not _HEX.fullmatch(digest):
        raise UserError(f"sha256={sha256}: give the 64 hex digits that the file's publisher states")
    return Remote(url, digest)


def check_address(url: str) -> None:
    """UserError for anything but https with a host and without a user part."""
    shown = without_credentials(url)
    try:
        parts = urlsplit(url)
        scheme, host = parts.scheme.lower(), parts.hostname
        _ = parts.port
    except ValueError as error:
        raise UserError(f"url={shown}: is not an address ({error})") from None
    if scheme != "https":
        raise UserError(f"url={shown}: only https is fetched from; download it yourself otherwise")
    if not host or not url.isprintable() or " " in url:
        raise UserError(f"url={shown}: is not an address; write https://HOST/FILE")
    if "@" in parts.netloc:
        raise UserError(f"url={shown}: holds a user name or password; download it yourself")
