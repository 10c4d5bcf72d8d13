"""The gate on a network: compact DATSR with its weights slightly off, and with a change like rounding."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from refbench.cli.main import main
from refbench.registry import Registry

pytestmark = pytest.mark.slow


def compact_file() -> Path:
    """The bundled weights, next to the method's spec."""
    spec = importlib.util.find_spec("refbench.methods.datsr")
    assert spec is not None
    assert spec.origin is not None
    variant = Registry.discover().method("datsr").variant("compact")
    assert variant is not None
    return Path(spec.origin).with_name(variant.files[0].name)


def perturbed(path: Path, amount: float) -> str:
    """The compact weights, each times 1 + ``amount`` x a normal number; its setting."""
    rng = torch.Generator().manual_seed(0)
    with safe_open(compact_file(), "pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for name, tensor in tensors.items():
        if name.endswith((".weight", ".bias")):
            tensors[name] = tensor * (1.0 + amount * torch.randn(tensor.shape, generator=rng))
    save_file(tensors, path, metadata)
    return f"method.weights={path}"


def test_perturbed_weights_regress_and_noise_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def score(name: str, *words: str) -> str:
        out = f"out={tmp_path / name}"
        common = [
            "suite=cufed5",
            "against=none",
            "device=cpu",
            "images=none",
            "tracking=none",
        ]
        assert main(["run", "method=datsr", *common, *words, out]) == 0
        return out

    baseline = f"baseline={tmp_path / 'datsr.json'}"
    unchanged = score("unchanged")
    assert main(["check", baseline, unchanged, "--update"]) == 0
    assert main(["check", baseline, unchanged]) == 0
    assert main(["check", baseline, score("noise", perturbed(tmp_path / "noise.safetensors", 1e-6))]) == 0

    worse = score("worse", perturbed(tmp_path / "worse.safetensors", 0.2))
    capsys.readouterr()
    assert main(["check", baseline, worse, "--json"]) == 1
    (cell,) = json.loads(capsys.readouterr().out)["cells"]
    assert cell["name"] == "cufed5: datsr (compact) on cufed5-sample, canonical@1"
    assert cell["remark"].startswith("weights: baseline 'compact', run ")
    psnr = next(metric for metric in cell["metrics"] if metric["name"] == "psnr_y")
    assert psnr["verdict"] == "regressed"
    assert psnr["change"] < -0.02
    assert psnr["hi"] < 0.0
    assert [image["change"] for image in psnr["worst"]] == sorted(image["change"] for image in psnr["worst"])
