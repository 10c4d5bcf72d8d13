"""Reference policies: what they pick, that they repeat, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refbench.errors import SampleError, UserError
from refbench.protocols import ProtocolInstance
from refbench.protocols.card import load_card
from refbench.protocols.reference import POLICIES, ReferencePolicy
from refbench.types import Sample

LR = np.full((9, 12, 3), 7, np.uint8)


def sample(name: str = "003", refs: int = 3) -> Sample:
    rng = np.random.default_rng(int(name))
    draw = lambda h, w: rng.integers(0, 256, (h, w, 3), dtype=np.uint8)  # noqa: E731
    return Sample(name, draw(36, 48), tuple(draw(33 + i, 50) for i in range(refs)))


class Set:
    """Three samples."""

    name = label = "set"
    fingerprint = "0"

    def ids(self) -> tuple[str, ...]:
        return ("001", "002", "003")

    def load(self, sample_id: str) -> Sample:
        return sample(sample_id)


def select(policy: ReferencePolicy, given: Sample | None = None, draw: int = 0, seed: int = 0):  # type: ignore[no-untyped-def]
    return policy.select(given or sample(), draw, seed, Set(), LR, 4)


def make(name: str, **more: int | str) -> ReferencePolicy:
    return ReferencePolicy.parse({"policy": name, **more}, "suite s")


def every() -> list[ReferencePolicy]:
    plain = [make(n) for n in POLICIES if n not in {"level", "count", "upto"}]
    return [
        *plain,
        make("level", level=2),
        make("upto", count=2),
        *(make("count", count=2, order=o) for o in ("best", "worst", "random")),
    ]


@pytest.mark.parametrize("policy", every(), ids=lambda p: p.id or "first")
def test_policies_repeat_and_only_random_ones_differ_by_draw(policy: ReferencePolicy) -> None:
    first, again = select(policy, draw=1), select(policy, draw=1)
    assert len(first[0]) == len(first[1]) >= 1
    assert all(np.array_equal(a, b) for a, b in zip(first[0], again[0], strict=True))
    assert all(r.dtype == np.uint8 and r.ndim == 3 for r in first[0])
    drawn = {tuple(r.tobytes() for r in select(policy, draw=d)[0]) for d in range(8)}
    assert (len(drawn) > 1) == policy.random


def test_what_each_policy_picks() -> None:
    given = sample()
    assert given.hr is not None
    pick = lambda policy: select(policy, given)  # noqa: E731
    assert np.array_equal(pick(make("hr"))[0][0], given.hr)
    assert np.array_equal(pick(make("lr"))[0][0], LR)
    assert pick(make("count", count=2))[1] == ("ref1", "ref2")
    assert pick(make("count", count=2, order="worst"))[1] == ("ref3", "ref2")
    assert pick(make("level", level=3))[1] == ("ref3",)
    assert len(pick(make("all"))[0]) == 3
    assert set(np.unique(pick(make("constant"))[0][0])) == {128}
    assert pick(make("noise"))[0][0].shape == given.refs[0].shape


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.integers(0, 1000))
def test_another_sample_is_never_the_sample_itself(draw: int, seed: int) -> None:
    (image,), (name,) = select(make("other"), draw=draw, seed=seed)
    assert name in {"001 (HR)", "002 (HR)"}
    assert np.array_equal(image, sample(name[:3]).hr)


def test_stitched_references() -> None:
    given = sample()
    (black,), (name,) = select(make("stitch_ttsr"), given)
    assert (black.shape, name) == ((1500, 500, 3), "3 stitched (ttsr)")
    assert np.array_equal(black[500 : 500 + 34, :50], given.refs[1])
    assert black[34:500].sum() - black[34:500, :50].sum() == 0
    (grown,), _ = select(make("stitch_masa"), given)
    assert grown.shape == (1536, 512, 3)
    top, left = (512 - 33) // 2, (512 - 50) // 2
    assert np.array_equal(grown[top : top + 33, left : left + 50], given.refs[0])
    assert np.array_equal(grown[0, 0], given.refs[0][0, 0])
    large = Sample("9", given.hr, (np.zeros((600, 20, 3), np.uint8), given.refs[0]))
    assert select(make("stitch_ttsr"), large)[0][0].shape == (1200, 600, 3)
    with pytest.raises(SampleError, match="no references to stitch"):
        select(make("stitch_masa"), sample(refs=0))


def test_shuffling_keeps_the_patches() -> None:
    given = sample()
    (mixed,), _ = select(make("shuffled"), given)
    cut = given.refs[0][:32, :48]

    def tiles(image: np.ndarray) -> list[bytes]:
        return sorted(
            image[y : y + 16, x : x + 16].tobytes() for y in range(0, 32, 16) for x in range(0, 48, 16)
        )

    assert mixed.shape == cut.shape
    assert tiles(mixed) == tiles(cut)
    assert not np.array_equal(mixed, cut)


def test_oracle_says_so() -> None:
    instance = ProtocolInstance(load_card("canonical"), make("hr"))
    assert instance.id == "canonical@1+ref=hr(oracle: leaks HR)"
    assert instance.warning == "oracle: leaks HR"
    assert ProtocolInstance(load_card("canonical")).warning == ""


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"policy": "count"}, "reference.count=1..N goes with policy: count"),
        ({"policy": "count", "count": 0}, "reference: count: 0 is not a whole number from 1"),
        (
            {"policy": "count", "count": 2, "order": "bets"},
            "order: 'bets' is not 'best', 'worst' or",
        ),
        ({"policy": "first", "order": "best"}, "reference.order goes with policy: count"),
        ({"policy": "first", "level": 2}, "reference.level=1..N goes with policy: level"),
    ],
)
def test_bad_policies(data: dict[str, int | str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        ReferencePolicy.parse(data, "suite s")
    assert message in str(caught.value)


def test_samples_that_lack_what_is_asked_for() -> None:
    with pytest.raises(SampleError, match="reference L5 asked for, it has 3"):
        select(make("level", level=5))
    with pytest.raises(SampleError, match="4 references asked for, it has 3"):
        select(make("count", count=4))
    with pytest.raises(SampleError, match="no reference to shuffle"):
        select(make("shuffled"), sample(refs=0))
    with pytest.raises(SampleError, match="no other sample"):
        make("other").select(sample(), 0, 0, None, LR, 4)
    assert select(make("first"), sample(refs=0)) == ((), ())
