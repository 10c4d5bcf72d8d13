"""Protocol instances: trials are pure functions of names, keys know every parameter."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest
from PIL import Image as PilImage

from refbench.errors import SampleError, UserError
from refbench.identity.keys import canonical_json
from refbench.protocols import ProtocolInstance, build_instances
from refbench.protocols.card import card_names, load_card, parse_card
from refbench.protocols.instance import control_of
from refbench.protocols.reference import ReferencePolicy
from refbench.settings import ProtocolEntry, SuiteConfig
from refbench.types import Sample

PINNED = {
    "c2_matching@1": "30aaa463e3aa",
    "canonical@1": "872bfb90b19a",
    "canonical_x2@1": "f0a7c45865d8",
    "canonical_x3@1": "7c2f6e4051a8",
    "canonical_x8@1": "8af8221516b7",
    "datsr@1": "04493d13c411",
    "dcsr@1": "da49f3c5c9f3",
    "irag@1": "977f91b56e2c",
    "irag_adain@1": "37a8c3c24e84",
    "irag_wavelet@1": "6073f18d814e",
    "kedusr@1": "ee8dab8b8c28",
    "lmr@1": "d7b6e33d1af8",
    "masa@1": "20d9a08ae238",
    "mmagic_rgb@1": "8fa9495749d4",
    "realesrgan@1": "5360ffe2bdc1",
    "selfdzsr@1": "59b46630b9ff",
    "selfdzsr_x2@1": "916c7fae5a47",
    "ttsr@1": "aa8d63c57281",
}


def sample(height: int = 23, width: int = 34, refs: int = 2) -> Sample:
    rng = np.random.default_rng(5)
    draw = lambda h, w: rng.integers(0, 256, (h, w, 3), dtype=np.uint8)  # noqa: E731
    return Sample("007", draw(height, width), tuple(draw(20 + i, 30) for i in range(refs)))


def jitter(level: str = "x1") -> ProtocolInstance:
    return ProtocolInstance(load_card("canonical"), transform="jitter", level=level, draws=5)


def test_shipped_cards_are_pinned() -> None:
    """A card that changes without a new version would silently change what a name means."""
    cards = {c.id: c for c in map(load_card, card_names())}
    found = {
        k: hashlib.sha256(
            canonical_json({**c.identity(), "metrics": c.metrics, "averaging": c.averaging}).encode()
        ).hexdigest()[:12]
        for k, c in cards.items()
    }
    assert found == PINNED


def test_canonical_trial_is_crop_and_pil_bicubic() -> None:
    given = sample()
    trial = ProtocolInstance(load_card("canonical")).apply(given, 0, 0)
    assert given.hr is not None
    assert trial.target is not None
    assert np.array_equal(trial.target, given.hr[:20, :32])
    small = PilImage.fromarray(given.hr[:20, :32]).resize((8, 5), PilImage.Resampling.BICUBIC)
    assert np.array_equal(trial.lr, np.asarray(small))
    assert len(trial.refs) == 1
    assert np.array_equal(trial.refs[0], given.refs[0])


def test_only_the_reference_is_distorted_and_order_does_not_matter() -> None:
    control = ProtocolInstance(load_card("canonical")).apply(sample(), 0, 0)
    forward = [jitter().apply(sample(), d, 3) for d in range(3)]
    backward = [jitter().apply(sample(), d, 3) for d in reversed(range(3))]
    for a, b in zip(forward, reversed(backward), strict=True):
        assert np.array_equal(a.refs[0], b.refs[0])
        assert np.array_equal(a.lr, control.lr)
        assert a.target is not None
        assert np.array_equal(a.target, control.target)
        assert not np.array_equal(a.refs[0], control.refs[0])
        assert a.notes["jitter.order"]
    assert not np.array_equal(forward[0].refs[0], forward[1].refs[0])


def test_ids_and_identities_name_every_difference() -> None:
    variants = [
        ProtocolInstance(load_card("canonical")),
        jitter("x1"),
        jitter("x2"),
        ProtocolInstance(load_card("canonical"), ReferencePolicy("level", 5)),
        ProtocolInstance(load_card("canonical"), ReferencePolicy("constant")),
        ProtocolInstance(dataclasses.replace(load_card("canonical"), hr_crop_multiple=8, version=2)),
    ]
    assert len({v.id for v in variants}) == len(variants)
    assert len({canonical_json(v.identity()) for v in variants}) == len(variants)
    assert jitter("x1").id == "canonical@1+jitter@1[level=x1]"


def test_suite_expansion() -> None:
    suite = SuiteConfig(
        "s",
        "cufed5",
        protocols=(
            ProtocolEntry(control=True),
            ProtocolEntry(transform="jitter", level="x1", draws=5),
            ProtocolEntry(transform="jitter", level="x2", draws=5),
        ),
    )
    instances = build_instances(suite)
    assert [i.draws for i in instances] == [1, 5, 5]
    assert control_of(instances) is instances[0]
    assert [i.draws for i in build_instances(suite, draws=2)] == [1, 2, 2]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (ProtocolEntry(card="cannonical"), "no protocol card 'cannonical'; did you mean 'canonical'?"),
        (ProtocolEntry(card="canonical@9"), "this refbench ships canonical@1"),
        (
            ProtocolEntry(transform="jiter", level="x1"),
            "no reference transform 'jiter'; did you mean 'jitter'?",
        ),
        (ProtocolEntry(transform="jitter", level="x3"), "suite s: no jitter level 'x3'"),
        (ProtocolEntry(reference={"policy": "frist"}), "no reference policy 'frist'; did you mean 'first'?"),
        (ProtocolEntry(reference={"policy": "level"}), "reference.level=1..N goes with policy: level"),
        (ProtocolEntry(reference={"polcy": "x"}), "reference: no field 'polcy'; did you mean 'policy'?"),
    ],
)
def test_bad_suites_say_what_is_wrong(entry: ProtocolEntry, message: str) -> None:
    with pytest.raises(UserError) as caught:
        build_instances(SuiteConfig("s", "cufed5", protocols=(entry,)))
    assert message in str(caught.value)


def test_bad_cards_say_what_is_wrong() -> None:
    with pytest.raises(UserError, match=r"x\.yaml: field 'version' is missing"):
        parse_card({"name": "x", "title": "t"}, "x.yaml")
    with pytest.raises(UserError, match=r"x: averaging: 'pooled-mse' is not 'mean-of-images'"):
        parse_card({"name": "x", "version": 1, "title": "t", "averaging": "pooled-mse"}, "x")
    with pytest.raises(UserError, match="no field 'crop'"):
        parse_card({"name": "x", "version": 1, "title": "t", "crop": 4}, "x.yaml")


def test_samples_that_make_no_trial() -> None:
    protocol = ProtocolInstance(load_card("canonical"))
    with pytest.raises(SampleError, match="too small"):
        protocol.apply(sample(3, 40), 0, 0)
    with pytest.raises(SampleError, match="neither HR nor LR"):
        protocol.apply(Sample("x", None, ()), 0, 0)
    given = dataclasses.replace(sample(), lr=np.zeros((4, 8, 3), np.uint8))
    with pytest.raises(SampleError, match="the given LR is 8x4"):
        protocol.apply(given, 0, 0)


def test_regions_are_cut_like_the_target() -> None:
    mask = np.zeros((23, 34), dtype=np.bool_)
    mask[3:21, 5:33] = True
    given = dataclasses.replace(sample(), regions={"center": mask})
    for card in ("canonical", "masa"):
        trial = ProtocolInstance(load_card(card)).apply(given, 0, 0)
        assert trial.target is not None
        height, width = trial.target.shape[:2]
        assert np.array_equal(trial.regions["center"], mask[:height, :width])
    given_lr = dataclasses.replace(given, lr=np.zeros((5, 8, 3), np.uint8))
    trial = ProtocolInstance(load_card("canonical")).apply(given_lr, 0, 0)
    assert np.array_equal(trial.regions["center"], mask[:20, :32])


def test_a_region_of_another_size_is_refused() -> None:
    given = dataclasses.replace(sample(), regions={"corner": np.ones((20, 34), np.bool_)})
    with pytest.raises(SampleError, match=r"007: region corner has shape \(20, 34\), HR \(23, 34\)"):
        ProtocolInstance(load_card("canonical")).apply(given, 0, 0)
