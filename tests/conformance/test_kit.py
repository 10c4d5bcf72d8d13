"""Every clause of the kit can fail: one deliberately bad method each, and good ones that pass all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from refbench.conformance.kit import CLAUSES, verify_method
from refbench.conformance.process_state import process_state
from refbench.conformance.report import ClauseResult, ConformanceReport
from refbench.errors import UserError
from refbench.methods.bicubic.spec import SPEC as BICUBIC
from refbench.methods.folder.spec import SPEC as FOLDER
from refbench.registry import spec_in_file
from refbench.specs import MethodSpec
from refbench.types import Trial

BAD = Path(__file__).with_name("bad_methods.py")


def bad(name: str) -> MethodSpec:
    return spec_in_file(f"{BAD}:{name}")


CASES = [
    ("UNRANGED", "declared", "min_refs=3 and max_refs=2 are not a range"),
    ("UNUSABLE", "declared", "nothing to use"),
    ("NOGAIN", "parameters", "'gain'"),
    ("WANTSHR", "hr-type", "demands (inp, hr)"),
    ("WRONGSHAPE", "shape", "SR is 3x24x32, expected 3x96x128"),
    ("NOTENSOR", "process", "returned a ndarray, not a torch.Tensor"),
    ("WRONGDTYPE", "dtype", "torch.float64"),
    ("NOTFINITE", "finite", "on the black input"),
    ("RANGE255", "range", "does it return 0..255"),
    ("RANGESIGNED", "range", "or -1..1?"),
    ("RANDOM", "deterministic", "two calls differ by up to"),
    ("REMEMBERS", "stateless", "after another image"),
    ("MULTIPLES", "sizes", "RuntimeError: size must be a multiple of 8"),
    ("REFUSESMANY", "sizes", "LR 9x31 ref 33x29: too small to match"),
    ("CROPSODD", "sizes", "LR 17x23 ref 68x92: SR is 3x64x88, expected 3x68x92"),
    ("ONEREFONLY", "references", "with 0 references: ValueError"),
    ("SEESHR", "hr-swap", "it sees the HR image"),
    ("RANDOMSEESHR", "hr-swap", "it sees the HR image"),
    ("RANDOMIGNORES", "reacts", "does not use its reference"),
    ("UNSEEDABLEIGNORES", "reacts", "does not use its reference"),
    ("IGNORES", "reacts", "does not use its reference"),
    ("SECRETLYUSES", "reacts", "yet a reference changes its output"),
    ("WRITESINPUT", "inputs", "lr modified in place"),
    ("WRITESREFERENCE", "inputs", "refs[0] modified in place"),
    ("CHANGESFOLDER", "process", "working folder"),
    ("CHANGESDTYPE", "process", "default dtype"),
    ("CHANGESTHREADS", "process", "threads"),
]


@pytest.mark.parametrize(("name", "clause", "detail"), CASES)
def test_a_bad_method_fails_its_clause(name: str, clause: str, detail: str) -> None:
    report = verify_method(bad(name), device="cpu")
    failed = {result.id: result.detail for result in report.failures()}
    assert clause in failed
    assert detail in failed[clause]
    assert report.exit_code == 1


def test_every_clause_has_a_method_that_breaks_it() -> None:
    assert {clause for _, clause, _ in CASES} == {clause[0] for clause in CLAUSES}


def test_a_bad_method_fails_little_else() -> None:
    # what earlier tests of the process may have left in memory, more than saturates a plain sum
    image = np.full((4, 4, 3), 200, np.uint8)
    left = [Trial(str(i), 0, image, (), image) for i in range(200)]
    report = verify_method(bad("SEESHR"), device="cpu")
    assert len(left) == 200
    assert [result.id for result in report.failures()] == ["hr-swap"]


@pytest.mark.parametrize("spec", [bad("GOOD"), bad("SINGLE"), BICUBIC], ids=lambda spec: spec.name)
def test_good_methods_pass_every_clause(spec: MethodSpec) -> None:
    report = verify_method(spec, device="cpu")
    assert [(c.id, c.detail) for c in report.clauses if c.status != "pass"] == []
    assert report.exit_code == 0
    assert len(report.clauses) == len(CLAUSES)


def test_a_reference_too_small_to_match_may_be_refused() -> None:
    report = verify_method(bad("REFUSESSMALL"), device="cpu")
    assert report.ok
    sizes = next(c for c in report.clauses if c.id == "sizes")
    assert sizes.detail == "5 size combinations; refused as too small: ref 7x5"


def test_parameters_reach_the_method() -> None:
    report = verify_method(bad("GOOD"), params={"gain": 0.0}, device="cpu")
    assert [result.id for result in report.failures()] == ["reacts"]


@pytest.mark.parametrize("name", ["ADMITSRANDOM", "UNSEEDABLE"])
def test_a_method_that_admits_randomness_is_not_held_to_determinism(name: str) -> None:
    report = verify_method(bad(name), device="cpu")
    assert report.ok
    skipped = {c.id: c.detail for c in report.clauses if c.status == "skip"}
    assert set(skipped) == {"deterministic", "stateless"}
    assert "deterministic=False" in skipped["deterministic"]


def test_stored_images_are_not_tried_on_made_up_ones(tmp_path: Path) -> None:
    report = verify_method(FOLDER, params={"dir": str(tmp_path)}, device="cpu")
    assert report.ok
    assert {c.status for c in report.clauses if c.id in ("shape", "sizes", "reacts")} == {"skip"}


def test_what_keeps_a_method_from_loading_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        verify_method(FOLDER, params={"dir": str(tmp_path / "none")}, device="cpu")


def test_each_clause_is_echoed_with_a_mark(capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    verify_method(bad("IGNORES"), device="cpu", echo=lines.append)
    assert len(lines) == len(CLAUSES) + 1
    marks = {line.split()[1].rstrip(":"): line.split()[0] for line in lines[:-1]}
    assert marks["shape"] in ("✓", "ok")
    assert marks["reacts"] in ("✗", "FAIL")
    assert lines[-1] == "ignores does not conform: 14 passed, 1 failed"


def test_ascii_fallback_and_json() -> None:
    result = ClauseResult("shape", "SR – has a shape", "fail", "é")
    assert result.line() == "✗ shape: SR – has a shape (é)"
    assert result.line(ascii_only=True) == "FAIL shape: SR ? has a shape (?)"
    report = ConformanceReport("m", "compact", "cpu", (result,))
    data = report.to_json()
    assert data["ok"] is False
    assert data["clauses"] == [{"id": "shape", "title": "SR – has a shape", "status": "fail", "detail": "é"}]
    assert report.summary() == "m (compact) does not conform: 0 passed, 1 failed"


def test_a_report_in_which_nothing_ran_is_not_ok() -> None:
    assert not ConformanceReport("m", "", "cpu", (ClauseResult("shape", "", "skip"),)).ok


def test_process_settings_are_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = process_state()
    for name in ("CHANGESFOLDER", "CHANGESDTYPE", "CHANGESTHREADS"):
        verify_method(bad(name), device="cpu")
        assert process_state() == before
