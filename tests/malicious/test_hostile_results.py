"""Hostile bundles and results folders through every command that opens them: refused in a line, or found."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage

from refbench.cli.main import main
from refbench.store import find_runs


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("hostile")
    rng = np.random.default_rng(0)
    for part in ("input", "ref"):
        (place / "data" / part).mkdir(parents=True)
        for name in ("a", "b"):
            pixels = rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)
            PilImage.fromarray(pixels).save(place / "data" / part / f"{name}.png")
    words = [
        "run",
        "method=bicubic",
        "suite=pairs",
        f"data.root={place / 'data'}",
        f"out={place / 'results'}",
    ]
    assert main([*words, "tracking=none", "--plain"]) == 0
    return place


def copied(finished: Path, outside: Path) -> Path:
    [cell] = find_runs(finished / "results")
    return shutil.copytree(cell, outside / "results" / cell.name)


WORDS: dict[str, Callable[[Path], list[str]]] = {
    "audit": lambda place: [],
    "report": lambda place: [f"report.dir={place / 'r'}", "format=md,csv,json,latex,html"],
    "site": lambda place: [f"out={place / 's'}"],
    "merge": lambda place: [f"out={place / 'm'}"],
    "export": lambda place: [f"out={place / 'e.zip'}", "anonymous=true"],
}
"""What each command that opens results needs besides them."""


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


SPOILS: dict[str, Callable[[Path], object]] = {
    "pipe": pipe,
    "link": link,
    "folder": lambda p: (p.unlink(), p.mkdir()),
    "empty": lambda p: p.write_bytes(b""),
    "binary": lambda p: p.write_bytes(bytes(range(256)) * 9),
    "nested": lambda p: p.write_text("[" * 100_000),
    "deep object": lambda p: p.write_text('{"a":' * 50_000 + "1" + "}" * 50_000),
    "nan": lambda p: p.write_text('{"schema": NaN, "digest": NaN}'),
    "huge integer": lambda p: p.write_text('{"schema": 1, "rows": ' + "9" * 5000 + "}"),
    "list": lambda p: p.write_text("[1, 2]"),
    "wrong types": lambda p: p.write_text('{"samples": 3, "metrics": [1], "trials": "x", "schema": 1}'),
    "escape": lambda p: p.write_text('{"schema": "\\u001b[2J\\u202e", "samples": ["../../x"]}'),
}  # fmt: skip


@pytest.mark.parametrize("file", ["digest.json", "summary.json", "sets.json", "manifest.json"])
@pytest.mark.parametrize("name", SPOILS)
def test_a_spoiled_file_is_a_contradiction_in_a_line(
    name: str, file: str, finished: Path, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = copied(finished, outside)
    (cell / file).touch()
    SPOILS[name](cell / file)
    code = main(["audit", str(cell.parent), f"data.root={finished / 'data'}", f"markdown={outside / 'a.md'}"])
    shown = capsys.readouterr()
    # a manifest that is not a file is not a cell: then there is nothing to audit
    assert code == 1 or (code == 2 and file == "manifest.json")
    for text in (shown.out, shown.err):
        assert "Traceback" not in text
        assert "root:" not in text
        assert all(c.isprintable() or c in "\n\t" for c in text)


NESTED: tuple[tuple[str, tuple[str | int, ...], object], ...] = (
    ("sessions[0].gpu", ("sessions", 0, "gpu"), [None]),
    ("sessions[0].packages", ("sessions", 0, "packages"), "all"),
    ("sessions[0].command[0]", ("sessions", 0, "command"), [["rm"]]),
    ("metrics.psnr_y.signature", ("metrics", "psnr_y", "signature"), [[]]),
    ("metrics.psnr_y.bounds[0]", ("metrics", "psnr_y", "bounds"), ["nan", None]),
    ("config.data.root", ("config", "data", "root"), 0.5),
    ("config.data.options", ("config", "data", "options"), "\u202e\x1b[2J"),
    ("config.suite.protocols[0].degradation", ("config", "suite", "protocols", 0, "degradation"), {"": ""}),
    ("config.suite.protocols[0].reference", ("config", "suite", "protocols", 0, "reference"), [None]),
    ("compare.seed", ("compare", "seed"), {"": ""}),
    ("weights_files", ("weights_files",), "net.pth"),
    ("whole.draws", ("whole",), {"samples": ["a"], "draws": 10**9}),
    ("whole: more than", ("whole",), {"samples": ["a"] * 2000, "draws": 9999}),
)
"""What the complaint begins with, where it stands in the manifest, and what stands there."""


@pytest.mark.parametrize("command", ["audit", "report", "merge", "site", "export"])
def test_a_manifest_with_other_types_is_refused_by_its_field(
    command: str, finished: Path, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = copied(finished, outside)
    good = (cell / "manifest.json").read_text()
    for text, path, value in NESTED:
        manifest = json.loads(good)
        at = manifest
        for part in path[:-1]:
            at = at[part]
        at[path[-1]] = value
        (cell / "manifest.json").write_text(json.dumps(manifest))
        code = main([command, str(cell.parent), *WORDS[command](outside)])
        shown = capsys.readouterr()
        assert code == (1 if command == "audit" else 2), (text, shown)
        said = shown.out if command == "audit" else shown.err
        assert f"damaged ({text}" in said, (text, said)
        assert all(c.isprintable() or c in "\n\t" for c in said)
        assert not (outside / "e.zip").exists()


def test_a_count_that_nobody_asked_for_does_not_fill_the_memory(
    finished: Path, outside: Path, capsys: pytest.CaptureFixture[str], little_growth: None
) -> None:
    cell = copied(finished, outside)
    summary = json.loads((cell / "summary.json").read_text())
    (cell / "summary.json").write_text(json.dumps(summary | {"trials": 10**15}))
    assert main(["audit", str(cell.parent), f"data.root={finished / 'data'}", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["cells"][0]["contradictions"]
    assert ("trials", str(10**15), "2 from the rows") in [
        (c["field"], c["stated"], c["found"]) for c in found
    ]


@pytest.mark.parametrize("command", ["report", "site"])
def test_names_of_a_bundle_run_nothing_and_lead_nowhere(
    command: str, finished: Path, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = copied(finished, outside)
    name = "../../up</script><img src=x onerror=alert(1)>\u202e\x1b[2J"
    manifest = json.loads((cell / "manifest.json").read_text())
    manifest |= {
        "method_label": name,
        "dataset_label": name,
        "suite": name,
        "method": "../x",
        "weights": name,
    }
    (cell / "manifest.json").write_text(json.dumps(manifest))
    rows = [json.loads(line) | {"sample_id": f"{name}{k}"} for k, line in enumerate(
        (cell / "samples.jsonl").read_text().splitlines())]  # fmt: skip
    (cell / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    place = outside / "theirs.zip"
    place.write_bytes(bundle(cell, {}))
    assert main([command, str(place), *WORDS[command](outside)]) == 0
    shown = capsys.readouterr()
    assert all(c.isprintable() or c in "\n\t" for c in shown.out + shown.err)
    for path in outside.rglob("*.html"):
        assert "<img src=x" not in path.read_text()
        assert "\u202e" not in path.read_text()


def test_images_that_lead_out_or_explode_are_not_opened(
    finished: Path, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = copied(finished, outside)
    rows = [json.loads(line) for line in (cell / "samples.jsonl").read_text().splitlines()]
    rows[0]["image"] = "../../../outside.txt"
    (cell / "images" / "b_d0.png").unlink()
    (cell / "images" / "b_d0.png").symlink_to("/etc/passwd")
    (cell / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["audit", str(cell.parent), f"data.root={finished / 'data'}"]) == 1
    shown = capsys.readouterr()
    assert "2 of 2 SR images are not here" in shown.err


def bundle(cell: Path, extra: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in cell.rglob("*"):
            if path.is_file():
                archive.writestr(f"{cell.name}/{path.relative_to(cell)}", path.read_bytes())
        for name, data in extra.items():
            archive.writestr(name, data)
    return stream.getvalue()


BUNDLES: dict[str, dict[str, bytes]] = {
    "escapes": {"../../escaped.txt": b"x"},
    "absolute": {"/tmp/escaped-absolute.txt": b"x"},
    "bomb": {"zeros": bytes(80 << 20)},
    "backslash": {"..\\escaped.txt": b"x"},
}


@pytest.mark.parametrize("command", ["audit", "report", "merge", "site", "export"])
@pytest.mark.parametrize("name", BUNDLES)
def test_a_hostile_bundle_is_refused_whole(
    name: str, command: str, finished: Path, outside: Path, capsys: pytest.CaptureFixture[str],
    little_growth: None,
) -> None:  # fmt: skip
    path = outside / "theirs.zip"
    path.write_bytes(bundle(copied(finished, outside), BUNDLES[name]))
    assert main([command, str(path), *WORDS[command](outside)]) == 2
    shown = capsys.readouterr().err
    assert "theirs.zip: refused, it" in shown
    assert shown.count("\n") == 1
    assert {p.name for p in outside.iterdir()} == {"theirs.zip", "results"}
    assert not Path("/tmp/escaped-absolute.txt").exists()


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"not a zip at all", b"\x1f\x8b" + bytes(40)])
def test_a_file_that_is_no_bundle(data: bytes, outside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (outside / "theirs.zip").write_bytes(data)
    assert main(["audit", str(outside / "theirs.zip")]) == 2
    shown = capsys.readouterr().err
    assert "theirs.zip" in shown
    assert shown.count("\n") == 1
