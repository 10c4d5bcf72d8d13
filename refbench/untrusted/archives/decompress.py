"""A compressed stream read in bounded memory, with the bomb noticed while it goes off."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from typing import BinaryIO, Protocol

from refbench.untrusted.archives.limits import Count, Limits, Refused

PIECE = 1 << 16
XZ_MEMORY = 256 << 20
"""Bytes that an xz file's dictionary may take (`xz -9` needs 65 MiB)."""


class _Decoder(Protocol):
    """What bz2 and lzma decompressors share; :class:`_Gzip` gives zlib the same face."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Gzip:
    """zlib's decompressor for one gzip member."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max(max_length, 0))


def _xz() -> _Decoder:
    return lzma.LZMADecompressor(memlimit=XZ_MEMORY)


MAGIC: tuple[tuple[bytes, Callable[[], _Decoder]], ...] = (
    (b"\x1f\x8b", _Gzip),
    (b"\xfd7zXZ\x00", _xz),
    (b"BZh", bz2.BZ2Decompressor),
)


class Decompressed(io.RawIOBase):
    """The unpacked bytes of ``source``; an uncompressed one is passed on. Reading raises Refused."""

    def __init__(self, source: BinaryIO, limits: Limits) -> None:
        self._source = source
        self._count = Count(limits)
        self._packed = 0
        self._ahead = self._more()
        self._make = next((make for magic, make in MAGIC if self._ahead.startswith(magic)), None)
        self._decoder = self._make() if self._make is not None else None
        self.budget: int | None = None
        """Bytes that may still be read; None: any number. Bounds what a parser of headers takes at once."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._next(min(len(buffer), PIECE))
        buffer[: len(data)] = data
        if self.budget is not None:
            self.budget -= len(data)
            if self.budget < 0:
                raise Refused("has a header that is larger than any name needs")
        return len(data)

    def _next(self, size: int) -> bytes:
        if self._decoder is None:
            data, self._ahead = self._ahead[:size], self._ahead[size:]
            if not data:
                data = self._source.read(size)
                self._packed += len(data)
        else:
            data = self._decoded(size)
        self._count.unpacked(len(data), self._packed)
        return data

    def _decoded(self, size: int) -> bytes:
        assert self._decoder is not None
        assert self._make is not None
        while True:
            if self._decoder.eof:
                rest = self._decoder.unused_data or self._more()
                if not rest.strip(b"\0"):
                    return b""
                # gzip and xz files may be several, one after the other
                self._decoder, self._ahead = self._make(), rest
            fresh, hungry = b"", self._decoder.needs_input
            if hungry:
                fresh, self._ahead = self._ahead or self._more(), b""
            try:
                data = self._decoder.decompress(fresh, size)
            except (OSError, zlib.error, lzma.LZMAError, ValueError) as error:
                raise Refused(f"is damaged, or needs too much memory ({error})") from None
            if data:
                return data
            # a decoder that had input left may give nothing and only then ask for more
            if hungry and not fresh and not self._decoder.eof:
                raise Refused("is cut off")

    def _more(self) -> bytes:
        data = self._source.read(PIECE)
        self._packed += len(data)
        return data
