"""The hosted nets as methods: sizes, references, caching, stages, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from refbench.errors import SampleError, UserError
from refbench.methods.c2_matching.config import C2Config
from refbench.methods.c2_matching.method import C2Matching
from refbench.methods.c2_matching.model import C2Model
from refbench.methods.datsr.config import DatsrConfig
from refbench.methods.datsr.method import Datsr
from refbench.methods.datsr.model import DatsrModel
from refbench.methods.edvr.config import EdvrConfig
from refbench.methods.edvr.method import Edvr
from refbench.methods.edvr.net import EdvrNet
from refbench.methods.edvr_ref.config import EdvrRefConfig
from refbench.methods.edvr_ref.method import EdvrRef
from refbench.methods.edvr_ref.net import EdvrRefNet
from refbench.methods.mrefsr.config import MRefConfig
from refbench.methods.mrefsr.method import MRefSR
from refbench.methods.mrefsr.model import MRefModel
from refbench.methods.srntt.config import SrnttConfig
from refbench.methods.srntt.method import Srntt
from refbench.methods.srntt.model import SrnttModel
from refbench.methods.ttsr.config import TtsrConfig
from refbench.methods.ttsr.method import Ttsr
from refbench.methods.ttsr.model import TtsrModel
from refbench.stages import STAGES, recording
from refbench.types import Input
from refbench.weights import ResolvedWeights
from refbench.weights.save import save_model

CONFIGS: dict[str, Any] = {
    "datsr": DatsrConfig(
        widths=(8, 8, 16),
        channels=(8, 8, 16),
        extractor_channels=(4, 8, 16),
        groups=2,
        aggregation=("residual", "residual", "swin"),
        depths=((), (), (2,)),
        heads=((), (), (2,)),
        residual_blocks=(1, 1, 1),
        nominal=None,
        dead_content_extractor=False,
    ),
    "c2_matching": C2Config(
        ngf=8,
        n_blocks=1,
        level_blocks=(1, 1, 1),
        channels=(8, 8, 16),
        extractor_channels=(4, 8, 16),
        groups=2,
    ),
    "ttsr": TtsrConfig(n_feats=8, blocks=(1, 1, 1, 1), lte_channels=(4, 8, 12)),
    "srntt": SrnttConfig(ngf=8, n_blocks=1, channels=(4, 8, 12)),
    "mrefsr": MRefConfig(
        ngf=8,
        n_blocks=1,
        level_blocks=(1, 1, 1),
        channels=(8, 8, 16),
        extractor_channels=(4, 8, 16),
        groups=2,
    ),
    "edvr": EdvrConfig(channels=8, groups=2, extract_blocks=1, restore_blocks=1),
    "edvr_ref": EdvrRefConfig(channels=8, groups=2, extract_blocks=1, restore_blocks=1),
}
MODELS: dict[str, type[nn.Module]] = {
    "datsr": DatsrModel,
    "c2_matching": C2Model,
    "ttsr": TtsrModel,
    "srntt": SrnttModel,
    "mrefsr": MRefModel,
    "edvr": EdvrNet,
    "edvr_ref": EdvrRefNet,
}
METHODS: dict[str, Any] = {
    "datsr": Datsr,
    "c2_matching": C2Matching,
    "ttsr": Ttsr,
    "srntt": Srntt,
    "mrefsr": MRefSR,
    "edvr": Edvr,
    "edvr_ref": EdvrRef,
}
NAMES = tuple(CONFIGS)
LOCAL = ("edvr", "edvr_ref")
"""Align without a search: no reference is needed and none is too small."""
MATCHING = tuple(name for name in NAMES if name not in LOCAL)
FUSING = ("mrefsr", *LOCAL)
"""Use all references that they get."""
ENCODE = {"ttsr": "encode", "srntt": "encode", "edvr": "encode_lr", "edvr_ref": "encode_reference"}
"""Method of the model that encodes a reference, where it is not that of its correspondences."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ResolvedWeights]]:
    """A tiny random checkpoint of each method."""
    folder = tmp_path_factory.mktemp("tiny")
    found = {}
    with torch.random.fork_rng():
        torch.manual_seed(1)
        for name, config in CONFIGS.items():
            path = folder / f"{name}.safetensors"
            model: Any = MODELS[name](config)
            for parameter in model.parameters():
                if parameter.requires_grad and parameter.dim() > 1:
                    nn.init.normal_(parameter, std=0.7 / parameter[0].numel() ** 0.5)
            save_model(model, config, name, path)
            found[name] = ResolvedWeights(name, "x", "x", {"net": path}, {"net": None}, {"net": False})
        yield found


def made(files: dict[str, ResolvedWeights], name: str, **params: Any) -> Any:
    return METHODS[name](files[name], torch.device("cpu"), **params)


def given(lr: tuple[int, int], *refs: tuple[int, int], seed: int = 0) -> Input:
    rng = torch.Generator().manual_seed(seed)
    return Input(torch.rand(3, *lr, generator=rng), tuple(torch.rand(3, *r, generator=rng) for r in refs))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("lr", "ref"), [((8, 8), (32, 32)), ((7, 13), (30, 50)), ((16, 5), (18, 90)), ((1, 2), (16, 16))]
)
def test_any_sizes(
    files: dict[str, ResolvedWeights], name: str, lr: tuple[int, int], ref: tuple[int, int]
) -> None:
    sr = made(files, name)(given(lr, ref))
    assert sr.shape == (3, 4 * lr[0], 4 * lr[1])
    assert sr.dtype == torch.float32
    assert sr.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_matters_and_nothing_else_changes(files: dict[str, ResolvedWeights], name: str) -> None:
    method = made(files, name)
    inp = given((8, 9), (36, 40), (33, 33))
    first = method(inp)
    assert torch.equal(first, method(inp))
    other = method(Input(inp.lr, (inp.refs[1],)))
    assert float((first - other).abs().max()) > 1e-5
    alone = method(Input(inp.lr, (inp.refs[0],)))
    assert torch.equal(first, alone) == (name not in FUSING)


@pytest.mark.parametrize("name", NAMES)
def test_features_of_a_shared_reference_are_computed_once(
    files: dict[str, ResolvedWeights], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = made(files, name)
    owner = method.model if name in ENCODE else method.model.correspondences
    calls = []
    encode = getattr(owner, ENCODE.get(name, "encode"))

    def counted(*args: Tensor) -> Any:
        calls.append(args)
        return encode(*args)

    monkeypatch.setattr(owner, ENCODE.get(name, "encode"), counted)
    # one size of LR: references are fitted to it where alignment is local
    a, b = given((8, 8), (32, 32)), given((8, 8), (40, 32), seed=1)
    results = [method(Input(lr, ref)) for lr in (a.lr, b.lr) for ref in (a.refs, b.refs)]
    # edvr encodes its LR images with the same convolutions
    assert len(calls) == (6 if name == "edvr" else 2)
    fresh = made(files, name)(Input(b.lr, a.refs))
    assert torch.equal(results[2], fresh)


@pytest.mark.parametrize("name", NAMES)
def test_every_stage_is_marked(files: dict[str, ResolvedWeights], name: str) -> None:
    seen: list[str] = []

    class Recorder:
        def enter(self, stage: str) -> None:
            seen.append(stage)

        def leave(self, stage: str) -> None:
            pass

    with recording(Recorder()):
        made(files, name)(given((8, 8), (32, 32)))
    assert set(seen) == set(STAGES) - ({"match"} if name in LOCAL else set())


@pytest.mark.parametrize("name", MATCHING)
def test_without_a_reference(files: dict[str, ResolvedWeights], name: str) -> None:
    with pytest.raises(SampleError, match="needs a reference image and got none"):
        made(files, name)(Input(torch.rand(3, 8, 8), ()))


@pytest.mark.parametrize("name", MATCHING)
def test_a_tiny_reference_is_an_error_of_its_sample(files: dict[str, ResolvedWeights], name: str) -> None:
    with pytest.raises(SampleError, match="reference of 60x9 pixels"):
        made(files, name)(given((8, 8), (9, 60)))


@pytest.mark.parametrize("name", ["datsr", "c2_matching", "mrefsr"])
def test_padding_like_the_official_data_sets(files: dict[str, ResolvedWeights], name: str) -> None:
    """Equal sizes that the net takes are the same either way; unequal ones are zero-padded and matched."""
    inside, official = made(files, name), made(files, name, padding="official")
    equal = given((8, 16), (32, 64))
    assert torch.equal(inside(equal), official(equal))
    unequal = given((8, 16), (48, 40))
    assert official(unequal).shape == (3, 32, 64)
    assert not torch.allclose(inside(unequal), official(unequal), atol=1e-4)
    rows = 16 if name == "datsr" else 12  # the larger of 8 and 48/4, in windows of 8 for DATSR
    pad = torch.nn.functional.pad
    black = Input(pad(unequal.lr, (0, 0, 0, rows - 8)), (pad(unequal.refs[0], (0, 24, 0, 4 * rows - 48)),))
    assert torch.allclose(official(unequal), inside(black)[:, :32], atol=1e-5)


@pytest.mark.parametrize("name", ["datsr", "c2_matching", "mrefsr"])
def test_unknown_padding(files: dict[str, ResolvedWeights], name: str) -> None:
    with pytest.raises(UserError, match=r"method.padding=zero of .*: give inside or official"):
        made(files, name, padding="zero")


@pytest.mark.parametrize("name", FUSING)
def test_a_net_that_fuses_has_no_other_way(files: dict[str, ResolvedWeights], name: str) -> None:
    with pytest.raises(UserError, match=rf"method.multi=first of {name}: it takes any number of references"):
        made(files, name, multi="first")


@pytest.mark.parametrize("name", LOCAL)
def test_local_alignment_needs_no_reference(files: dict[str, ResolvedWeights], name: str) -> None:
    assert made(files, name)(Input(torch.rand(3, 7, 9), ())).shape == (3, 28, 36)


@pytest.mark.parametrize("name", MATCHING)
def test_several_references_in_each_way(files: dict[str, ResolvedWeights], name: str) -> None:
    inp = given((8, 9), (36, 40), (33, 33), (44, 36))
    for multi in ("fuse",) if name in FUSING else ("first", "stitch", "best", "per_patch", "average"):
        assert made(files, name, multi=multi)(inp).isfinite().all()


def test_k_matches(files: dict[str, ResolvedWeights]) -> None:
    inp = given((8, 8), (40, 44))
    one, same, two = (made(files, "datsr", k=k)(inp) for k in (None, 1, 2))
    assert torch.equal(one, same)
    assert not torch.allclose(one, two, atol=1e-4)


@pytest.mark.parametrize("k", [0, -1, 2.5, "two", True])
def test_k_must_be_a_whole_number(files: dict[str, ResolvedWeights], k: object) -> None:
    with pytest.raises(UserError, match=r"method.k=.*whole number from 1"):
        made(files, "datsr", k=k)


def test_ttsr_stays_in_range(files: dict[str, ResolvedWeights]) -> None:
    sr = made(files, "ttsr")(given((9, 9), (36, 36)))
    assert 0 <= sr.min() <= sr.max() <= 1


SWITCHES = [
    {"similarity_in_mask": False},
    {"learned_offsets": False},
    {"learned_mask": False},
    {"concat_unwarped": False},
    {"aggregation": ("residual", "residual", "residual")},
    {"aggregation": ("swin", "swin", "swin"), "depths": ((2,),) * 3, "heads": ((2,),) * 3},
    {"matching": "per_level", "shared_extractor": True},
    {"base": "bicubic"},
    {"top_k": 2},
]


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda s: ",".join(s))
def test_every_ingredient_is_a_switch_that_matters(switch: dict[str, Any], tmp_path: Path) -> None:
    """Same seeds; each ablation runs at sizes that do not fit it, and gives another image."""
    import dataclasses

    def image(config: DatsrConfig) -> Tensor:
        torch.manual_seed(2)
        model = DatsrModel(config)
        for parameter in model.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=1.2 / parameter[0].numel() ** 0.5)
        path = tmp_path / "m.safetensors"
        save_model(model, config, "datsr", path)
        weights = ResolvedWeights("datsr", "x", "x", {"net": path}, {"net": None}, {"net": False})
        sr: Tensor = Datsr(weights, torch.device("cpu"))(given((9, 8), (34, 40)))
        return sr

    with torch.random.fork_rng():
        plain, changed = image(CONFIGS["datsr"]), image(dataclasses.replace(CONFIGS["datsr"], **switch))
    assert changed.shape == (3, 36, 32)
    assert changed.isfinite().all()
    assert not torch.allclose(plain, changed, atol=1e-4)
