"""The page as text: nothing from outside is markup, nothing is requested, pictures are chosen well."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refbench.reports import pictures
from refbench.reports.chosen import extremes, gallery_items
from refbench.reports.html import carriers
from refbench.reports.html.page import write_page
from refbench.reports.html.summary import summary
from refbench.reports.html.view import choices, questions, tables
from refbench.reports.report import build_report
from refbench.results.cells import load_cells

HOSTILE_IDS = (
    "<script>window.hacked=1</script>",
    "\"><img src=x onerror='window.hacked=2'>",
    "../../../etc/passwd",
    "ünï 中文 \u202e\u2028",
    "</script><script>window.hacked=3</script>",
    "{{ 7 * 7 }}",
    "long" * 200,
    "plain",
)
HOSTILE_LABEL = "<b onclick=alert(1)>m</b> & 'q'"


class Page(HTMLParser):
    """Elements, attributes and the text outside scripts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside not in ("script", "style"):
            self.text.append(data)


def write(made: ModuleType, folder: Path, **settings: object) -> str:
    made.write_results(folder / "r", **settings)
    report = build_report(load_cells([folder / "r"]), published=True)
    page = write_page(report, folder / "out")[0]
    return page.read_text(encoding="utf-8")


def entries(text: str) -> list[dict[str, object]]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    data: list[dict[str, object]] = json.loads(found[1])["entries"]
    return data


def test_hostile_names_are_text(made: ModuleType, tmp_path: Path) -> None:
    text = write(
        made,
        tmp_path,
        ids=HOSTILE_IDS,
        images=True,
        label=HOSTILE_LABEL,
        dataset_label="<i>data</i>",
        protocols=made.instances()[:1],
    )
    page = Page(text)
    assert [t for t, _ in page.tags].count("script") == 2
    assert not [a for t, attributes in page.tags for a in attributes if a.startswith("on")]
    # bold are the page's own best values and the leader of its one verdict, nothing else
    bold = [a for t, a in page.tags if t == "b"]
    assert [a for a in bold if a != {"title": "best, significantly"}] == [{}]
    shown = "".join(page.text)
    assert HOSTILE_IDS[0] in shown
    assert HOSTILE_LABEL in shown
    assert "{{ 7 * 7 }}" in shown
    assert {e["sample"] for e in entries(text)} >= {HOSTILE_IDS[0], HOSTILE_IDS[2], "long" * 200}
    assert "\u202e" not in text
    written = sorted(p.name for p in (tmp_path / "out").rglob("*"))
    assert written == ["report.html"]


def test_nothing_is_requested_from_outside(made: ModuleType, tmp_path: Path) -> None:
    text = write(made, tmp_path, images=True, protocols=made.instances()[:4])
    page = Page(text)
    addresses = [
        value or ""
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "action", "data", "poster")
    ]
    assert addresses
    assert all(a.startswith(("data:", "#")) for a in addresses)
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text


def test_many_pictures_lie_in_a_folder_and_load_lazily(
    made: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carriers, "EMBED_LIMIT", 1000)
    text = write(made, tmp_path, ids=HOSTILE_IDS, images=True, protocols=made.instances()[:1])
    files = sorted(p.name for p in (tmp_path / "out" / "report_images").iterdir())
    assert files
    # no name of a sample is ever the name of a file
    assert all(re.fullmatch(r"\d{4}_thumb\.webp|[0-9a-f]{20}\.js", name) for name in files)
    images = [a for t, a in Page(text).tags if t == "img" and "src" in a]
    assert len(images) == len(HOSTILE_IDS)
    assert all(a["loading"] == "lazy" for a in images)
    assert all((tmp_path / "out" / str(a["src"])).is_file() for a in images)


def test_without_dataset_the_page_says_why_and_shows_sr(made: ModuleType, tmp_path: Path) -> None:
    notes: list[str] = []
    made.write_results(tmp_path / "r", images=True, protocols=made.instances()[:1])
    report = build_report(load_cells([tmp_path / "r"]))
    page = write_page(report, tmp_path / "out", note=notes.append)[0].read_text(encoding="utf-8")
    assert len([n for n in notes if "is not the one that was run (other fingerprint)" in n]) == 3 or notes
    assert "other fingerprint" in page
    first = entries(page)[0]
    kinds = [v["kind"] for v in first["views"]]  # type: ignore[index, attr-defined]
    assert kinds == ["SR", "SR", "SR"]
    assert first["pair"] == [0, 2], "without HR the best method that uses no reference, against another"


def test_without_images_there_is_no_gallery(made: ModuleType, tmp_path: Path) -> None:
    text = write(made, tmp_path, protocols=made.instances()[:2])
    assert entries(text) == []
    assert "no SR image: they were not kept (images=none)" in "".join(Page(text).text)
    assert 'class="card open"' not in text
    assert 'id="extremes"' in text


def test_every_metric_has_its_own_difference_and_drop(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path, protocols=made.instances()[:3])
    found = {t["title"]: t for t in tables(build_report(load_cells([tmp_path])))}
    jitter = found["cufed5-sample: jitter@1 of the reference"]
    assert jitter["header"][2:8] == [
        ("", "PSNR-Y dB", "m-psnr_y"),
        ("PSNR-Y", "vs bicubic", "m-psnr_y delta"),
        ("PSNR-Y", "drop", "m-psnr_y drop"),
        ("", "SSIM-Y", "m-ssim_y"),
        ("SSIM-Y", "vs bicubic", "m-ssim_y delta"),
        ("SSIM-Y", "drop", "m-ssim_y drop"),
    ]
    for section in jitter["sections"]:
        for row in section["rows"]:
            assert len(row["cells"]) + 2 == len(jitter["header"])
            # the made-up SSIM is the PSNR / 50, and so are its differences
            for k in (1, 2):
                psnr, ssim = row["cells"][k].value, row["cells"][k + 3].value
                assert (psnr == "") == (ssim == "")
                assert psnr == "" or float(ssim) == pytest.approx(float(psnr) / 50)


def test_every_column_is_shown_by_switches_that_exist(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path, protocols=made.instances()[:3])
    report = build_report(load_cells([tmp_path]))
    offered = {name for name, _ in choices(report)["columns"]}
    used = {name for table in tables(report) for *_, names in table["header"] for name in names.split()}
    assert used <= offered
    assert offered - used == {"interval"}


def test_extremes_are_the_largest_paired_differences(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path, protocols=made.instances()[:2], ids=[f"{i:03d}" for i in range(30)])
    stored = load_cells([tmp_path])
    metric = build_report(stored).metric
    found = extremes(stored.cells, metric)
    protocols = {c.protocol for c in stored.cells}
    assert len(protocols) == 2
    for protocol in protocols:
        cells = {c.method: c for c in stored.cells if c.protocol == protocol}
        plain = cells["bicubic"].values["psnr_y"]
        differences = sorted(
            (cell.values["psnr_y"][k] - plain[k], cell.method_label, *k)
            for name, cell in cells.items()
            if name != "bicubic"
            for k in plain
        )
        own = [e for e in found if e.section[1] == protocol]
        listed = {
            w: [(e.difference, e.method, e.sample, e.draw) for e in own if e.worst is w]
            for w in (True, False)
        }
        # three and three of a protocol, whatever the number of methods
        assert listed[True] == differences[:3]
        assert listed[False] == differences[:-4:-1]


def parts(text: str) -> list[tuple[str, bool]]:
    """The page's folded parts: (question, whether it is open at first)."""
    found = re.findall(r'<details class="question block[^"]*"( open)?>\s*<summary><h2 id="([a-z]+)"', text)
    return [(name, bool(opened)) for opened, name in found]


def test_tables_are_folded_by_question(made: ModuleType, tmp_path: Path) -> None:
    text = write(made, tmp_path)
    assert parts(text) == [
        ("quality", True), ("robustness", False), ("references", False), ("matching", False),
        ("cost", False), ("published", False), ("extremes", False), ("runs", False),
    ]  # fmt: skip
    report = build_report(load_cells([tmp_path / "r"]), published=True)
    asked = questions(report)
    shown = [table["id"] for question in asked for table in question["tables"]]
    assert sorted(shown) == sorted(f"table{k}" for k in range(len(report.tables))), "each table once"
    by_question = {q["id"]: {t["title"].partition(": ")[2] for t in q["tables"]} for q in asked}
    assert by_question["robustness"] >= {"jitter@1 of the reference", "flip@1 of the reference"}
    assert all("reference" in title for title in by_question["references"])
    # a link in the contents for every part
    links = [a["href"] for t, a in Page(text).tags if t == "a"]
    assert {f"#{name}" for name, _ in parts(text)} <= set(links)


def test_first_screen_says_who_leads_by_how_much_and_whether_it_is_certain(
    made: ModuleType, tmp_path: Path
) -> None:
    made.write_results(tmp_path / "many", protocols=made.instances()[:1])
    (verdict,) = summary(build_report(load_cells([tmp_path / "many"])))["verdicts"]
    assert verdict["method"] == "datsr (compact)"
    assert (verdict["claim"], verdict["certain"], verdict["why"]) == ("is best", True, "significant")
    assert re.search(
        r"^PSNR-Y \d+\.\d\d dB, \+1\.\d\d .* against bicubic; 0\.\d\d dB ahead of ttsr", verdict["text"]
    )

    # two images do not show anything: the word "best" is not used
    made.write_results(tmp_path / "few", protocols=made.instances()[:1], ids=("a", "b"))
    (verdict,) = summary(build_report(load_cells([tmp_path / "few"])))["verdicts"]
    assert (verdict["claim"], verdict["certain"]) == ("has the highest mean", False)
    assert verdict["why"] == "the lead is not shown to be significant"
    text = write(made, tmp_path / "page", protocols=made.instances()[:1], ids=("a", "b"))
    first = text[text.index('class="first"') : text.index("<nav")]
    assert "has the highest mean on cufed5-sample, canonical@1" in first
    assert "best" not in first

    made.write_results(tmp_path / "one", protocols=made.instances()[:1], methods={"bicubic": 0.0})
    (verdict,) = summary(build_report(load_cells([tmp_path / "one"])))["verdicts"]
    assert (verdict["claim"], verdict["why"]) == ("was measured alone", "nothing to compare with")


def test_first_screen_has_the_facts_of_the_cells_and_their_audits(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path, protocols=made.instances()[:4], images=True)
    report = build_report(load_cells([tmp_path]))
    facts = dict(summary(report)["facts"])
    assert facts["Methods"] == "bicubic, datsr (compact), ttsr (compact)"
    assert facts["Images"] == "cufed5-sample (10)"
    assert facts["Protocols"] == "canonical@1; changes of the reference: jitter"
    assert facts["Measured"] == "2026-01-02"
    assert facts["Audit"] == "all 12 results: self-reported"
    assert facts["Evidence"].endswith("SR images are kept, so that scores can be computed again")
    audited = tuple(replace(c, audit="re-scored") if k < 2 else c for k, c in enumerate(report.cells))
    facts = dict(summary(replace(report, stored=replace(report.stored, cells=audited)))["facts"])
    assert facts["Audit"] == "2 results: re-scored; 10 results: self-reported"


def test_gallery_takes_extremes_first_and_no_more_than_asked(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path, protocols=made.instances()[:3], ids=[f"{i:03d}" for i in range(40)])
    stored = load_cells([tmp_path])
    metric = build_report(stored).metric
    items, total = gallery_items(stored.cells, metric, 12)
    assert len(items) == 12
    assert total > 40
    plain = {e.sample for e in extremes(stored.cells, metric) if e.section[1] == "canonical@1"}
    assert {i.sample for i in items} <= plain or {i.sample for i in items} >= plain
    assert {i.section[1] for i in items} == {"canonical@1"}
    assert gallery_items(stored.cells, metric, 0)[0] == []


def brute_best(difference: np.ndarray, side: int) -> float:
    height, width = difference.shape
    return max(
        float(difference[y : y + side, x : x + side].sum())
        for y in range(height - side + 1)
        for x in range(width - side + 1)
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(6, 24), st.integers(6, 24), st.integers(2, 10))
def test_crops_are_where_methods_differ_most_and_do_not_overlap(
    seed: int, height: int, width: int, side: int
) -> None:
    difference = np.random.default_rng(seed).gamma(1.0, 1.0, (height, width))
    boxes = pictures.crop_boxes(difference, 2, side)
    side = min(side, height, width)
    top, left, h, w = boxes[0]
    assert float(difference[top : top + h, left : left + w].sum()) == pytest.approx(
        brute_best(difference, side)
    )
    covered = np.zeros((height, width), int)
    for y, x, h, w in boxes:
        assert (h, w) == (side, side)
        covered[y : y + h, x : x + w] += 1
    assert covered.max() == 1


def test_error_map_goes_from_black_to_yellow() -> None:
    target = np.full((2, 3, 3), 100, np.uint8)
    sr = target.copy()
    sr[0, 1] += 40
    sr[1, 2] = 255
    shown = pictures.error_map(sr, target)
    assert shown.shape == target.shape
    assert shown[0, 0].tolist() == [0, 0, 4]
    assert shown[0, 1].tolist() == shown[1, 2].tolist() == [252, 255, 164]


def test_disagreement_of_one_method_is_its_error() -> None:
    target = np.zeros((4, 4, 3), np.uint8)
    sr = target.copy()
    sr[2, 1] = 30
    single = pictures.disagreement({"a": sr}, target)
    assert single[2, 1] == 30.0
    assert single.sum() == 30.0
    assert pictures.disagreement({"a": sr, "b": sr}, target).sum() == 0.0


def test_lr_crops_show_the_same_place() -> None:
    lr = np.arange(5 * 6 * 3, dtype=np.uint8).reshape(5, 6, 3)
    assert np.array_equal(pictures.cut(lr, (8, 4, 8, 8), 4.0), lr[2:4, 1:3])
