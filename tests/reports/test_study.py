"""The study: blind, seeded, answered in a real browser, and read back into a table."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import refbench
from refbench.cli.main import main
from refbench.reports.study.plan import plan_pairs

IDS = ("<script>window.hacked=1</script>", "photo-b", "photo-c", "photo-d")


@pytest.fixture(scope="module")
def results(made: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study") / "r"
    made.write_results(folder, ids=IDS, images=True, protocols=made.instances()[:2], label="m<u>")
    return folder


def written(results: Path, out: Path, *words: str) -> dict[str, Any]:
    assert main(["report", str(results), "format=study", f"report.dir={out}", *words]) == 0
    found: dict[str, Any] = json.loads((out / "study_key.json").read_text())
    return found


def answers(key: dict[str, Any], choose: Any, rater: str = "r") -> str:
    given = [{"question": k, "choice": choose(pair), "seconds": 1} for k, pair in enumerate(key["pairs"])]
    return json.dumps({"schema": 1, "study": key["study"], "rater": rater, "answers": given})


def test_pairs_are_balanced_and_seeded() -> None:
    samples = {f"{k:03d}": ("a", "b", "c") for k in range(20)}
    pairs = plan_pairs(samples, 30, seed=4)
    assert pairs == plan_pairs(samples, 30, seed=4)
    assert pairs != plan_pairs(samples, 30, seed=5)
    assert Counter(frozenset((p.left, p.right)) for p in pairs) == dict.fromkeys(
        (frozenset("ab"), frozenset("ac"), frozenset("bc")), 10
    )
    assert set(Counter(p.sample for p in pairs).values()) <= {1, 2}
    for one, other in ("ab", "ac", "bc"):
        left = sum(p.left == one for p in pairs if {p.left, p.right} == {one, other})
        assert left == 5
    assert len(set(pairs)) == 30
    assert len(plan_pairs(samples, 0, seed=0)) == 60


def test_what_is_handed_out_names_no_method_and_no_sample(results: Path, tmp_path: Path) -> None:
    key = written(results, tmp_path, "study.pairs=9")
    assert len(key["pairs"]) == 9
    names = {pair["left"] for pair in key["pairs"]} | {"datsr", "ttsr", "bicubic", "m<u>"}
    handed = [path for path in (tmp_path / "study").rglob("*") if path.is_file()]
    assert len(handed) == 1 + len({(p["sample"], p[s]) for p in key["pairs"] for s in ("left", "right")})
    for path in handed:
        assert not any(name in path.name for name in names)
        if path.suffix == ".html":
            text = path.read_text()
            assert not any(name in text for name in (*names, *IDS, key["secret"], *key["runs"].values()))
    again = written(results, tmp_path, "study.pairs=9")
    assert again == key, "the same study again is the same study: its answers stay valid"
    assert written(results, tmp_path, "study.pairs=8")["study"] != key["study"]


def test_a_rater_answers_in_the_browser(
    browser: Any, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = written(results, tmp_path, "study.pairs=6")
    browser.open(tmp_path / "study" / "study.html", width=390, height=780)
    browser.run("document.getElementById('rater').value = 'kim'")
    browser.run("document.getElementById('begin').click()")
    for k, press in enumerate(("ArrowLeft", "ArrowRight", "ArrowLeft", None, "ArrowLeft", "ArrowRight")):
        browser.wait("Array.from(document.querySelectorAll('#pair img')).every(i => i.naturalWidth > 0)")
        assert browser.run("document.getElementById('progress').textContent") == f"{k + 1} of 6"
        assert browser.run("document.documentElement.scrollWidth <= innerWidth")
        if press is None:
            browser.run("document.querySelector('button[data-choice=tie]').click()")
        else:
            browser.press(press)
    assert browser.run("!document.getElementById('end').hidden")
    saved = browser.run("window.studyAnswers()")
    assert browser.problems == []
    assert all(url.startswith("file:") for url in browser.requests)
    assert browser.run("window.hacked === undefined")
    found = json.loads(saved)
    assert [a["choice"] for a in found["answers"]] == ["left", "right", "left", "tie", "left", "right"]
    assert found["rater"] == "kim"
    (tmp_path / "kim.json").write_text(saved)
    capsys.readouterr()
    written(results, tmp_path, f"study.answers={tmp_path / 'kim.json'}")
    table = json.loads((tmp_path / "study_results.json").read_text())
    assert (table["raters"], table["answers"], table["ties"]) == (1, 6, 1)
    won = Counter({row["method"]: row["won"] for row in table["methods"]})
    for pair, answer in zip(key["pairs"], found["answers"], strict=True):
        for side in ("left", "right"):
            won[pair[side]] -= 0.5 if answer["choice"] == "tie" else float(answer["choice"] == side)
    assert set(won.values()) == {0.0}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bicubic and nearest neighbour on two images of the sample set, whose HR and references are here."""
    out = tmp_path_factory.mktemp("measured") / "r"
    refbench.evaluate(
        lambda lr, refs: lr.repeat_interleave(4, 1).repeat_interleave(4, 2), name="nearest", limit=2, out=out
    )
    return out


@pytest.mark.parametrize(
    ("hr", "refs"), [("hidden", "hidden"), ("shown", "hidden"), ("hidden", "shown"), ("shown", "shown")]
)
def test_the_original_and_the_references_are_shown_as_asked(
    browser: Any, measured: Path, tmp_path: Path, hr: str, refs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"study.hr={hr}", f"study.refs={refs}", "study.pairs=0"]
    key = written(measured, tmp_path, *words)
    assert key["shown"] == {"hr": hr == "shown", "refs": refs == "shown"}
    browser.open(tmp_path / "study" / "study.html", width=390, height=844)
    browser.run("document.getElementById('begin').click()")
    texts = "Array.from(document.querySelectorAll('#originals figcaption'), f => f.textContent)"
    expected = ["the original photograph"] * (hr == "shown") + ["another photograph of it"] * (
        refs == "shown"
    )
    for _ in key["pairs"]:
        browser.wait("Array.from(document.querySelectorAll('#ask img')).every(i => i.naturalWidth > 0)")
        assert browser.run(texts) == expected
        assert browser.run("document.getElementById('back').getBoundingClientRect().bottom <= innerHeight")
        assert browser.run("document.documentElement.scrollWidth <= innerWidth")
        browser.press("ArrowLeft")
    saved = browser.run("window.studyAnswers()")
    assert browser.problems == []
    assert all(url.startswith("file:") for url in browser.requests)
    # what is handed out names nobody, whatever it shows
    assert "nearest" not in (tmp_path / "study" / "study.html").read_text()
    (tmp_path / "a.json").write_text(saved)
    capsys.readouterr()
    written(measured, tmp_path, f"study.answers={tmp_path / 'a.json'}")
    table = json.loads((tmp_path / "study_results.json").read_text())
    assert table["shown"] == [name for name, how in (("hr", hr), ("refs", refs)) if how == "shown"]
    assert (table["answers"], {row["method"] for row in table["methods"]}) == (2, {"bicubic", "nearest"})
    # shown otherwise it is another study, which does not take these answers
    other = "study.hr=hidden" if hr == "shown" else "study.hr=shown"
    again = written(measured, tmp_path, words[1], words[2], other)
    assert again["pairs"] == key["pairs"]
    assert again["study"] != key["study"]
    bad = [
        "report",
        str(measured),
        "format=study",
        f"report.dir={tmp_path}",
        f"study.answers={tmp_path / 'a.json'}",
    ]
    assert main(bad) == 2
    assert "answers another study" in capsys.readouterr().err


def test_originals_of_a_dataset_that_is_not_here_are_asked_for(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["report", str(results), "format=study", f"report.dir={tmp_path}", "study.hr=shown"]
    assert main(words) == 2
    shown = capsys.readouterr().err
    assert "no HR and references" in shown
    assert "data.root=" in shown


def test_answers_become_a_table(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = written(results, tmp_path, "study.pairs=0")
    rank = {"bicubic": 2, "m<u> (compact)": 1}
    labels = sorted({pair["left"] for pair in key["pairs"]} | {pair["right"] for pair in key["pairs"]})
    rank = {label: k for k, label in enumerate(labels)}

    def best(pair: dict[str, str]) -> str:
        return "left" if rank[pair["left"]] < rank[pair["right"]] else "right"

    files = []
    for rater in ("one", "two"):
        files.append(tmp_path / f"{rater}.json")
        files[-1].write_text(answers(key, best, rater))
    written(results, tmp_path, f"study.answers={files[0]},{files[1]}")
    table = json.loads((tmp_path / "study_results.json").read_text())
    assert [row["method"] for row in table["methods"]] == labels
    scores = [row["score"] for row in table["methods"]]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(0, abs=1e-9)
    assert all(row["lo"] <= row["score"] <= row["hi"] for row in table["methods"])
    text = (tmp_path / "study_results.md").read_text()
    assert "2 files" in text
    assert "m\\<u\\>" in text


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda d: {**d, "study": "0" * 20}, "answers another study"),
        (lambda d: {**d, "answers": "none"}, "has no list of answers"),
        (lambda d: {**d, "answers": [{"question": 99, "choice": "left"}]}, "is not one of this study's"),
        (lambda d: {**d, "answers": [{"question": 0, "choice": "up"}]}, "is not one of this study's"),
        (lambda d: {**d, "answers": []}, "no choices"),
        (lambda d: 3, "is not a file of answers"),
    ],
)
def test_answers_of_something_else_are_refused(
    results: Path, tmp_path: Path, damage: Any, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    key = written(results, tmp_path, "study.pairs=3")
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(damage(json.loads(answers(key, lambda pair: "left")))))
    capsys.readouterr()
    words = ["report", str(results), "format=study", f"report.dir={tmp_path}", f"study.answers={bad}"]
    assert main(words) == 2
    assert error in capsys.readouterr().err
    assert not (tmp_path / "study_results.md").exists()


def test_one_file_twice_is_refused(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = written(results, tmp_path, "study.pairs=3")
    (tmp_path / "a.json").write_text(answers(key, lambda pair: "left"))
    (tmp_path / "b.json").write_text(answers(key, lambda pair: "left"))
    both = f"study.answers={tmp_path / 'a.json'},{tmp_path / 'b.json'}"
    assert main(["report", str(results), "format=study", f"report.dir={tmp_path}", both]) == 2
    assert "says the same as" in capsys.readouterr().err


def test_no_images_no_study(made: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made.write_results(tmp_path / "r", ids=("a", "b"), protocols=made.instances()[:1])
    assert main(["report", str(tmp_path / "r"), "format=study", f"report.dir={tmp_path / 'o'}"]) == 2
    assert "run with images=png" in capsys.readouterr().err
