"""Two gloo processes on the CPU: the same weights on both, and those of one process with the whole batch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from refbench.datasets.photos.split import refuse_held_out
from refbench.errors import UserError
from refbench.training.distributed import Group
from refbench.training.fields import merged
from refbench.training.run import train

NO_STEPS = {"train": {"stage2": {"steps": 0}}}


def _silent(line: str) -> None:
    """No output."""


def _arguments(config: Mapping[str, Any], prefix: str = "") -> list[str]:
    """``a.b=value`` for every leaf; lists as YAML."""
    found = []
    for key, value in config.items():
        if isinstance(value, Mapping):
            found += _arguments(value, f"{prefix}{key}.")
        else:
            found.append(f"{prefix}{key}={value if isinstance(value, str) else json.dumps(value)}")
    return found


def test_two_processes_train_as_one(tiny_config: Mapping[str, Any], tmp_path: Path) -> None:
    # L1 is a mean over the batch, so averaging the gradients of two halves is exact; no norm clipping
    changes = {"stage1": {"teacher": 0, "student": 0}, "stage2": {"optim": {"clip": 0.0}}}
    config = merged(tiny_config, {"train": changes})
    alone = load_file(train(config, _silent, refuse_held_out))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    arguments = _arguments({**config, "out": str(tmp_path / "two")})
    done = subprocess.run(
        [*command, "-m", "refbench", "train", *arguments, "tracking=none"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("compact.safetensors") == 1, "only the first process speaks"
    together = load_file(next((tmp_path / "two").rglob("compact.safetensors")))
    start = load_file(
        train(merged({**config, "out": str(tmp_path / "start")}, NO_STEPS), _silent, refuse_held_out)
    )
    learned, apart = (
        sum(float((a[k].float() - b[k].float()).square().sum()) for k in a) ** 0.5
        for a, b in ((alone, start), (together, alone))
    )
    assert learned > 0.01
    # Adam turns rounding of gradients near zero into whole steps, so single weights may differ
    assert apart < 0.2 * learned


def test_batch_must_divide() -> None:
    assert list(Group(1, 2).share(6)) == [1, 3, 5]
    with pytest.raises(UserError, match="a batch of 5 does not divide over 2 processes"):
        Group(0, 2).share(5)
