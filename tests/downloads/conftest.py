"""A real HTTPS server on loopback, with a certificate of a test authority, that can be told to misbehave."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

PAYLOAD = bytes(range(256)) * 2000
"""512,000 bytes: a few reads."""


@dataclass
class Server:
    """What the server sends and what it was asked."""

    url: str
    context: ssl.SSLContext
    """Trusts the server."""
    authority: Path
    """The same authority as a PEM file, for SSL_CERT_FILE."""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    length: bool = True
    break_after: list[int] = field(default_factory=list)
    """Bytes of the body after which each next connection is cut; then none is."""
    status: list[int] = field(default_factory=list)
    """Answers of the next requests instead of 200 and 206."""
    redirect: dict[str, str] = field(default_factory=dict)
    asked: list[str | None] = field(default_factory=list)
    """The Range header of each request."""


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(authority: trustme.CA, tmp_path: Path) -> Iterator[Server]:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    pem = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(pem))
    state = Server("", context, pem, {"/data.bin": PAYLOAD})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            state.asked.append(self.headers.get("Range"))
            self.close_connection = True
            if self.path in state.redirect:
                self._head(302, {"Location": state.redirect[self.path], "Content-Length": "0"})
                return
            if state.status:
                self._head(state.status.pop(0), {"Content-Length": "0"})
                return
            body = state.files.get(self.path)
            if body is None:
                self._head(404, {"Content-Length": "0"})
                return
            wanted = self.headers.get("Range")
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and state.ranges else 0
            if start and start >= len(body):
                self._head(416, {"Content-Range": f"bytes */{len(body)}", "Content-Length": "0"})
                return
            fields = {"Content-Length": str(len(body) - start)} if state.length else {}
            if start:
                fields["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            self._head(206 if start else 200, fields)
            part = body[start:]
            self.wfile.write(part[: state.break_after.pop(0)] if state.break_after else part)

        def _head(self, code: int, fields: dict[str, str]) -> None:
            self.send_response(code)
            for name, value in {"Connection": "close", **fields}.items():
                self.send_header(name, value)
            self.end_headers()

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(serving)
    listening.socket = serving.wrap_socket(listening.socket, server_side=True)
    state.url = f"https://127.0.0.1:{listening.server_address[1]}"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield state
    listening.shutdown()
    listening.server_close()
    thread.join(5)
