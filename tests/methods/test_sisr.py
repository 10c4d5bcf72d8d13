"""method=sisr: checkpoints of several architectures, against spandrel called directly."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from refbench.cli.main import main
from refbench.errors import SampleError, UserError
from refbench.methods.sisr.checkpoint import load_net
from refbench.methods.sisr.method import Sisr
from refbench.methods.sisr.spec import SPEC
from refbench.methods.sisr.tiling import measured_need
from refbench.tiling import bounded
from refbench.types import Input
from refbench.weights import resolve

spandrel = pytest.importorskip("spandrel")


def rrdb() -> nn.Module:
    from spandrel.architectures.ESRGAN.__arch.RRDB import RRDBNet

    return RRDBNet(num_filters=8, num_blocks=1, scale=4, plus=False)


def rcan() -> nn.Module:
    from spandrel.architectures.RCAN.__arch.rcan_arch import RCAN

    return RCAN(n_resgroups=1, n_resblocks=1, n_feats=16, scale=2)


def windowed(kind: str) -> nn.Module:
    sizes: dict[str, Any] = {
        "img_size": 16, "window_size": 8, "depths": [2], "embed_dim": 12, "num_heads": [2], "mlp_ratio": 2,
        "upsampler": "pixelshuffle",
    }  # fmt: skip
    if kind == "SwinIR":
        from spandrel.architectures.SwinIR.__arch.SwinIR import SwinIR

        return SwinIR(upscale=3, **sizes)
    from spandrel.architectures.HAT.__arch.HAT import HAT

    return HAT(upscale=4, overlap_ratio=0.5, compress_ratio=3, squeeze_factor=6, **sizes)


def compact(scale: int = 4) -> nn.Module:
    from spandrel.architectures.Compact.__arch.SRVGG import SRVGGNetCompact

    return SRVGGNetCompact(num_feat=8, num_conv=2, upscale=scale)


NETS: dict[str, tuple[Callable[[], nn.Module], str, str]] = {
    "ESRGAN": (rrdb, "ESRGAN x4", "Apache-2.0"),
    "RCAN": (rcan, "RCAN x2", "see __arch/LICENSE of RCAN"),
    "SwinIR": (lambda: windowed("SwinIR"), "SwinIR x3", "Apache-2.0"),
    "HAT": (lambda: windowed("HAT"), "HAT x4", "Apache-2.0"),
    "Compact": (compact, "RealESRGAN Compact x4", "BSD-3-Clause"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Random weights of each, under the wrapper that training code writes."""
    folder = tmp_path_factory.mktemp("sisr")
    found = {}
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        for name, (build, _, _) in NETS.items():
            found[name] = folder / f"{name}.pth"
            torch.save({"params": build().state_dict()}, found[name])
    return found


def made(path: Path, **params: Any) -> Sisr:
    return Sisr(resolve(SPEC, str(path), None), torch.device("cpu"), **params)


def picture(height: int, width: int) -> Tensor:
    rng = torch.Generator().manual_seed(3)
    coarse = torch.rand(1, 3, height // 4 + 2, width // 4 + 2, generator=rng)
    return nn.functional.interpolate(coarse, size=(height, width), mode="bicubic")[0].clamp(0, 1)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("size", [(19, 26), (5, 40)])
def test_the_same_image_as_spandrel(files: dict[str, Path], name: str, size: tuple[int, int]) -> None:
    direct = spandrel.ModelLoader().load_from_file(files[name]).eval()
    method, lr = made(files[name]), picture(*size)
    before = lr.clone()
    sr = method(Input(lr, (torch.rand(3, 9, 9),), method.net.scale))
    assert torch.equal(lr, before)
    assert torch.equal(sr, direct(before[None])[0])
    assert sr.shape == (3, direct.scale * size[0], direct.scale * size[1])


@pytest.mark.parametrize("name", NETS)
def test_named_after_architecture_and_file(files: dict[str, Path], name: str) -> None:
    import hashlib

    found = resolve(SPEC, str(files[name]), None)
    digest = hashlib.sha256(files[name].read_bytes()).hexdigest()
    assert found.label == f"{NETS[name][1]} {digest[:8]}"
    assert found.sha256 == {"net": digest}
    assert found.scale == int(NETS[name][1][-1])


@pytest.mark.parametrize("name", ["ESRGAN", "Compact"])
def test_windows_within_a_limit(files: dict[str, Path], name: str) -> None:
    """Local nets: with an overlap as wide as they see, windows give the whole image."""
    method, lr = made(files[name]), picture(64, 300)
    whole = method(Input(lr, ()))
    held = 64 * 300 * 4 * 3 * 33
    # enough for half of the image
    limit = int((held + method.need * 64 * 300 / 2) * 4 / 3) + 2**21
    with bounded(limit) as budget:
        cut = made(files[name])(Input(lr, ()))
    assert budget is not None
    assert budget.tiles["upscale"] > 1
    torch.testing.assert_close(cut, whole, rtol=0, atol=1e-5)


def test_the_measured_need_is_that_of_the_operators(files: dict[str, Path]) -> None:
    """A convolution from 3 to 64 channels and back at LR size holds input, 64 channels and the output."""
    net = load_net(files["Compact"])

    class Plain:
        size_requirements = net.size_requirements

        def __init__(self) -> None:
            self.first, self.last = nn.Conv2d(3, 64, 3, 1, 1), nn.Conv2d(64, 3, 3, 1, 1)

        def __call__(self, x: Tensor) -> Tensor:
            return self.last(self.first(x))  # type: ignore[no-any-return]

    assert measured_need(Plain(), torch.device("cpu")) == pytest.approx(1.5 * 4 * (3 + 64 + 3), rel=0.02)


def test_another_scale_than_asked_for(files: dict[str, Path]) -> None:
    with pytest.raises(SampleError, match=r"RCAN\.pth enlarges x2, x4 is asked for"):
        made(files["RCAN"])(Input(picture(16, 16), ()))


def test_wrong_files_are_one_line(files: dict[str, Path], tmp_path: Path) -> None:
    strange, half, denoiser = (tmp_path / f"{name}.pth" for name in ("strange", "half", "denoiser"))
    torch.save({"a.weight": torch.zeros(3, 3)}, strange)
    state = torch.load(files["ESRGAN"])["params"]
    torch.save({k: v for k, v in state.items() if "RDB2" not in k}, half)
    torch.save(compact(1).state_dict(), denoiser)
    for path, message in (
        (strange, "not a checkpoint of an architecture that spandrel"),
        (half, "spandrel cannot build its net"),
        (denoiser, "for Restoration, not for super-resolution"),
        (tmp_path / "absent.pth", "no such file"),
    ):
        with pytest.raises(UserError, match=message) as error:
            resolve(SPEC, str(path), None)
        assert "\n" not in str(error.value)
        assert str(path) in str(error.value)


class _Evil:
    def __reduce__(self) -> Any:
        return print, ("executed",)


def test_a_pickle_with_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "evil.pth"
    torch.save({"params": {"a": _Evil()}}, path)
    with pytest.raises(UserError, match="nothing was executed"):
        resolve(SPEC, str(path), None)
    assert "executed" not in capsys.readouterr().out


def test_without_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upscale", "x.png", "method=sisr"]) == 2
    with pytest.raises(UserError, match=r"method=sisr: give method\.weights=FILE"):
        resolve(SPEC, None, None)


def test_list_describes_a_checkpoint(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    for name, (_, label, licence) in NETS.items():
        assert main(["list", "methods", "sisr", f"method.weights={files[name]}"]) == 0
        out = capsys.readouterr().out
        assert label in out
        assert licence in out
    assert main(["list", "methods", "datsr", f"method.weights={files['HAT']}"]) == 2
    assert "has named weights" in capsys.readouterr().err


def test_a_run_and_its_refusal(
    files: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["run", "method=sisr", "suite=cufed5", "limit=1", "tracking=none", "out=out"]
    assert main([*words, f"method.weights={files['Compact']}"]) == 0
    assert "RealESRGAN Compact x4" in capsys.readouterr().out
    assert main([*words, f"method.weights={files['RCAN']}"]) == 2
    shown = capsys.readouterr().err
    assert "method sisr (RCAN x2 " in shown
    assert ") is x2, protocol canonical@" in shown
