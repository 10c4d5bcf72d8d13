"""The leaderboard in a real browser: nothing runs from names, nothing is requested, its controls work."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from refbench.cli.main import main
from refbench.reports.site.write import write_site
from refbench.results.cells import load_cells
from refbench.results.digests import record_digest

HOSTILE = "\"><img src=x onerror='window.hacked=1'></script><script>window.hacked=2</script>"
IDS = ("<script>window.hacked=3</script>", "javascript:window.hacked=4", "../../up", "ünï 中文", "long" * 80)


@pytest.fixture(scope="module")
def site(made: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    three = made.instances()[:3]
    made.write_results(folder / "a", ids=IDS, images=True, protocols=three)
    labelled = {"methods": {"datsr": 0.9}, "label": HOSTILE, "weights": "own"}
    made.write_results(folder / "b", ids=IDS, images=True, protocols=three, **labelled)
    made.write_results(
        folder / "c", ids=("x", "y"), protocols=three[:1], dataset_label=HOSTILE, fingerprint="e" * 64
    )
    places = [folder / name for name in "abc"]
    write_site(load_cells(places), folder / "site", title=HOSTILE, samples=2)
    return folder / "site"


def pages(site: Path) -> list[Path]:
    return sorted(site.rglob("*.html"))


def quiet(browser: Any, site: Path) -> None:
    assert browser.problems == []
    inside = site.resolve().as_uri()
    assert all(url.startswith(inside) for url in browser.requests)
    assert browser.run("window.hacked === undefined")


def test_every_page_loads_alone_and_runs_nothing_from_names(browser: Any, site: Path) -> None:
    found = pages(site)
    assert len(found) >= 6
    for page in found:
        browser.open(page)
        quiet(browser, site)
        assert {Path(url).suffix for url in browser.requests} <= {".html", ".css", ".js"}, "images on demand"
        assert browser.run("document.querySelectorAll('img[src=x]').length") == 0
        assert browser.run("document.querySelectorAll('a[href^=javascript]').length") == 0


def test_every_link_leads_to_a_page_of_the_site(browser: Any, site: Path) -> None:
    for page in pages(site):
        browser.open(page)
        links = browser.run("Array.from(document.links, a => a.href)")
        for link in links:
            address, _, anchor = link.partition("#")
            if address.startswith("file:"):
                target = browser.run(f"decodeURIComponent(new URL({address!r}).pathname)")
                assert Path(target).is_file(), (page, link)
            else:
                assert address.startswith("https://")
            if anchor and address == page.resolve().as_uri():
                assert browser.run(f"document.getElementById({anchor!r}) !== null"), (page, link)


def suite(site: Path) -> Path:
    return site / "suites" / "tests.html"


def visible(browser: Any, selector: str) -> int:
    found: int = browser.run(
        f"Array.from(document.querySelectorAll({selector!r})).filter(e => e.getClientRects().length).length"
    )
    return found


def give(browser: Any, identifier: str, value: str) -> None:
    browser.run(
        f"(() => {{ const s = document.getElementById('{identifier}'); s.value = {value!r};"
        " s.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )


def test_filters_columns_sorting_and_the_address_that_holds_them(browser: Any, site: Path) -> None:
    browser.open(suite(site))
    rows = visible(browser, "table[id] tr.row")
    give(browser, "f-method", "TTSR")
    assert 0 < visible(browser, "table[id] tr.row") < rows
    assert browser.run("document.getElementById('f-state').textContent").endswith(f" of {rows} rows")
    give(browser, "f-protocol", "canonical@1")
    assert visible(browser, "tbody[data-protocol*=jitter]") == 0
    assert visible(browser, "td[data-c=weights]") == 0
    browser.run("document.querySelector('input[name=column][value=weights]').click()")
    assert visible(browser, "td[data-c=weights]") > 0
    browser.run("document.querySelector('#t0 th[data-c=psnr_y] button').click()")
    browser.run("document.querySelector('#t0 th[data-c=psnr_y] button').click()")
    browser.run("document.querySelector('#t0 tr.row:not([hidden]) a.link').click()")
    state = "[document.querySelectorAll('tr.row:not([hidden])').length, location.hash]"
    before = browser.run(state)
    marked = browser.run("document.querySelector('tr.target').id")
    address = browser.run("location.href")
    assert "m=TTSR" in address
    assert "s=t0%3Apsnr_y%3Aa" in address

    browser.open(site / "index.html")
    browser.command("Page.navigate", url=address)
    browser.wait("document.readyState === 'complete' && document.getElementById('f-method') !== null")
    browser.wait("document.querySelector('tr.target') !== null")
    assert browser.run(state) == before
    assert browser.run("document.querySelector('tr.target').id") == marked
    assert browser.run("document.getElementById('f-method').value") == "TTSR"
    assert browser.run("document.querySelector('#t0 th[data-c=psnr_y]').ariaSort") == "ascending"
    assert visible(browser, "td[data-c=weights]") > 0
    quiet(browser, site)


def test_sorting_never_mixes_sections(browser: Any, site: Path) -> None:
    browser.open(suite(site))
    text = (
        "Array.from(document.querySelectorAll('#t1 tbody'),"
        " b => Array.from(b.querySelectorAll('tr.row'), r => r.id).sort().join())"
    )
    before = browser.run(text)
    browser.run("document.querySelector('#t1 th[data-c=ssim_y] button').click()")
    assert browser.run(text) == before
    values = browser.run(
        "Array.from(document.querySelector('#t1 tbody').querySelectorAll('td[data-c=ssim_y]'),"
        " d => +d.dataset.v)"
    )
    assert values == sorted(values, reverse=True)
    assert len(values) == 4


def test_images_are_loaded_when_they_are_opened(browser: Any, site: Path) -> None:
    browser.open(suite(site))
    assert not any(url.endswith(".png") for url in browser.requests)
    browser.run("document.querySelector('details.strips').open = true")
    browser.run("document.querySelector('details.strips').scrollIntoView()")
    browser.wait(
        "Array.from(document.querySelectorAll('details.strips[open] img')).some(i => i.naturalWidth > 0)"
    )
    quiet(browser, site)
    assert any(url.endswith(".png") for url in browser.requests)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_phone_shows_every_page_within_its_width(browser: Any, site: Path, dark: bool) -> None:
    for page in pages(site):
        browser.open(page, width=360, height=740, dark=dark)
        assert browser.run("document.documentElement.scrollWidth <= innerWidth"), page
        assert browser.run("document.documentElement.dataset.theme") == ("dark" if dark else "light")
        quiet(browser, site)


def test_the_theme_stays_from_page_to_page(browser: Any, site: Path) -> None:
    browser.open(site / "index.html")
    try:
        browser.run("document.getElementById('theme').click()")
        browser.open(suite(site))
        assert browser.run("document.documentElement.dataset.theme") == "dark"
    finally:
        browser.run("localStorage.clear()")


def test_command_writes_pages_and_data(
    made: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made.write_results(tmp_path / "r", ids=("a", "b"), protocols=made.instances()[:2])
    out = tmp_path / "site"
    assert main(["site", str(tmp_path / "r"), f"out={out}", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["cells"] == 6
    assert found["images"] == 0
    data = json.loads((out / "data.json").read_text())
    assert len(data["cells"]) == 6
    assert {cell["provenance"]["audit"] for cell in data["cells"]} == {"self-reported"}
    lines = list(csv.DictReader((out / "data.csv").read_text().splitlines()))
    assert sum(line["source"] == "measured" for line in lines) == 12
    assert len(lines) == 12 + len(data["published"])
    # a number that was read by eye is marked in the data and on the page
    (amsa,) = [line for line in lines if (line["method_label"], line["mean"]) == ("AMSA (rec)", "28.5")]
    assert amsa["read"] == "picture"
    assert {n["read"] for n in data["published"]} == {"text", "picture", "quotation"}
    assert "28.50 (read by eye)" in (out / "datasets" / "cufed5.html").read_text()
    stale = out / "methods" / "gone.html"
    stale.write_text("old")
    assert main(["site", str(tmp_path / "r"), f"out={out}"]) == 0
    assert not stale.exists()


def test_what_an_audit_contradicted_stands_last_and_is_not_ranked(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path / "r", protocols=made.instances()[:1])
    (best,) = [c for c in load_cells([tmp_path / "r"]).cells if c.method == "datsr"]
    for name, audits in (("trusted", {}), ("checked", {record_digest(best.path): "contradicted"})):
        write_site(load_cells([tmp_path / "r"], audits), tmp_path / name, samples=0)
        page = (tmp_path / name / "suites" / "tests.html").read_text()
        rows = page.partition("<tbody data-dataset")[2].partition("</tbody>")[0].split('<tr class="row"')[1:]
        order = [row.partition('data-method="')[2].partition('"')[0] for row in rows]
        marked = [label for label, row in zip(order, rows, strict=True) if "best, significantly" in row]
        if audits:
            assert order == ["ttsr (compact)", "bicubic", "datsr (compact)"]
            assert marked == ["ttsr (compact)"]
            assert '<span class="audit contradicted">contradicted</span>' in rows[2]
        else:
            assert order == ["datsr (compact)", "ttsr (compact)", "bicubic"]
            assert marked == ["datsr (compact)"]


def test_a_folder_of_something_else_is_left_alone(
    made: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made.write_results(tmp_path / "r", ids=("a", "b"), protocols=made.instances()[:1])
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("x")
    assert main(["site", str(tmp_path / "r"), f"out={tmp_path / 'home'}"]) == 2
    assert "holds something that is not a site of refbench" in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "home").iterdir()] == ["thesis.tex"]
