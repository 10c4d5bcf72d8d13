"""Our metrics against other implementations of them, on the bundled sample: the table of docs/calibration.md.

python tools/calibration.py             print the table
python tools/calibration.py --write     and put it into the page

scikit-image is installed with refbench. pyiqa is compared where it can be imported; its rows are left out,
with a note, where it cannot. Networks run on random weights that are the same on both sides: what is compared
is the code, and no weights have to be fetched.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

from refbench.metrics import METRICS, MetricCatalog, build
from refbench.metrics.lpips import lpips_network
from refbench.metrics.tensors import to_signed_tensor, to_tensor
from refbench.types import Image

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "calibration.md"
BEGIN, END = "<!-- begin: tools/calibration.py -->", "<!-- end: tools/calibration.py -->"
Floats = npt.NDArray[np.float64]
Score = Callable[[Image, Image], float]
Pair = tuple[Image, Image]


@dataclass(frozen=True)
class Row:
    """One metric of ours against one implementation of it."""

    ours: str
    other: str
    unit: str
    differences: tuple[float, ...]
    note: str = ""

    @property
    def largest(self) -> float:
        """The largest absolute difference."""
        return max(map(abs, self.differences))

    def line(self) -> str:
        """The row of the table."""
        mean = sum(map(abs, self.differences)) / len(self.differences)
        unit = f" {self.unit}" if self.unit else ""
        numbers = f"{len(self.differences)} | {mean:.1e}{unit} | {self.largest:.1e}{unit}"
        return f"| `{self.ours}` | {self.other} | {numbers} | {self.note} |"


def pairs(limit: int | None = None) -> list[Pair]:
    """(SR, HR) of the bundled sample, where SR is bicubic upscaling of a bicubic x4 LR."""
    from PIL import Image as PilImage

    from refbench.registry import Registry, load_class
    from refbench.specs import DataRequest

    spec = Registry.discover().dataset("sample")
    dataset = load_class(spec.target)(DataRequest())
    found = []
    for name in dataset.ids()[:limit]:
        hr = dataset.load(name).hr
        hr = hr[: hr.shape[0] // 4 * 4, : hr.shape[1] // 4 * 4]
        size = (hr.shape[1], hr.shape[0])
        lr = PilImage.fromarray(hr).resize((size[0] // 4, size[1] // 4), PilImage.Resampling.BICUBIC)
        found.append((np.asarray(lr.resize(size, PilImage.Resampling.BICUBIC)), hr))
    return found


def ours(alias: str) -> Score:
    """The metric that ``alias`` names."""
    return build(MetricCatalog(METRICS).of_names([alias])[0])


def compare(alias: str, other: str, unit: str, theirs: Score, images: Sequence[Pair], note: str = "") -> Row:
    """One row."""
    score = ours(alias)
    return Row(alias, other, unit, tuple(score(a, b) - theirs(a, b) for a, b in images), note)


def scikit_image(images: Sequence[Pair]) -> Iterator[Row]:
    """skimage.metrics on luma of skimage.color, with the constants of Wang et al."""
    from skimage.color import rgb2ycbcr
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    name = f"scikit-image {metadata.version('scikit-image')}"
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}

    def luma(image: Image) -> Floats:
        found: Floats = rgb2ycbcr(image)[4:-4, 4:-4, 0]
        return found

    def rgb(image: Image) -> Floats:
        return image[4:-4, 4:-4].astype(float)

    def psnr(space: Callable[[Image], Floats]) -> Score:
        return lambda a, b: float(peak_signal_noise_ratio(space(b), space(a), data_range=255))  # type: ignore[no-untyped-call]

    def ssim_rgb(a: Image, b: Image) -> float:
        return float(structural_similarity(rgb(a), rgb(b), channel_axis=2, **wang))  # type: ignore[no-untyped-call]

    def ssim_y(a: Image, b: Image) -> float:
        return float(structural_similarity(luma(a), luma(b), **wang))  # type: ignore[no-untyped-call]

    yield compare("psnr_y", name, "dB", psnr(luma), images)
    yield compare("psnr_rgb", name, "dB", psnr(rgb), images)
    yield compare("ssim_y", name, "", ssim_y, images)
    yield compare("ssim_rgb", name, "", ssim_rgb, images)


def basicsr_luma(image: Image) -> Floats:
    """Y as BasicSR has it: float32 in [0, 1], the BT.601 weights of 16..235, times 255, not rounded."""
    weights = np.array([65.481, 128.553, 24.966], np.float32)
    scaled = image.astype(np.float32) / np.float32(255)
    y = (scaled @ weights + np.float32(16)) / np.float32(255)
    return y.astype(np.float64) * 255


def basicsr_psnr(a: Floats, b: Floats) -> float:
    """20 log10(255 / sqrt(MSE))."""
    return float(20 * np.log10(255 / np.sqrt(np.mean((a - b) ** 2))))


def basicsr_ssim(a: Floats, b: Floats) -> float:
    """An 11 x 11 Gaussian of sigma 1.5 as one product of windows, without the 5 pixels at each border."""
    from scipy.ndimage import convolve

    taps = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    taps /= taps.sum()
    window = np.outer(taps, taps)

    def mean(x: Floats) -> Floats:
        found: Floats = convolve(x, window)[5:-5, 5:-5]
        return found

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ma, mb = mean(a), mean(b)
    va, vb, both = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    score = ((2 * ma * mb + c1) * (2 * both + c2)) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    return float(score.mean())


def basicsr(images: Sequence[Pair]) -> Iterator[Row]:
    """calculate_psnr and calculate_ssim with crop_border=4, written from their formulas."""
    name = "BasicSR's formulas"

    def on(space: Callable[[Image], Floats], score: Callable[[Floats, Floats], float]) -> Score:
        return lambda a, b: score(space(a)[4:-4, 4:-4], space(b)[4:-4, 4:-4])

    def rgb(image: Image) -> Floats:
        return image.astype(float)

    def ssim_rgb(a: Image, b: Image) -> float:
        cut = [(rgb(a)[4:-4, 4:-4, c], rgb(b)[4:-4, 4:-4, c]) for c in range(3)]
        return sum(basicsr_ssim(x, y) for x, y in cut) / 3

    yield compare("psnr_y", name, "dB", on(basicsr_luma, basicsr_psnr), images, "their luma is float32")
    yield compare("psnr_rgb", name, "dB", on(rgb, basicsr_psnr), images)
    yield compare("ssim_y", name, "", on(basicsr_luma, basicsr_ssim), images, "their luma is float32")
    yield compare("ssim_rgb", name, "", ssim_rgb, images)


def pyiqa(images: Sequence[Pair]) -> Iterator[Row]:
    """pyiqa's own modules. LPIPS on one random backbone for both, NIQE on one pristine model for both."""
    import pyiqa as package
    import torch
    from pyiqa.archs.lpips_arch import LPIPS
    from pyiqa.archs.niqe_arch import NIQE
    from scipy.io import savemat
    from torchvision import models

    from refbench.metrics.data_files import arrays

    name = f"pyiqa {metadata.version('pyiqa')}"
    rounded, plain = "luma rounded to 8 bits", "luma not rounded"
    for alias, measure, options, unit, note in (
        ("psnr_y_c0", "psnr", {}, "dB", plain),
        ("psnr_y:variant=pyiqa:crop=0", "psnr", {"data_range": 255}, "dB", f"data_range=255: {rounded}"),
        ("ssim_y:variant=pyiqa:crop=0", "ssim", {}, "", rounded),
        ("ssim_y_c0", "ssim", {}, "", f"theirs: {rounded}, ours not"),
    ):
        model: Any = package.create_metric(measure, test_y_channel=True, color_space="ycbcr", **options)
        yield compare(alias, name, unit, one(model, to_tensor), images, note)
    for net, maker in (("alex", models.alexnet), ("vgg", models.vgg16)):
        torch.manual_seed(0)
        mine: Any = lpips_network(net, maker(weights=None).state_dict())
        # pyiqa's constructor fetches ImageNet's weights, whatever it is told
        with patch.object(models, maker.__name__, lambda weights, make=maker: make(weights=None)):
            other = LPIPS(net=net, pretrained=False, pnet_rand=True)
        other.net.load_state_dict(mine.net.state_dict())
        for k in range(len(mine.lins)):
            getattr(other, f"lin{k}").load_state_dict(mine.lins[k].state_dict())
        a, b = one(mine, to_signed_tensor), one(other.eval(), to_tensor)
        differences = tuple(a(*pair) - b(*pair) for pair in images[:4])
        yield Row(f"lpips_{net}", name, "", differences, "one random backbone for both")
    with tempfile.TemporaryDirectory() as folder:
        model_file = Path(folder) / "niqe.mat"
        found = arrays("niqe")
        mean, covariance = sorted(found.values(), key=lambda array: array.size)
        savemat(model_file, {"mu_prisparam": mean.reshape(1, -1), "cov_prisparam": covariance})
        niqe = NIQE(color_space="ycbcr", pretrained_model_path=str(model_file))
    theirs = one(lambda sr, hr: niqe(sr.double()), to_tensor)
    # two blocks of 96 x 96 are the least that has a covariance
    large = [pair for pair in images if (pair[0].shape[0] // 96) * (pair[0].shape[1] // 96) > 1]
    yield compare("niqe", name, "", theirs, large, "one pristine model for both")


def one(model: Callable[..., Any], tensor: Callable[[Image], Any]) -> Score:
    """A torch module as a function of two images."""
    import torch

    def score(a: Image, b: Image) -> float:
        with torch.inference_mode():
            return float(model(tensor(a), tensor(b)).mean())

    return score


def official(_: Sequence[Pair] = ()) -> Iterator[Row]:
    """Values that the official codes printed for two image pairs, stored in tests/data/golden."""
    import json

    golden = ROOT / "tests" / "data" / "golden"
    stored = np.load(golden / "metrics.npz")
    expected = json.loads((golden / "metrics.json").read_text(encoding="utf-8"))
    for alias, key, code in (
        ("psnr_y", "c2_datsr.psnr_y_crop4", "C2-Matching and DATSR"),
        ("psnr_rgb", "c2_datsr.psnr_rgb_crop4", "C2-Matching and DATSR"),
        ("ssim_y", "c2_datsr.ssim_y_crop4", "C2-Matching and DATSR"),
        ("psnr_y_c0", "ttsr.psnr_y_nocrop_sr_clamped", "TTSR, SR clamped"),
        ("ssim_y_c0", "ttsr.ssim_y_nocrop_sr_clamped", "TTSR, SR clamped"),
        ("psnr_y_c0", "masa.psnr_y_nocrop", "MASA"),
        ("ssim_y_c0", "masa.ssim_y_nocrop", "MASA"),
    ):
        score, differences = ours(alias), []
        for case in ("a", "b"):
            sr = (stored[f"{case}/sr_rgb01"].clip(0, 1) * 255.0).round().astype(np.uint8)
            differences.append(score(sr, stored[f"{case}/gt_uint8"]) - expected[case][key])
        unit = "dB" if "psnr" in alias else ""
        yield Row(alias, f"official code of {code}", unit, tuple(differences))


def table(rows: Sequence[Row]) -> str:
    """The Markdown table."""
    head = ["| ours | other | images | mean difference | largest | |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *(row.line() for row in rows)])


def main() -> None:
    """Print the table, or write it."""
    images = pairs()
    sources: list[Callable[[Sequence[Pair]], Iterator[Row]]] = [official, scikit_image, basicsr]
    if find_spec("pyiqa") is not None:
        sources.append(pyiqa)
    else:
        print("pyiqa is not installed: its rows are left out", file=sys.stderr)
    text = table([row for source in sources for row in source(images)])
    print(text)
    if "--write" in sys.argv[1:]:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
