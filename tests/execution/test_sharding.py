"""``shard=i/n``: every trial in exactly one shard, balanced, and the same whenever it is asked again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import small_study as small
from hypothesis import given
from hypothesis import strategies as st

from refbench.errors import UserError
from refbench.plan.sharding import Load, divide, share
from refbench.settings import Shard


def loads(sizes: Mapping[str, int], cells: int, methods: int = 1) -> list[Load]:
    return [Load(f"cell{n}", n % methods, tuple(sizes), sizes) for n in range(cells)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0/4", "shard=0/4: there are shards 1/4 to 4/4; they are counted from 1, not from 0"),
        ("5/4", "shard=5/4: there are shards 1/4 to 4/4"),
        ("-1/4", "shard=-1/4: there are shards 1/4 to 4/4"),
        ("1/0", "shard=1/0: the number of shards is 1 or more"),
        ("2", "shard=2: give it as i/n, for example shard=1/4 to shard=4/4"),
        ("1/4/2", "shard=1/4/2: give it as i/n, for example shard=1/4 to shard=4/4"),
        ("a/b", "shard=a/b: give it as i/n, for example shard=1/4 to shard=4/4"),
    ],
)
def test_what_is_no_shard_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        Shard.parse(text)
    assert str(error.value) == message


def test_a_shard_reads_as_it_is_written() -> None:
    assert Shard.parse(" 2/8 ") == Shard(2, 8)
    assert str(Shard(2, 8)) == "2/8"


SIZES = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=4), st.integers(1, 10**6), min_size=1, max_size=30
)


@given(sizes=SIZES, cells=st.integers(1, 5), methods=st.integers(1, 3), count=st.integers(1, 9))
def test_every_sample_of_every_cell_is_in_exactly_one_shard(
    sizes: dict[str, int], cells: int, methods: int, count: int
) -> None:
    given_cells = loads(sizes, cells, methods)
    parts = [share(given_cells, Shard(i, count)) for i in range(1, count + 1)]
    together = Counter(item for part in parts for item in part)
    assert together == Counter((cell.key, sample) for cell in given_cells for sample in sizes)


@given(sizes=SIZES, cells=st.integers(1, 4), count=st.integers(1, 6), seed=st.randoms())
def test_the_order_of_the_dataset_does_not_matter(
    sizes: dict[str, int], cells: int, count: int, seed: object
) -> None:
    ids = list(sizes)
    seed.shuffle(ids)  # type: ignore[attr-defined]
    shuffled = [Load(cell.key, cell.group, ids, cell.sizes) for cell in loads(sizes, cells)]
    assert set(divide(shuffled, count)) == set(divide(loads(sizes, cells), count))


@given(sizes=SIZES, cells=st.integers(1, 12), count=st.integers(1, 6))
def test_no_shard_has_much_more_than_its_part_of_any_cell(
    sizes: dict[str, int], cells: int, count: int
) -> None:
    work: dict[tuple[str, int], int] = defaultdict(int)
    for key, sample, shard in divide(loads(sizes, cells), count):
        work[key, shard] += sizes[sample]
    # Graham's bound for any list scheduling: the mean of the others and one sample
    limit = sum(sizes.values()) / count + max(sizes.values()) * (1 - 1 / count)
    assert max(work.values()) <= limit + 1e-6


def test_cells_smaller_than_the_number_of_shards_are_spread() -> None:
    counts = Counter(shard for _, _, shard in divide(loads({"a": 5, "b": 5}, 40), 8))
    assert counts == Counter(dict.fromkeys(range(1, 9), 10))


def test_the_large_image_of_every_cell_is_not_always_the_same_shards() -> None:
    shards = Counter(n for _, sample, n in divide(loads({"a": 100, "b": 1, "c": 1}, 6), 2) if sample == "a")
    assert shards == {1: 3, 2: 3}


def test_a_plan_of_shards_holds_each_trial_once_and_all_draws_of_a_sample_together(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    registry = small.make_registry(monkeypatch)
    whole = small.make_plan(registry, small.settings(tmp_path)).tasks({})
    parts = [small.make_plan(registry, small.settings(tmp_path, f"{i}/3")).tasks({}) for i in (1, 2, 3)]
    assert sorted((t.cell, t.sample_id, t.draw) for part in parts for t in part) == sorted(
        (t.cell, t.sample_id, t.draw) for t in whole
    )
    for part in parts:
        draws = Counter((task.cell, task.sample_id) for task in part)
        assert set(draws.values()) == {1, 2}
        # in the order of the whole plan: methods together, so that weights load once
        # which task counts the operations differs: each run has its own first one
        part, same = ([replace(task, count="") for task in tasks] for tasks in (part, whole))
        assert part == [task for task in same if task in set(part)]


def test_what_is_finished_does_not_move_the_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    registry = small.make_registry(monkeypatch)
    config = small.settings(tmp_path, "2/3")
    before = small.make_plan(registry, config).tasks({})
    with pytest.raises(KeyboardInterrupt):
        small.execute(registry, config, stop_after=3)
    after = small.execute(registry, config)
    assert after.computed + after.reused == len(before)
    assert after.reused >= 3
    assert {(k[0], k[1], k[2]) for k in small.stored_rows(tmp_path)} == {
        (task.cell[:20], task.sample_id, task.draw) for task in before
    }


def test_a_shard_says_that_it_is_partial_and_is_not_ranked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from refbench.reports.table import comparison_table

    registry = small.make_registry(monkeypatch)
    outcome = small.execute(registry, small.settings(tmp_path, "1/3"))
    assert outcome.partial == "partial: shard 1/3"
    table = comparison_table(outcome.suites[0].cells)
    assert {section.dataset_label for section in table.sections} == {"small set [partial: shard 1/3]"}
    assert any("not ranked: partial: shard 1/3" in note for note in table.notes)
    assert outcome.suites[0].cells[0].json()["partial"] == "partial: shard 1/3"
    # the last shard of a shared folder finds everything there
    small.execute(registry, small.settings(tmp_path, "2/3"))
    last = small.execute(registry, small.settings(tmp_path, "3/3"))
    assert last.partial == ""
    assert {s.dataset_label for s in last.suites[0].cells} == {"small set"}
