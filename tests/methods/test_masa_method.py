"""masa as a method: any sizes, BGR inside, official files, stages, and the conformance kit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refbench.conformance.kit import verify_method
from refbench.errors import SampleError, UserError
from refbench.imaging import bicubic_resize
from refbench.matching.accuracy import match_accuracy
from refbench.matching.observing import observing
from refbench.matching.result import Match
from refbench.methods.masa.config import RELEASED, MasaConfig
from refbench.methods.masa.method import Masa
from refbench.methods.masa.model import MasaModel
from refbench.methods.masa.spec import SPEC
from refbench.registry import Registry
from refbench.stages import STAGES, recording
from refbench.tensors import to_image, to_tensor
from refbench.types import Input
from refbench.weights import resolve
from refbench.weights.save import save_model

TINY = MasaConfig(nf=8, encoder_blocks=1, lr_blocks=1, fusion_blocks=(2, 1, 1))


def seeded(config: MasaConfig) -> MasaModel:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = MasaModel(config)
        for parameter in model.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.7 / parameter[0].numel() ** 0.5)
    return model.eval()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("masa") / "tiny.safetensors"
    save_model(seeded(TINY), TINY, "masa", path)
    return path


def made(path: Path, multi: str = "first") -> Masa:
    return Masa(resolve(SPEC, str(path), None), torch.device("cpu"), multi=multi)


def given(lr: tuple[int, int], ref: tuple[int, int]) -> Input:
    """Images on 8 bits with structure at two scales."""
    rng = torch.Generator().manual_seed(5)

    def picture(height: int, width: int) -> Tensor:
        coarse = torch.rand(1, 3, max(height // 5, 2), max(width // 5, 2), generator=rng)
        smooth = F.interpolate(coarse, size=(height, width), mode="bilinear")[0]
        return to_tensor(to_image(0.7 * smooth + 0.3 * torch.rand(3, height, width, generator=rng)))

    return Input(picture(*lr), (picture(*ref),))


def plain_masa(model: MasaModel, lr: Tensor, ref: Tensor, small: Tensor) -> Tensor:
    """Spec 1.4 with functional calls on the state_dict; only search and warp are the model's own (they have
    their plain versions in test_masa_matching)."""
    p = {name: value.detach() for name, value in model.state_dict().items()}

    def conv(name: str, x: Tensor, stride: int = 1) -> Tensor:
        return F.conv2d(x, p[f"{name}.weight"], p[f"{name}.bias"], stride=stride, padding=1)

    def body(name: str, x: Tensor) -> Tensor:
        count = len({key.split(".")[2] for key in p if key.startswith(f"{name}.")})
        for i in range(count):
            x = x + conv(f"{name}.{i}.conv2", F.relu(conv(f"{name}.{i}.conv1", x)))
        return x

    def encoder(x: Tensor) -> list[Tensor]:
        levels = []
        for level, stride in (("L1", 1), ("L2", 2), ("L3", 2)):
            x = body(f"enc.blk_{level}", F.relu(conv(f"enc.conv_{level}", x, stride)))
            levels.append(x)
        return levels

    def double(x: Tensor) -> Tensor:
        return F.interpolate(x, size=(2 * x.shape[2], 2 * x.shape[3]), mode="bilinear", align_corners=False)

    def sam(x: Tensor, r: Tensor) -> Tensor:
        shared = F.relu(conv("decoder.pAda.conv_shared.0", torch.cat((x, r), 1)))
        flat = x.flatten(2)
        gamma = conv("decoder.pAda.conv_gamma", shared) + flat.std(2, unbiased=True)[..., None, None]
        beta = conv("decoder.pAda.conv_beta", shared) + flat.mean(2)[..., None, None]
        return F.instance_norm(r, eps=1e-5) * gamma + beta

    def up(name: str, x: Tensor) -> Tensor:
        return F.conv_transpose2d(
            x, p[f"{name}.weight"], p[f"{name}.bias"], stride=2, padding=1, output_padding=1
        )

    def dram(name: str, x: Tensor, r: Tensor) -> Tensor:
        a = F.relu(up(f"{name}.conv_up_a", F.relu(conv(f"{name}.conv_down_a", r, 2)) - x)) + r
        b = F.relu(up(f"{name}.conv_up_b", x + (x - F.relu(conv(f"{name}.conv_down_b", r, 2)))))
        return F.relu(conv(f"{name}.conv_cat", torch.cat((a, b), 1)))

    levels, values, key = encoder(lr), encoder(ref), encoder(small)[0]
    w1, w2, w4 = model.warp((values[2], values[1], values[0]), model.search(levels[0], key))
    x = body("decoder.blk_L3", F.relu(conv("decoder.conv_L3", levels[2])))
    for level, skip in (("L2", levels[1]), ("L1", levels[0])):
        merged = F.relu(conv(f"decoder.conv_{level}", torch.cat((double(x), skip), 1)))
        x = body(f"decoder.blk_{level}", merged)
    x = body("decoder.blk_x1", F.relu(conv("decoder.merge_warp_x1", torch.cat((sam(x, w1), x), 1))))
    x = body("decoder.blk_x2", dram("decoder.dram_x2", x, sam(double(x), w2)))
    x = body("decoder.blk_x4", dram("decoder.dram_x4", x, sam(double(x), w4)))
    return conv("decoder.conv_out", x) + F.interpolate(
        lr, size=(4 * lr.shape[2], 4 * lr.shape[3]), mode="bicubic", align_corners=False
    )


def small_of(ref: Tensor) -> Tensor:
    """PIL's bicubic on 8 bits."""
    return to_tensor(bicubic_resize(to_image(ref), (ref.shape[1] // 4, ref.shape[2] // 4)))


def bgr(image: Tensor) -> Tensor:
    return image[[2, 1, 0]]


@pytest.mark.parametrize(("lr", "ref"), [((16, 24), (64, 96)), ((24, 8), (52, 80)), ((8, 32), (100, 36))])
def test_non_square_sizes_agree_with_a_plain_build(
    file: Path, lr: tuple[int, int], ref: tuple[int, int]
) -> None:
    inp = given(lr, ref)
    method = made(file)
    reference = inp.refs[0]
    with torch.inference_mode():
        wanted = plain_masa(
            method.model, bgr(inp.lr)[None], bgr(reference)[None], bgr(small_of(reference))[None]
        )[0]
    assert torch.allclose(method(inp), bgr(wanted), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("lr", "ref"), [((13, 21), (67, 45)), ((3, 9), (33, 30)), ((8, 9), (41, 16))])
def test_other_sizes_are_padded_at_the_bottom_and_right(
    file: Path, lr: tuple[int, int], ref: tuple[int, int]
) -> None:
    inp = given(lr, ref)
    method = made(file)
    missing = [-side % 8 for side in lr]
    reflects = all(m < side for m, side in zip(missing, lr, strict=True))
    pads = ((0, 0), (0, missing[0]), (0, missing[1]))
    mode = "reflect" if reflects else "edge"
    padded = torch.from_numpy(np.pad(inp.lr.numpy(), pads, mode=mode))  # type: ignore[call-overload]
    reference = inp.refs[0][:, : ref[0] // 4 * 4, : ref[1] // 4 * 4]
    with torch.inference_mode():
        wanted = plain_masa(
            method.model, bgr(padded)[None], bgr(reference)[None], bgr(small_of(reference))[None]
        )[0]
    sr = method(inp)
    assert sr.shape == (3, 4 * lr[0], 4 * lr[1])
    assert torch.allclose(sr, bgr(wanted)[:, : 4 * lr[0], : 4 * lr[1]], rtol=1e-4, atol=1e-5)


def test_the_net_sees_bgr(file: Path) -> None:
    """RGB with the first convolution's and the last one's channels turned round is the same net."""
    inp = given((16, 16), (64, 48))
    method = made(file)
    swapped = made(file)
    with torch.no_grad():
        first, last = swapped.model.enc.conv_L1, swapped.model.decoder.conv_out
        assert last.bias is not None
        first.weight.copy_(first.weight.flip(1))
        last.weight.copy_(last.weight.flip(0))
        last.bias.copy_(last.bias.flip(0))
    turned = Input(inp.lr.flip(0), (inp.refs[0].flip(0),))
    assert torch.allclose(method(inp), swapped(turned).flip(0), atol=1e-5)
    assert not torch.allclose(method(inp), method(turned).flip(0), atol=1e-3)


def test_several_references(file: Path) -> None:
    inp = given((16, 8), (48, 40))
    own, other = inp.refs[0], given((8, 8), (36, 64)).refs[0]
    both = Input(inp.lr, (own, other))
    one = made(file)(inp)
    assert torch.equal(made(file)(both), one)
    assert torch.equal(made(file, "per_patch")(Input(inp.lr, (own, own))), one)
    best = made(file, "best")(both)
    singles = [made(file)(Input(inp.lr, (ref,))) for ref in both.refs]
    assert sum(torch.equal(best, single) for single in singles) == 1
    for multi in ("stitch", "per_patch"):
        sr = made(file, multi)(both)
        assert sr.shape == one.shape
        assert all(not torch.allclose(sr, single, atol=1e-4) for single in singles)
    with pytest.raises(UserError, match=r"method\.multi=worst of masa: give one of first, stitch"):
        made(file, "worst")


def test_the_best_reference_is_the_one_that_shows_the_scene(file: Path) -> None:
    scene, other = given((8, 8), (64, 64)).refs[0], torch.rand(3, 64, 64)
    lr = small_of(scene)
    found = made(file, "best")(Input(lr, (other, scene)))
    assert torch.equal(found, made(file)(Input(lr, (scene,))))


def test_an_image_as_its_own_reference_is_matched_without_error(file: Path) -> None:
    """What the runner's matching metrics see: LR's pixels find their own place, but for the rim."""
    scene = given((8, 8), (64, 96)).refs[0]
    seen: list[Match] = []
    with observing(seen.append):
        made(file)(Input(small_of(scene), (scene,)))
    index = seen[0].index[0, 0].numpy()
    index = np.where(np.pad(np.ones((14, 22), bool), 1), index, -1)
    found = match_accuracy(
        index, seen[0].reference_grid, np.eye(3), (64, 96), (64, 96), offset=seen[0].centre
    )
    assert found.epe == 0.0
    assert found.pck == (1.0, 1.0, 1.0)


def test_a_reference_too_small_to_match(file: Path) -> None:
    method = made(file)
    with pytest.raises(SampleError, match="reference of 60x15 pixels; matching needs at least 16x16"):
        method(given((8, 8), (15, 60)))
    assert method(given((1, 2), (16, 16))).isfinite().all()
    with pytest.raises(SampleError, match="masa needs a reference image and got none"):
        method(Input(torch.rand(3, 8, 8), ()))


def test_every_stage_is_marked_and_a_shared_reference_encoded_once(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = made(file)
    seen: list[str] = []
    encoded: list[object] = []

    class Recorder:
        def enter(self, stage: str) -> None:
            seen.append(stage)

        def leave(self, stage: str) -> None:
            pass

    encode = method.model.encode

    def counted(*images: Tensor) -> object:
        encoded.append(images)
        return encode(*images)

    monkeypatch.setattr(method.model, "encode", counted)
    inp = given((8, 16), (32, 40))
    with recording(Recorder()):
        first = method(inp)
    assert set(seen) == set(STAGES)
    assert torch.equal(first, method(inp))
    assert len(encoded) == 1


@pytest.mark.parametrize("prefix", ["", "module."])
def test_official_files(prefix: str, tmp_path: Path) -> None:
    model = seeded(RELEASED)
    named = {prefix + name: value for name, value in model.state_dict().items()}
    torch.save(named, tmp_path / "masa_rec.pth")
    loaded = Masa(resolve(SPEC, "mse", tmp_path), torch.device("cpu")).model.state_dict()
    assert len(loaded) == 210
    assert all(torch.equal(loaded[name], value) for name, value in model.state_dict().items())


def test_another_checkpoint_is_refused(tmp_path: Path) -> None:
    tensors = seeded(RELEASED).state_dict()
    tensors.pop("decoder.pAda.conv_beta.bias")
    torch.save(tensors, tmp_path / "masa.pth")
    with pytest.raises(UserError, match=r"masa.pth.*decoder.pAda.conv_beta.bias"):
        Masa(resolve(SPEC, "gan", tmp_path), torch.device("cpu"))


def test_without_weights_the_line_names_the_file() -> None:
    with pytest.raises(UserError, match=r"masa \(mse\): masa_rec.pth not found; .*README"):
        resolve(SPEC, None, None)


def test_it_is_found_like_any_other() -> None:
    entry = next(e for e in Registry.discover().entries("methods") if e.name == "masa")
    assert entry.spec is SPEC
    assert entry.source == "built-in"
    assert all("not stated" in f.licence for v in SPEC.variants for f in v.files)


def test_it_conforms_with_random_weights(file: Path) -> None:
    report = verify_method(SPEC, str(file), device="cpu")
    assert [(c.id, c.detail) for c in report.clauses if c.status != "pass"] == []
