"""refbench upscale: one's own image, of any mode, with one's own references."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from refbench.errors import UserError
from refbench.execution.upscale import UpscaleRequest, choose_references, upscale
from refbench.methods.bicubic.spec import SPEC as BICUBIC
from refbench.methods.ttsr.spec import SPEC as TTSR
from refbench.registry import spec_in_file
from refbench.specs import MethodSpec
from refbench.tiling.budget import active
from refbench.types import Input

METHOD = """
import torch
from refbench.specs import MethodSpec

class Repeat:
    def __init__(self, weights, device): pass
    def __call__(self, inp):
        assert not torch.is_grad_enabled()
        sr = inp.lr.repeat_interleave(4, 1).repeat_interleave(4, 2)
        return sr * 0 + inp.refs[0].mean() if inp.refs else sr

class Small(Repeat):
    def __call__(self, inp): return inp.lr

class Nan(Repeat):
    def __call__(self, inp): return super().__call__(inp) * float("nan")

class Hungry(Repeat):
    def __call__(self, inp): raise MemoryError

SPEC = MethodSpec("repeat", ":Repeat", min_refs=0, max_refs=1)
NEEDS = MethodSpec("needs", ":Repeat", min_refs=1, max_refs=1)
SMALL = MethodSpec("small", ":Small")
NAN = MethodSpec("nan", ":Nan")
HUNGRY = MethodSpec("hungry", ":Hungry")
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plugin") / "repeat.py"
    path.write_text(METHOD)
    return path


def rgb(height: int = 5, width: int = 7, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(path: Path, array: np.ndarray, **options: object) -> Path:
    PILImage.fromarray(array).save(path, **options)
    return path


def ask(tmp_path: Path, lr: Path, spec: MethodSpec = BICUBIC, **changes: object) -> UpscaleRequest:
    return UpscaleRequest(lr=lr, out=tmp_path / "sr.png", spec=spec, device="cpu", **changes)  # type: ignore[arg-type]


def test_writes_what_pil_gives(tmp_path: Path) -> None:
    lines: list[str] = []
    result = upscale(ask(tmp_path, save(tmp_path / "lr.png", rgb())), lines.append)
    expected = PILImage.fromarray(rgb()).resize((28, 20), PILImage.Resampling.BICUBIC)
    assert np.array_equal(np.asarray(PILImage.open(result.out)), np.asarray(expected))
    assert (result.lr_size, result.sr_size, result.method) == ((5, 7), (20, 28), "bicubic")
    assert lines[0].startswith("7x5 -> 28x20 by bicubic without reference in ")
    assert lines[1] == f"wrote {tmp_path / 'sr.png'}"
    assert result.to_json()["sr_size"] == [20, 28]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lr.png", "sr.png"]


def test_grey_is_enlarged_as_rgb(tmp_path: Path) -> None:
    result = upscale(ask(tmp_path, save(tmp_path / "lr.png", rgb()[:, :, 0])))
    sr = np.asarray(PILImage.open(result.out))
    assert sr.shape == (20, 28, 3)
    assert np.array_equal(sr[:, :, 0], sr[:, :, 2])
    assert result.notes == ("lr.png: grey image, treated as RGB",)


def test_sixteen_bit_is_reduced_and_said(tmp_path: Path) -> None:
    deep = np.arange(35, dtype=np.uint16).reshape(5, 7) * 1800
    result = upscale(ask(tmp_path, save(tmp_path / "lr.png", deep)))
    assert PILImage.open(result.out).size == (28, 20)
    assert "lr.png: 16-bit values are reduced to 8 bits" in result.notes


def on_white(image: PILImage.Image) -> np.ndarray:
    white = PILImage.new("RGBA", image.size, (255, 255, 255, 255))
    return np.asarray(PILImage.alpha_composite(white, image).convert("RGB")).astype(int)


def test_alpha_is_kept_and_the_file_shows_on_white_what_the_method_made(tmp_path: Path) -> None:
    rgba = np.concatenate([rgb(), rgb(seed=3)[:, :, :1]], 2)
    result = upscale(ask(tmp_path, save(tmp_path / "lr.png", rgba)))
    sr = PILImage.open(result.out)
    assert sr.mode == "RGBA"
    mask = PILImage.fromarray(rgba[:, :, 3]).resize((28, 20), PILImage.Resampling.BICUBIC)
    assert np.array_equal(np.asarray(sr)[:, :, 3], np.asarray(mask))
    seen = on_white(PILImage.fromarray(rgba)).astype(np.uint8)
    made = PILImage.fromarray(seen).resize((28, 20), PILImage.Resampling.BICUBIC)
    shown, alpha = on_white(sr), np.asarray(mask)
    # where the clipped colours of a nearly transparent pixel cannot reach what the method made, by no more
    # than its transparency allows
    reachable = np.asarray(made).astype(int) >= 255 - alpha.astype(int)[:, :, None]
    assert abs(shown - np.asarray(made).astype(int))[reachable].max() <= 1
    assert any("transparency is kept" in note for note in result.notes)


@pytest.mark.parametrize("under", [(0, 0, 0), (230, 30, 30)])
def test_alpha_halo_upscale(tmp_path: Path, under: tuple[int, int, int]) -> None:
    """A red disc on transparent black, or on transparent red: no dark ring, as in a premultiplied resize."""
    y, x = np.mgrid[:64, :64]
    inside = np.hypot(y - 31.5, x - 31.5) < 24
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[:, :, :3] = np.where(inside[:, :, None], np.array([230, 30, 30]), np.array(under))
    rgba[:, :, 3] = inside * 255
    result = upscale(ask(tmp_path, save(tmp_path / "disc.png", rgba)))
    shown = on_white(PILImage.open(result.out))
    premultiplied = PILImage.fromarray(rgba).resize((256, 256), PILImage.Resampling.BICUBIC)
    assert (shown[:, :, 0] < 200).sum() == 0
    # both overshoot inside the edge: towards black against white, and where alpha is cut off at 255
    assert abs(shown - on_white(premultiplied)).max() <= 36
    assert abs(shown - on_white(premultiplied)).mean() < 1


def test_opaque_alpha_is_dropped(tmp_path: Path) -> None:
    opaque = np.concatenate([rgb(), np.full((5, 7, 1), 255, np.uint8)], 2)
    result = upscale(ask(tmp_path, save(tmp_path / "lr.png", opaque)))
    assert np.asarray(PILImage.open(result.out)).shape == (20, 28, 3)
    assert result.notes == ()


def test_exif_rotation_is_applied_to_colours_and_alpha(tmp_path: Path) -> None:
    exif = PILImage.Exif()
    exif[0x0112] = 6
    rgba = np.concatenate([rgb(), rgb(seed=3)[:, :, :1]], 2)
    result = upscale(ask(tmp_path, save(tmp_path / "lr.png", rgba, exif=exif)))
    assert (result.lr_size, result.sr_size) == ((7, 5), (28, 20))
    upright = PILImage.fromarray(np.rot90(rgba, -1)[:, :, 3]).resize((20, 28), PILImage.Resampling.BICUBIC)
    assert np.array_equal(np.asarray(PILImage.open(result.out))[:, :, 3], np.asarray(upright))
    assert "lr.png: rotated as its EXIF orientation says" in result.notes


def test_the_first_reference_is_used_and_the_others_named(tmp_path: Path, plugin: Path) -> None:
    lr = save(tmp_path / "lr.png", rgb())
    refs = tuple(
        save(tmp_path / f"{c}.png", np.full((9, 6, 3), v, np.uint8)) for c, v in (("a", 50), ("b", 99))
    )
    result = upscale(ask(tmp_path, lr, spec_in_file(f"{plugin}:SPEC"), refs=refs))
    assert np.asarray(PILImage.open(result.out)).tolist() == np.full((20, 28, 3), 50).tolist()
    assert result.notes == ("repeat uses one reference: a.png taken, b.png ignored",)
    assert result.refs_used == refs[:1]
    assert "by repeat with a.png 6x9 in" in result.lines()[1]


def test_references_of_a_method_that_takes_none(tmp_path: Path) -> None:
    choice = choose_references(BICUBIC, [Path("a.png")])
    assert (choice.refs, choice.notes) == ((), ("bicubic uses no reference: a.png ignored",))


def test_hosted_nets_search_all_references_or_say_which_they_do_not() -> None:
    given = [Path("a.png"), Path("b.png"), Path("c.png")]
    choice = choose_references(TTSR, given)
    assert (choice.refs, choice.params) == (tuple(given), {"multi": "per_patch"})
    assert choice.notes == ("ttsr searches all 3 references (method.multi=per_patch)",)
    first = choose_references(TTSR, given, {"multi": "first"})
    assert first.refs == (given[0],)
    assert first.notes == ("ttsr uses one reference (method.multi=first): a.png taken, b.png, c.png ignored",)
    coarse = choose_references(TTSR, given, {"approx": "coarse"})
    assert (coarse.refs, coarse.params["multi"]) == (tuple(given), "average")
    assert coarse.notes == ("ttsr averages its images with all 3 references (method.multi=average)",)
    assert choose_references(TTSR, given, {"multi": "stitch"}).refs == tuple(given)
    assert choose_references(TTSR, given[:1]).params == {}


def test_a_missing_reference_is_one_line(tmp_path: Path, plugin: Path) -> None:
    lr = save(tmp_path / "lr.png", rgb())
    with pytest.raises(UserError, match=r"needs needs a reference image: add ref=a\.png"):
        upscale(ask(tmp_path, lr, spec_in_file(f"{plugin}:NEEDS")))
    with pytest.raises(UserError, match=r"nowhere\.png: does not exist"):
        upscale(ask(tmp_path, lr, spec_in_file(f"{plugin}:NEEDS"), refs=(tmp_path / "nowhere.png",)))


def test_existing_output_is_refused_unless_asked(tmp_path: Path) -> None:
    lr = save(tmp_path / "lr.png", rgb())
    save(tmp_path / "sr.png", rgb(1, 1))
    with pytest.raises(UserError, match=r"exists already; give another name, or overwrite=true"):
        upscale(ask(tmp_path, lr))
    assert PILImage.open(tmp_path / "sr.png").size == (1, 1)
    upscale(ask(tmp_path, lr, overwrite=True))
    assert PILImage.open(tmp_path / "sr.png").size == (28, 20)


def test_an_input_is_never_overwritten(tmp_path: Path) -> None:
    lr = save(tmp_path / "sr.png", rgb())
    with pytest.raises(UserError, match="is one of the input images"):
        upscale(ask(tmp_path, lr, overwrite=True))


@pytest.mark.parametrize(("out", "message"), [("sr.gif", r"ends in \.png, "), ("folder.png", "is a folder"),
                                              ("file/sr.png", "cannot write")])  # fmt: skip
def test_bad_output_names_are_one_line(tmp_path: Path, out: str, message: str) -> None:
    lr = save(tmp_path / "lr.png", rgb())
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=message) as caught:
        upscale(UpscaleRequest(lr=lr, out=tmp_path / out, spec=BICUBIC, device="cpu"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("SMALL", r"small: SR has shape \(3, 5, 7\), expected \(3, 20, 28\)"),
        ("NAN", "not finite"),
        ("HUNGRY", "out of memory with hungry"),
    ],
)
def test_a_failing_method_writes_nothing(tmp_path: Path, plugin: Path, name: str, message: str) -> None:
    lr = save(tmp_path / "lr.png", rgb())
    with pytest.raises(UserError, match=message):
        upscale(ask(tmp_path, lr, spec_in_file(f"{plugin}:{name}")))
    assert not (tmp_path / "sr.png").exists()


def test_lost_memory_falls_back_to_tiles_as_in_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from refbench.methods.bicubic.method import Bicubic

    limits: list[int | None] = []

    def once_too_large(self: Bicubic, inp: Input) -> torch.Tensor:
        budget = active()
        limits.append(None if budget is None else budget.limit)
        if budget is None:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        budget.tiles["enlarge"] = 4
        return inp.lr.repeat_interleave(4, 1).repeat_interleave(4, 2)

    monkeypatch.setattr(Bicubic, "__call__", once_too_large)
    monkeypatch.setattr("refbench.execution.call.tiled_limit", lambda device, limit: 1000)
    lr = save(tmp_path / "lr.png", rgb())
    with pytest.raises(UserError, match=r"out of memory with bicubic on cpu \(7x5 LR\); use smaller images$"):
        upscale(ask(tmp_path, lr, replace(BICUBIC, tiles=False)))
    result = upscale(ask(tmp_path, lr, replace(BICUBIC, tiles=True)))
    assert limits == [None, None, 1000]
    assert result.notes == ("out of memory; enlarged in 4 exact tiles instead",)
    assert PILImage.open(result.out).size == (28, 20)


def test_a_truncated_image_is_one_line(tmp_path: Path) -> None:
    lr = save(tmp_path / "lr.png", rgb(64, 64))
    lr.write_bytes(lr.read_bytes()[:500])
    with pytest.raises(UserError, match=r"lr\.png: .*(decoded|read|image)"):
        upscale(ask(tmp_path, lr))


def test_weights_for_a_method_without_any_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="bicubic has no weights"):
        upscale(ask(tmp_path, save(tmp_path / "lr.png", rgb()), weights="mse"))


def test_folder_in_folder_out_with_references_found_by_name(tmp_path: Path, plugin: Path) -> None:
    from refbench.cli.main import main

    for name, value in (("a", 50), ("b", 99)):
        (tmp_path / "lr").mkdir(exist_ok=True)
        (tmp_path / "refs").mkdir(exist_ok=True)
        save(tmp_path / "lr" / f"{name}.png", rgb())
        save(tmp_path / "refs" / f"{name}_ref.png", np.full((9, 6, 3), value, np.uint8))
    (tmp_path / "lr" / "raw.cr2").write_bytes(b"raw")
    words = ["upscale", str(tmp_path / "lr"), f"ref={tmp_path / 'refs'}", f"method={plugin}:SPEC"]
    assert main([*words, f"out={tmp_path / 'sr'}", "format=webp", "device=cpu"]) == 0
    assert sorted(path.name for path in (tmp_path / "sr").iterdir()) == ["a.webp", "b.webp"]
    for name, value in (("a", 50), ("b", 99)):
        assert (
            np.asarray(PILImage.open(tmp_path / "sr" / f"{name}.webp")).tolist()
            == np.full((20, 28, 3), value).tolist()
        )


def test_folder_with_a_broken_image_writes_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from refbench.cli.main import main

    (tmp_path / "lr").mkdir()
    save(tmp_path / "lr" / "good.png", rgb())
    (tmp_path / "lr" / "bad.png").write_bytes(b"no image")
    words = ["upscale", str(tmp_path / "lr"), "method=bicubic", f"out={tmp_path / 'sr'}", "device=cpu"]
    assert main(words) == 2
    assert [path.name for path in (tmp_path / "sr").iterdir()] == ["good.png"]
    said = capsys.readouterr().err
    assert "bad.png: is not an image in a known format" in said
    assert "1 of 2 images failed; 1 are written" in said


@pytest.mark.parametrize("name", ["sr.jpg", "sr.webp", "sr.PNG", "s" * 251 + ".png"])
def test_other_formats_and_the_longest_name_are_written(tmp_path: Path, name: str) -> None:
    lr = save(tmp_path / ("l" * 251 + ".png"), rgb())
    request = UpscaleRequest(lr=lr, out=tmp_path / name, spec=BICUBIC, device="cpu")
    made = np.asarray(PILImage.open(upscale(request).out).convert("RGB")).astype(int)
    exact = np.asarray(PILImage.fromarray(rgb()).resize((28, 20), PILImage.Resampling.BICUBIC)).astype(int)
    assert abs(made - exact).mean() <= (6 if name.endswith("jpg") else 0)


def test_transparent_image_as_jpeg_lies_on_white(tmp_path: Path) -> None:
    rgba = np.concatenate([rgb(), np.zeros((5, 7, 1), np.uint8)], 2)
    lr = save(tmp_path / "lr.png", rgba)
    result = upscale(UpscaleRequest(lr=lr, out=tmp_path / "sr.jpg", spec=BICUBIC, device="cpu"))
    assert result.notes == ("lr.png: transparency is laid on white",)
    assert (np.asarray(PILImage.open(result.out)) == 255).all()


def test_ref_alpha_run_vs_upscale(tmp_path: Path) -> None:
    """The same LR and the same half transparent reference give the same SR by ``run`` and by ``upscale``."""
    from refbench.cli.main import main

    for folder in ("lr", "ref"):
        (tmp_path / folder).mkdir()
    save(tmp_path / "lr" / "a.png", rgb(16, 16))
    rgba = np.concatenate([rgb(64, 64, 5), np.full((64, 64, 1), 255, np.uint8)], 2)
    rgba[16:48, 16:48] = 0
    save(tmp_path / "ref" / "a.png", rgba)
    method = "method=ttsr"
    data = [f"data.lr_dir={tmp_path / 'lr'}", f"data.ref={tmp_path / 'ref'}"]
    settings = ["against=none", "tracking=none", "device=cpu", f"out={tmp_path / 'r'}"]
    assert main(["run", method, "suite=pairs", *data, *settings]) == 0
    out = tmp_path / "u.png"
    words = [str(tmp_path / "lr" / "a.png"), f"ref={tmp_path / 'ref' / 'a.png'}", method, "device=cpu"]
    assert main(["upscale", *words, f"out={out}"]) == 0
    (kept,) = (tmp_path / "r").glob("*/images/*.png")
    assert np.array_equal(np.asarray(PILImage.open(kept)), np.asarray(PILImage.open(out)))
