"""The figure of crops: the chosen place, the numbers under the patches, and what it says about the choice."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

import refbench
from refbench.cli.main import main
from refbench.errors import UserError
from refbench.registry import Registry
from refbench.reports.crops.blocks import Block, make_blocks
from refbench.reports.crops.choose import Wanted, parse_crops
from refbench.reports.crops.draw import crops_files
from refbench.reports.crops.layout import layout
from refbench.reports.crops.tex import caption_of, crops_tex, framed
from refbench.reports.report import main_metric
from refbench.reports.selection import Names
from refbench.reports.style import STYLES
from refbench.results.cells import load_cells


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("crops") / "results"
    refbench.run(method=["bicubic", "ttsr"], suite="cufed5", limit=2, out=out, device="cpu", tracking="none")
    return out


def blocks(results: Path, crop: str | None, difference: bool = False) -> list[Block]:
    stored = load_cells([results])
    names = Names(Registry.discover(), {"ttsr": "Ours"})
    spec = main_metric(stored, None)
    return make_blocks(stored.cells, spec, parse_crops(crop), names, difference=difference)[0]


def luma(image: np.ndarray) -> np.ndarray:
    return 16 + image.astype(np.float64) @ np.array([65.481, 128.553, 24.966]) / 255


def test_the_patches_are_cut_at_the_place_that_was_named(results: Path) -> None:
    (block,) = blocks(results, "000:40,24,48,32", difference=True)
    assert [tile.name for tile in block.tiles] == ["HR", "LR", "Ref", "Bicubic", "Ours (compact)"]
    hr, lr = block.tiles[0].image, block.tiles[1].image
    np.testing.assert_array_equal(hr, block.whole[24:56, 40:88])
    assert all(tile.image.shape == (32, 48, 3) for tile in block.tiles)
    # each LR pixel is a square of 4 x 4
    np.testing.assert_array_equal(lr, lr[::4, ::4].repeat(4, axis=0).repeat(4, axis=1))
    assert block.how == ""
    assert block.words == "000:40,24,48,32"
    assert block.tiles[0].error is None
    assert block.tiles[3].error is not None


def test_the_number_under_a_patch_is_the_psnr_of_its_own_pixels(results: Path) -> None:
    (block,) = blocks(results, "000:40,24,48,32")
    hr = luma(block.tiles[0].image)
    for tile in block.tiles[3:]:
        expected = peak_signal_noise_ratio(hr, luma(tile.image), data_range=255)
        assert float(tile.score) == pytest.approx(expected, abs=0.006)


def test_without_a_word_the_image_and_place_vary_most_and_it_is_said(results: Path) -> None:
    stored = load_cells([results])
    spec = main_metric(stored, None)
    (block,) = blocks(results, None)
    first, second = (cell.values[spec.alias] for cell in stored.cells)
    # the spread of two methods is half their distance
    widest = max(first, key=lambda key: abs(first[key] - second[key]))
    assert block.sample == widest[0]
    assert "varies most between the methods" in block.how
    caption = caption_of([block])
    assert "Image and place chosen automatically" in caption
    assert "no method is favoured" in caption
    # the place: nowhere do bicubic and the net differ more
    whole = {c.method: Image.open(next(iter(c.path.glob(f"images/{block.sample}*")))) for c in stored.cells}
    grey = {name: np.asarray(image, np.float64).mean(axis=2) for name, image in whole.items()}
    apart = np.abs(grey["bicubic"] - grey["ttsr"])
    top, left, height, width = block.box
    best = max(
        apart[y : y + height, x : x + width].mean()
        for y in range(apart.shape[0] - height + 1)
        for x in range(apart.shape[1] - width + 1)
    )
    assert apart[top : top + height, left : left + width].mean() == pytest.approx(best)


def test_only_the_place_is_chosen_where_the_image_was_named(results: Path) -> None:
    (block,) = blocks(results, "001")
    assert block.sample == "001"
    assert block.how.startswith("place chosen automatically: where")
    assert "Place chosen automatically: where" in caption_of([block])


def test_a_reference_that_holds_the_patch_shows_it(results: Path) -> None:
    # the sample's first references are other photographs of the same thing, cut elsewhere
    (block,) = blocks(results, "000:40,24,48,48")
    hr, ref = (tile.image.astype(float) for tile in (block.tiles[0], block.tiles[2]))
    assert np.corrcoef(hr.mean(axis=2).ravel(), ref.mean(axis=2).ravel())[0, 1] > 0.5
    assert "cross-correlation" in block.reference


@pytest.mark.parametrize(
    ("crop", "says"),
    [
        ("000:1,2,3", "crop=000:1,2,3: write ID:x,y,w,h"),
        ("000:0,0,4,64", "at least 8 x 8"),
        ("000:0,0,9999,64", "leaves the image, which is"),
        ("nothing:0,0,64,64", "no kept SR image of that sample; there are 000, 001"),
    ],
)
def test_a_crop_that_cannot_be_is_one_line(results: Path, crop: str, says: str) -> None:
    with pytest.raises(UserError) as told:
        blocks(results, crop)
    assert says in str(told.value)


def test_sample_names_may_hold_colons() -> None:
    assert parse_crops("a:b:1,2,30,40; c") == (Wanted("a:b", (2, 1, 40, 30)), Wanted("c", None))


def test_names_fit_between_their_neighbours(results: Path) -> None:
    (block,) = blocks(results, "000")
    for style in STYLES.values():
        found = layout(block, style.text, style.points)
        letters = (found.tile[0] + 0.04) * 72 / (0.5 * style.points)
        assert all(len(line) <= letters for lines in found.names for line in lines)
        used = found.whole[0] + found.columns * found.tile[0]
        assert 0.9 * style.text < used < style.text


def test_the_same_blocks_give_the_same_files(results: Path) -> None:
    found = blocks(results, "000;001:8,8,40,40", difference=True)
    first, second = (crops_files(found, STYLES["cvpr"]) for _ in range(2))
    assert first == second
    assert first["pdf"].startswith(b"%PDF")
    picture = Image.open(io.BytesIO(first["png"]))
    assert picture.width == pytest.approx(6.875 * 200, abs=2)


def test_the_box_is_around_the_crop_and_not_in_it(results: Path) -> None:
    (block,) = blocks(results, "000:40,24,48,32")
    image = framed(block)
    np.testing.assert_array_equal(image[24:56, 40:88], block.whole[24:56, 40:88])
    assert (image[23, 40:88] == (230, 0, 0)).all()
    assert (image[24:56, 88] == (230, 0, 0)).all()


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on the PATH (a documented check)")
def test_the_figure_compiles_in_two_columns(results: Path, tmp_path: Path) -> None:
    found = blocks(results, None, difference=True)
    for name, data in crops_tex(found, STYLES["cvpr"], caption_of(found)).items():
        path = tmp_path / "crops" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "main.tex").write_text(
        r"\documentclass[twocolumn]{article}\usepackage{graphicx}\begin{document}\input{crops/crops}"
        r"See Figure~\ref{fig:refbench-crops}.\end{document}"
    )
    for _ in range(2):
        done = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main.tex"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:]
    assert "Overfull" not in done.stdout
    assert "undefined" not in done.stdout


def test_the_command_writes_three_files_and_says_how_to_repeat(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(results), "format=crops", f"report.dir={tmp_path}", "figure.style=cvpr"]) == 0
    told = capsys.readouterr()
    assert [p.name for p in sorted((tmp_path / "crops").glob("crops.*"))] == [
        "crops.pdf", "crops.png", "crops.tex"
    ]  # fmt: skip
    assert 'crop="00' in told.err
    assert "shows the same again" in told.err


def test_without_kept_images_the_remedy_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refbench.run(
        method="bicubic", suite="cufed5", limit=1, out=tmp_path, device="cpu", tracking="none", images="none"
    )
    assert main(["report", str(tmp_path), "format=crops"]) == 2
    assert "images=png" in capsys.readouterr().err
