"""Bundles: what they hold, who opens them, and that a blind one names nobody."""

from __future__ import annotations

import json
import os
import shutil
import socket
import zipfile
from pathlib import Path
from typing import Any

import pytest

from refbench.cli.main import main
from refbench.results.digests import read_digests
from refbench.results.reopen import opened
from refbench.store import find_runs
from refbench.untrusted.anonymous import pathless

SECRETS = ("marie-curie", "labmachine7", "tracking.example.org", "0123456789abcdef")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose settings and sessions name a person, a machine, a server and a repository's commit."""
    place = tmp_path_factory.mktemp("marie-curie")
    words = ["run", "method=bicubic", "suite=cufed5", "limit=2", f"out={place / 'results'}", "tracking=none"]
    assert main([*words, "--plain"]) == 0
    [cell] = find_runs(place / "results")
    path = cell / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["sessions"][0] |= {
        "host": "labmachine7", "project": {"commit": "0123456789abcdef" * 2 + "01234567", "dirty": False},
        "environment": {"SLURM_JOB_ID": "77"},
    }  # fmt: skip
    manifest["config"]["tracking_uri"] = "https://tracking.example.org/marie-curie"
    path.write_text(json.dumps(manifest))
    (cell / "digest.json").unlink()
    assert main(["score", str(cell), "metrics=[psnr_y_c0]"]) == 0
    return place / "results"


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def export(results: Path, out: Path, *words: str) -> dict[str, bytes]:
    assert main(["export", str(results), f"out={out}", *words]) == 0
    return members(out)


def test_a_bundle_is_the_folder_in_one_file(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = export(results, tmp_path / "b.zip")
    [cell] = find_runs(results)
    for name in ("manifest.json", "samples.jsonl", "scores.jsonl", "summary.json", "digest.json"):
        assert found[f"{cell.name}/{name}"] == (cell / name).read_bytes()
    assert {n for n in found if "/images/" in n} == {
        f"{cell.name}/images/{p.name}" for p in (cell / "images").iterdir()
    }
    index = json.loads(found["bundle.json"])
    assert [entry["digest"] for entry in index["cells"]] == [read_digests(cell).digest]  # type: ignore[union-attr]
    assert index["cells"][0]["images"] == 2
    assert b"refbench audit" in found["README.md"]
    # the same results are the same file
    export(results, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    capsys.readouterr()


def test_audit_report_and_merge_open_it(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export(results, tmp_path / "b.zip")
    capsys.readouterr()
    assert main(["audit", str(tmp_path / "b.zip"), "rerun=1", "--json"]) == 0
    audited = json.loads(capsys.readouterr().out)
    assert [cell["verdict"] for cell in audited["cells"]] == ["re-run 1 of 2"]
    assert main(["report", str(tmp_path / "b.zip"), "format=json"]) == 0
    assert (tmp_path / "report" / "report.json").is_file()
    assert main(["merge", str(tmp_path / "b.zip"), f"out={tmp_path / 'joined'}"]) == 0
    assert main(["audit", str(tmp_path / "joined")]) == 0
    [own], [joined] = find_runs(results), find_runs(tmp_path / "joined")
    assert read_digests(joined).digest == read_digests(own).digest  # type: ignore[union-attr]
    assert (tmp_path / "joined").is_dir()
    assert {p.name for p in tmp_path.iterdir()} == {"b.zip", "joined", "report"}


@pytest.mark.parametrize(("share", "count"), [("none", 0), ("1", 1), ("all", 2), ("50", 2)])
def test_images_are_chosen_by_the_digest(results: Path, tmp_path: Path, share: str, count: int) -> None:
    found = export(results, tmp_path / "b.zip", f"images={share}")
    assert sum("/images/" in name for name in found) == count
    assert main(["audit", str(tmp_path / "b.zip")]) == 0


def test_a_blind_bundle_names_nobody(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = export(results, tmp_path / "named.zip")
    for secret in SECRETS:
        assert any(secret.encode() in data for data in named.values()), secret
    found = export(results, tmp_path / "blind.zip", "anonymous=true")
    texts = b"\n".join(
        [*found.values(), *(name.encode() for name in found), (tmp_path / "blind.zip").read_bytes()]
    )
    whole = [*SECRETS, str(results), str(results.parent), str(Path.home()) + "/", str(Path.cwd()), "tracking"]
    host = socket.gethostname()
    whole += [host] if len(host) > 3 else []
    for secret in whole:
        assert secret.encode() not in texts, secret
    manifest = next(json.loads(data) for name, data in found.items() if name.endswith("manifest.json"))
    assert pathless(manifest) == manifest
    assert {"host", "command", "pid", "platform", "project", "environment"}.isdisjoint(
        manifest["sessions"][0]
    )
    capsys.readouterr()
    # it holds, and its digest is that of the results in full
    assert main(["audit", str(tmp_path / "blind.zip"), "--json"]) == 0
    blind = json.loads(capsys.readouterr().out)["cells"]
    assert main(["audit", str(tmp_path / "named.zip"), "--json"]) == 0
    full = json.loads(capsys.readouterr().out)["cells"]
    assert [cell["digest"] for cell in blind] == [cell["digest"] for cell in full]
    assert {cell["verdict"] for cell in blind} == {"re-scored"}
    assert main(["report", str(tmp_path / "blind.zip"), "format=md"]) == 0


def test_a_name_that_cannot_be_left_out_is_refused(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A label that holds the user's name is part of the results: it is said, not changed."""
    monkeypatch.setattr("getpass.getuser", lambda: "bicubic")
    assert main(["export", str(results), f"out={tmp_path / 'b.zip'}", "anonymous=true"]) == 2
    shown = capsys.readouterr().err
    assert "still holds the user 'bicubic'" in shown
    assert not (tmp_path / "b.zip").exists()


def test_one_line_for_what_cannot_be_exported(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, text in (
        ([str(results), f"out={tmp_path / 'b.tar'}"], "a bundle is a .zip file"),
        ([str(results), f"out={tmp_path / 'b.zip'}", "images=some"], "images=some: give all, none"),
        ([str(tmp_path), f"out={tmp_path / 'b.zip'}"], "holds no runs"),
        ([str(results), str(tmp_path / "copy"), f"out={tmp_path / 'b.zip'}"], "are the same cell"),
    ):
        if "copy" in " ".join(words):
            shutil.copytree(results, tmp_path / "copy")
        assert main(["export", *words]) == 2
        shown = capsys.readouterr().err
        assert text in shown
        assert shown.count("\n") == 1


def test_a_bundle_packed_once_more_opens_and_leaves_nothing_behind(results: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "again.zip", "w") as archive:
        for name, data in export(results, tmp_path / "b.zip").items():
            archive.writestr(f"theirs-main/{name}", data)
    with opened([tmp_path / "again.zip", results]) as places:
        assert [len(find_runs(place)) for place in places] == [1, 1]
        assert places[1] == results
        scratch: Any = places[0]
    assert not os.path.exists(scratch)
