"""Rows do not depend on order, limit, shard, interruption, threads or the processor's vector units."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import small_study as small
from hypothesis import HealthCheck, given
from hypothesis import settings as tuned
from hypothesis import strategies as st

from refbench.results.merging import merge

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[Any, Any]:
    """The rows of one plain run."""
    out = tmp_path_factory.mktemp("plain") / "out"
    with pytest.MonkeyPatch.context() as patch:
        small.execute(small.make_registry(patch), small.settings(out))
    found: dict[Any, Any] = small.stored_rows(out)
    assert len(found) == 42
    return found


@tuned(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.integers(0, 10**6),
    limit=st.sampled_from([None, 1, 4]),
    count=st.integers(1, 4),
    interrupted=st.lists(st.integers(1, 6), max_size=2),
    together=st.booleans(),
)
def test_any_order_limit_shard_and_resume_gives_the_same_rows(
    expected: dict[Any, Any],
    order: int,
    limit: int | None,
    count: int,
    interrupted: list[int],
    together: bool,
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        registry = small.make_registry(patch)
        places = []
        for i in range(1, count + 1):
            place = Path(folder) / ("shared" if together else f"{i}")
            config = small.settings(place, f"{i}/{count}")
            if limit is not None:
                # an earlier look at the first images, into the same folder
                small.execute(
                    registry, small.settings(place, f"{i}/{count}", limit=limit), small.Shuffled(order)
                )
            for after in interrupted:
                try:
                    small.execute(registry, config, small.Shuffled(order + i), stop_after=after)
                except KeyboardInterrupt:
                    continue
            small.execute(registry, config, small.Shuffled(order + 2 * i))
            places.append(place)
        joined = Path(folder) / "joined"
        merge(list(dict.fromkeys(places)), joined)
        assert small.stored_rows(joined) == expected


SCRIPT = "import sys; from refbench.cli.main import main; sys.exit(main(sys.argv[1:]))"
DECIBEL, SIMILARITY = 1e-3, 1e-5
"""Largest differences that rounding may make in PSNR (dB) and SSIM; docs/sharding.md states them."""


def _scores(out: Path, threads: int, capability: str) -> dict[tuple[str, str], float]:
    command = [
        sys.executable, "-c", SCRIPT, "run", "-m", "method=ttsr,c2_matching,datsr", "suite=cufed5",
        "data.ids=[002]", "against=none", f"threads={threads}", "device=cpu", "tracking=none",
        "images=none", f"out={out}", "--json", "--plain",
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "ATEN_CPU_CAPABILITY": capability}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {
        (cell["method"], alias): metric["mean"]
        for cell in json.loads(done.stdout)["cells"]
        for alias, metric in cell["metrics"].items()
    }


def test_threads_and_vector_units_change_rows_by_rounding_only(tmp_path: Path) -> None:
    """On a processor without AVX2 torch takes its default there, too: then two of the three are equal."""
    first = _scores(tmp_path / "one", 1, "avx2")
    assert {method for method, _ in first} == {"ttsr", "c2_matching", "datsr"}
    for name, threads, capability in (("two", 2, "avx2"), ("plain", 1, "default")):
        other = _scores(tmp_path / name, threads, capability)
        assert other.keys() == first.keys()
        for key, value in first.items():
            assert other[key] == pytest.approx(value, abs=SIMILARITY if "ssim" in key[1] else DECIBEL), key
