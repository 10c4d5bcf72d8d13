"""The cards of other scales, dual cameras, several references and perceptual evaluation, each against an
evaluation written anew: from HR, LR and SR to the numbers with numpy, Pillow, scipy and scikit-image, and
the ``lpips`` package called directly (on a random AlexNet; pyiqa's own metrics where pyiqa is installed)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import skimage.metrics
import torch
from PIL import Image as PILImage
from random_backbone import random_alexnet
from scipy.ndimage import correlate
from skimage import data

from refbench.errors import SampleError
from refbench.execution.call import Attempt, Images, Settings, call
from refbench.metrics import METRICS, MetricCatalog
from refbench.metrics.metric_set import MetricSet
from refbench.protocols import ProtocolInstance
from refbench.protocols.card import load_card
from refbench.protocols.reference import ReferencePolicy
from refbench.types import Image, Input, Sample, Trial

Plane = npt.NDArray[np.float64]
Values = dict[str, float]
PHOTO: Image = data.astronaut()
OTHER: Image = data.coffee()


def pil(image: Image, height: int, width: int) -> Image:
    across = PILImage.fromarray(image).resize((width, image.shape[0]), PILImage.Resampling.BICUBIC)
    return np.asarray(across.resize((width, height), PILImage.Resampling.BICUBIC))


def psnr(a: Plane, b: Plane) -> float:
    return float(20 * np.log10(255.0 / np.sqrt(np.mean((a - b) ** 2))))


def ssim_map(a: Plane, b: Plane) -> Plane:
    """Gaussian 11 x 11 of sigma 1.5, every window inside; as one correlation with the whole window."""
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = np.outer(taps, taps) / taps.sum() ** 2

    def mean(image: Plane) -> Plane:
        return np.asarray(correlate(image, window))[5:-5, 5:-5]

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ma, mb = mean(a), mean(b)
    va, vb, both = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    return np.asarray(((2 * ma * mb + c1) * (2 * both + c2)) / ((ma**2 + mb**2 + c1) * (va + vb + c2)))


def ssim_rgb_map(a: Plane, b: Plane) -> Plane:
    return np.mean([ssim_map(a[:, :, k], b[:, :, k]) for k in range(3)], axis=0)


def luma(image: Image) -> Plane:
    return np.asarray(image.astype(np.float64) @ [65.481, 128.553, 24.966] / 255 + 16)


def trial_of(card: str, sample: Sample, policy: ReferencePolicy | None = None) -> Trial:
    return ProtocolInstance(load_card(card), policy or ReferencePolicy()).apply(sample, 0, 0)


def restored(trial: Trial, sr: torch.Tensor, scale: int, exact: bool = False) -> Attempt:
    """SR as a run brings it to its metrics."""

    def method(inp: Input) -> torch.Tensor:
        return sr

    images = Images(
        trial.lr, trial.refs, scale, sr_cut=trial.sr_cut, sr_fit=trial.sr_fit, colour_fix=trial.colour_fix
    )
    done = call(method, images, Settings(keep_exact=exact))
    assert done.problem is None, done.problem
    return done


def tensor(image: Image) -> torch.Tensor:
    return torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32) / 255)


def measured(card: str, trial: Trial, done: Attempt) -> tuple[Values, dict[str, str]]:
    """Values by the names that the card lists, and the reasons for those that are absent."""
    names = [name for name in load_card(card).metrics if name != "fid"]
    specs = MetricCatalog(METRICS).of_names(names)
    assert done.sr is not None
    values, absent = MetricSet(specs).score(done.sr, trial, done.exact)
    known = {n: values[s.signature] for n, s in zip(names, specs, strict=True) if s.signature in values}
    return {name: float(value) for name, value in known.items() if value is not None}, dict(absent)


def agree(ours: Values, theirs: Values) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, abs=1e-3 if name.startswith("psnr") else 1e-4), name


@pytest.fixture
def alexnet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    return random_alexnet(tmp_path, monkeypatch)


def lpips_of(a: Plane, b: Plane, state: dict[str, torch.Tensor], spatial: bool = False) -> Plane | float:
    """The package itself, called directly."""
    import lpips

    with torch.random.fork_rng(devices=[]):
        model = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False, spatial=spatial)
    names = model.net.state_dict()
    model.net.load_state_dict({name: state[f"features.{name.partition('.')[2]}"] for name in names})
    signed = [torch.from_numpy((x / 127.5 - 1).transpose(2, 0, 1)[None].copy()).float() for x in (a, b)]
    with torch.inference_mode():
        found = model.eval()(*signed)
    return np.asarray(found[0, 0], dtype=np.float64) if spatial else float(found)


@pytest.mark.parametrize("scale", [2, 3, 8])
@pytest.mark.parametrize("size", [(97, 130), (75, 67)])
def test_canonical_at_other_scales(scale: int, size: tuple[int, int]) -> None:
    hr = PHOTO[10 : 10 + size[0], 150 : 150 + size[1]]
    target = hr[: size[0] // scale * scale, : size[1] // scale * scale]
    lr = pil(target, target.shape[0] // scale, target.shape[1] // scale)
    sr = pil(lr, *target.shape[:2])
    card = f"canonical_x{scale}"
    trial = trial_of(card, Sample("1", hr, (OTHER[:90, :90],)))
    assert np.array_equal(trial.lr, lr)
    ours, _ = measured(card, trial, restored(trial, tensor(sr), scale))
    a, b = luma(sr)[scale:-scale, scale:-scale], luma(target)[scale:-scale, scale:-scale]
    rgb = [image[scale:-scale, scale:-scale].astype(np.float64) for image in (sr, target)]
    wanted = {"psnr_y": psnr(a, b), "ssim_y": float(ssim_map(a, b).mean()), "psnr_rgb": psnr(*rgb)}
    agree(ours, {f"{name}:crop={scale}": value for name, value in wanted.items()})


@pytest.mark.parametrize(("rounding", "rows"), [("floor", 48), ("ceil", 49)])
def test_a_given_lr_may_be_rounded_either_way(rounding: str, rows: int) -> None:
    """HR of 97 x 130 at x2: LR of 48 or 49 rows; what SR and HR share at the top left is scored."""
    hr = PHOTO[:97, :130]
    trial = trial_of("canonical_x2", Sample("1", hr, (), lr=pil(hr, rows, 65)))
    assert trial.target is not None
    assert trial.target.shape == (96, 130, 3)
    done = restored(trial, tensor(pil(trial.lr, 2 * rows, 130)), 2)
    assert done.sr is not None
    assert done.sr.shape == trial.target.shape
    assert np.array_equal(done.sr, pil(trial.lr, 2 * rows, 130)[:96])
    with pytest.raises(
        SampleError, match=r"the given LR is 65x47, the cropped HR 130x96 is not 2 times that"
    ):
        trial_of("canonical_x2", Sample("1", hr, (), lr=hr[:47, :65]))


def test_dcsr() -> None:
    target = PHOTO[:96, 150:280]
    trial = trial_of("dcsr", Sample("1", PHOTO[:97, 150:280], ()))
    sr = pil(trial.lr, 96, 130)
    ours, _ = measured("dcsr", trial, restored(trial, tensor(sr), 2))
    a, b = (
        (65.738 * x[..., 0] + 129.057 * x[..., 1] + 25.064 * x[..., 2])[2:-2, 2:-2] / 256 + 16
        for x in (sr.astype(np.float64), target.astype(np.float64))
    )
    agree(ours, {"psnr_y:crop=2": psnr(a, b), "ssim_y:crop=2": float(ssim_map(a, b).mean())})


def dual(scale: int) -> tuple[Sample, tuple[slice, slice]]:
    """A pair of a wide and a telephoto camera, which sees the middle."""
    hr = PHOTO[20:180, 150:350]
    centre = np.s_[40:120, 50:150]
    mask = np.zeros(hr.shape[:2], bool)
    mask[centre] = True
    lr = pil(hr, hr.shape[0] // scale, hr.shape[1] // scale)
    return Sample("1", hr, (hr[centre],), lr=lr, regions={"center": mask, "corner": ~mask}), centre


def test_kedusr(alexnet: dict[str, torch.Tensor]) -> None:
    sample, _ = dual(2)
    trial = trial_of("kedusr", sample)
    assert sample.hr is not None
    noise = np.random.default_rng(2).normal(0, 4, sample.hr.shape)
    sr = (sample.hr + noise).clip(0, 255).astype(np.float32)
    done = restored(trial, torch.from_numpy(sr.transpose(2, 0, 1) / 255), 2, exact=True)
    ours, absent = measured("kedusr", trial, done)
    assert not absent
    a, b = sr.astype(np.float64), sample.hr.astype(np.float64)
    maps = lpips_of(a, b, alexnet, spatial=True)
    assert isinstance(maps, np.ndarray)
    similar = ssim_rgb_map(a, b)
    wanted = {}
    for region in ("", "center", "corner"):
        mask = sample.regions[region] if region else np.ones(b.shape[:2], bool)
        end = f":region={region}" if region else ""
        wanted[f"psnr_rgb:round=none:crop=0{end}"] = psnr(a[mask], b[mask])
        wanted[f"ssim_rgb:round=none:crop=0{end}"] = float(similar[mask[5:-5, 5:-5]].mean())
        wanted[f"lpips_alex:mean=spatial:round=none{end}"] = float(maps[mask].mean())
    agree(ours, wanted)
    # unrounded: the same images on 8 bits have other values
    rounded = psnr(np.rint(a), b)
    assert ours["psnr_rgb:round=none:crop=0"] != pytest.approx(rounded, abs=1e-5)
    # a kept image is rounded, and cannot give them
    _, absent = measured("kedusr", trial, replace(done, exact=None))
    assert set(absent.values()) == {"needs SR before it is rounded, which is known during the run only"}


@pytest.mark.parametrize(("card", "scale"), [("selfdzsr", 4), ("selfdzsr_x2", 2)])
def test_selfdzsr(card: str, scale: int, alexnet: dict[str, torch.Tensor]) -> None:
    sample, centre = dual(scale)
    trial = trial_of(card, sample)
    assert sample.hr is not None
    sr = pil(trial.lr, *sample.hr.shape[:2])
    ours, absent = measured(card, trial, restored(trial, tensor(sr), scale))
    assert not absent
    a, b = sr.astype(np.float64), sample.hr.astype(np.float64)
    similar = ssim_rgb_map(a, b)
    wanted = {}
    for region in ("", "center", "corner"):
        mask = sample.regions[region] if region else np.ones(b.shape[:2], bool)
        end = f":region={region}" if region else ""
        wanted[f"psnr_rgb:crop=0{end}"] = psnr(a[mask], b[mask])
        wanted[f"ssim_rgb:crop=0{end}"] = float(similar[mask[5:-5, 5:-5]].mean())
    top, left = centre
    strips = [
        np.s_[: top.start], np.s_[top.stop :],
        np.s_[top.start : top.stop, : left.start], np.s_[top.start : top.stop, left.stop :],
    ]  # fmt: skip
    wanted["lpips_alex"] = float(lpips_of(a, b, alexnet))
    four = [float(lpips_of(a[strip], b[strip], alexnet)) for strip in strips]
    wanted["lpips_alex:mean=strips:region=corner"] = float(np.mean(four))
    agree(ours, wanted)


@pytest.mark.parametrize(
    ("hr_size", "ref_sizes", "common"),
    [
        ((333, 498), [(300, 401), (500, 200), (77, 91), (60, 60), (301, 302), (90, 90)], (500, 500)),
        ((333, 498), [(300, 601), (100, 200)], (500, 604)),
    ],
)
def test_lmr(hr_size: tuple[int, int], ref_sizes: list[tuple[int, int]], common: tuple[int, int]) -> None:
    """Five of six references; CUFED5's square of 500, and the larger common size of LMR's own images."""
    photo = np.tile(PHOTO, (2, 2, 1))
    hr, refs = photo[: hr_size[0], : hr_size[1]], [photo[: s[0], 9 : 9 + s[1]] for s in ref_sizes]
    card = load_card("lmr")
    trial = trial_of("lmr", Sample("1", hr, tuple(refs)), ReferencePolicy.parse(card.reference, "lmr"))
    target = hr[: hr_size[0] // 4 * 4, : hr_size[1] // 4 * 4]
    padded = [np.zeros((*common, 3), np.uint8) for _ in range(1 + min(5, len(refs)))]
    for black, image in zip(padded, [target, *refs], strict=False):
        black[: image.shape[0], : image.shape[1]] = image
    lr = pil(padded[0], common[0] // 4, common[1] // 4)
    assert np.array_equal(trial.lr, lr)
    assert [np.array_equal(a, b) for a, b in zip(trial.refs, padded[1:], strict=True)] == [True] * (
        len(padded) - 1
    )
    whole = pil(lr, *common)
    ours, _ = measured("lmr", trial, restored(trial, tensor(whole), 4))
    sr = whole[: target.shape[0], : target.shape[1]]
    a, b = luma(sr)[4:-4, 4:-4], luma(target)[4:-4, 4:-4]
    rgb = [image[4:-4, 4:-4].astype(np.float64) for image in (sr, target)]
    agree(ours, {"psnr_y": psnr(a, b), "ssim_y": float(ssim_map(a, b).mean()), "psnr_rgb": psnr(*rgb)})


def test_realesrgan(alexnet: dict[str, torch.Tensor]) -> None:
    """SR of 160 x 192 for an HR of 163 x 197: resized, cut by 4 for every metric, on pyiqa's rounded luma."""
    hr = PHOTO[20:183, 150:347]
    trial = trial_of("realesrgan", Sample("1", hr, (), lr=pil(hr, 40, 49)))
    made = pil(trial.lr, 160, 192)
    done = restored(trial, tensor(made), 4)
    assert done.sr is not None
    sr = pil(made, 163, 197)
    assert np.array_equal(done.sr, sr)
    ours, absent = measured("realesrgan", trial, done)
    inner = [image[4:-4, 4:-4] for image in (sr, hr)]
    plain = [luma(image) for image in inner]
    a, b = (np.round(image) for image in plain)
    wanted = {
        "psnr_y": psnr(*plain),
        "ssim_y:variant=pyiqa": float(ssim_map(a, b).clip(0).mean()),
        "lpips_alex:crop=4": float(lpips_of(*(image.astype(np.float64) for image in inner), state=alexnet)),
    }
    learned = {"pyiqa:niqe:crop=4", "pyiqa:musiq:crop=4", "pyiqa:clipiqa:crop=4"}
    try:
        import pyiqa
    except ImportError:
        assert set(absent) == learned
    else:
        both = [torch.from_numpy(i.transpose(2, 0, 1)[None].copy()).float() / 255 for i in inner]
        # without test_y_channel pyiqa's PSNR and SSIM are of RGB, whatever color_space says
        for name, alias in (("psnr", "psnr_y"), ("ssim", "ssim_y:variant=pyiqa")):
            theirs = pyiqa.create_metric(name, test_y_channel=True, color_space="ycbcr")
            assert ours[alias] == pytest.approx(float(theirs(*both)), abs=1e-4)
        ours = {name: value for name, value in ours.items() if name not in learned}
    agree(ours, wanted)
    assert "fid" in load_card("realesrgan").metrics


def test_realesrgan_takes_given_lr_only_and_no_other_scale() -> None:
    hr = PHOTO[:64, :96]
    with pytest.raises(SampleError, match="scores the dataset's own LR images; it has none"):
        trial_of("realesrgan", Sample("1", hr, ()))
    trial = trial_of("realesrgan", Sample("1", hr, (), lr=pil(hr, 16, 24)))
    images = Images(trial.lr, (), 4, sr_fit=trial.sr_fit)
    done = call(lambda inp: torch.zeros(3, 32, 48), images, Settings())
    assert done.problem is not None
    assert done.problem.text.startswith("SR has shape (3, 32, 48), expected (3, 64, 96)")


def wavelet_base(image: Plane) -> Plane:
    """Five times [1 2 1] x [1 2 1] / 16 with holes, as one two-dimensional correlation each."""
    for level in range(5):
        window = np.zeros((2 ** (level + 1) + 1,) * 2)
        window[:: 2**level, :: 2**level] = np.outer([1, 2, 1], [1, 2, 1]) / 16
        image = np.stack([correlate(image[..., k], window, mode="nearest") for k in range(3)], axis=2)
    return image


@pytest.mark.parametrize("card", ["irag", "irag_adain", "irag_wavelet"])
def test_irag(card: str, alexnet: dict[str, torch.Tensor]) -> None:
    hr = PHOTO[20:180, 150:350]
    trial = trial_of(card, Sample("1", hr, ()))
    # another white balance than LR's
    sr = (pil(trial.lr, 160, 200) * np.array([0.9, 1.0, 0.8])).astype(np.uint8)
    done = restored(trial, tensor(sr), 4)
    like = pil(trial.lr, 160, 200).astype(np.float64) / 255
    fixed = sr.astype(np.float64) / 255
    if card == "irag_adain":
        for k in range(3):
            spread, wanted_spread = (np.sqrt(np.var(x[..., k], ddof=1) + 1e-5) for x in (fixed, like))
            fixed[..., k] = (fixed[..., k] - fixed[..., k].mean()) / spread * wanted_spread + like[
                ..., k
            ].mean()
    elif card == "irag_wavelet":
        fixed = fixed - wavelet_base(fixed) + wavelet_base(like)
    fixed = np.rint(fixed.clip(0, 1) * 255)
    assert done.sr is not None
    assert np.array_equal(done.sr, fixed.astype(np.uint8))
    ours, absent = measured(card, trial, done)
    ours = {name: value for name, value in ours.items() if not name.startswith("pyiqa:")}
    assert set(absent) <= {"pyiqa:clipiqa", "pyiqa:musiq"}
    target = hr.astype(np.float64)
    similar = skimage.metrics.structural_similarity(fixed, target, data_range=255.0, channel_axis=2)
    agree(
        ours,
        {
            "psnr_rgb:crop=0": psnr(fixed, target),
            "ssim_rgb:variant=skimage:crop=0": float(similar),
            "lpips_alex": float(lpips_of(fixed, target, alexnet)),
        },
    )
