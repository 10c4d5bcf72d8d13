"""Which references a method read: seen from outside, whatever way they are taken out of the tuple."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from refbench.cli.main import main
from refbench.execution.call import Images, Settings, call
from refbench.execution.loader import load_method, resolve_weights
from refbench.execution.references import WatchedReferences, Watching
from refbench.nets.reference_use import references_read
from refbench.registry import Registry

READS: dict[str, tuple[Callable[[Any], object], list[int]]] = {
    "nothing": (lambda refs: None, []),
    "their number": (lambda refs: (len(refs), bool(refs)), []),
    "the first": (lambda refs: refs[0], [0]),
    "the last": (lambda refs: refs[-1], [2]),
    "a slice": (lambda refs: refs[:2], [0, 1]),
    "iteration that stops": (lambda refs: next(iter(refs)), [0]),
    "list": (list, [0, 1, 2]),
    "unpacking": (lambda refs: [*refs], [0, 1, 2]),
    "sum of tuples": (lambda refs: (*refs, None), [0, 1, 2]),
    "concatenation": (lambda refs: refs + (None,), [0, 1, 2]),  # noqa: RUF005
    "product": (lambda refs: refs * 2, [0, 1, 2]),
    "stack in C": (torch.stack, [0, 1, 2]),
    "cat by keyword": (lambda refs: torch.cat(tensors=refs), [0, 1, 2]),
    "numpy in C": (np.array, [0, 1, 2]),
    "compiled": (torch.compile(lambda refs: refs[1] * 2, backend="eager"), [1]),
    "pickled": (pickle.dumps, [0, 1, 2]),
}


@pytest.mark.parametrize("name", READS)
def test_reading_is_seen(name: str) -> None:
    function, expected = READS[name]
    references = WatchedReferences([torch.full((3, 4, 4), float(i)) for i in range(3)])
    with Watching(references):
        function(references)
    assert sorted(references.read) == expected


@pytest.mark.slow
@pytest.mark.parametrize("multi", ["first", "per_patch", "average", "best", "stitch", "fuse"])
def test_bundled_methods_read_what_their_options_say(multi: str) -> None:
    """The claim behind rows that are not computed again, for every hosted net with bundled weights."""
    registry = Registry.discover()
    rng = np.random.default_rng(0)
    images = Images(
        rng.integers(0, 256, (16, 20, 3), dtype=np.uint8),
        tuple(rng.integers(0, 256, (64, 80, 3), dtype=np.uint8) for _ in range(3)),
    )
    tried = []
    for entry in registry.entries("methods"):
        spec = registry.method(entry.name)
        choices = spec.params["multi"].choices if "multi" in spec.params else ()
        if multi not in choices or not any(v.bundled for v in spec.variants):
            continue
        weights = resolve_weights(spec, "compact", None)
        done = call(load_method(spec, weights, {"multi": multi}, "cpu"), images, Settings())
        assert done.problem is None
        assert len(done.refs_read) == min(3, references_read(spec, {"multi": multi})), spec.name
        tried.append(spec.name)
    assert tried or multi == "fuse"


PICKY = """
from refbench.specs import MethodSpec


class Picky:
    def __init__(self, weights=None, device="cpu"):
        pass

    def __call__(self, inp):
        up = inp.lr.repeat_interleave(4, 1).repeat_interleave(4, 2)
        return 0.9 * up + 0.1 * inp.refs[-1].mean()


SPEC = MethodSpec("picky", ":Picky", max_refs=5)
"""
SUITE = """
dataset: cufed5
protocols:
  - {control: true}
  - {reference: {policy: count, count: 3}}
"""


def test_a_table_says_how_many_of_its_references_a_method_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "picky.py").write_text(PICKY)
    (tmp_path / "three.yaml").write_text(SUITE)
    words = [f"method={tmp_path}/picky.py:SPEC", f"suite={tmp_path}/three.yaml", "limit=1", "images=none"]
    out = f"out={tmp_path}/out"
    assert main(["run", *words, "against=none", "tracking=none", out, "threads=1"]) == 0
    assert "picky uses 1 of 3 references: canonical@1+ref=3best" in " ".join(capsys.readouterr().out.split())
    rows = [json.loads(path.read_text()) for path in tmp_path.glob("out/*/samples.jsonl")]
    assert sorted(row["refs_read"] for row in rows) == [[0], [2]]
