"""The viewer in a real browser, on a real run: its pixels and its measures are those of the kept images."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import numpy as np
import pytest
from PIL import Image as PilImage

import refbench
from refbench.metrics.psnr import psnr
from refbench.metrics.ssim import ssim
from refbench.registry import Registry
from refbench.reports.html.page import write_page
from refbench.reports.pictures import error_map
from refbench.reports.report import build_report
from refbench.results.cells import load_cells
from refbench.results.trials import TrialImages

METHODS = ("bicubic", "ttsr (compact)")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("viewer") / "results"
    refbench.run(method=["bicubic", "ttsr"], suite="cufed5", limit=2, out=out, device="cpu", tracking="none")
    return out


@pytest.fixture(scope="module")
def page(run: Path) -> Path:
    return write_page(build_report(load_cells([run])), run.parent / "page")[0]


@pytest.fixture(scope="module")
def images(run: Path) -> dict[str, np.ndarray]:
    """The first image's HR, and what each method made of it, from the files of the run."""
    trials = TrialImages(Registry.discover())
    found: dict[str, np.ndarray] = {}
    for cell in load_cells([run]).cells:
        row = min((row for row in cell.rows if row.ok), key=lambda row: row.sample_id)
        trial, made = trials.trial(cell, row), trials.sr(cell, row)
        assert trial is not None
        assert made is not None
        assert trial.target is not None
        found["HR"], found[cell.method_label] = trial.target, made
    return found


@pytest.fixture
def viewer(browser: Any, page: Path) -> Any:
    browser.open(page)
    browser.run("document.querySelector('.card').click()")
    ready(browser)
    return browser


def ready(browser: Any) -> None:
    """Until the crop of the image that was opened is there."""
    browser.wait(
        "document.getElementById('viewer').open && document.querySelectorAll('#v-crops figure').length > 3"
    )
    still(browser)


def still(browser: Any) -> None:
    """Until what was asked for is painted."""
    browser.run(
        "new Promise(r => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(r)), 60))"
    )


def stage_box(browser: Any) -> list[float]:
    found: list[float] = browser.run(
        "(() => { const b = document.querySelector('#v-stage canvas').getBoundingClientRect();"
        " return [b.left, b.top, b.width, b.height]; })()"
    )
    return found


def at(box: list[float], x: float, y: float) -> tuple[float, float]:
    return box[0] + x * box[2], box[1] + y * box[3]


def percent(browser: Any) -> int:
    return int(browser.run("document.getElementById('v-zoom').textContent").removesuffix(" %"))


def view(browser: Any) -> tuple[float, float, float]:
    """(x, y) of the stage's middle as shares of the image, and CSS pixels per pixel of HR."""
    found = browser.run("stage.view")
    return found["x"], found["y"], found["zoom"]


def painted(browser: Any, x: int, y: int, pane: int = 0) -> list[int]:
    """RGB on a pane of the stage at pixel (x, y) of the image, its middle."""
    found: list[int] = browser.run(
        f"(() => {{ const c = document.querySelectorAll('#v-stage canvas')[{pane}], v = stage.view;"
        " const e = pictures.entries[0];"
        f" const left = Math.floor(c.width / 2 + ({x} + .5 - v.x * e.width) * v.zoom);"
        f" const top = Math.floor(c.height / 2 + ({y} + .5 - v.y * e.height) * v.zoom);"
        " const own = document.createElement('canvas').getContext('2d', {willReadFrequently: true});"
        " own.drawImage(c, -left, -top);"
        " return Array.from(own.getImageData(0, 0, 1, 1).data).slice(0, 3); })()"
    )
    return found


def choose(browser: Any, identifier: str, name: str) -> None:
    browser.run(
        f"(() => {{ const s = document.getElementById('{identifier}');"
        f" s.selectedIndex = Array.from(s.options).findIndex(o => o.text === {name!r});"
        " s.dispatchEvent(new Event('change')); })()"
    )
    still(browser)


def mode(browser: Any, name: str) -> None:
    browser.run(f"document.querySelector('input[name=mode][value={name}]').click()")
    still(browser)


def test_first_pair_is_the_reference_free_method_against_hr(viewer: Any) -> None:
    sides = "['v-left', 'v-right'].map(id => document.getElementById(id).selectedOptions[0].text)"
    assert viewer.run(sides) == ["bicubic", "HR"]
    names = viewer.run("Array.from(document.getElementById('v-left').options).map(o => o.text)")
    assert names[:2] == ["HR", "LR, enlarged"]
    assert names[2].startswith("Ref 1")
    assert set(METHODS) <= set(names)


def test_zoom_by_wheel_keys_and_buttons(viewer: Any, images: dict[str, np.ndarray]) -> None:
    box = stage_box(viewer)
    whole = view(viewer)
    assert whole[:2] == (0.5, 0.5)
    height, width = images["HR"].shape[:2]
    assert whole[2] == pytest.approx(min(box[2] / width, box[3] / height), rel=0.02)

    # the wheel zooms round the pixel under the pointer
    x, y = (round(v) for v in at(box, 0.6, 0.3))
    under = f"stage.place(document.querySelector('#v-stage canvas'), {{clientX: {x}, clientY: {y}}})"
    before = viewer.run(under)
    viewer.mouse("Wheel", x, y, deltaX=0, deltaY=-400)
    still(viewer)
    assert view(viewer)[2] == pytest.approx(whole[2] * np.e, rel=1e-6)
    assert viewer.run(under) == pytest.approx(before, abs=1e-6)
    assert percent(viewer) == round(100 * view(viewer)[2])
    viewer.mouse("Wheel", x, y, deltaX=0, deltaY=400)
    still(viewer)
    assert view(viewer) == pytest.approx(whole)

    viewer.run("document.getElementById('v-close').focus()")
    for key, wanted in (("+", whole[2] * 1.25), ("-", whole[2]), ("1", 1.0), ("0", whole[2])):
        viewer.press(key)
        still(viewer)
        assert view(viewer)[2] == pytest.approx(wanted), key
    viewer.run("document.getElementById('v-exact').click()")
    still(viewer)
    assert percent(viewer) == 100
    for _ in range(3):
        viewer.run("document.getElementById('v-in').click()")
    still(viewer)
    assert percent(viewer) == round(100 * 1.5**3)
    assert viewer.problems == []


def test_what_is_painted_are_the_pixels_of_the_kept_images(
    viewer: Any, images: dict[str, np.ndarray]
) -> None:
    choose(viewer, "v-left", METHODS[1])
    viewer.run("document.getElementById('v-whole').click()")
    viewer.run("stage.zoom(3 / stage.view.zoom)")
    still(viewer)
    height, width = images["HR"].shape[:2]
    y = height // 2
    assert painted(viewer, width // 2 - 9, y) == images[METHODS[1]][y, width // 2 - 9].tolist()
    assert painted(viewer, width // 2 + 9, y) == images["HR"][y, width // 2 + 9].tolist()
    viewer.run("document.getElementById('v-range').focus()")
    for _ in range(10):
        viewer.press("ArrowRight")
    still(viewer)
    assert viewer.run("document.getElementById('v-range').value") == "60"
    assert painted(viewer, width // 2 + 9, y) == images[METHODS[1]][y, width // 2 + 9].tolist()
    # the line can be dragged
    box = stage_box(viewer)
    viewer.drag(at(box, 0.6, 0.5), at(box, 0.25, 0.5))
    still(viewer)
    assert int(viewer.run("document.getElementById('v-range').value")) in (24, 25, 26)

    mode(viewer, "difference")
    wanted = error_map(images[METHODS[1]], images["HR"])
    for x in range(10, width - 10, 15):
        # a colour between two anchors may round to either side
        assert painted(viewer, x, y) == pytest.approx(wanted[y, x].tolist(), abs=1), x
    viewer.run("document.querySelector('input[name=mode][value=panes]').click()")
    viewer.wait("document.querySelectorAll('#v-stage canvas').length >= 5")
    still(viewer)
    # every pane shows the same place
    names = viewer.run("Array.from(document.querySelectorAll('#v-stage figcaption')).map(f => f.textContent)")
    for name in ("HR", *METHODS):
        k = names.index(name)
        middle = painted(viewer, width // 2 + 5, y + 5, k)
        assert middle == images[name][y + 5, width // 2 + 5].tolist(), name
    mode(viewer, "slider")
    assert viewer.problems == []


def test_a_crop_drawn_by_hand_has_the_psnr_and_ssim_of_python(
    viewer: Any, images: dict[str, np.ndarray]
) -> None:
    box = stage_box(viewer)
    viewer.run("document.getElementById('v-exact').click()")
    still(viewer)
    viewer.drag(at(box, 0.47, 0.42), at(box, 0.53, 0.6), modifiers=8)
    viewer.wait("location.hash.includes('crop=')")
    still(viewer)
    x, y, w, h = (int(v) for v in parse_qs(viewer.run("location.hash")[2:])["crop"][0].split(","))
    assert abs(w - 0.06 * box[2]) < 3
    assert abs(h - 0.18 * box[3]) < 3
    viewer.wait(f"document.getElementById('v-box').textContent.startsWith('{w} x {h} pixels at {x}, {y}')")
    captions = dict(
        viewer.run(
            "Array.from(document.querySelectorAll('#v-crops figure')).map(f => [f.dataset.name,"
            " f.querySelector('small').textContent])"
        )
    )
    assert captions["HR"] == ""
    hr = images["HR"][y : y + h, x : x + w]
    for name in METHODS:
        sr = images[name][y : y + h, x : x + w]
        wanted = psnr(sr, hr, space="y601", crop=0), ssim(sr, hr, space="y601", crop=0)
        assert captions[name] == f"{wanted[0]:.2f} dB / {wanted[1]:.4f}"
        got = viewer.run(
            f"(async () => {{ const views = pictures.entries[0].views, box = [{x}, {y}, {w}, {h}];"
            f" const sr = await pictures.load(views.find(v => v.name === {name!r}).src);"
            " const hr = await pictures.load(views[0].src);"
            " return [measures.psnr(sr, hr, box), measures.ssim(sr, hr, box)]; })()"
        )
        assert got == pytest.approx(wanted, abs=1e-9)
    assert viewer.problems == []


def test_a_crop_is_saved_as_a_figure(viewer: Any, tmp_path: Path) -> None:
    viewer.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    viewer.run("document.getElementById('v-save').click()")
    for _ in range(200):
        files = list(tmp_path.glob("*.png"))
        if files and files[0].stat().st_size:
            break
        still(viewer)
    (file,) = files
    assert re.fullmatch(r"000_crop_\d+_\d+_\d+_\d+\.png", file.name)
    with PilImage.open(file) as picture:
        assert picture.width > 5 * 110
        assert picture.height > 180


def test_a_saved_address_opens_the_same_page(viewer: Any, page: Path) -> None:
    viewer.run("document.getElementById('v-next').click()")
    still(viewer)
    viewer.wait("document.querySelectorAll('#v-crops figure').length > 3")
    choose(viewer, "v-left", METHODS[1])
    box = stage_box(viewer)
    viewer.drag(at(box, 0.48, 0.48), at(box, 0.52, 0.52), modifiers=8)
    mode(viewer, "difference")
    viewer.run("document.querySelector('input[name=method][value=bicubic]').click()")
    viewer.run("document.querySelector('input[name=column][value=interval]').click()")
    viewer.run("document.querySelectorAll('#table0 thead button')[0].click()")
    viewer.run("document.querySelectorAll('#table0 thead button')[0].click()")
    still(viewer)
    what = (
        "[document.getElementById('v-title').textContent,"
        " document.getElementById('v-left').selectedOptions[0].text,"
        " document.querySelector('input[name=mode]:checked').value,"
        " document.getElementById('v-box').textContent,"
        " document.querySelector('#table0 thead th').getAttribute('aria-sort'),"
        " document.querySelector('input[name=method][value=bicubic]').checked,"
        " document.querySelector('input[name=column][value=interval]').checked,"
        " document.getElementById('f-state').textContent]"
    )
    seen, address = viewer.run(what), viewer.run("location.hash")
    assert seen[0] == "001"
    assert seen[1:3] == [METHODS[1], "difference"]
    assert seen[4:] == ["descending", False, False, "filtered"]
    assert "001" in unquote(address)
    viewer.open(page, fragment=address)
    ready(viewer)
    viewer.wait(f"document.getElementById('v-box').textContent === {seen[3]!r}")
    assert viewer.run(what) == seen
    assert viewer.run("document.querySelector('tr.row[data-method=bicubic]').hidden")
    assert viewer.problems == []

    # the same address typed into a page that is open already
    viewer.open(page)
    viewer.run(f"location.hash = {address!r}")
    ready(viewer)
    viewer.wait(f"document.getElementById('v-box').textContent === {seen[3]!r}")
    assert viewer.run(what) == seen
    viewer.run("document.getElementById('v-close').click()")
    still(viewer)
    left = parse_qs(viewer.run("location.hash")[2:])
    assert "image" not in left
    assert left["off"] == ["bicubic"]


def test_an_address_from_elsewhere_does_no_harm(viewer: Any, page: Path) -> None:
    wrong = (
        "#?image=nothing&crop=-5,x,1e9,0&mode=%22%5D&sort=table0%22:9:up&metric=%3Cb%3E&columns=none&off=%00"
    )
    viewer.open(page, fragment=wrong)
    still(viewer)
    assert not viewer.run("document.getElementById('viewer').open")
    assert viewer.problems == []


def test_images_change_by_keys_and_the_viewer_closes(viewer: Any) -> None:
    titles = {viewer.run("document.getElementById('v-title').textContent")}
    viewer.run("document.getElementById('v-next').focus()")
    viewer.press("ArrowRight")
    titles.add(viewer.run("document.getElementById('v-title').textContent"))
    assert titles == {"000", "001"}
    scores = viewer.run(
        "Array.from(document.querySelectorAll('#v-scores th:first-child')).map(c => c.textContent)"
    )
    assert [name for name in scores if name] == list(METHODS)
    viewer.press("Escape")
    viewer.wait("!document.getElementById('viewer').open")
    assert viewer.problems == []
