"""EDVR: official values, both layouts of its checkpoints, and how references become frames."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from refbench.conformance.golden import check_golden, render
from refbench.conformance.golden_fill import fill_named
from refbench.errors import UserError
from refbench.methods.edvr.config import L_REDS, L_VIMEO, EdvrConfig, M, config_of
from refbench.methods.edvr.layout import basicsr_name
from refbench.methods.edvr.method import Edvr, load_model, places, reduced
from refbench.methods.edvr.net import EdvrNet
from refbench.nets.framing import pil_bicubic
from refbench.types import Input
from refbench.weights import ResolvedWeights

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
TINY = EdvrConfig(channels=8, groups=2, extract_blocks=1, restore_blocks=2)

# the other direction of the specification's table, written down on its own
OLD = (
    (r"^conv_l(\d)_(\d)", r"fea_L\1_conv\2"),
    (r"^pcd_align\.offset_conv(\d)\.l(\d)", r"pcd_align.L\2_offset_conv\1"),
    (r"^pcd_align\.dcn_pack\.l(\d)", r"pcd_align.L\1_dcnpack"),
    (r"^pcd_align\.feat_conv\.l(\d)", r"pcd_align.L\1_fea_conv"),
    (r"^reconstruction\.", "recon_trunk."),
    (r"^conv_hr", "HRconv"),
    (r"^fusion\.temporal_attn1", "tsa_fusion.tAtt_2"),
    (r"^fusion\.temporal_attn2", "tsa_fusion.tAtt_1"),
    (r"^fusion\.feat_fusion", "tsa_fusion.fea_fusion"),
    (r"^fusion\.spatial_attn_add(\d)", r"tsa_fusion.sAtt_add_\1"),
    (r"^fusion\.spatial_attn_l(\d)", r"tsa_fusion.sAtt_L\1"),
    (r"^fusion\.spatial_attn(\d)", r"tsa_fusion.sAtt_\1"),
    (r"^fusion\.(weight|bias)", r"tsa_fusion.\1"),
)


def name_of_2019(name: str) -> str:
    name = name.replace(".conv_offset.", ".conv_offset_mask.")
    for pattern, replacement in OLD:
        if re.search(pattern, name):
            return re.sub(pattern, replacement, name)
    return name


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(4)
        yield


@pytest.mark.parametrize(("case", "arrays"), [("edvr", 128), ("edvr_wotsa", 13)])
def test_official_values(case: str, arrays: int) -> None:
    report = check_golden("edvr", GOLDEN / f"{case}.sq.npz", GOLDEN / f"{case}.keys.json")
    assert report.ok, render(report)
    assert report.compared == arrays


@pytest.mark.parametrize(
    ("config", "parameters", "tensors"),
    [
        (M, 3_300_131, 144),
        (EdvrConfig(tsa=False), 2_996_259, 120),
        (L_REDS, 20_633_827, 264),
        (L_VIMEO, 20_699_363, 264),
    ],
)
def test_sizes(config: EdvrConfig, parameters: int, tensors: int) -> None:
    net = EdvrNet(config)
    assert sum(p.numel() for p in net.parameters()) == parameters
    assert len(net.state_dict()) == tensors
    assert config_of({name: value.shape for name, value in net.state_dict().items()}) == config


def keys_of_2019(filled_by: str, folder: Path) -> tuple[Path, dict[str, Tensor]]:
    """A key file in the layout of 2019, and the tensors it describes under BasicSR's names.

    ``filled_by``: which of a tensor's two names decides its values.
    """
    import zlib

    def crc(name: str, entry: dict[str, Any]) -> int:
        return zlib.crc32(fill_named(name, entry["shape"], entry["gain"]).tobytes())

    content = json.loads((GOLDEN / "edvr.keys.json").read_text())
    tensors = {}
    for entry in content["networks"]["net_g"]["state_dict"]:
        new = entry["name"]
        old = name_of_2019(new)
        values = fill_named(new if filled_by == "new" else old, entry["shape"], entry["gain"])
        tensors[new] = torch.from_numpy(values)
        entry.update(
            name=old,
            basicsr_name=new,
            crc32_filled=crc(old, entry),
            crc32_filled_as_basicsr=crc(new, entry),
        )
    path = folder / "old.keys.json"
    path.write_text(json.dumps(content))
    return path, tensors


@pytest.mark.parametrize("filled_by", ["old", "new"])
def test_golden_files_in_the_layout_of_2019(filled_by: str, tmp_path: Path) -> None:
    """5 frames that are not square; values from the net itself, filled without the mapping under test."""
    keys, tensors = keys_of_2019(filled_by, tmp_path)
    net = EdvrNet(M).eval()
    net.load_state_dict(tensors)
    frames = np.random.default_rng(0).integers(0, 256, (5, 12, 20, 3), dtype=np.uint8)
    seen: list[Tensor] = []
    net.fusion.get_submodule("temporal_attn1").register_forward_hook(lambda m, i, o: seen.append(o.clone()))
    with torch.inference_mode():
        sr = net(torch.from_numpy(frames).permute(0, 3, 1, 2)[None].float() / 255)
    arrays = {f"frame{i}_uint8": frame for i, frame in enumerate(frames)}
    # arrays may be named after the modules of 2019, too
    arrays |= {"sr": sr.numpy(), "act/tsa_fusion.tAtt_2": seen[0].numpy()}
    golden = tmp_path / "old.npz"
    np.savez(golden, **arrays)  # type: ignore[arg-type]
    report = check_golden("edvr", golden, keys)
    assert report.ok, render(report)
    assert report.compared == 2


def tiny_state() -> dict[str, Tensor]:
    net = EdvrNet(TINY)
    for parameter in net.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=1.0 / parameter[0].numel() ** 0.5)
    return {name: value.clone() for name, value in net.state_dict().items()}


def loaded(state: dict[str, Tensor], path: Path) -> EdvrNet:
    torch.save(state, path)
    return load_model(ResolvedWeights("edvr", "x", "x", {"net": path}, {"net": None}, {"net": False}))


def test_a_checkpoint_of_2019_gives_the_same_image(tmp_path: Path) -> None:
    new = tiny_state()
    old = {name_of_2019(name): value for name, value in new.items()}
    assert set(old).isdisjoint(
        name for name in new if not name.startswith(("conv_", "feature_", "upconv", "pcd_align.cas"))
    )
    assert {basicsr_name(name) for name in old} == set(new)
    frames = torch.rand(1, 5, 3, 8, 12)
    with torch.inference_mode():
        wanted = loaded({"params": new}, tmp_path / "new.pth")(frames)  # type: ignore[dict-item]
        assert torch.equal(loaded(old, tmp_path / "old.pth")(frames), wanted)
        # the trap: equal shapes, so a swap loads and only the image tells
        for part in ("weight", "bias"):
            one, two = f"tsa_fusion.tAtt_1.{part}", f"tsa_fusion.tAtt_2.{part}"
            old[one], old[two] = old[two], old[one]
        assert not torch.allclose(loaded(old, tmp_path / "crossed.pth")(frames), wanted, atol=1e-4)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("predeblur.conv_first.weight", "deblurring stem, which is not hosted"),
        ("pre_deblur.conv_first_1.weight", "deblurring stem, which is not hosted"),
        ("conv_first_2.weight", "input of HR size, which is not hosted"),
        ("generator.feat_l2_conv1.conv.weight", "MMagic's layout, which is not hosted"),
    ],
)
def test_foreign_layouts_are_named(extra: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message) as error:
        loaded({**tiny_state(), extra: torch.zeros(1)}, tmp_path / "x.pth")
    assert "\n" not in str(error.value)


def test_another_nets_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"x\.pth: not a checkpoint of EDVR"):
        loaded({"body.0.weight": torch.zeros(3)}, tmp_path / "x.pth")
    with pytest.raises(UserError, match=r"missing upconv2\.weight"):
        loaded({k: v for k, v in tiny_state().items() if k != "upconv2.weight"}, tmp_path / "y.pth")


def test_places_of_references() -> None:
    assert places(5) == [1, 0, None, 2, 3]
    assert places(7) == [2, 1, 0, None, 3, 4, 5]


def test_references_at_lr_size() -> None:
    reference = torch.rand(3, 43, 70)
    small = pil_bicubic(reference[:, :40, :68], 10, 17)
    assert torch.equal(reduced(reference, (8, 20))[:, :, :17], small[:, :8])
    assert float(reduced(reference, (8, 20))[:, :, 17:].abs().sum()) == 0.0


def test_missing_references_are_the_lr_image_and_far_ones_are_not_used(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save(tiny_state(), path)
    method = Edvr(
        ResolvedWeights("edvr", "x", "x", {"net": path}, {"net": None}, {"net": False}), torch.device("cpu")
    )
    lr = torch.rand(3, 8, 12)
    refs = tuple(torch.rand(3, 32, 48) for _ in range(5))
    small = [pil_bicubic(ref, 8, 12) for ref in refs]
    with torch.inference_mode():
        frames = torch.stack([lr, small[0], lr, small[1] * 0 + lr, lr])[None]
        torch.testing.assert_close(method(Input(lr, refs[:1])), method.model(frames)[0], rtol=0, atol=1e-6)
        frames = torch.stack([small[1], small[0], lr, small[2], small[3]])[None]
        torch.testing.assert_close(method(Input(lr, refs)), method.model(frames)[0], rtol=0, atol=1e-6)
    assert not torch.allclose(method(Input(lr, refs[:1])), method(Input(lr, refs[:2])), atol=1e-4)
