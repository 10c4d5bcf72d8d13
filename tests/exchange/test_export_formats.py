"""``refbench export``: each format is what its readers expect, and says what it has no place for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
import yaml

from refbench.cli.main import main

SCHEMA = Path(__file__).parents[1] / "data" / "every_eval_ever" / "eval.schema.json"
HOSTILE = "</script><img src=x onerror=alert(1)>\u202e/../..\x1b[2J"


@pytest.fixture(scope="module")
def results(made: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "r"
    made.write_results(folder, ids=("a", "b", "c"), protocols=made.instances()[:4])
    return folder


def exported(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["export", *words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_every_eval_ever_documents_pass_its_schema(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = exported(capsys, str(results), f"out={tmp_path}", "format=eee", "developer=ETH Zurich")
    schema = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))
    cells = sorted(results.glob("*/manifest.json"))
    assert len(found["files"]) == len(cells) == 12
    for name in found["files"]:
        document = json.loads(Path(name).read_text())
        schema.validate(document)
        relative = Path(name).relative_to(tmp_path)
        # datastore rule: data/<collection>/<developer>/<model>/<uuid4>.json, ending as the model's id
        assert re.fullmatch(
            r"data/refbench-cufed5/eth-zurich/[\w.-]+/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.json",
            relative.as_posix(),
        )
        assert "/".join(relative.parts[2:4]) == document["model_info"]["id"]
    (values,) = [
        {r["metric_config"]["metric_id"]: r for r in document["evaluation_results"]}
        for document in (json.loads(Path(name).read_text()) for name in found["files"])
        if document["model_info"]["name"] == "datsr (compact)"
        and document["evaluation_results"][0]["evaluation_name"].endswith(" canonical@1")
    ]
    psnr = values["refbench.psnr_y"]
    capsys.readouterr()
    assert main(["report", str(results), "format=json", f"report.dir={tmp_path / 'report'}", "--json"]) == 0
    cells_shown = json.loads(capsys.readouterr().out)["cells"]
    (same,) = [
        c for c in cells_shown if c["method_label"] == "datsr (compact)" and c["protocol"] == "canonical@1"
    ]
    shown = same["metrics"]["psnr_y"]
    interval = psnr["score_details"]["uncertainty"]["confidence_interval"]
    assert (psnr["score_details"]["score"], interval["lower"], interval["upper"]) == (
        shown["mean"], shown["lo"], shown["hi"]
    )  # fmt: skip
    assert psnr["metric_config"]["additional_details"]["signature"] == shown["signature"]
    assert psnr["metric_config"]["lower_is_better"] is False
    assert any("is_correct" in line for line in found["unmapped"])
    assert not any("developer" in line for line in found["unmapped"])


def test_a_broken_document_does_not_pass_the_schema(results: Path, tmp_path: Path) -> None:
    assert main(["export", str(results), f"out={tmp_path}", "format=eee"]) == 0
    document = json.loads(next(tmp_path.glob("data/*/*/*/*.json")).read_text())
    del document["model_info"]["additional_details"]["model_availability"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(json.loads(SCHEMA.read_text())).validate(document)


def test_hugging_face_entries(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        str(results),
        f"out={tmp_path}",
        "format=hf",
        "hf.dataset=me/cufed5",
        "hf.source=https://x.org/r",
    )
    found = exported(capsys, *words)
    assert {Path(name).parent.name for name in found["files"]} == {".eval_results"}
    assert len(found["files"]) == 2  # datsr and ttsr, undistorted
    for name in found["files"]:
        (entry,) = yaml.safe_load(Path(name).read_text())
        assert set(entry) == {"dataset", "value", "date", "source", "notes"}
        assert entry["dataset"] == {"id": "me/cufed5", "task_id": "default"}
        assert isinstance(entry["value"], float)
        assert entry["source"]["url"] == "https://x.org/r"
        assert "canonical@1, n=3; psnr|space=y601" in entry["notes"]
    assert sum("left out" in line for line in found["unmapped"]) == 10
    assert sum("ssim_y: an entry has one value" in line for line in found["unmapped"]) == 2


def test_badge(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "badge.json"
    exported(capsys, str(results), f"out={out}", "format=badge", "method=datsr")
    badge = json.loads(out.read_text())
    assert set(badge) == {"schemaVersion", "label", "message", "color"}
    assert badge["schemaVersion"] == 1
    assert badge["label"] == "refbench cufed5-sample"
    assert re.fullmatch(r"\d\d\.\d\d dB canonical@1", badge["message"])
    assert badge["color"] == "lightgrey"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["format=badge"], "badge: shows one number; choose with method=, dataset=, protocol= from: datsr"),
        (["format=badge", "method=edsr"], "badge: no cell of that name; there are: bicubic on cufed5-sample"),
        (["format=badge", "method=datsr", "metric=lpips"], "lpips"),
        (["format=hf"], "hf.dataset=: name the benchmark's dataset on the Hub as USER/NAME"),
        (["format=hf", "hf.dataset=a/b", "hf.source=ftp://x"], "hf.source=ftp://x: is not an https address"),
        (["format=hf", "hf.dataset=a/b", "protocol=ttsr@1"], "ttsr@1"),
        (["format=ee"], "format=ee: it can be"),
    ],
)
def test_refusals_name_the_remedy(
    results: Path, tmp_path: Path, words: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(results), f"out={tmp_path / 'x'}", *words]) == 2
    message = capsys.readouterr().err
    assert error in message
    assert message.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_hostile_names_stay_names(
    made: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made.write_results(
        tmp_path / "r", ids=("a", "b"), protocols=made.instances()[:1], label=HOSTILE, dataset_label=HOSTILE
    )
    place = str(tmp_path / "r")
    for words in (["eee"], ["hf", "hf.dataset=a/b"]):
        found = exported(capsys, place, f"out={tmp_path / words[0]}", f"format={words[0]}", *words[1:])
        for name in found["files"]:
            assert Path(name).resolve().is_relative_to(tmp_path / words[0])
            text = Path(name).read_bytes()
            assert b"\x1b" not in text
            assert "\u202e".encode() not in text
            assert b"\\u202e" not in text
