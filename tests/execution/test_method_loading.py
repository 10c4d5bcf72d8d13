"""A method that cannot be constructed stops the run with one line, whatever it raises."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbench.errors import UserError
from refbench.execution.worker import method_of
from refbench.plan.job import MethodJob
from refbench.registry import spec_in_file


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        (
            "raise RuntimeError('no\\nsuch kernel')",
            "method bad cannot be loaded: RuntimeError: no such kernel (bad.py:5); see it with --traceback",
        ),
        (
            "raise SystemExit(3)",
            "method bad cannot be loaded: SystemExit: 3 (bad.py:5); see it with --traceback",
        ),
        (
            "from refbench.errors import UserError; raise UserError('bad.pth: is empty')",
            "bad.pth: is empty",
        ),
    ],
)
def test_what_the_constructor_raises_is_one_line(tmp_path: Path, statement: str, text: str) -> None:
    (tmp_path / "bad.py").write_text(
        "from refbench.specs import MethodSpec\n"
        "SPEC = MethodSpec('bad', ':Bad')\n"
        "class Bad:\n"
        "    def __init__(self, weights, device):\n"
        f"        {statement}\n"
    )
    locator = f"{tmp_path}/bad.py:SPEC"
    job = MethodJob(spec_in_file(locator), locator, None, None, (), "cpu")
    with pytest.raises(UserError) as caught:
        method_of(job)
    assert str(caught.value) == text
