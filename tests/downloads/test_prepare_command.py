"""``refbench prepare`` with archives, addresses and weights, as a user types it."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from refbench.cli import prepare_weights as command
from refbench.cli.main import main
from refbench.datasets.photos.debs import deb_file, sources
from refbench.datasets.photos.manifest import read_manifest
from refbench.errors import UserError
from refbench.specs import MethodSpec, WeightsFile, WeightsVariant
from refbench.untrusted.downloads import Remote
from refbench.weights import resolve


def png(seed: int) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 20, 3), dtype=np.uint8)
    PILImage.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


def tar(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:xz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def prepare(*words: str) -> list[str]:
    return ["prepare", "dataset=pairs", *words]


def test_an_archive_is_unpacked_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pairs.tar.xz").write_bytes(tar({"input/a.png": png(0), "ref/a.png": png(1)}))
    assert main(prepare(f"archive={tmp_path / 'pairs.tar.xz'}", f"out={tmp_path / 'pairs'}")) == 0
    shown = capsys.readouterr().out
    assert f"2 files in {tmp_path / 'pairs'}" in shown
    assert "1 samples, 2 files" in shown
    assert shown.rstrip().endswith("ok")


def test_a_hostile_archive_is_one_line_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").write_bytes(tar({"../../escaped.png": png(0)}))
    assert main(prepare(f"archive={tmp_path / 'a'}", f"out={tmp_path / 'deep' / 'out'}")) == 2
    shown = capsys.readouterr()
    assert "leads out of its folder: ../../escaped.png; nothing was unpacked" in shown.err
    assert shown.err.count("\n") == 1
    assert not list(tmp_path.rglob("escaped.png"))
    assert list((tmp_path / "deep").iterdir()) == []


def test_an_archive_from_an_address(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
    body = tar({"input/a.png": png(0), "ref/a.png": png(1)})
    server.files["/dl/pairs.tar.xz"] = body
    digest = hashlib.sha256(body).hexdigest()
    url = f"url={server.url}/dl/pairs.tar.xz"
    assert main(prepare(url, f"sha256={digest}", f"out={tmp_path / 'pairs'}", "--json")) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    assert (tmp_path / "pairs" / "input" / "a.png").read_bytes() == png(0)
    assert (tmp_path / "pairs.tar.xz").read_bytes() == body
    monkeypatch.chdir(tmp_path)
    assert main(prepare(url, f"sha256={'0' * 64}", "archive=x.tar.xz", "out=other")) == 2
    assert "it was changed or damaged and is not kept" in capsys.readouterr().err
    assert not (tmp_path / "x.tar.xz").exists()
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(("words", "message"), [
    (["url=http://host/a.zip", f"sha256={'0' * 64}", "out=o"], "only https is fetched from"),
    (["url=https://host/a.zip", "out=o"], "prepare: url= needs sha256="),
    (["url=https://host", f"sha256={'0' * 64}", "out=o"], "names no file; say archive=FILE"),
    (["archive=a.zip"], "prepare dataset=pairs: out= is missing"),
    (["archive=none.zip", "out=o"], "none.zip: No such file or directory; nothing was unpacked"),
    (["debs=x"], "prepare: debs= goes with dataset=photos"),
])  # fmt: skip
def test_what_is_missing_is_one_line(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(prepare(*words)) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def toy(server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MethodSpec:
    """A method whose official weights are on the server, but for one file."""
    monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    body = server.files["/data.bin"]
    digest = hashlib.sha256(body).hexdigest()
    own = WeightsFile("net", "net.pth", sha256=digest, url=f"{server.url}/data.bin")
    hub = WeightsFile("vgg19", "vgg.pth", sha256_prefix=digest[:8], hub=True, url=f"{server.url}/data.bin")
    committed = hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()
    blob = WeightsFile("blob", "blob.pth", git_blob=committed, url=f"{server.url}/data.bin")
    wrong = WeightsFile("blob", "wrong.pth", git_blob="0" * 40, url=f"{server.url}/data.bin")
    other = WeightsFile("extra", "extra.pth", source="its authors")
    spec = MethodSpec(
        "toy",
        "x:Y",
        variants=(
            WeightsVariant("mse", (own, hub)),
            WeightsVariant("gan", (own, other)),
            WeightsVariant("committed", (blob,)),
            WeightsVariant("changed", (wrong,)),
        ),
    )

    class Found:
        @staticmethod
        def discover() -> Any:
            return Found()

        def method(self, name: str) -> MethodSpec:
            return spec

    monkeypatch.setattr(command, "Registry", Found)
    return spec


def test_weights_with_a_known_address_are_fetched_once(
    toy: MethodSpec, server: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "weights"
    words = ["prepare", "method=toy", "method.weights=mse", f"weights.root={root}"]
    assert main(words) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"fetched: {root / 'toy' / 'net.pth'}", f"fetched: {root / 'vgg.pth'}"
    ]  # fmt: skip
    assert main(words) == 0
    assert "present" in capsys.readouterr().out
    assert len(server.asked) == 2


def test_a_git_blob_id_is_a_checksum(
    toy: MethodSpec, server: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "weights"
    words = ["prepare", "method=toy", f"weights.root={root}", "method.weights=committed"]
    assert main(words) == 0
    path = root / "toy" / "blob.pth"
    assert capsys.readouterr().out == f"fetched: {path}\n"
    assert resolve(toy, "committed", root).verified == {"blob": True}
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"x")
    assert main(words) == 2
    assert f"{path}: git blob is " in capsys.readouterr().err
    with pytest.raises(UserError, match="git blob is"):
        resolve(toy, "committed", root)
    assert main([*words[:3], "method.weights=changed"]) == 2
    assert "the file there has git blob" in capsys.readouterr().err.splitlines()[-1]
    assert not (root / "toy" / "wrong.pth").exists()


def test_weights_without_an_address_say_where_they_belong(
    toy: MethodSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "weights"
    assert main(["prepare", "method=toy", "method.weights=gan", f"weights.root={root}"]) == 1
    assert f"missing: extra.pth; get it from its authors and put it at {root / 'toy' / 'extra.pth'}" in (
        capsys.readouterr().out
    )
    assert main(["prepare", "method=toy", "method.weights=man", f"weights.root={root}"]) == 2
    assert "did you mean" in capsys.readouterr().err
    assert main(["prepare", "method=toy"]) == 2
    assert "weights.root= is missing" in capsys.readouterr().err


def test_official_weights_and_photos_have_usable_addresses() -> None:
    packages = {row.package: row.version for row in read_manifest() if row.kind == "deb"}
    known = sources()
    assert set(known) == set(packages)
    for package, version in packages.items():
        assert known[package].url.startswith("https://")
        assert version.split(":")[-1] in known[package].name
        assert len(known[package].digest) == 64


def test_a_package_that_cannot_be_fetched_names_the_other_ways(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
    where = {"p": Remote(f"{server.url}/none/p_1_all.deb", "0" * 64)}
    monkeypatch.setattr("refbench.datasets.photos.debs.sources", lambda: where)
    with pytest.raises(UserError, match=r"404 Not Found.*debs=apt fetches with apt-get, debs=DIR"):
        deb_file("p", None, tmp_path, lambda line: None)
    body = server.files["/data.bin"]
    where["p"] = Remote(f"{server.url}/data.bin", hashlib.sha256(body).hexdigest())
    assert deb_file("p", None, tmp_path / "kept", lambda line: None).read_bytes() == body
