"""Names from outside steer no terminal, run in no spreadsheet and break no JSON."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refbench.cli.display import PlainProgress
from refbench.cli.output import Output
from refbench.cli.table import print_table
from refbench.reports.flat_csv import write
from refbench.untrusted.escape import json_text, markdown_text, spreadsheet_text, terminal_text

STEERING = [
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\x9b2J",
    "\x08",
    "\r",
    "\u202eexe.png",
    "\u2066",
    "\u2028",
    "\udcff",
]


@pytest.mark.parametrize("piece", STEERING, ids=ascii)
def test_what_steers_a_terminal_is_not_printed(piece: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(as_json=False)
    out.line(f"a{piece}b\tc")
    out.note(f"a{piece}b")
    out.error(f"a{piece}b")
    print_table(out, ["name"], [[f"a{piece}b"]])
    PlainProgress()._say(f"a{piece}b")
    shown = capsys.readouterr()
    for text in (shown.out, shown.err):
        assert text.isascii()
        assert all(c.isprintable() or c in "\n\t" for c in text)


def test_an_error_is_one_line_whatever_it_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).error("first\nsecond\r\nthird\x1b[31m")
    assert capsys.readouterr().err == "refbench: first second third?[31m\n"


def test_our_own_colours_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).line("\x1b[1mbold\x1b[0m", styled=True)
    assert capsys.readouterr().out == "\x1b[1mbold\x1b[0m\n"


@given(st.text())
def test_json_means_the_same_and_steers_nothing(text: str) -> None:
    written = json_text(json.dumps({"id": text}, ensure_ascii=False))
    assert json.loads(written) == {"id": text}
    assert terminal_text(written) == written
    written.encode("utf-8")


@pytest.mark.parametrize("name", ["=1+1", "+A1", "-2+3", "@SUM(A1)", "\t=1", "=cmd|' /C calc'!A0"])
def test_no_name_is_a_formula_in_a_spreadsheet(name: str) -> None:
    text = write(["method", "mean"], [{"method": name, "mean": -0.5}])
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    assert row["method"] == f"'{name}"
    assert row["mean"] == "-0.5"


def test_a_carriage_return_ends_no_line_of_a_csv_file() -> None:
    text = write(["method", "mean"], [{"method": "a\r=1", "mean": 1.0}])
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["method", "mean"], ["a?=1", "1"]]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_a_name_that_begins_a_formula_is_text_also_in_full_width(sign: str) -> None:
    assert spreadsheet_text(f"{sign}cmd()") == f"'{sign}cmd()"


@pytest.mark.parametrize("text", ["-0.5", "+3", "-inf", "006", "a=b", "", "'x"])
def test_numbers_and_ordinary_names_stay_as_they_are(text: str) -> None:
    assert spreadsheet_text(text) == text


@given(st.text())
def test_markdown_holds_no_live_markup(name: str) -> None:
    text = markdown_text(name)
    for i, c in enumerate(text):
        if c in "|*_`[]<>":
            assert text[i - 1] == "\\"
    assert "\n" not in text
