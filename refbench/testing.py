"""For the tests of a method's own repository: has my model regressed, and does it keep the contract?

    from refbench.testing import assert_conformant, assert_not_regressed, run_suite

    METHOD = "method=src/mymethod.py:SPEC"

    def test_conformant():
        assert_conformant(METHOD)

    def test_not_regressed(tmp_path):
        cells = run_suite(METHOD, "suite=cufed5", "limit=4", out=tmp_path)
        assert_not_regressed(cells, "baselines/mymethod.json")

``save_baseline(cells, path)`` writes the baseline file once, and again when a change is wanted. The same
functions are pytest fixtures (``refbench_run``) for those who import them into their conftest.py.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

try:
    import pytest
except ImportError as error:
    from refbench.extras import install_command

    raise ImportError(f"refbench.testing needs pytest: {install_command('testing')}") from error

from refbench import __version__
from refbench.api import check
from refbench.gate import GateResult, baseline_of, text, write_baseline
from refbench.results.record import CellRecord

if TYPE_CHECKING:
    from refbench.conformance.report import ConformanceReport

__all__ = ["assert_conformant", "assert_not_regressed", "refbench_run", "run_suite", "save_baseline"]


def run_suite(*overrides: str, out: str | Path) -> tuple[CellRecord, ...]:
    """``refbench run`` in this process: the cells of every suite, results under ``out``.

    overrides: as on the command line (``"method=..."``, ``"suite=cufed5_jitter"``, ``"limit=4"``). Neither
    MLflow nor kept images unless they ask for them. Raises UserError for what the command refuses.
    """
    from refbench.api.commands import carry_out_configs
    from refbench.config.load import load_run
    from refbench.registry import Registry

    given = {override.partition("=")[0] for override in overrides}
    quiet = [f"{key}=none" for key in ("tracking", "images") if key not in given]
    registry = Registry.discover()
    return carry_out_configs(load_run([*quiet, *overrides, f"out={out}"], registry), registry).cells


def assert_not_regressed(
    cells: Sequence[CellRecord],
    baseline: str | Path,
    *,
    tolerance: Mapping[str, float] | None = None,
    image: Mapping[str, float] | None = None,
    mode: str = "paired",
    perf: bool = False,
) -> GateResult:
    """Fail the test, showing the gate's text, unless ``refbench check`` would exit 0.

    tolerance: by metric alias, in the metric's unit; image: the same for what a single image may lose. mode:
    ``paired`` or ``strict``. perf: compare costs.
    """
    result = check(baseline, cells, tolerance=tolerance, image=image, mode=mode, perf=perf)
    if result.exit_code != 0:
        pytest.fail(f"{baseline}:\n{text(result)}", pytrace=False)
    return result


def save_baseline(cells: Sequence[CellRecord], path: str | Path) -> None:
    """Write the baseline file of ``cells``, with the versions it was made with."""
    import torch

    versions = {"refbench": __version__, "python": platform.python_version(), "torch": torch.__version__}
    write_baseline(Path(path), baseline_of(cells, versions))


def assert_conformant(method: str, *settings: str) -> ConformanceReport:
    """Fail the test, naming the clauses, unless ``refbench verify`` would exit 0.

    method: ``"method=path/to/file.py:SPEC"`` or a registered name. settings: further ``key=value`` words
    (``"method.weights=mine.pth"``, ``"device=cpu"``).
    """
    from refbench.api.commands import verify_with
    from refbench.config.load import load_command
    from refbench.config.verify_keys import VERIFY
    from refbench.conformance.report import ConformanceReport

    word = method if method.startswith("method=") else f"method={method}"
    report = verify_with(load_command("verify", VERIFY, [word, *settings]))
    assert isinstance(report, ConformanceReport), "give golden= to `refbench verify`"
    if not report.ok:
        lines = [clause.line(ascii_only=True) for clause in report.failures()]
        pytest.fail("\n".join([report.summary(), *lines]), pytrace=False)
    return report


@pytest.fixture
def refbench_run(tmp_path: Path) -> Callable[..., tuple[CellRecord, ...]]:
    """:func:`run_suite` with its results in this test's temporary folder."""

    def run(*overrides: str) -> tuple[CellRecord, ...]:
        return run_suite(*overrides, out=tmp_path / "results")

    return run
