"""Hostile files through the command line: exit code 2 or an error row, one line, nothing run or written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import build_files as build
import pytest

from refbench.cli.main import main
from refbench.errors import SampleError, UserError
from refbench.imaging import read_image
from refbench.store import SampleRow
from refbench.store.manifest import read_manifest
from refbench.untrusted.schema import SchemaError
from refbench.weights.checkpoint import read_checkpoint


def one_line(text: str) -> None:
    assert text
    assert text.isprintable()
    assert len(text) < 700
    assert "Traceback" not in text


@pytest.mark.parametrize("name", build.IMAGES)
def test_an_image_is_one_line(name: str, outside: Path, little_growth: None) -> None:
    path = outside / "a.png"
    build.IMAGES[name](path)
    if name in ("text-bomb", "profile-bomb", "polyglot", "truncated-data", "wrong-checksum", "tiff-loop"):
        # what Pillow reads in spite of the rest is an image like any other
        try:
            assert read_image(path).ndim == 3
        except SampleError as error:
            problem = str(error)
        else:
            problem = "read"
        one_line(problem)
    else:
        with pytest.raises(SampleError) as caught:
            read_image(path)
        one_line(str(caught.value))
        assert str(path) in str(caught.value)
    assert [p.name for p in outside.iterdir()] == ["a.png"]


@pytest.fixture
def pairs(outside: Path) -> Path:
    """Two sound pairs."""
    for folder in ("input", "ref"):
        (outside / "data" / folder).mkdir(parents=True)
        for name in ("good", "last"):
            (outside / "data" / folder / f"{name}.png").write_bytes(build.png(32, 32, build.pixels(32, 32)))
    return outside


def run(place: Path, *words: str) -> list[str]:
    return [
        "run", "method=bicubic", "suite=pairs", f"data.root={place / 'data'}", f"out={place / 'results'}",
        "tracking=none", "images=none", "against=none", "--plain", *words,
    ]  # fmt: skip


def test_a_dataset_full_of_them_costs_their_own_rows_only(
    pairs: Path, capsys: pytest.CaptureFixture[str], little_growth: None
) -> None:
    for name, make in build.IMAGES.items():
        make(pairs / "data" / "input" / f"{name}.png")
        (pairs / "data" / "ref" / f"{name}.png").write_bytes(build.png(32, 32, build.pixels(32, 32)))
    assert main(run(pairs)) == 1
    shown = capsys.readouterr()
    assert "Traceback" not in shown.out + shown.err
    [file] = (pairs / "results").rglob("samples.jsonl")
    rows = [SampleRow.from_json(line) for line in file.read_text().splitlines()]
    assert len(rows) == len(build.IMAGES) + 2
    assert {"good", "last"} <= {row.sample_id for row in rows if row.ok}
    for row in rows:
        if not row.ok:
            one_line(row.error)
    assert not list(pairs.rglob("executed"))


def test_a_link_out_of_the_data_root_is_refused(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = pairs / "secret.png"
    secret.write_bytes(build.png(32, 32, build.pixels(32, 32)))
    (pairs / "data" / "input" / "link.png").symlink_to(secret)
    (pairs / "data" / "ref" / "link.png").write_bytes(secret.read_bytes())
    assert main(run(pairs)) == 2
    shown = capsys.readouterr().err
    assert "link.png leads out of" in shown
    assert shown.count("\n") == 1


@pytest.mark.parametrize("name", build.CHECKPOINTS)
def test_a_checkpoint_is_refused(name: str, outside: Path, little_growth: None) -> None:
    for suffix in ("pth", "safetensors"):
        path = outside / f"a.{suffix}"
        build.CHECKPOINTS[name](path)
        with pytest.raises(UserError) as caught:
            read_checkpoint(path)
        one_line(str(caught.value))
        path.unlink()
    assert not list(outside.iterdir())


@pytest.mark.parametrize("name", ["pickle-zip", "pickle-legacy", "header-17-mb", "names", "strides", "html"])
def test_a_checkpoint_from_the_command_line(
    name: str, pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in ("mine.pth", "feature_extraction.pth", "vgg19-dcbb9e9d.pth"):
        (build.CHECKPOINTS.get(name) or build.hostile_names)(pairs / file)
    words = ["method=c2_matching", f"method.weights={pairs / 'mine.pth'}"]
    assert main([w for w in run(pairs, *words) if w != "method=bicubic"]) == 2
    shown = capsys.readouterr().err.splitlines()
    one_line(shown[-1])
    assert shown[-1].startswith("refbench: ")
    assert not list(pairs.rglob("executed"))
    assert not list(pairs.rglob("samples.jsonl"))


@pytest.mark.parametrize("name", build.SUITES)
def test_a_suite_file(
    name: str, outside: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    little_growth: None,
) -> None:  # fmt: skip
    monkeypatch.chdir(outside)
    (outside / "mine.yaml").write_bytes(build.SUITES[name].encode("utf-8", "surrogateescape"))
    assert main(["run", "method=bicubic", "suite=./mine.yaml", "--dry-run"]) == 2
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    one_line(shown.rstrip("\n"))
    assert [p.name for p in outside.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize("name", build.ROWS)
def test_a_row(name: str) -> None:
    line = build.ROWS[name]
    if name == "long-line":
        return
    with pytest.raises(SchemaError) as caught:
        SampleRow.from_json(line)
    one_line(str(caught.value))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder as a run leaves it."""
    place = tmp_path_factory.mktemp("finished")
    for folder in ("input", "ref"):
        (place / "data" / folder).mkdir(parents=True)
        (place / "data" / folder / "good.png").write_bytes(build.png(32, 32, build.pixels(32, 32)))
    assert main(run(place)) == 0
    return place


@pytest.fixture
def results(finished: Path, outside: Path) -> Path:
    """A copy of it to spoil."""
    [cell] = [p.parent for p in (finished / "results").rglob("samples.jsonl")]
    copy = outside / "results" / cell.name
    copy.mkdir(parents=True)
    for path in cell.iterdir():
        if path.is_file():
            (copy / path.name).write_bytes(path.read_bytes())
    return copy


def test_hostile_rows_and_names_in_a_report(
    results: Path, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [line] = (results / "samples.jsonl").read_bytes().splitlines()
    good: dict[str, Any] = json.loads(line)
    named = [{**good, "sample_id": name, "image": "../../outside.txt"} for name in build.NAMES]
    failed = {**good, "sample_id": "\x1b[31mred", "status": "error", "error": "\x1b[2J<b>\nsecond line"}
    text = [json.dumps(row).encode() for row in (*named, failed)]
    (results / "samples.jsonl").write_bytes(b"\n".join([line, *build.ROWS.values(), *text]) + b"\n")
    words = [
        "report",
        f"out={outside / 'results'}",
        "format=md,latex,csv,html,json",
        f"report.dir={outside / 'r'}",
    ]
    assert main(words) == 0
    shown = capsys.readouterr()
    for stream in (shown.out, shown.err):
        assert all(c.isprintable() or c in "\n\t" for c in stream)
        assert "Traceback" not in stream
    halves = [
        name for name in build.NAMES if name.encode("utf-8", "replace") != name.encode("utf-8", "ignore")
    ]
    assert shown.err.count("not a row, left out") == len(build.ROWS) + len(halves)
    page = (outside / "r" / "report.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    assert "onerror='alert" not in page
    table = (outside / "r" / "csv" / "per_image.csv").read_text(encoding="utf-8")
    assert "'=cmd" in table
    assert "\x1b" not in table
    assert not list(outside.rglob("escaped*"))


MANIFESTS = {
    "list": "[]", "nested": "[" * 100_000, "nan": '{"seed": NaN}', "empty": "", "binary": "\0\1",
    "seed": {"seed": []}, "label": {"method_label": {"a": 1}}, "baseline": {"baseline": "no"},
    "metrics": {"metrics": {"a": 3}}, "metrics-list": {"metrics": []}, "schema": {"schema": 10**9},
    "sessions": {"sessions": "x"}, "run-key": {"run_key": 3}, "huge-int": '{"seed": ' + "9" * 5000 + "}",
}  # fmt: skip


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest(name: str, results: Path, outside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change = MANIFESTS[name]
    path = results / "manifest.json"
    path.write_text(change if isinstance(change, str) else json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError) as caught:
        read_manifest(results)
    one_line(str(caught.value))
    code = main(["report", f"out={outside / 'results'}", "format=md"])
    shown = capsys.readouterr()
    assert code == 2
    one_line(shown.err.rstrip("\n").splitlines()[-1])


@pytest.mark.parametrize("text", ["[" * 100_000, '{"kind": ' + "9" * 5000 + "}", "\0", '{"kind": NaN}', "[]"])
def test_a_baseline_file(
    text: str, outside: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(outside)
    (outside / "base.json").write_text(text)
    assert main(["check", "baseline=base.json", "out=none"]) == 2
    shown = capsys.readouterr().err
    assert "base.json" in shown
    one_line(shown.rstrip("\n"))


def test_a_manifest_names_no_code_to_run(
    results: Path, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The recorded method was a file; reporting and scoring its rows must not run that file."""
    (outside / "evil.py").write_text("import pathlib; pathlib.Path('executed').mkdir()")
    path = results / "manifest.json"
    data = json.loads(path.read_text())
    data["config"]["method"] = {"name": "x", "locator": f"{outside / 'evil.py'}:SPEC", "params": {}}
    path.write_text(json.dumps(data))
    main(["report", f"out={outside / 'results'}", "format=md,html", f"report.dir={outside / 'r'}"])
    main(["score", str(results), "metrics=[ssim_y]"])
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    assert not list(outside.rglob("executed"))
    assert not Path("executed").exists()
