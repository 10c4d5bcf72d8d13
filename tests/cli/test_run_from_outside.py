"""refbench run as a user meets it: sweeps, one document, resume, and each mistake as one line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from refbench.cli.main import INTERRUPTED, main
from refbench.store import find_runs, load_run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "my pairs (ü), a=b"
    rng = np.random.default_rng(0)
    for name in ("004", "006", "100"):
        for part in ("input", "ref"):
            (root / part).mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 256, (48, 52, 3), dtype=np.uint8)
            PILImage.fromarray(pixels).save(root / part / f"{name}.png")
    return root


def words(data: Path, out: Path, *more: str) -> list[str]:
    return ["run", "suite=pairs", f"data.root={data}", f"out={out}", "tracking=none", "device=cpu", *more]


def call(capsys: pytest.CaptureFixture[str], argv: list[str], code: int = 0) -> dict[str, Any]:
    assert main([*argv, "--json"]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_one_document_with_the_promised_fields(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (cell,) = call(capsys, words(data, tmp_path / "out", "method=bicubic"))["cells"]
    promised = {
        "method", "weights", "dataset", "dataset_label", "protocol", "baseline", "n", "trials", "errors",
        "run_key", "rows", "metrics",
    }  # fmt: skip
    assert promised <= set(cell)
    assert (cell["method"], cell["dataset"], cell["baseline"]) == ("bicubic", "pairs", True)
    assert (cell["n"], cell["trials"], cell["errors"]) == (3, 3, 0)
    assert {"mean", "lo", "hi", "signature"} <= set(cell["metrics"]["psnr_y"])
    assert Path(cell["rows"]).is_file()


def test_ids_with_leading_zeros_select(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = words(data, tmp_path / "out", "method=bicubic", "data.ids=[004,006]")
    assert call(capsys, argv)["cells"][0]["n"] == 2


def test_a_second_run_computes_nothing(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = words(data, tmp_path / "out", "method=bicubic")
    first, second = call(capsys, argv), call(capsys, argv)
    assert (first["computed"], second["computed"], second["reused"]) == (3, 0, 3)
    assert second["cells"] == first["cells"]


def test_a_sweep_has_a_cell_for_each_combination(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sr = tmp_path / "sr, images"
    sr.mkdir()
    for path in (data / "input").iterdir():
        with PILImage.open(path) as image:
            image.save(sr / path.name)
    argv = ["-m", *words(data, tmp_path / "out", "method=bicubic,folder", f"method.dir={sr}", "seed=0,1")]
    document = call(capsys, argv)
    assert sorted((c["method"], c["baseline"]) for c in document["cells"]) == [
        ("bicubic", True), ("bicubic", True), ("folder", False), ("folder", False),
    ]  # fmt: skip
    assert document["computed"] == 12


def test_a_dry_run_writes_nothing(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    document = call(capsys, words(data, out, "method=bicubic", "--dry-run"))
    assert (document["trials"], document["todo"]) == (3, 3)
    assert not out.exists()


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("gpu", "device=gpu: not a device; use auto, cpu, cuda or cuda:N"),
        ("cuda:99", "CUDA devices; use device=cpu"),
    ],
)
def test_a_dry_run_refuses_the_device_that_the_run_refuses(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], device: str, expected: str
) -> None:
    argv = [word for word in words(data, tmp_path / "out", "method=bicubic") if word != "device=cpu"]
    lines = []
    for more in ([], ["--dry-run"]):
        assert main([*argv, f"device={device}", *more]) == 2
        lines.append(capsys.readouterr().err)
    assert lines[0] == lines[1]
    assert expected in lines[0]
    assert lines[0].count("\n") == 1


def test_a_bad_image_is_one_error_row(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = data / "input" / "006.png"
    broken.write_bytes(broken.read_bytes()[:300])
    (cell,) = call(capsys, words(data, tmp_path / "out", "method=bicubic"), code=1)["cells"]
    assert (cell["n"], cell["trials"], cell["errors"]) == (2, 3, 1)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (["method=bicubc"], "no method 'bicubc'; did you mean 'bicubic'?"),
        (["method=bicubic", "lmit=1"], "run has no key 'lmit'; did you mean 'limit'?"),
        (["method=bicubic", "data.ids=[004,7]"], "7"),
        (["method=folder", "method.dir=/no/such (1)"], "/no/such (1)"),
        (["method=datsr", "method.weights={empty}"], "is empty (0 bytes)"),
    ],
)
def test_mistakes_are_one_line(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], expected: str
) -> None:
    empty = tmp_path / "zero (1).pth"
    empty.touch()
    assert main(words(data, tmp_path / "out", *(m.format(empty=empty) for m in more))) == 2
    error = capsys.readouterr().err
    assert error.startswith("refbench: ")
    assert error.count("\n") == 1
    assert expected in error


def test_a_results_folder_that_cannot_be_made(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    assert main(words(data, in_the_way / "out", "method=bicubic")) == 2
    error = capsys.readouterr().err
    assert str(in_the_way) in error
    assert error.count("\n") == 1


def test_a_data_root_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(tmp_path / "no such [1]", tmp_path / "out", "method=bicubic")) == 2
    error = capsys.readouterr().err
    assert "no such [1]" in error
    assert error.count("\n") == 1


def test_interrupting_keeps_finished_rows(data: Path, tmp_path: Path) -> None:
    method = tmp_path / "slow one.py"
    method.write_text(
        "import time\n"
        "from pathlib import Path\n"
        "import torch.nn.functional as F\n"
        "from refbench.specs import MethodSpec\n"
        "SPEC = MethodSpec('slow', ':Slow', max_refs=0, uses_reference=False)\n"
        "class Slow:\n"
        "    calls = 0\n"
        "    def __init__(self, weights, device): pass\n"
        "    def __call__(self, inp):\n"
        "        Slow.calls += 1\n"
        "        if Slow.calls == 3:\n"
        f"            Path({str(tmp_path / 'started')!r}).touch()\n"
        "            time.sleep(60)\n"
        "        return F.interpolate(inp.lr[None], scale_factor=4)[0]\n"
    )
    out = tmp_path / "out"
    argv = words(data, out, f"method={method}:SPEC", "against=none")
    process = subprocess.Popen(
        [sys.executable, "-m", "refbench", *argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a background shell has told the tests to ignore Ctrl-C, and children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "started").exists() and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=180)
    finally:
        process.kill()
    assert process.returncode == 130
    assert f"refbench: {INTERRUPTED}" in error.splitlines()
    assert "Traceback" not in error
    (folder,) = find_runs(out)
    # the second may still be on its way to disk when the third begins
    assert len(load_run(folder).completed()) in (1, 2)
