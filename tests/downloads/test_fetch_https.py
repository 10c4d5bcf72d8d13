"""Fetching from a real HTTPS server: whole, resumed, refused; nothing unchecked ever gets the file's name."""

from __future__ import annotations

import hashlib
import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refbench.errors import UserError
from refbench.untrusted.downloads import Remote, fetch
from refbench.untrusted.downloads.fetch import Patience
from refbench.untrusted.downloads.remote import remote

QUICK = Patience(timeout=20, tries=3, pause=0.01)


@pytest.fixture
def get(server: Any, tmp_path: Path) -> Callable[..., bool]:
    def call(path: str = "/data.bin", sha256: str | None = None, **options: Any) -> bool:
        digest = sha256 or hashlib.sha256(server.files["/data.bin"]).hexdigest()
        size = options.pop("size", None)
        what = Remote(server.url + path, digest, size=size)
        settings: dict[str, Any] = {"context": server.context, "patience": QUICK, **options}
        return fetch(what, tmp_path / "in" / "got.bin", **settings)

    return call


def left(tmp_path: Path) -> list[str]:
    return sorted(p.name for p in (tmp_path / "in").iterdir()) if (tmp_path / "in").exists() else []


def test_a_file_arrives_whole_and_is_asked_for_once(
    get: Callable[..., bool], server: Any, tmp_path: Path
) -> None:
    reported: list[tuple[int, int | None]] = []
    assert get(say=lambda done, total: reported.append((done, total))) is True
    body = server.files["/data.bin"]
    assert (tmp_path / "in" / "got.bin").read_bytes() == body
    assert reported[-1] == (len(body), len(body))
    assert get() is False
    assert len(server.asked) == 1
    assert left(tmp_path) == ["got.bin"]


def test_an_interrupted_transfer_goes_on_where_it_stopped(
    get: Callable[..., bool], server: Any, tmp_path: Path
) -> None:
    server.break_after = [100_000, 50_000]
    assert get() is True
    assert server.asked == [None, "bytes=100000-", "bytes=150000-"]
    assert (tmp_path / "in" / "got.bin").read_bytes() == server.files["/data.bin"]


def test_the_next_run_goes_on_where_the_last_one_was_stopped(
    get: Callable[..., bool], server: Any, tmp_path: Path
) -> None:
    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(say=stop)
    [partial] = left(tmp_path)
    assert partial.startswith(".got.bin.")
    kept = (tmp_path / "in" / partial).stat().st_size
    assert kept > 0
    assert get() is True
    assert server.asked == [None, f"bytes={kept}-"]
    assert left(tmp_path) == ["got.bin"]


def test_a_server_without_ranges_sends_all_again(
    get: Callable[..., bool], server: Any, tmp_path: Path
) -> None:
    server.ranges = False
    server.break_after = [100_000]
    assert get() is True
    assert (tmp_path / "in" / "got.bin").read_bytes() == server.files["/data.bin"]


def test_a_file_that_changed_in_between_is_fetched_anew(
    get: Callable[..., bool], server: Any, tmp_path: Path
) -> None:
    new = server.files["/data.bin"]
    server.files["/data.bin"] = b"older contents" * 20_000
    server.break_after = [100_000] * 3
    digest = hashlib.sha256(new).hexdigest()
    # every try brings something, so the transfer is only given up when it stalls
    server.status = []
    server.break_after = [100_000, 0, 0, 0]
    with pytest.raises(UserError, match="cannot be reached, or breaks off"):
        get(sha256=digest)
    server.files["/data.bin"] = new
    server.break_after = []
    assert get(sha256=digest) is True
    assert server.asked[-1] is None
    assert (tmp_path / "in" / "got.bin").read_bytes() == new


def test_a_complete_partial_file_only_needs_its_check(
    get: Callable[..., bool], server: Any, tmp_path: Path
) -> None:
    body = server.files["/data.bin"]
    digest = hashlib.sha256(body).hexdigest()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / f".got.bin.{digest[:16]}.part").write_bytes(body)
    assert get() is True
    assert server.asked == [f"bytes={len(body)}-"]


@pytest.mark.parametrize("length", [True, False])
def test_another_file_is_not_kept(
    get: Callable[..., bool], server: Any, tmp_path: Path, length: bool
) -> None:
    server.length = length
    with pytest.raises(UserError, match=r"sha256 [0-9a-f]{16}\.\.\., expected 0{16}\.\.\.; it was changed"):
        get(sha256="0" * 64)
    assert left(tmp_path) == []


def test_a_truncated_answer_of_unknown_length_is_not_kept(
    get: Callable[..., bool], server: Any, tmp_path: Path
) -> None:
    server.length = False
    server.break_after = [100_000]
    with pytest.raises(UserError, match="it was changed or damaged and is not kept"):
        get()
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:9/x", "ftp://127.0.0.1/x", "file:///etc/passwd", "HTTP://x"]
)
def test_a_redirect_away_from_https_is_not_followed(
    get: Callable[..., bool], server: Any, tmp_path: Path, target: str
) -> None:
    server.redirect = {"/moved": "/again", "/again": target}
    with pytest.raises(UserError, match="which is not https; not followed"):
        get("/moved")
    assert left(tmp_path) == []


def test_redirects_within_https_are_followed_but_not_for_ever(
    get: Callable[..., bool], server: Any, tmp_path: Path
) -> None:
    server.redirect = {"/moved": "/data.bin", "/round": "/round"}
    assert get("/moved") is True
    (tmp_path / "in" / "got.bin").unlink()
    with pytest.raises(UserError, match="the server answers 302"):
        get("/round")


def test_size_limits(get: Callable[..., bool], server: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has 512000 bytes, more than the limit of 1000"):
        get(most=1000)
    with pytest.raises(UserError, match="has 512000 bytes, expected 512001; it is another file"):
        get(size=512_001)
    server.length = False
    with pytest.raises(UserError, match="sends more than 1000 bytes"):
        get(most=1000)
    assert left(tmp_path) == []


def test_a_full_disk_is_noticed_before_the_first_byte(
    get: Callable[..., bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(UserError, match="512000 bytes are to come, the disk has 1000 left"):
        get()


def test_server_errors(get: Callable[..., bool], server: Any) -> None:
    with pytest.raises(
        UserError, match=r"the server answers 404 Not Found; or get https://.*none by other means"
    ):
        get("/none")
    server.status = [503, 429]
    assert get() is True


def test_offline_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(UserError) as caught:
        fetch(Remote(f"https://127.0.0.1:{port}/a.zip", "0" * 64), tmp_path / "a.zip", patience=QUICK)
    text = str(caught.value)
    assert "127.0.0.1: cannot be reached, or breaks off (Connection refused); offline?" in text
    assert f"or get https://127.0.0.1:{port}/a.zip by other means and put it at {tmp_path / 'a.zip'}" in text
    assert "\n" not in text


def test_an_unknown_certificate_is_refused_at_once(
    get: Callable[..., bool], server: Any, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"127\.0\.0\.1: its certificate is not trusted.*SSL_CERT_FILE"):
        get(context=None)
    assert server.asked == []
    assert left(tmp_path) == []


def test_authorities_of_the_environment_count(
    get: Callable[..., bool], server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
    assert get(context=None) is True


def test_a_file_that_is_there_already_is_never_overwritten(
    get: Callable[..., bool], server: Any, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "got.bin").write_text("mine")
    with pytest.raises(UserError, match=r"got\.bin: is there with another sha256"):
        get()
    assert (tmp_path / "in" / "got.bin").read_text() == "mine"
    assert server.asked == []


def test_two_processes_do_not_fetch_into_one_file(
    get: Callable[..., bool], server: Any, tmp_path: Path
) -> None:
    problems: list[str] = []

    def second(done: int, total: int | None) -> None:
        if not problems:
            with pytest.raises(UserError, match="another process is fetching it") as caught:
                get()
            problems.append(str(caught.value))

    assert get(say=second) is True
    assert len(problems) == 1


def test_the_proxy_of_the_environment_is_used(
    get: Callable[..., bool], server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that passes nothing on: being asked to CONNECT is enough."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:

        def serve() -> None:
            for _ in range(QUICK.tries):
                connection, _ = proxy.accept()
                with connection:
                    asked.append(connection.recv(1000))
                    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with pytest.raises(UserError, match="Tunnel connection failed: 403 Forbidden"):
            get()
        thread.join(10)
    assert asked[0].startswith(f"CONNECT {server.url.removeprefix('https://')} HTTP/1".encode())
    assert server.asked == []


@pytest.mark.parametrize(("url", "sha256", "message"), [
    ("http://host/a.zip", "0" * 64, "only https is fetched from"),
    ("file:///etc/passwd", "0" * 64, "only https is fetched from"),
    ("a.zip", "0" * 64, "only https is fetched from"),
    ("https://me:hunter2@host/a.zip", "0" * 64, r"url=https://\*\*\*@host/a\.zip: holds a user name"),
    ("https:///a.zip", "0" * 64, "is not an address"),
    ("https://host:port/a", "0" * 64, "is not an address"),
    ("https://ho st/a", "0" * 64, "is not an address"),
    ("https://host/a", "0" * 63, "64 hex digits"),
    ("https://host/a", "x" * 64, "64 hex digits"),
    ("https://host/a", "", "64 hex digits"),
])  # fmt: skip
def test_addresses_and_digests_are_checked(url: str, sha256: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        remote(url, sha256)
    assert "hunter2" not in str(caught.value)


def test_a_known_prefix_of_the_digest_is_enough() -> None:
    digest = hashlib.sha256(b"x").hexdigest()
    assert Remote("https://h/a-2d711642.pth", digest[:8], prefix=True).matches(digest)
    assert not Remote("https://h/a", "0" * 8, prefix=True).matches(digest)
    assert not Remote("https://h/a", digest[:8]).matches(digest)
