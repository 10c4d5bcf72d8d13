"""The page as text: nothing from outside is markup, nothing is requested, pictures are chosen well."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refbench.reports.html import gallery as gallery_module
from refbench.reports.html import pictures
from refbench.reports.html.chosen import extremes, gallery_items
from refbench.reports.html.page import write_page
from refbench.reports.html.view import tables
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
    assert not [a for t, a in page.tags if t == "b" and a.get("title") not in ("best, significantly",)]
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
    monkeypatch.setattr(gallery_module, "EMBED_LIMIT", 1000)
    text = write(made, tmp_path, ids=HOSTILE_IDS, images=True, protocols=made.instances()[:1])
    files = sorted(p.name for p in (tmp_path / "out" / "report_images").iterdir())
    assert files
    assert all(re.fullmatch(r"\d{4}_[a-z0-9_]+\.webp", name) for name in files)
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
    assert first["references"] == []


def test_without_images_there_is_no_gallery(made: ModuleType, tmp_path: Path) -> None:
    text = write(made, tmp_path, protocols=made.instances()[:2])
    assert entries(text) == []
    assert 'id="gallery"' not in text
    assert 'id="extremes"' in text


def test_every_metric_has_its_own_difference_and_drop(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path, protocols=made.instances()[:3])
    found = {t["title"]: t for t in tables(build_report(load_cells([tmp_path])))}
    jitter = found["cufed5-sample: jitter@1 of the reference"]
    assert jitter["header"][2:8] == [
        ("", "PSNR-Y dB"), ("PSNR-Y", "vs bicubic"), ("PSNR-Y", "drop"),
        ("", "SSIM-Y"), ("SSIM-Y", "vs bicubic"), ("SSIM-Y", "drop"),
    ]  # fmt: skip
    for section in jitter["sections"]:
        for row in section["rows"]:
            assert len(row["cells"]) + 2 == len(jitter["header"])
            # the made-up SSIM is the PSNR / 50, and so are its differences
            for k in (1, 2):
                psnr, ssim = row["cells"][k].value, row["cells"][k + 3].value
                assert (psnr == "") == (ssim == "")
                assert psnr == "" or float(ssim) == pytest.approx(float(psnr) / 50)


def test_extremes_are_the_largest_paired_differences(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path, protocols=made.instances()[:1], ids=[f"{i:03d}" for i in range(30)])
    stored = load_cells([tmp_path])
    metric = build_report(stored).metric
    found = [e for e in extremes(stored.cells, metric) if e.method.startswith("datsr")]
    cells = {c.method: c.values["psnr_y"] for c in stored.cells}
    differences = sorted((cells["datsr"][k] - cells["bicubic"][k], k[0]) for k in cells["datsr"])
    assert [(e.difference, e.sample) for e in found if e.worst] == differences[:5]
    assert [(e.difference, e.sample) for e in found if not e.worst] == differences[:-6:-1]


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
