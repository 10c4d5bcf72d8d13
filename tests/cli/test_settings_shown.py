"""Help lists only keys that are taken, and what ``--cfg`` prints asks for the same run."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from refbench.cli.commands import COMMANDS
from refbench.cli.main import main
from refbench.config.keys import RUN
from refbench.config.load import load_run
from refbench.registry import Registry

LISTED = re.compile(r"^  ([a-z][\w.]*)=  ", re.MULTILINE)


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "completion"])
def test_every_key_that_help_lists_is_a_key_of_the_command(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main([command, "--help"])
    text = capsys.readouterr().out
    keys = LISTED.findall(text)
    for key in keys:
        # a value that no key accepts silently: what is refused must be the value, never the key
        main([command, f"{key}=["])
        said = capsys.readouterr().err
        assert "has no key" not in said, f"{command} {key}: {said}"
    if "method.<option>=" in text:
        main([command, "method=ttsr", "method.multi=nonsense"])
        assert "has no key 'method.multi'" not in capsys.readouterr().err


def test_help_of_run_names_the_executors(capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "--help"])
    text = capsys.readouterr().out
    assert "serial, local (processes) or ray (a cluster)" in text
    assert "card=" in text


@pytest.mark.parametrize(
    "words",
    [
        ["method=bicubic"],
        ["method=ttsr", "method.multi=best", "suite=cufed5_jitter", "suite.draws=2", "limit=3", "seed=4"],
        [
            "method=datsr",
            "memory.limit=2GB",
            "metrics=[ssim_rgb,psnr_rgb]",
            "executor=local",
            "executor.workers=2",
        ],
        ["method=bicubic", "out=a b (1)/x=y", "tracking=none", "data.ids=[000,001]", "against=none"],
        ["method=bicubic", "card=ttsr", "suite=cufed5_ref_type"],
    ],
    ids=lambda words: " ".join(words)[:40],
)
def test_what_cfg_prints_asks_for_the_same_run(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", *words, "--cfg"]) == 0
    printed = shlex.split(capsys.readouterr().out.replace("\\\n", " "))
    assert printed[:2] == ["refbench", "run"]
    registry = Registry.discover()
    assert load_run(printed[2:], registry) == load_run(words, registry)


SHOWN = {
    "method": "ttsr",
    "method.weights": "compact",
    "suite": "cufed5_jitter",
    "card": "ttsr",
    "dataset": "pairs",
    "data.root": "some/folder",
    "data.partial": "true",
    "data.ids": "[a,b]",
    "data.input": "in",
    "data.ref": "ref",
    "data.list": "list.txt",
    "data.lr_dir": "lr",
    "data.boxes": "boxes.json",
    "against": "none",
    "metrics": "[ssim_rgb]",
    "seed": "7",
    "limit": "3",
    "draws": "2",
    "repeat": "2",
    "device": "cpu",
    "precision": "bf16",
    "threads": "1",
    "memory.limit": "1GB",
    "images": "none",
    "table": "full",
    "out": "elsewhere",
    "weights.root": "weights",
    "tracking": "none",
    "tracking.uri": "sqlite:///x.db",
    "executor": "local",
    "shard": "1/2",
}
"""A value other than the default for every key of ``run``."""


def test_cfg_keeps_every_key_of_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(SHOWN) == {key.name for key in RUN}
    test_what_cfg_prints_asks_for_the_same_run([f"{key}={value}" for key, value in SHOWN.items()], capsys)


def test_cfg_as_json_names_keys(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert (
        main(["run", "method=bicubic", f"weights.root={tmp_path}", "memory.limit=1GB", "--cfg", "--json"])
        == 0
    )
    (settings,) = json.loads(capsys.readouterr().out)["settings"]
    assert settings["memory.limit"] == "1GB"
    assert settings["weights.root"] == str(tmp_path)
