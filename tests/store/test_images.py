"""File names from sample ids, which anybody may have chosen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refbench.store import image_name, write_image

HOSTILE = [
    "", ".", "..", "../../etc/passwd", "/etc/passwd", "a/b", "a\\b", "C:\\x", "nul\0byte", "-rf", ".hidden",
    "x" * 5000, "Übung/ä", "日本語", "a b", "a\nb", "\ud800", "CON", "<img src=x>", "a;rm", "%2e%2e",
]  # fmt: skip


@pytest.mark.parametrize("sample_id", HOSTILE)
def test_hostile_ids_stay_inside_the_folder(tmp_path: Path, sample_id: str) -> None:
    (tmp_path / "cell").mkdir()
    relative = write_image(tmp_path / "cell", sample_id, 0, b"png")
    path = tmp_path / "cell" / relative
    assert path.read_bytes() == b"png"
    assert path.resolve().parent == (tmp_path / "cell/images").resolve()
    assert [p.name for p in tmp_path.iterdir()] == ["cell"]


@pytest.mark.parametrize("sample_id", ["000", "IMG_001.v2", "a-b_c", "x" * 100])
def test_plain_ids_name_their_file(sample_id: str) -> None:
    assert image_name(sample_id, 3) == f"{sample_id}_d3.png"


ids = st.text(max_size=30) | st.sampled_from(HOSTILE)
trials = st.tuples(ids, st.integers(0, 99))


@given(trials, trials)
def test_different_trials_have_different_safe_names(a: tuple[str, int], b: tuple[str, int]) -> None:
    for sample_id, draw in (a, b):
        name = image_name(sample_id, draw)
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*_d\d+\.png", name)
        assert len(name) < 120
    if a != b:
        assert image_name(*a) != image_name(*b)


def test_an_id_that_imitates_a_hashed_name_does_not_meet_it() -> None:
    hashed = image_name("a/b", 0)
    assert image_name(hashed.removesuffix("_d0.png"), 0) != hashed
