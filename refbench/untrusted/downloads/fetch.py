"""One file from the network to disk: resumed, checked, and in its place only when it is whole."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shutil
import ssl
import time
import urllib.error
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path

from refbench.errors import UserError
from refbench.files.locks import lock_file
from refbench.identity.file_digest import file_digest, stream_digest
from refbench.untrusted.downloads.https import LeavesHttps, open_https, reason
from refbench.untrusted.downloads.remote import LARGEST, Remote, check_address

PIECE = 1 << 18
_EMPTY = hashlib.sha256().hexdigest()
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


@dataclass(frozen=True)
class Patience:
    """How long a transfer is kept at."""

    timeout: float = 60.0
    """Seconds without a byte."""
    tries: int = 5
    """Connections in a row that bring nothing new."""
    pause: float = 1.0
    """Seconds before the second; doubled each time."""


class _Again(Exception):
    """The transfer stopped before its end; the message says why."""


def fetch(
    remote: Remote,
    target: Path,
    *,
    most: int = LARGEST,
    say: Callable[[int, int | None], None] = lambda done, total: None,
    context: ssl.SSLContext | None = None,
    patience: Patience | None = None,
) -> bool:
    """Have ``remote`` at ``target``; False when it was there already and nothing was asked of the network.

    What arrives is kept in ``.NAME.DIGEST.part`` next to the target: an interrupted transfer, by Ctrl-C or by
    the network, goes on from there, in this call or the next. Only a file whose digest is the expected one
    is renamed to ``target``. ``most``: bytes. ``say`` is called with (bytes there, bytes in all or None).

    UserError, one line: no https, also behind a redirect; another file already there; unreachable host,
    with where to put a file fetched by other means; another digest, size or more than ``most`` bytes; a
    full disk; another process fetching the same file.
    """
    check_address(remote.url)
    if target.exists():
        if not remote.matches(file_digest(target, remote.kind)):
            raise UserError(
                f"{target}: is there with another {remote.kind} than {remote.digest}; move it away"
            )
        return False
    partial = target.with_name(f".{target.name}.{remote.digest[:16]}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(partial, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
    except OSError as error:
        raise UserError(f"{target}: cannot write ({error.strerror})") from None
    with open(fd, "r+b") as stream:
        if lock_file(fd) is False:
            raise UserError(f"{target}: another process is fetching it; wait for it")
        transfer = _Transfer(remote, target, fd, most, say, context, patience or Patience())
        try:
            transfer.run()
        finally:
            if os.fstat(fd).st_size == 0 and not remote.matches(_EMPTY):
                partial.unlink(missing_ok=True)
        stream.flush()
        try:
            os.fsync(fd)
            os.replace(partial, target)
        except OSError as error:
            raise UserError(f"{target}: cannot write ({error.strerror})") from None
    return True


@dataclass
class _Transfer:
    """One partial file being completed."""

    remote: Remote
    target: Path
    fd: int
    most: int
    say: Callable[[int, int | None], None]
    context: ssl.SSLContext | None
    patience: Patience

    def run(self) -> None:
        """Complete and check the partial file; where what an earlier run left does not fit, once more."""
        resumed = os.fstat(self.fd).st_size > 0
        self._complete()
        found = self._check()
        if found and resumed:
            os.ftruncate(self.fd, 0)
            self._complete()
            found = self._check()
        if found:
            os.ftruncate(self.fd, 0)
            raise UserError(
                f"{self.remote.url}: the file there has {self.remote.kind} {found[:16]}..., expected "
                f"{self.remote.digest[:16]}...; it was changed or damaged and is not kept"
            )

    def _check(self) -> str:
        """The digest of the partial file when it is not the expected one, else empty."""
        os.lseek(self.fd, 0, os.SEEK_SET)
        with open(self.fd, "rb", closefd=False) as stream:
            digest = stream_digest(stream, self.remote.kind)
        return "" if self.remote.matches(digest) else digest

    def _complete(self) -> None:
        tries, pause = 0, self.patience.pause
        while True:
            before = os.fstat(self.fd).st_size
            try:
                return self._connect(before)
            except LeavesHttps as error:
                raise UserError(
                    f"{self.remote.url}: sends us to {error}, which is not https; not followed"
                ) from None
            except urllib.error.HTTPError as error:
                if error.code < 500 and error.code not in (408, 429):
                    raise UserError(
                        f"{self.remote.url}: the server answers {error.code} {error.reason}; {self._manual()}"
                    ) from None
                problem = f"the server answers {error.code} {error.reason}"
            except _Again as error:
                problem = str(error)
            except ssl.SSLCertVerificationError as error:
                raise UserError(f"{self.remote.host}: {reason(error)}") from None
            except (OSError, http.client.HTTPException) as error:
                inner = error.reason if isinstance(error, urllib.error.URLError) else error
                if isinstance(inner, ssl.SSLCertVerificationError):
                    raise UserError(f"{self.remote.host}: {reason(error)}") from None
                problem = reason(error)
            if os.fstat(self.fd).st_size > before:
                tries, pause = 0, self.patience.pause
            tries += 1
            if tries >= self.patience.tries:
                raise UserError(
                    f"{self.remote.host}: cannot be reached, or breaks off ({problem}); offline? "
                    f"what has arrived is kept, and the same command goes on; {self._manual()}"
                )
            time.sleep(pause)
            pause *= 2

    def _manual(self) -> str:
        return f"or get {self.remote.url} by other means and put it at {self.target}"

    def _connect(self, start: int) -> None:
        """One connection. Returns when the file is complete; raises _Again when it ended before that."""
        if self.remote.size is not None and start == self.remote.size:
            return
        try:
            response = open_https(self.remote.url, start, self.patience.timeout, self.context)
        except urllib.error.HTTPError as error:
            if error.code != 416:
                raise
            # nothing behind what is there: it is whole, or is another file, which its digest tells
            if _total(error.headers.get("Content-Range")) == start:
                return
            os.ftruncate(self.fd, 0)
            raise _Again("the file there has another size than before") from None
        with response:
            at, total = self._begins(response, start)
            self._room(total, at)
            os.ftruncate(self.fd, at)
            os.lseek(self.fd, at, os.SEEK_SET)
            self._receive(response, at, total)

    def _begins(self, response: HTTPResponse, start: int) -> tuple[int, int | None]:
        """(where the answer's bytes belong, bytes of the whole file if it is told)."""
        length = response.headers.get("Content-Length", "")
        size = int(length) if length.isascii() and length.isdigit() else None
        if response.status != 206:
            # a server without ranges sends everything anew
            return 0, size
        found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if found is None or int(found[1]) != start:
            os.ftruncate(self.fd, 0)
            raise _Again("the server sent other bytes than it was asked for")
        return start, None if size is None else start + size

    def _room(self, total: int | None, at: int) -> None:
        """UserError when the file is too large for its description, the limit or the disk."""
        if total is None:
            return
        if self.remote.size is not None and total != self.remote.size:
            raise UserError(
                f"{self.remote.url}: has {total} bytes, expected {self.remote.size}; it is another file"
            )
        if total > self.most:
            raise UserError(f"{self.remote.url}: has {total} bytes, more than the limit of {self.most}")
        free = shutil.disk_usage(self.target.parent).free
        if total - at > free:
            raise UserError(f"{self.target}: {total - at} bytes are to come, the disk has {free} left")

    def _receive(self, response: HTTPResponse, at: int, total: int | None) -> None:
        limit = self.remote.size if self.remote.size is not None else self.most
        while piece := response.read(PIECE):
            if at + len(piece) > limit:
                os.ftruncate(self.fd, 0)
                raise UserError(f"{self.remote.url}: sends more than {limit} bytes; it is another file")
            try:
                _write(self.fd, piece)
            except OSError as error:
                raise UserError(
                    f"{self.target}: cannot write ({error.strerror}); what has arrived is kept"
                ) from None
            at += len(piece)
            self.say(at, total)
        if total is not None and at < total:
            raise _Again(f"the connection ended after {at} of {total} bytes")


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _total(content_range: str | None) -> int | None:
    """The size of the file in ``bytes */1234``."""
    text = (content_range or "").rpartition("/")[2]
    return int(text) if text.isdigit() else None
