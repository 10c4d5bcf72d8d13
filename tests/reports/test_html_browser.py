"""The page in a real browser: it loads alone, sorts, filters, and its viewer works by mouse and keyboard."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from refbench.reports.html import carriers
from refbench.reports.html.page import write_page
from refbench.reports.report import build_report
from refbench.results.cells import load_cells

IDS = (
    "<script>window.hacked=1</script>", "\"><img src=x onerror='window.hacked=2'>", "../../up",
    "</script><script>window.hacked=3</script>", "ünï 中文", "long" * 100,
)  # fmt: skip


@pytest.fixture(scope="module")
def page(made: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    made.write_results(folder / "r", ids=IDS, images=True, label="m<u>'\"", protocols=made.instances()[:4])
    made.write_results(
        folder / "w",
        ids=("a", "b"),
        protocols=made.instances()[:1],
        dataset_label="wrsr",
        fingerprint="e" * 64,
    )
    report = build_report(load_cells([folder / "r", folder / "w"]), published=True)
    return write_page(report, folder / "out")[0]


@pytest.fixture
def opened(browser: Any, page: Path) -> Any:
    browser.open(page)
    return browser


def quiet(browser: Any, page: Path) -> None:
    assert browser.problems == []
    assert browser.requests == [page.resolve().as_uri()]
    assert browser.run("window.hacked === undefined")


def test_loads_alone_and_runs_nothing_from_names(opened: Any, page: Path) -> None:
    quiet(opened, page)
    assert opened.run("document.querySelectorAll('table').length") > 3
    assert opened.run("document.querySelectorAll('figure.chart svg').length") > 2
    assert opened.run("document.querySelectorAll('img[src=x]').length") == 0
    opened.wait(
        "Array.from(document.images).filter(i => i.src).every(i => i.loading === 'lazy' || i.complete)"
    )


def column(browser: Any, body: int, cell: int) -> list[str]:
    script = (
        f"Array.from(document.querySelector('#table0').tBodies[{body}].querySelectorAll('tr.row'))"
        f".map(r => r.cells[{cell}].dataset.v)"
    )
    found: list[str] = browser.run(script)
    return found


def test_sorting_stays_within_sections_and_turns_round(opened: Any, page: Path) -> None:
    heads = "document.querySelectorAll('#table0 thead button')"
    sections = opened.run("Array.from(document.querySelectorAll('#table0 tr.head')).map(r => r.textContent)")
    opened.run(f"{heads}[2].click()")
    down = [float(v) for v in column(opened, 0, 2)]
    assert len(down) == 3
    assert down == sorted(down, reverse=True)
    sort_of = "document.querySelectorAll('#table0 thead th')[2].getAttribute('aria-sort')"
    assert opened.run(sort_of) == "descending"
    opened.run(f"{heads}[2].focus()")
    opened.press("Enter")
    assert [float(v) for v in column(opened, 0, 2)] == sorted(down)
    assert opened.run(sort_of) == "ascending"
    opened.run(f"{heads}[0].click()")
    names = column(opened, 0, 0)
    assert names == sorted(names)
    after = opened.run("Array.from(document.querySelectorAll('#table0 tr.head')).map(r => r.textContent)")
    assert after == sections
    assert opened.run(
        "Array.from(document.querySelector('#table0').tBodies).every(b => b.rows[0].className === 'head')"
    )
    quiet(opened, page)


def visible(browser: Any, selector: str) -> int:
    found: int = browser.run(
        f"Array.from(document.querySelectorAll({selector!r})).filter(e => e.getClientRects().length).length"
    )
    return found


def choose(browser: Any, identifier: str, value: str) -> None:
    browser.run(
        f"(() => {{ const s = document.getElementById('{identifier}'); s.value = {value!r};"
        " s.dispatchEvent(new Event('change')); })()"
    )


def test_filters_hide_rows_charts_and_pictures(opened: Any, page: Path) -> None:
    rows, cards = visible(opened, "tr.row"), visible(opened, ".card")
    assert cards > len(IDS)
    choose(opened, "f-dataset", "wrsr")
    assert 0 < visible(opened, "tr.row") < rows
    assert visible(opened, ".card") == 0
    assert visible(opened, "tbody[data-dataset='cufed5-sample']") == 0
    assert opened.run("document.getElementById('f-state').textContent") == "filtered"
    choose(opened, "f-dataset", "")
    assert visible(opened, "tr.row") == rows
    choose(opened, "f-protocol", "canonical@1+jitter@1[level=x2]")
    assert visible(opened, "tbody[data-protocol='canonical@1']") == 0
    assert 0 < visible(opened, ".card") < cards
    assert visible(opened, "figure.chart[data-base='canonical@1']") > 0
    choose(opened, "f-protocol", "")
    assert visible(opened, ".card") == cards
    marks = visible(opened, "g[data-method='bicubic'] .mark")
    assert marks > 0
    opened.run("document.querySelector('input[name=method][value=bicubic]').click()")
    assert visible(opened, "g[data-method='bicubic'] .mark") == 0
    assert visible(opened, "tr.row[data-method='bicubic']") == 0
    opened.run("document.querySelector('input[name=method][value=bicubic]').click()")
    assert visible(opened, "tr.row") == rows
    quiet(opened, page)


def test_columns_and_metrics_switch(opened: Any, page: Path) -> None:
    opened.run("document.getElementById('fold').click()")
    heads = {
        name: visible(opened, f"thead th[data-column~='{name}']") for name in ("delta", "drop", "m-ssim_y")
    }
    assert all(heads.values())
    both = visible(opened, "thead th[data-column='m-ssim_y delta']")
    rows, intervals = visible(opened, "tr.row"), visible(opened, "small[data-column='interval']")
    assert intervals > 0

    def switch(name: str) -> None:
        opened.run(f"document.querySelector('input[name=column][value={name}]').click()")

    switch("delta")
    assert visible(opened, "[data-column~='delta']") == 0
    assert visible(opened, "thead th[data-column~='m-ssim_y']") == heads["m-ssim_y"] - both
    # what is left stands under its own heading
    assert opened.run(
        "Array.from(document.querySelectorAll('#table0 tr.row')).every(r => Array.from(r.cells).every("
        "(c, k) => c.hidden === document.querySelectorAll('#table0 thead th')[k].hidden))"
    )
    switch("m-ssim_y")
    assert visible(opened, "[data-column~='m-ssim_y']") == 0
    assert visible(opened, "thead th[data-column~='m-psnr_y']") > 0
    switch("delta")
    assert visible(opened, "thead th[data-column~='delta']") == heads["delta"] - both
    switch("m-ssim_y")
    switch("interval")
    assert visible(opened, "small[data-column='interval']") == 0
    assert visible(opened, "tr.row") == rows
    switch("interval")
    assert visible(opened, "small[data-column='interval']") == intervals

    curves = {name: visible(opened, f"figure.chart[data-metric='{name}']") for name in ("psnr_y", "ssim_y")}
    assert curves["psnr_y"] > 0
    assert curves["ssim_y"] == 0
    choose(opened, "f-metric", "ssim_y")
    assert visible(opened, "figure.chart[data-metric='psnr_y']") == 0
    assert visible(opened, "figure.chart[data-metric='ssim_y']") == curves["psnr_y"]
    quiet(opened, page)


def test_print_unfolds_all_but_lists_and_cuts_no_column(browser: Any, page: Path) -> None:
    # A4 without its margins, at 96 dots per inch
    browser.open(page, width=710, height=1000)
    folded = (
        "Array.from(document.querySelectorAll('main > details:not([open]) > summary > h2')).map(h => h.id)"
    )
    before = browser.run(folded)
    assert set(before) > {"extremes", "runs"}
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run(folded) == ["extremes", "runs"]
    browser.command("Emulation.setEmulatedMedia", media="print")
    assert visible(browser, "form, nav, #theme, #viewer") == 0
    # a folded part has boxes still, which nobody sees
    seen = "Array.from(document.querySelectorAll('table')).filter(t => t.checkVisibility()).map(t => t.id)"
    shown = browser.run(seen)
    assert len(shown) > 3
    assert not {"run-table", "extreme-table"} & set(shown)
    wide = browser.run(
        "Array.from(document.querySelectorAll('table')).filter(t => t.checkVisibility())"
        ".filter(t => t.getBoundingClientRect().right > innerWidth).map(t => t.id)"
    )
    browser.command("Emulation.setEmulatedMedia", media="")
    assert wide == []
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert browser.run(folded) == before


def test_a_study_of_144_cells_is_short_before_it_is_unfolded(
    browser: Any, made: ModuleType, tmp_path: Path
) -> None:
    methods = {"bicubic": 0.0, **{f"m{k:02d}": 0.1 * k for k in range(1, 12)}}
    made.write_results(
        tmp_path / "r", methods=methods, ids=("a", "b"), protocols=made.instances()[:12], draws=1
    )
    report = build_report(load_cells([tmp_path / "r"]))
    assert len(report.cells) == 144
    browser.open(write_page(report, tmp_path / "o")[0])
    assert browser.run("document.documentElement.scrollHeight") < 12_000
    printed = browser.command("Page.printToPDF", preferCSSPageSize=True)["data"]
    # lists of hundreds of rows are not printed unless somebody unfolds them
    assert len(re.findall(rb"/Type\s*/Page\b", base64.b64decode(printed))) <= 14
    browser.run("dispatchEvent(new Event('beforeprint'))")
    lists = "Array.from(document.querySelectorAll('main details.question > details.aside')).map(d => d.open)"
    assert set(browser.run(lists)) == {False}
    assert browser.problems == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_readable_on_a_phone_in_both_themes(browser: Any, page: Path, dark: bool) -> None:
    browser.open(page, width=360, height=740, dark=dark)
    assert browser.run("document.documentElement.dataset.theme") == ("dark" if dark else "light")
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    colours = browser.run(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert contrast(*colours) > 7
    browser.run("document.getElementById('theme').click()")
    swapped = browser.run(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert swapped != colours
    assert contrast(*swapped) > 7
    browser.run("document.querySelector('.card').click()")
    browser.wait("document.getElementById('viewer').open")
    assert browser.run("document.getElementById('viewer').getBoundingClientRect().right <= innerWidth")
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    quiet(browser, page)


def contrast(first: str, second: str) -> float:
    """WCAG contrast ratio of two ``rgb(r, g, b)``."""

    def light(colour: str) -> float:
        values = [int(v) / 255 for v in colour.removeprefix("rgb(").removesuffix(")").split(",")]
        linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(first), light(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_pictures_next_to_the_page_load(
    browser: Any, made: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carriers, "EMBED_LIMIT", 100)
    made.write_results(tmp_path / "r", ids=IDS[:3], images=True, protocols=made.instances()[:1])
    page = write_page(build_report(load_cells([tmp_path / "r"])), tmp_path / "o")[0]
    browser.open(page)
    browser.run("document.querySelector('.card').click()")
    # a page from a disk may not read pixels of its neighbours: crops show that it has them all the same
    browser.wait("document.querySelectorAll('#v-crops figure').length === 3")
    assert browser.run("document.getElementById('v-trouble').textContent") == ""
    assert browser.problems == []
    inside = page.parent.resolve().as_uri()
    assert all(url.startswith(inside) for url in browser.requests)
    assert len(browser.requests) > 2
    for script in (page.parent / "report_images").glob("*.js"):
        script.unlink()
    browser.open(page)
    browser.run("document.querySelector('.card').click()")
    browser.wait("document.getElementById('v-trouble').textContent.includes('is not next to the page')")
