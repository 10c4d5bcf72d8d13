"""Sets that come with their LR images: each layout as downloaded, in small, read and run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from refbench.cli.main import main
from refbench.datasets.compare import compare_copy
from refbench.datasets.verify import verify_copy, write_manifest
from refbench.errors import SampleError, UserError
from refbench.protocols.card import load_card
from refbench.protocols.instance import ProtocolInstance
from refbench.protocols.reference import ReferencePolicy
from refbench.registry import Registry, load_class
from refbench.specs import DataRequest
from refbench.types import Dataset, Sample

SEEDS: Iterator[int] = iter(range(10**6))


def image(path: Path, height: int, width: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(next(SEEDS)).integers(0, 256, (height, width, 3), dtype=np.uint8)
    PILImage.fromarray(pixels).save(path)


def opened(name: str, root: Path, partial: bool = False, **options: str) -> Dataset:
    spec = Registry.discover().dataset(name)
    dataset: Dataset = load_class(spec.target)(DataRequest(str(root), partial=partial, options=options))
    return dataset


def refir(root: Path, name: str) -> Path:
    for number in (1, 2):
        if name == "cufed5_given_lr":
            image(root / f"Real_Deg/HR/{number:03d}_0_HR.png", 32, 40)
            image(root / f"Real_Deg/LR/{number:03d}_0_LR.png", 8, 10)
            image(root / f"ref/{number:03d}_1.png", 24, 30)
        else:
            image(root / f"{number:03d}_HR.png", 32, 40)
            image(root / f"{number:03d}_LR.png", 8, 10)
            image(root / f"{number:03d}_ref.png", 24, 30)
    return root


@pytest.mark.parametrize(("name", "total"), [("cufed5_given_lr", 126), ("wrsr_given_lr", 80)])
def test_pre_degraded_sets_as_downloaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, total: int
) -> None:
    root = refir(tmp_path, name)
    with pytest.raises(UserError, match=f"found 2 of {total} samples"):
        opened(name, root)
    dataset = opened(name, root, partial=True)
    assert (dataset.ids(), dataset.label) == (("001", "002"), f"{name} [2 of {total}]")
    sample = dataset.load("001")
    assert sample.hr is not None
    assert sample.lr is not None
    assert (sample.hr.shape, sample.lr.shape, sample.refs[0].shape) == ((32, 40, 3), (8, 10, 3), (24, 30, 3))
    words = ["run", "method=bicubic", "suite=pairs", f"dataset={name}", f"data.root={root}"]
    words += ["data.partial=true", f"out={tmp_path / 'out'}", "tracking=none", "device=cpu"]
    assert main(words) == 0
    assert f"{name} [2 of {total}]" in capsys.readouterr().out


def test_pre_degraded_folders_are_read_by_pairs_without_renaming(tmp_path: Path) -> None:
    root = refir(tmp_path, "cufed5_given_lr")
    options = {
        "input": str(root / "Real_Deg/HR"),
        "lr_dir": str(root / "Real_Deg/LR"),
        "ref": str(root / "ref"),
    }
    dataset = load_class("refbench.datasets.pairs.adapter:open_dataset")(DataRequest(options=options))
    assert dataset.ids() == ("001_0", "002_0")
    assert dataset.load("001_0").ref_names == ("001_1.png",)
    flat = refir(tmp_path / "flat", "wrsr_given_lr")
    options = dict.fromkeys(("input", "lr_dir", "ref"), str(flat))
    dataset = load_class("refbench.datasets.pairs.adapter:open_dataset")(DataRequest(options=options))
    sample = dataset.load("001")
    assert dataset.ids() == ("001", "002")
    assert sample.ref_names == ("001_ref.png",)
    assert sample.lr is not None
    assert sample.lr.shape == (8, 10, 3)


KEDU = {
    "dusr_real": "DuSR-Real",
    "camerafusion_real": "CameraFusion-Real",
    "realmcvsr_real": "RealMCVSR-Real",
}
DUAL = {
    **{name: (f"{own}/test", "HR", "LR", "Ref_SIFT") for name, own in KEDU.items()},
    "dusr_realv2": ("Paired/test", "HR_CC_curve", "LR", "ref"),
    "camerafusion": (".", "test_HR", "test_LR", "test_ref"),
    "nikon": (".", "test_HR", "test_LR", "test_ref"),
}


def dual(root: Path, name: str, scale: int = 2, lr: tuple[int, int] = (12, 16)) -> Path:
    place, *folders = DUAL[name]
    for stem in ("0001", "0002"):
        image(root / place / folders[0] / f"{stem}.png", lr[0] * scale, lr[1] * scale)
        image(root / place / folders[1] / f"{stem}.png", *lr)
        image(root / place / folders[2] / f"{stem}.png", 24, 24)
    if name in KEDU:
        boxes = {f"{stem}.png": [4, 20, 6, 26] for stem in ("0001", "0002")}
        file = root / "corrdinate" / f"corrdinate_{KEDU[name]}.json"
        file.parent.mkdir()
        file.write_text(json.dumps(boxes))
    return root


@pytest.mark.parametrize("name", DUAL)
def test_dual_camera_layouts(tmp_path: Path, name: str) -> None:
    root = dual(tmp_path, name)
    dataset = opened(name, root)
    assert (dataset.ids(), dataset.label) == (("0001", "0002"), name)
    sample = dataset.load("0002")
    assert sample.hr is not None
    assert sample.lr is not None
    assert (sample.hr.shape, sample.lr.shape) == ((24, 32, 3), (12, 16, 3))
    if name in KEDU:
        center = np.zeros((24, 32), np.bool_)
        center[4:20, 6:26] = True
        assert set(sample.regions) == {"center", "corner"}
        assert np.array_equal(sample.regions["center"], center)
        assert np.array_equal(sample.regions["corner"], ~center)
    else:
        assert sample.regions == {}
    spec = Registry.discover().dataset(name)
    assert verify_copy(spec, DataRequest(str(root))).ok
    (root / DUAL[name][0] / DUAL[name][3] / "0002.png").unlink()
    with pytest.raises(UserError, match=rf"missing: {DUAL[name][3]}/0002\.png"):
        opened(name, root)


def test_dual_camera_x4_runs(tmp_path: Path) -> None:
    root = dual(tmp_path, "nikon", scale=4)
    words = ["run", "method=bicubic", "suite=pairs", "dataset=nikon", f"data.root={root}"]
    assert main([*words, f"out={tmp_path / 'out'}", "tracking=none", "device=cpu"]) == 0


def test_unpaired_part_has_no_ground_truth(tmp_path: Path) -> None:
    root = dual(tmp_path, "dusr_realv2")
    for file in (root / "Paired/test/HR_CC_curve").iterdir():
        file.unlink()
    (root / "Paired/test/HR_CC_curve").rmdir()
    (root / "Paired").rename(root / "Unpaired")
    dataset = opened("dusr_realv2", root / "Unpaired")
    assert dataset.load("0001").hr is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "cannot be read as JSON"),
        ("[1]", "is not a mapping"),
        ('{"0001.png": [1, 2, 3]}', r"0001\.png: \[1, 2, 3\] is not \[y0, y1, x0, x1\] in whole pixels"),
        ('{"0001.png": [1, 2, 3, 4]}', r"missing: corrdinate_DuSR-Real\.json: 0002\.png"),
    ],
)
def test_box_files_that_cannot_be_used(tmp_path: Path, content: str, says: str) -> None:
    root = dual(tmp_path, "dusr_real")
    (root / "corrdinate" / "corrdinate_DuSR-Real.json").write_text(content)
    with pytest.raises(UserError, match=says):
        opened("dusr_real", root)


def test_a_box_outside_the_image_is_an_error_of_its_sample(tmp_path: Path) -> None:
    root = dual(tmp_path, "dusr_real")
    boxes = tmp_path / "mine.json"
    boxes.write_text('{"0001.png": [0, 25, 0, 32], "0002.png": [0, 24, 0, 32]}')
    dataset = opened("dusr_real", root, boxes=str(boxes))
    with pytest.raises(SampleError, match=r"= \[0, 25, 0, 32\] is not inside 32x24"):
        dataset.load("0001")
    assert dataset.load("0002").regions["center"].all()
    assert dataset.fingerprint != opened("dusr_real", root).fingerprint


def test_first_references_up_to_a_number() -> None:
    policy = ReferencePolicy.parse({"policy": "upto", "count": 5}, "suite")
    assert policy.id == "ref=upto5"
    instance = ProtocolInstance(load_card("canonical"), policy)
    rng = np.random.default_rng(0)
    for there in (2, 5, 6):
        refs = tuple(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8) for _ in range(there))
        trial = instance.apply(Sample("a", rng.integers(0, 256, (16, 16, 3), dtype=np.uint8), refs), 0, 0)
        assert len(trial.refs) == min(there, 5)


@pytest.mark.parametrize("suite", ["lmr_all", "lmr_5"])
def test_lmr_with_all_its_references_runs(tmp_path: Path, suite: str) -> None:
    for number, refs in ((0, 2), (1, 6)):
        image(tmp_path / f"{number:04d}_p.png" / "p.png", 32, 32)
        for ref in range(refs):
            image(tmp_path / f"{number:04d}_p.png" / f"r{ref}.png", 20, 24)
    words = ["run", "method=bicubic", f"suite={suite}", f"data.root={tmp_path}", "data.partial=true"]
    assert main([*words, f"out={tmp_path / 'out'}", "tracking=none", "device=cpu"]) == 0


def test_copies_are_compared_by_exchanged_manifests(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = Registry.discover().dataset("nikon")
    root = dual(tmp_path / "a", "nikon", scale=4)
    request = DataRequest(str(root))
    theirs = write_manifest(spec, request, tmp_path / "theirs.sha256")
    assert compare_copy(spec, request, theirs).lines() == [
        f"6 of 6 files equal to the copy behind {theirs}",
        "the same copy",
    ]
    words = ["prepare", "dataset=nikon", f"data.root={root}", "--compare-manifest", str(theirs)]
    assert main(words) == 0
    image(root / "test_HR" / "0001.png", 48, 64)
    for folder in ("test_HR", "test_LR", "test_ref"):
        (root / folder / "0002.png").rename(root / folder / "0009.png")
    image(root / "test_ref" / "0009.png", 5, 5)
    found = compare_copy(spec, request, theirs)
    assert (found.equal, found.files, found.differs) == (2, 6, ("test_HR/0001.png",))
    assert found.renamed == ("test_HR/0002.png -> test_HR/0009.png", "test_LR/0002.png -> test_LR/0009.png")
    assert (found.only_here, found.only_there) == (("test_ref/0009.png",), ("test_ref/0002.png",))
    assert main(words) == 1
    assert "2 of 6 files equal" in capsys.readouterr().out


def test_a_git_blob_id_is_a_checksum(tmp_path: Path) -> None:
    spec = Registry.discover().dataset("nikon")
    root = dual(tmp_path, "nikon", scale=4)
    lines = ["# blobs of commit 0123"]
    for path in sorted(root.glob("test_*/*.png")):
        data = path.read_bytes()
        blob = hashlib.sha1(b"blob " + str(len(data)).encode() + b"\0" + data).hexdigest()
        lines.append(f"{blob}  {path.relative_to(root).as_posix()}")
    (tmp_path / "blobs").write_text("\n".join(lines) + "\n")
    assert verify_copy(spec, DataRequest(str(root)), tmp_path / "blobs").ok
    assert compare_copy(spec, DataRequest(str(root)), tmp_path / "blobs").ok
    image(root / "test_HR" / "0001.png", 48, 64)
    assert verify_copy(spec, DataRequest(str(root)), tmp_path / "blobs").differs == ("test_HR/0001.png",)


def test_a_copy_is_compared_with_the_one_behind_a_run(tmp_path: Path) -> None:
    spec = Registry.discover().dataset("nikon")
    root = dual(tmp_path / "data", "nikon", scale=4)
    words = ["run", "method=bicubic", "suite=pairs", "dataset=nikon", f"data.root={root}", "images=none"]
    assert main([*words, f"out={tmp_path / 'out'}", "tracking=none", "device=cpu"]) == 0
    (run,) = [path.parent for path in (tmp_path / "out").glob("*/manifest.json")]
    assert compare_copy(spec, DataRequest(str(root)), run).ok
    image(root / "test_HR" / "0001.png", 48, 64)
    assert not compare_copy(spec, DataRequest(str(root)), run).ok
