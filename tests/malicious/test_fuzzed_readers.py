"""Readers of text from outside, fed anything: a value or one line that names the file, nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from refbench.datasets.pair_list import read_pair_list
from refbench.errors import UserError
from refbench.untrusted.yaml_text import safe_yaml

FILES = settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
LINE = st.text(st.sampled_from("ab/.. \t\"'#\\\n\r\x00é\u2028"), max_size=40)


@FILES
@given(st.binary(max_size=200) | LINE.map(lambda text: text.encode("utf-8")))
@example(b"a ../b\n")
@example(b"a 'b\n")
@example(b"\xff\xfe")
def test_any_pair_list_is_pairs_below_the_root_or_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "pairs.txt"
    path.write_bytes(data)
    error = ""
    try:
        _, lines = read_pair_list("data.list", str(path))
    except UserError as caught:
        lines, error = (), str(caught)
    assert bool(lines) != bool(error)
    for line in lines:
        assert line.refs
        assert not any(".." in Path(name).parts for name in (line.input, *line.refs))
    if error:
        assert str(path) in error


@FILES
@given(st.text(max_size=80) | st.text(st.sampled_from("a&*1:-[]{}!<>|,'\"\n #?%@`~"), max_size=40))
@example("&a [*a]")
@example("a: 2020-13-45")
@example("!!python/object/apply:os.system [exit]")
@example("? {a: b} : c")
@example("!!binary x")
@example("<<: [1, 2]")
def test_any_yaml_is_plain_data_or_one_line(text: str) -> None:
    error = ""
    try:
        safe_yaml(text, "mine.yaml")
    except UserError as caught:
        error = str(caught)
    assert "\n" not in error
    assert not error or error.startswith("mine.yaml")


def test_ordinary_aliases_are_understood() -> None:
    text = "base: &b {draws: 3}\nfirst: *b\nsecond: {<<: *b, seed: 1}\n"
    assert safe_yaml(text, "x") == {
        "base": {"draws": 3},
        "first": {"draws": 3},
        "second": {"draws": 3, "seed": 1},
    }


@pytest.mark.parametrize(("text", "says"), [
    ("a: !!python/object/apply:os.mkdir [x]", "line 1: not valid YAML: could not determine a constructor"),
    ("a: &a [*a]", "contains itself"),
    ("x" * 300_000, "over 256 KB"),
    ("a: [b", "line 1: not valid YAML"),
])  # fmt: skip
def test_yaml_errors_say_what_and_where(text: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        safe_yaml(text, "mine.yaml")
