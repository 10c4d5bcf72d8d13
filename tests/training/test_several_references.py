"""Nets that fuse references train with several, and encoders with two trunks share their teacher's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch

from refbench.datasets.photos.split import refuse_held_out
from refbench.training import run
from refbench.training.data.ahead import Pairs
from refbench.training.data.pair import Pair
from refbench.training.fields import merged
from refbench.training.run import train
from refbench.training.stage1.objective import EncoderObjective
from refbench.training.trainable import Trainable, build_trainable, upsample


def test_the_number_of_references_is_drawn_for_each_step_up_to_what_the_net_takes(
    tiny_config: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[int]] = {}
    drawer: Callable[..., Pairs] = run._Run._drawer

    def watched(self: Any, stage: str, *arguments: Any) -> Pairs:
        draw = drawer(self, stage, *arguments)

        def counted(step: int) -> list[Pair]:
            pairs = draw(step)
            seen.setdefault(f"{self.recipe.method} {stage}", []).extend(1 + len(p.others) for p in pairs)
            return pairs

        return counted

    monkeypatch.setattr(run._Run, "_drawer", watched)
    # no net is trained: what matters is what it would be given
    monkeypatch.setattr("refbench.training.loop.Loop._step", lambda self, step: self.draw(step))
    few = {"net": {}, "stage1": {"teacher": 0, "student": 0}, "stage2": {"steps": 12, "references": 3}}
    config = merged(tiny_config, {"train": {**few, "validation": {"pairs": 1, "every": 12}}})
    config = {**config, "train": {**config["train"], "net": {}}}
    lines: list[str] = []
    for method in ("edvr_ref", "ttsr"):
        train({**config, "method": method}, lines.append, refuse_held_out)
    assert set(seen["edvr_ref stage2"]) == {1, 2, 3}
    assert set(seen["ttsr stage2"]) == {1}
    several = [line for line in lines if "several" in line]
    assert len(several) == 1, "only a net that takes several references is validated with them"


def test_a_teacher_with_two_trunks_trains_one() -> None:
    net = build_trainable("c2_matching", "compact", {})
    assert net.join_trunks is not None
    extractor: Any = net.encoder
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        for parameter in extractor.feature_extraction_image2.parameters():
            parameter.mul_(0.5)
        apart = [level.clone() for level in net.matched.key(image)]
        for mine, other in zip(net.teaching.query(image), net.teaching.key(image), strict=True):
            torch.testing.assert_close(mine, other)
        net.join_trunks()
        joined = net.matched.key(image)
    for own, before, after in zip(net.matched.query(image), apart, joined, strict=True):
        torch.testing.assert_close(after, own)
        assert (after - before).abs().max() > 0


def test_a_student_keeps_its_two_trunks() -> None:
    net: Trainable = build_trainable("c2_matching", "compact", {})
    assert EncoderObjective(net, run.Recipe("c2_matching", "compact").stage1).encoder is net.encoder
    assert net.matched.key is not net.matched.query


def test_edvr_ref_starts_with_a_signal_from_its_reference() -> None:
    """With torch's own start two references gave the same image to 1e-6, for 1,000 steps too."""
    torch.manual_seed(0)
    net = build_trainable("edvr_ref", "compact", {})
    lr = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        first, second = (net.restore(lr, torch.rand(1, 3, 64, 64)) for _ in range(2))
        base = upsample(lr)
    assert float((first - second).abs().mean()) > 0.05 * float((first - base).abs().mean())
    assert float((first - base).abs().mean()) < 0.1, "the net still starts near its base"
