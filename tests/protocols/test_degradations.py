"""Degradations of LR: against independent calculations, seeded by name, the same on any thread count."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys

import numpy as np
import pytest
import scipy.ndimage
import torch
from PIL import Image as PILImage
from skimage import data

from refbench.errors import SampleError, UserError
from refbench.protocols import ProtocolInstance
from refbench.protocols.card import load_card
from refbench.protocols.degradations import degradation_names, load_degradation
from refbench.protocols.degradations.kernels import bell, drawn_kernel, filtered, sinc
from refbench.protocols.degradations.resample import resample
from refbench.protocols.reference import ReferencePolicy
from refbench.types import Image, Sample, Trial

HR: Image = data.astronaut()[20:116, 150:282]
ALL = [(name, level) for name in degradation_names() for level in load_degradation(name).levels]


def sample(name: str = "007") -> Sample:
    return Sample(name, HR, (HR[10:60, 20:90],))


def degraded(name: str, level: str, scale: int = 4, draw: int = 0, seed: int = 0, of: str = "007") -> Trial:
    card = load_card("canonical" if scale == 4 else f"canonical_x{scale}")
    return ProtocolInstance(card, degradation=name, level=level).apply(sample(of), draw, seed)


def pil(image: Image, kernel: PILImage.Resampling) -> Image:
    across = PILImage.fromarray(image).resize((33, 96), kernel)
    return np.asarray(across.resize((33, 24), kernel))


@pytest.mark.parametrize(("name", "level"), ALL)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_lr_alone_changes_and_names_decide(name: str, level: str, scale: int) -> None:
    plain = ProtocolInstance(load_card("canonical" if scale == 4 else f"canonical_x{scale}")).apply(
        sample(), 0, 0
    )
    trial = degraded(name, level, scale)
    assert trial.lr.shape == plain.lr.shape
    assert trial.lr.dtype == np.uint8
    assert not np.array_equal(trial.lr, plain.lr)
    assert plain.target is not None
    assert trial.target is not None
    assert np.array_equal(trial.target, plain.target)
    assert np.array_equal(trial.refs[0], plain.refs[0])
    assert np.array_equal(trial.lr, degraded(name, level, scale).lr)
    random = load_degradation(name).random
    others = [degraded(name, level, scale, draw=1), degraded(name, level, scale, seed=1)]
    others.append(degraded(name, level, scale, of="008"))
    assert [not np.array_equal(trial.lr, other.lr) for other in others] == [random] * 3


def test_levels_of_one_draw_differ_in_strength_only() -> None:
    plain = ProtocolInstance(load_card("canonical")).apply(sample(), 0, 0).lr.astype(int)
    weak, strong = (degraded("noise", level).lr.astype(int) - plain for level in ("sigma5", "sigma15"))
    middle = (plain > 60) & (plain < 190)
    assert np.abs(3 * weak - strong)[middle].max() <= 2


def test_single_degradations_against_scipy_and_pillow() -> None:
    lanczos, box = (PILImage.Resampling.LANCZOS, PILImage.Resampling.BOX)
    assert np.array_equal(degraded("kernel", "lanczos").lr, pil(HR, lanczos))
    assert np.array_equal(degraded("kernel", "box").lr, pil(HR, box))
    assert np.array_equal(degraded("kernel", "nearest").lr, HR[::4, ::4])
    plain = pil(HR, PILImage.Resampling.BICUBIC)
    buffer = io.BytesIO()
    PILImage.fromarray(plain).save(buffer, "JPEG", quality=50, subsampling=2)
    assert np.array_equal(degraded("jpeg", "q50").lr, np.asarray(PILImage.open(buffer)))
    soft = scipy.ndimage.gaussian_filter(
        HR.astype(np.float64), (2.0, 2.0, 0), mode="nearest", radius=(6, 6, 0)
    )
    wanted = pil(np.rint(soft).astype(np.uint8), PILImage.Resampling.BICUBIC)
    assert np.array_equal(degraded("blur", "sigma2").lr, wanted)
    noise = degraded("noise", "sigma15").lr.astype(float) - plain
    middle = (plain > 60) & (plain < 190)
    assert noise[middle].std() == pytest.approx(15, rel=0.05)


@pytest.mark.parametrize("kind", ["nearest", "area", "bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(24, 33), (41, 57), (96, 132), (130, 140)])
def test_resampling_is_torchs_without_antialiasing(kind: str, size: tuple[int, int]) -> None:
    image = torch.from_numpy(HR.transpose(2, 0, 1)[None].astype(np.float64))
    more = {} if kind in ("nearest", "area") else {"align_corners": False}
    wanted = torch.nn.functional.interpolate(image, size, mode=kind, **more)[0].numpy().transpose(1, 2, 0)
    assert np.allclose(resample(HR.astype(np.float64), size, kind), wanted, atol=1e-9)


def test_kernels() -> None:
    assert np.allclose(
        bell(21, 2, 2), np.outer(*[np.exp(-((np.arange(21) - 10) ** 2) / 8)] * 2) / (8 * np.pi)
    )
    turned = bell(21, 3, 1, np.pi / 2)
    assert np.allclose(turned, bell(21, 1, 3))
    flat = bell(21, 3, 3, beta=2, plateau=True)
    assert flat[10, 10] / flat[10, 12] < bell(21, 3, 3)[10, 10] / bell(21, 3, 3)[10, 12] * 1.1
    assert flat.sum() == pytest.approx(1)
    # a circular low-pass filter passes slow waves and stops fast ones
    response = np.abs(np.fft.fft2(sinc(21, np.pi / 2), (64, 64)))
    assert response[0, 4] == pytest.approx(1, abs=0.1)
    assert response[0, 26] < 0.1
    rng = np.random.default_rng(0)
    kinds = {drawn_kernel(rng, (0.2, 3.0))[1].rpartition(" ")[0].rstrip("0123456789. ") for _ in range(400)}
    assert kinds == {
        "iso", "aniso", "generalised iso", "generalised aniso", "plateau iso", "plateau aniso", "sinc"
    }  # fmt: skip
    image = HR.astype(np.float64)
    kernel = bell(7, 1, 2, 0.3)
    wide = np.pad(image, ((3, 3), (3, 3), (0, 0)), mode="reflect")
    by_hand = (wide[10:17, 20:27] * kernel[..., None]).sum(axis=(0, 1))
    assert np.allclose(filtered(image, kernel)[10, 20], by_hand)


def test_each_image_draws_a_chain_of_its_own() -> None:
    trials = [degraded("realesrgan", "second-order", of=f"{n:03}") for n in range(12)]
    chains = [tuple(str(v) for v in trial.notes.values()) for trial in trials]
    assert len(set(chains)) == 12
    assert {trial.notes["lr.end"] for trial in trials} == {"sinc, jpeg", "jpeg, sinc"}
    qualities = [float(trial.notes[f"lr.{n}.jpeg"]) for trial in trials for n in (1, 2)]
    assert 30 <= min(qualities) < max(qualities) <= 95
    noises = {str(trial.notes[f"lr.{n}.noise"]).split()[0] for trial in trials for n in (1, 2)}
    assert noises == {"gaussian", "poisson"}


STATED = """
import hashlib, sys, torch
from skimage import data
from refbench.protocols import ProtocolInstance
from refbench.protocols.card import load_card
from refbench.protocols.degradations import degradation_names, load_degradation
from refbench.types import Sample
torch.set_num_threads(int(sys.argv[1]))
hr = data.astronaut()[20:116, 150:282]
total = hashlib.sha256()
for name in degradation_names():
    for level in load_degradation(name).levels:
        made = ProtocolInstance(load_card("canonical"), degradation=name, level=level)
        for sample in ("a", "b", "c"):
            total.update(made.apply(Sample(sample, hr, (hr,)), 0, 0).lr.tobytes())
print(total.hexdigest())
"""


@pytest.mark.slow
def test_the_number_of_threads_changes_no_bit() -> None:
    import os

    def digest(threads: str) -> str:
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        command = [sys.executable, "-c", STATED, threads]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert len({digest("1"), digest("4")}) == 1


def test_two_threads_at_once_give_the_same() -> None:
    from concurrent.futures import ThreadPoolExecutor

    names = [f"{n:03}" for n in range(8)]
    alone = [hashlib.sha256(degraded("realesrgan", "second-order", of=n).lr).hexdigest() for n in names]
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(
            lambda n: hashlib.sha256(degraded("realesrgan", "second-order", of=n).lr).hexdigest(), names
        )
        assert list(found) == alone


def test_identity_names_the_degradation_and_its_level() -> None:
    instance = ProtocolInstance(load_card("canonical"), degradation="blur", level="sigma2")
    assert instance.id == "canonical@1+lr-blur@1[level=sigma2]"
    assert instance.identity()["degradation"] == {
        "name": "lr-blur@1", "level": "sigma2", "params": {"sigma": 2.0}
    }  # fmt: skip
    assert "degradation" not in ProtocolInstance(load_card("canonical")).identity()


def test_given_lr_images_are_never_degraded_and_the_lr_reference_is_the_degraded_one() -> None:
    instance = ProtocolInstance(load_card("canonical"), degradation="blur", level="sigma2")
    given = Sample("1", HR, (), lr=HR[::4, ::4])
    with pytest.raises(
        SampleError, match=r"the dataset gives LR images; a degradation makes its own from HR"
    ):
        instance.apply(given, 0, 0)
    own = ProtocolInstance(load_card("canonical"), ReferencePolicy("lr"), degradation="blur", level="sigma2")
    trial = own.apply(sample(), 0, 0)
    assert np.array_equal(trial.refs[0], trial.lr)


def test_an_unknown_name_is_one_line() -> None:
    with pytest.raises(UserError, match="no degradation of LR 'blurr'; did you mean 'blur'"):
        load_degradation("blurr")
