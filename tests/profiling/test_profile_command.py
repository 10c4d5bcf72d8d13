"""``refbench profile`` from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PILImage

from refbench.cli.main import main
from refbench.profiling.cells import Order
from refbench.profiling.child import carry_out
from refbench.profiling.process import failure

TOY = str(Path(__file__).with_name("toy_method.py"))
QUICK = ["repeats=1", "warmup=0", "probe_seconds=0.01", "tracking=none"]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells in this process: spawning is tested once, and costs seconds each time."""
    monkeypatch.setattr("refbench.profiling.profile.measure", lambda order, timeout: carry_out(order))


Profile = Callable[..., tuple[int, Any]]


@pytest.fixture
def profiled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Profile:
    def run(*words: str) -> tuple[int, Any]:
        code = main(["profile", *words, *QUICK, f"out={tmp_path / 'out'}", "--json"])
        return code, json.loads(capsys.readouterr().out)

    return run


def test_in_fresh_processes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = tmp_path / "my traces" / "t.json"
    words = [f"method={TOY}", "sizes=16x24", f"trace={trace}", "threads=1", f"out={tmp_path}", *QUICK]
    assert main(["profile", *words]) == 0
    said = capsys.readouterr()
    assert "[1/1]" in said.err
    lines = [line.split() for line in said.out.splitlines()]
    rows = {line[3]: line for line in lines if line and line[0] == "toy"}
    assert list(rows) == ["extract", "match", "transfer", "restore", "other", "total"]
    assert set(rows["transfer"][4:]) == {"-"}
    spans = {event.get("name") for event in json.loads(trace.read_text())["traceEvents"]}
    assert {"stage:extract", "stage:match", "stage:restore"} <= spans
    written = list((tmp_path / "profile").glob("*/profile.json"))
    assert len(written) == 1
    document = json.loads(written[0].read_text())
    assert document["machine"]["threads"] == 1
    assert document["machine"]["flags"]["matmul.allow_tf32"] is False
    assert document["peaks"]["gflops"] > 0
    assert document["session"]["packages"]["torch"]
    with PILImage.open(written[0].with_name("cost.png")) as plot:
        assert plot.size[0] > 1000


@pytest.mark.usefixtures("here")
def test_sizes_ks_and_growth(profiled: Profile) -> None:
    code, document = profiled(f"method={TOY},bicubic", "sizes=16x24,32x48,48x64", "k=1,2")
    assert code == 0
    cells = [(row["method"], row["size"], row["k"]) for row in document["methods"]]
    sizes = [[24, 16], [48, 32], [64, 48]]
    assert cells == [
        *(("toy", size, k) for size in sizes for k in (1, 2)),
        *(("bicubic", size, None) for size in sizes),
    ]
    growth = {(row["method"], row["k"]): row["stages"] for row in document["method_growth"]}
    # a product of all pairs of pixels, and a convolution
    assert growth["toy", 1]["match"]["flops"]["exponent"] == pytest.approx(2)
    assert growth["toy", 2]["extract"]["flops"]["exponent"] == pytest.approx(1)
    total = document["methods"][0]["stages"]["total"]
    assert total["share"] == 1
    if total["cpu_s"]["median"] > 0:
        rate = total["flops"] / total["cpu_s"]["median"] * document["machine"]["threads"] / 1e9
        assert total["gflops_per_s"] == pytest.approx(rate)
        assert total["peak_share"] == pytest.approx(rate / document["peaks"]["gflops"])


@pytest.mark.usefixtures("here")
def test_a_cell_that_fails_is_a_row(profiled: Profile) -> None:
    code, document = profiled(f"method={TOY},bicubic", "sizes=16x24", "method.fail=memory", "method.k=3")
    assert code == 1
    assert [row["k"] for row in document["methods"]] == [3, None]
    assert [row["status"] for row in document["methods"]] == ["memory", "ok"]
    assert document["methods"][0]["error"] == "MemoryError: no room for the correlation"


def test_without_the_machines_peaks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(order: Order, timeout: float | None) -> dict[str, Any]:
        return failure("timeout", "too slow") if order.kind == "machine" else carry_out(order)

    monkeypatch.setattr("refbench.profiling.profile.measure", measured)
    assert main(["profile", "method=bicubic", "sizes=16x24", f"out={tmp_path}", *QUICK]) == 0
    said = capsys.readouterr()
    assert said.err.startswith("the machine's peaks were not measured: too slow\n")
    total = next(line.split() for line in said.out.splitlines() if " total " in line)
    assert total[-2:] == ["-", "-"]
    assert "machine: too slow" in said.out.splitlines()


@pytest.mark.usefixtures("here")
def test_matchers_side_by_side(profiled: Profile, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["matchers=official,streamed,pca", "features=12x14x8,16x16x8"]
    code, document = profiled(*words)
    assert code == 0
    rows = document["matchers"]
    assert [row["matcher"] for row in rows] == ["official", "streamed", "pca"] * 2
    assert rows[0]["speed"] == 1
    assert rows[2]["recall"] is not None
    assert [row["matcher"] for row in document["matcher_growth"]] == ["official", "streamed", "pca"]
    assert Path(document["files"]["plot"]).is_file()
    assert main(["profile", *words, *QUICK, f"out={tmp_path}"]) == 0
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["official", "12x14x8", "1"] in [line[:3] for line in printed]


@pytest.mark.usefixtures("here")
def test_the_folder_is_named_by_what_was_asked(profiled: Profile) -> None:
    first, second, third = (
        profiled(f"method={TOY}", f"sizes={size}", f"seed={seed}")[1]
        for size, seed in (("16x24", 0), ("16x24", 0), ("16x24", 1))
    )
    assert first["key"] == second["key"] != third["key"]
    assert Path(first["files"]["profile"]).parent.name == first["key"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "profile: give method= (what to profile), or matchers= to compare matchers"),
        (["method=dastr"], "no method 'dastr'; did you mean 'datsr'?"),
        (["matchers=offical"], "no matcher 'offical'; did you mean 'official'?"),
        (["matchers=fused"], "matchers=fused runs on CUDA alone, and device is cpu"),
        (["method=bicubic", "sizes=160"], "sizes=160: give WIDTHxHEIGHT in pixels, e.g. 512x320"),
        (
            ["method=bicubic", "sizes=30x48"],
            "sizes=30x48: HR sides must be multiples of 4, the scale of bicubic",
        ),
        (["method=bicubic", "k=2"], "k=: bicubic has no option k; leave k= out"),
        ([f"method={TOY}", "k=2", "method.k=2"], "k= and method.k= are the same; leave one of them out"),
        (["method=datsr", "k=0"], "k=0: give whole numbers from 1, e.g. k=1,4"),
        (["matchers=bmm", "features=2x8x4"],
         "features=2x8x4: give WIDTHxHEIGHTxCHANNELS, sides from 3, e.g. 125x83x256"),
        (["method=bicubic", "method.weights=random"],
         "method.weights=random: bicubic has no weights; leave method.weights= out"),
        ([f"method={TOY}", "method.fial=kill"], "no option 'method.fial' for toy; did you mean 'fail'?"),
        (["method=bicubic", "repeat=3"], "profile has no key 'repeat'; did you mean 'repeats'?"),
        (["matchers=bmm", "trace=t.json"], "trace= is of a method's call; give method="),
        (["method=bicubic", "timeout=0"], "timeout=0: give seconds above 0, or leave it out"),
    ],
)  # fmt: skip
def test_mistakes(words: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", *words]) == 2
    assert capsys.readouterr().err == f"refbench: {expected}\n"


def test_missing_weights_say_what_can_be_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "method=datsr", "method.weights=mse", f"weights.root={tmp_path}"]) == 2
    said = capsys.readouterr().err
    assert said.endswith("; to measure costs without a checkpoint: method.weights=random\n")
    assert said.count("\n") == 1


@pytest.mark.usefixtures("here")
def test_random_weights_of_an_unknown_size(profiled: Profile) -> None:
    code, document = profiled("method=ttsr", "sizes=16x24", "method.weights=random:huge")
    assert code == 1
    assert document["methods"][0]["error"].startswith("method.weights=random:huge: ")
