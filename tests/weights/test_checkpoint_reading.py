"""Checkpoints: tensors are read, code is refused, damage is named in one line."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from refbench.errors import UserError
from refbench.weights.checkpoint import read_checkpoint
from refbench.weights.strict import load_strict


class Opens:
    """A pickle that creates a file when it is loaded without care."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return open, (str(self.target), "w")


@pytest.mark.parametrize("legacy", [False, True])
def test_torch_files_zip_and_legacy(tmp_path: Path, legacy: bool) -> None:
    path = tmp_path / "a.pth"
    torch.save({"module.w": torch.arange(3.0)}, path, _use_new_zipfile_serialization=not legacy)
    found = read_checkpoint(path)
    assert found.tensors["w"].tolist() == [0, 1, 2]
    assert found.metadata == {}


@pytest.mark.parametrize("wrapper", ["state_dict", "params", "params_ema"])
def test_common_wrappers(tmp_path: Path, wrapper: str) -> None:
    torch.save({wrapper: {"w": torch.ones(1)}, "epoch": 3}, tmp_path / "a.pth")
    assert list(read_checkpoint(tmp_path / "a.pth").tensors) == ["w"]


def test_safetensors_whatever_its_name(tmp_path: Path) -> None:
    for name in ("a.safetensors", "a.pth"):
        save_file({"w": torch.ones(2)}, tmp_path / name, {"config": "{}"})
        found = read_checkpoint(tmp_path / name)
        assert found.tensors["w"].tolist() == [1, 1]
        assert found.metadata == {"config": "{}"}


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_with_code_is_refused_and_not_run(tmp_path: Path, legacy: bool) -> None:
    target, path = tmp_path / "written", tmp_path / "evil.pth"
    torch.save({"w": Opens(target)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(
        UserError, match=r"evil.pth: refused, its pickle asks for .*open.*nothing was executed"
    ):
        read_checkpoint(path)
    assert not target.exists()


def test_a_bare_pickle_with_code_is_refused(tmp_path: Path) -> None:
    target, path = tmp_path / "written", tmp_path / "evil.pt"
    path.write_bytes(pickle.dumps(Opens(target)))
    with pytest.raises(UserError) as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert not target.exists()


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@pytest.mark.parametrize("keep", [0, 5, 40, 900])
def test_truncated_files_are_one_line(tmp_path: Path, suffix: str, keep: int) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "pth":
        torch.save({"w": torch.rand(400)}, path)
    else:
        save_file({"w": torch.rand(400)}, path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError) as caught:
        read_checkpoint(path)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text


def test_a_text_file_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    path.write_text("<html>quota exceeded</html>")
    with pytest.raises(UserError, match="download it again"):
        read_checkpoint(path)


def test_what_is_not_a_state_dict(tmp_path: Path) -> None:
    torch.save([torch.ones(1)], tmp_path / "a.pth")
    with pytest.raises(UserError, match="holds list, not a state_dict"):
        read_checkpoint(tmp_path / "a.pth")
    torch.save({"epoch": 3}, tmp_path / "b.pth")
    with pytest.raises(UserError, match="entry 'epoch' is not a tensor"):
        read_checkpoint(tmp_path / "b.pth")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_checkpoint(tmp_path / "a.pth")


def test_the_checkpoint_of_another_net_names_the_first_keys() -> None:
    net = nn.Linear(2, 3)
    other = {"weight": torch.zeros(4, 2), "gain": torch.zeros(1), "a": torch.zeros(1)}
    with pytest.raises(UserError) as caught:
        load_strict(net, other, Path("x.pth"), "the toy")
    assert str(caught.value) == (
        "x.pth: no checkpoint of the toy: missing bias; unexpected gain, a; "
        "mis-shaped weight 4x2 instead of 3x2"
    )


def test_many_wrong_keys_are_counted() -> None:
    other = {**nn.Linear(2, 3).state_dict(), **{f"k{i}": torch.zeros(1) for i in range(5)}}
    with pytest.raises(UserError, match=r"unexpected k0, k1, k2 and 2 more$"):
        load_strict(nn.Linear(2, 3), other, Path("x.pth"), "the toy")


def test_values_that_are_no_numbers_are_refused() -> None:
    state = {name: t.clone() for name, t in nn.Linear(2, 3).state_dict().items()}
    state["bias"][1] = float("nan")
    with pytest.raises(UserError, match="bias has NaN or infinite values"):
        load_strict(nn.Linear(2, 3), state, Path("x.pth"), "the toy")


def test_constant_buffers_must_say_what_the_net_computes_with() -> None:
    net = nn.Linear(1, 1)
    net.register_buffer("mean", torch.tensor([0.485]))
    state = {**net.state_dict(), "mean": torch.tensor([0.5])}
    with pytest.raises(UserError, match="buffer mean differs from what the toy defines"):
        load_strict(net, state, Path("x.pth"), "the toy")
