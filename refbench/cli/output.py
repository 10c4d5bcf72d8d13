"""Where a command's words go: one JSON document on stdout with ``--json``, text otherwise."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from refbench.untrusted.escape import json_text, terminal_text
from refbench.untrusted.redact import without_credentials


class Output:
    """Given to every command as ``args.output``."""

    def __init__(self, as_json: bool, stream: TextIO | None = None) -> None:
        self.json = as_json
        self._stdout = stream if stream is not None else sys.stdout
        self._emitted = False
        self.traceback = False
        """Whether the user asked for tracebacks in full."""

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """Stdout stays one document: what C code and child processes write goes to stderr, and with
        ``--json`` what Python code prints, too. Text on a terminal, where a person reads, is left alone."""
        with self._descriptor(), contextlib.redirect_stdout(sys.stderr if self.json else self._stdout):
            yield

    @contextlib.contextmanager
    def _descriptor(self) -> Iterator[None]:
        """The document on a descriptor of its own, and descriptor 1 led to stderr."""
        stream = self._stdout
        try:
            real = stream is not None and stream is sys.__stdout__ and sys.stderr.fileno() == 2
            real = real and stream.fileno() == 1 and (self.json or not stream.isatty())
        except (AttributeError, OSError, ValueError):
            real = False
        if not real:
            yield
            return
        stream.flush()
        own = os.dup(1)
        os.dup2(2, 1)
        self._stdout = open(own, "w", encoding=stream.encoding, errors=stream.errors)  # noqa: SIM115
        try:
            yield
            self._stdout.flush()
        finally:
            os.dup2(own, 1)
            # a reader that has gone was told by the flush above, or by what led here
            with contextlib.suppress(OSError):
                self._stdout.close()
            self._stdout = stream

    def line(self, text: str = "", styled: bool = False) -> None:
        """A line for people: on stdout, or on stderr with ``--json``.

        Characters that steer a terminal are shown as question marks; ``styled``: the text has colours of
        our own, and its maker has cleaned the names in it.
        """
        shown = text if styled else terminal_text(text)
        print(shown, file=sys.stderr if self.json else self._stdout, flush=True)

    def note(self, text: str) -> None:
        """A remark that is not part of the result: always on stderr. Without secrets, like :meth:`error`."""
        print(terminal_text(without_credentials(text)), file=sys.stderr, flush=True)

    def emit(self, document: object) -> None:
        """The one JSON document; without ``--json`` nothing. Raises RuntimeError when called twice."""
        if not self.json:
            return
        if self._emitted:
            raise RuntimeError("a command emits one JSON document")
        self._emitted = True
        text = json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False)
        self._stdout.write(json_text(text) + "\n")
        self._stdout.flush()

    def error(self, message: str) -> None:
        """``refbench: message`` on stderr, and as a document with ``--json``.

        One line, whatever names and texts of others it quotes, and without the secrets that it may quote.
        """
        shown = without_credentials(" ".join(message.splitlines()))
        print(terminal_text(f"refbench: {shown}"), file=sys.stderr, flush=True)
        if not self._emitted:
            self.emit({"error": shown})

    def prints(self, text: str) -> bool:
        """Whether the stream for people can encode ``text``."""
        encoding = getattr(sys.stderr if self.json else self._stdout, "encoding", None) or "utf-8"
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            return False
        return True

    @property
    def terminal(self) -> bool:
        """Whether the text is read on a terminal (then tables have colour and lines)."""
        return not self.json and self._stdout.isatty()


def plain(value: Any) -> Any:
    """Anything of ours as JSON values; non-finite numbers become texts, never numbers or null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, str | int | bool):
        return value
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)
