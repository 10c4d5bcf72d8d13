"""Which files a method's weights are, and what is said when they are not there."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from refbench.errors import UserError
from refbench.specs import MethodSpec, WeightsFile, WeightsVariant
from refbench.weights import resolve

FILES = (
    WeightsFile("extractor", "feature_extraction.pth", source="https://example.org/release"),
    WeightsFile("restoration", "restoration_mse.pth", source="https://example.org/release"),
)
HUB = WeightsFile(
    "vgg19", "vgg19-dcbb9e9d.pth", sha256_prefix="dcbb9e9d", hub=True, source="https://example.org/vgg"
)
SPEC = MethodSpec(
    name="toy",
    target="refbench.methods.datsr.method:Datsr",
    variants=(
        WeightsVariant("mse", FILES),
        WeightsVariant("gan", (FILES[0], WeightsFile("restoration", "restoration_gan.pth"))),
        WeightsVariant("compact", (WeightsFile("net", "not_in_the_package.safetensors"),), bundled=True),
    ),
)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("REFBENCH_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def write(path: Path, text: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    return path


def test_the_methods_own_folder_wins_over_the_root(tmp_path: Path) -> None:
    write(tmp_path / "feature_extraction.pth", b"of another method")
    own = write(tmp_path / "toy" / "feature_extraction.pth", b"own")
    plain = write(tmp_path / "restoration_mse.pth")
    found = resolve(SPEC, None, tmp_path)
    assert found.variant == "mse"
    assert found.paths == {"extractor": own, "restoration": plain}
    assert found.sha256["extractor"] == hashlib.sha256(b"own").hexdigest()
    assert found.verified == {"extractor": False, "restoration": False}


def test_the_root_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "feature_extraction.pth")
    write(tmp_path / "restoration_gan.pth")
    monkeypatch.setenv("REFBENCH_WEIGHTS", str(tmp_path))
    assert resolve(SPEC, "gan", None).variant == "gan"
    with pytest.raises(UserError, match=r"toy \(mse\): restoration_mse.pth not found"):
        resolve(SPEC, None, None)


def test_without_a_root_the_bundled_variant_is_meant() -> None:
    with pytest.raises(
        UserError, match=r"toy \(compact\): not_in_the_package.safetensors not found.*reinstall"
    ):
        resolve(SPEC, None, None)


def test_a_missing_file_says_where_it_was_looked_for_and_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        resolve(SPEC, "mse", tmp_path)
    text = str(caught.value)
    assert str(tmp_path / "toy" / "feature_extraction.pth") in text
    assert str(tmp_path / "feature_extraction.pth") in text
    assert "get it from https://example.org/release" in text
    assert "\n" not in text


def test_official_weights_without_a_root_tell_how_to_give_one() -> None:
    with pytest.raises(UserError, match=r"give weights.root=DIR or set \$REFBENCH_WEIGHTS"):
        resolve(SPEC, "mse", None)


def test_a_root_that_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        resolve(SPEC, None, tmp_path / "absent")


def test_a_misspelt_variant_gets_a_suggestion() -> None:
    with pytest.raises(UserError, match="did you mean 'compact'"):
        resolve(SPEC, "compct", None)


def test_hub_files_are_found_in_the_torch_cache_and_their_hash_is_checked(tmp_path: Path) -> None:
    spec = MethodSpec("toy", "refbench.methods.datsr.method:Datsr", variants=(WeightsVariant("mse", (HUB,)),))
    cached = tmp_path / "torch" / "hub" / "checkpoints" / HUB.name
    write(cached, b"truncated download")
    with pytest.raises(
        UserError, match=r"sha256 prefix is .*, vgg19-dcbb9e9d.pth has dcbb9e9d; the download is damaged"
    ):
        resolve(spec, None, tmp_path)
    data = b"right"
    right = WeightsFile("vgg19", HUB.name, sha256_prefix=hashlib.sha256(data).hexdigest()[:8], hub=True)
    write(cached, data)
    spec = MethodSpec(
        "toy", "refbench.methods.datsr.method:Datsr", variants=(WeightsVariant("mse", (right,)),)
    )
    found = resolve(spec, "mse", tmp_path)
    assert found.paths["vgg19"] == cached
    assert found.verified["vgg19"]


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    write(tmp_path / "feature_extraction.pth", b"")
    write(tmp_path / "restoration_mse.pth")
    with pytest.raises(UserError, match=r"feature_extraction.pth: the file is empty \(0 bytes\)"):
        resolve(SPEC, None, tmp_path)


def test_a_path_to_a_restoration_checkpoint_takes_the_other_files_from_beside_it(tmp_path: Path) -> None:
    mine = write(tmp_path / "run7" / "net_g_400000.pth", b"mine")
    extractor = write(tmp_path / "run7" / "feature_extraction.pth")
    found = resolve(SPEC, str(mine), None)
    assert found.paths == {"extractor": extractor, "restoration": mine}
    assert found.variant == "net_g_400000.pth"


def test_a_path_to_a_whole_model_needs_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    save_file({"a": torch.zeros(1)}, path, {"config": "{}"})
    found = resolve(SPEC, str(path), None)
    assert found.paths == {"net": path}
    assert found.sha256 == {"net": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_a_folder_stands_for_its_one_complete_variant(tmp_path: Path) -> None:
    folder = tmp_path / "release"
    write(folder / "feature_extraction.pth")
    with pytest.raises(
        UserError, match=r"no complete set of toy checkpoints; wanted mse: feature_extraction.pth"
    ):
        resolve(SPEC, str(folder), None)
    write(folder / "restoration_gan.pth")
    assert resolve(SPEC, str(folder), None).variant == "release:gan"
    write(folder / "restoration_mse.pth")
    with pytest.raises(UserError, match="has several variants"):
        resolve(SPEC, str(folder), None)
