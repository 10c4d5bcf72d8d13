"""Rows of every way to carry a run out: an audit holds, and equal results have one digest.

Ray's are compared in tests/execution/test_ray_cluster.py, on the cluster that is there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from refbench.auditing.audit import audit
from refbench.cli.main import main
from refbench.registry import Registry


@pytest.mark.slow
def test_serial_local_and_merged_shards_have_one_digest_and_hold(finished: Any, tmp_path: Path) -> None:
    suite = finished.data.parent / "small.yaml"
    run = [
        "run",
        "method=bicubic",
        f"suite={suite}",
        f"data.root={finished.data}",
        "tracking=none",
        "--plain",
    ]
    assert main([*run, f"out={tmp_path / 'local'}", "executor=local", "executor.workers=1"]) == 0
    shards = [tmp_path / str(k) for k in (1, 2)]
    for k, out in enumerate(shards, start=1):
        assert main([*run, f"out={out}", f"shard={k}/2"]) == 0
    # a shard alone holds, too, and is not the whole
    alone = audit(shards[:1], Registry.discover(), data_root=str(finished.data))
    assert alone.exit_code == 0
    assert main(["merge", *map(str, shards), f"out={tmp_path / 'merged'}"]) == 0
    digests = {}
    for place in (finished.out, tmp_path / "local", tmp_path / "merged"):
        result = audit([place], Registry.discover(), data_root=str(finished.data))
        assert result.exit_code == 0, [c.line() for cell in result.cells for c in cell.contradictions]
        assert {cell.verdict for cell in result.cells} == {"re-scored"}
        digests[place.name] = {cell.digest for cell in result.cells}
    assert digests["local"] == digests["merged"] == digests[finished.out.name]
    assert not digests["local"] & {cell.digest for cell in alone.cells}
