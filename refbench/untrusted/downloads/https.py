"""The connection: https only, also behind redirects.

urllib's handlers for http, ftp, file and data addresses are left out, so nothing can lead there. Proxies come
from the environment (``https_proxy``, ``no_proxy``), certificate authorities from the system or
``SSL_CERT_FILE``; certificates are always checked.
"""

from __future__ import annotations

import ssl
import urllib.error
from email.message import Message
from http.client import HTTPResponse
from typing import IO, cast
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from refbench import __version__

REDIRECTS = 5


class LeavesHttps(Exception):
    """A server sent us to an address that is not https; the message is its scheme and host."""


class _HttpsRedirects(HTTPRedirectHandler):
    max_redirections = REDIRECTS
    max_repeats = 2

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        parts = urlsplit(newurl)
        if parts.scheme.lower() != "https":
            raise LeavesHttps(f"{parts.scheme}://{parts.hostname or ''}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]

    def http_error_302(self, req, fp, code, msg, headers):  # type: ignore[no-untyped-def]
        # the base class raises its own error for ftp:// and the like before redirect_request is asked
        target = headers.get("location") or headers.get("uri") or ""
        scheme = urlsplit(target).scheme.lower()
        if scheme not in ("", "https"):
            raise LeavesHttps(f"{scheme}://{urlsplit(target).hostname or ''}")
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def open_https(url: str, start: int, timeout: float, context: ssl.SSLContext | None = None) -> HTTPResponse:
    """Ask for the bytes of ``url`` from ``start`` on.

    Raises LeavesHttps, urllib.error.HTTPError for an answer that is not a success, OSError otherwise.
    """
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(),
        HTTPSHandler(context=context if context is not None else ssl.create_default_context()),
        _HttpsRedirects(),
        HTTPDefaultErrorHandler(),
        HTTPErrorProcessor(),
        UnknownHandler(),
    ):
        opener.add_handler(handler)
    headers = {"User-Agent": f"refbench/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    return cast(HTTPResponse, opener.open(Request(url, headers=headers), timeout=timeout))


def reason(error: Exception) -> str:
    """A failed connection in a few words."""
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(inner, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted: {inner.verify_message}; SSL_CERT_FILE names other authorities"
        )
    if isinstance(inner, TimeoutError):
        return "no answer in time"
    if isinstance(inner, OSError) and inner.strerror:
        return str(inner.strerror)
    return " ".join(str(inner).split())[:120] or type(inner).__name__
