"""Two pytest-benchmark files: ratios hold anywhere, seconds on one machine and beyond their spread."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refbench.cli.main import main
from refbench.errors import UserError
from refbench.gate.benchmarks import Benchmarks, check_benchmarks, load_benchmarks
from refbench.gate.tolerance import Limits


def entry(
    name: str = "test_match", median: float = 1.0, spread: float = 0.1, rounds: int = 5, **extra: Any
) -> dict[str, Any]:
    stats = {"median": median, "q1": median - spread / 2, "q3": median + spread / 2, "rounds": rounds}
    return {"name": name, "fullname": f"tests/benchmarks/x.py::{name}", "stats": stats, "extra_info": extra}


def document(*entries: dict[str, Any], cpu: str = "Fast 9000") -> dict[str, Any]:
    info = {"cpu": {"brand_raw": cpu, "count": 2}, "system": "Linux", "machine": "x86_64"}
    return {"machine_info": info, "benchmarks": list(entries), "version": "5.2.3"}


def load(path: Path, *entries: dict[str, Any], cpu: str = "Fast 9000") -> Benchmarks:
    path.write_text(json.dumps(document(*entries, cpu=cpu)))
    return load_benchmarks(path)


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        (entry(median=1.02), "unchanged"),
        (entry(median=2.0), "regressed"),
        (entry(median=2.0, spread=3.0), "unchanged"),
        (entry(median=0.4), "improved"),
        (entry(median=2.0, spread=3.0, rounds=1), "regressed"),
    ],
)
def test_medians_beyond_the_limit_and_the_quartiles(
    tmp_path: Path, now: dict[str, Any], verdict: str
) -> None:
    result = check_benchmarks(load(tmp_path / "a", entry()), load(tmp_path / "b", now))
    assert result.verdict == verdict
    assert result.exit_code == (1 if verdict == "regressed" else 0)


def test_ratios_decide_where_they_are_stored(tmp_path: Path) -> None:
    then = load(
        tmp_path / "a",
        entry(**{"official / streamed": 6.0, "K=4 / K=1": 1.1, "lower_is_better": ["K=4 / K=1"]}),
    )

    def verdicts(**extra: float) -> dict[str, str]:
        # ten times slower in seconds: of another machine, and no matter
        now = load(tmp_path / "b", entry(median=10.0, **extra), cpu="Slow 1")
        (cell,) = check_benchmarks(then, now, Limits(perf_ratio=1.3)).cells
        assert cell.remark == (
            "machine: baseline Fast 9000, 2 cores, Linux x86_64, run Slow 1, 2 cores, Linux x86_64; "
            "only ratios are compared"
        )
        return {metric.name: metric.verdict for metric in cell.metrics}

    assert verdicts(**{"official / streamed": 5.0, "K=4 / K=1": 1.2}) == {
        "official / streamed": "unchanged",
        "K=4 / K=1": "unchanged",
    }
    assert verdicts(**{"official / streamed": 4.0, "K=4 / K=1": 0.5}) == {
        "official / streamed": "regressed",
        "K=4 / K=1": "improved",
    }
    assert verdicts(**{"official / streamed": 9.0, "K=4 / K=1": 1.5}) == {
        "official / streamed": "improved",
        "K=4 / K=1": "regressed",
    }
    assert verdicts(**{"K=4 / K=1": 1.1})["official / streamed"] == "not comparable"


def test_other_figures_are_no_ratios(tmp_path: Path) -> None:
    figures = {"planned MB": 3.0, "GFLOP/s": 9.0, "recall": 1.0, "exact": True, "a / b": "fast"}
    (found,) = load(tmp_path / "a", entry(**figures, ratio=2.5)).entries.values()
    assert found.ratios == {"ratio": 2.5}


def test_what_is_not_comparable_is_said(tmp_path: Path) -> None:
    then = load(tmp_path / "a", entry("one"), entry("two"))
    other = check_benchmarks(then, load(tmp_path / "b", entry("one"), entry("new"), cpu="Slow 1"))
    assert other.exit_code == 3
    one, two = other.cells
    assert (one.field, two.field) == ("machine", "benchmark")
    assert one.reason.startswith("machine: baseline Fast 9000, 2 cores, Linux x86_64, run Slow 1, ")
    assert two.reason == "benchmark: the run does not have it"
    assert other.extra == ("tests/benchmarks/x.py::new",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"benchmarks": [], "machine_info": {}}', "holds no benchmarks; run pytest with --benchmark-only"),
        (
            '{"machine_info": {}, "benchmarks": [{"extra_info": {}, "stats": {"median": 1}}]}',
            "no field 'benchmarks[0].stats.q1'",
        ),
    ],
)
def test_damaged_files(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        load_benchmarks(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    then, now = tmp_path / "then.json", tmp_path / "now.json"
    load(then, entry(ratio=6.0))
    load(now, entry(ratio=4.0))
    assert main(["check", "--perf", f"baseline={then}", f"run={now}"]) == 0
    assert "ratio: unchanged, 6 -> 4, x 0.67, limit x 0.667" in capsys.readouterr().out
    assert main(["check", "--perf", f"baseline={then}", f"run={now}", "perf.ratio=1.3"]) == 1
    assert "  FAIL  ratio: regressed, 6 -> 4, x 0.67, limit x 0.769" in capsys.readouterr().out
    for words, said in [
        ([f"baseline={then}", f"run={now}"], "is a pytest-benchmark file; add --perf"),
        (["--perf", f"baseline={then}"], "name the new one with run=FILE"),
        (
            ["--perf", f"baseline={then}", f"run={tmp_path}/no.json"],
            "no.json: not found; write it with pytest",
        ),
        (["--update", f"baseline={then}", f"run={now}"], "copy the new one over it"),
    ]:
        assert main(["check", *words]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
