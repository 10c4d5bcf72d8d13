"""upscale, prepare, verify and train from the command line, on tiny images, without weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from refbench.cli.main import main
from refbench.cli.train import nested
from refbench.errors import UserError


def photo(path: Path, size: tuple[int, int] = (48, 40), seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    PILImage.fromarray(pixels).save(path)
    return path


class TestUpscale:
    def test_an_image_of_ones_own(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        lr = photo(tmp_path / "my photos (1)" / "a b.png", (12, 9))
        ref = photo(tmp_path / "ü" / "r.png")
        out = tmp_path / "sr.png"
        words = ["upscale", str(lr), f"ref={ref}", "method=bicubic", f"out={out}"]
        assert main([*words, "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert (document["out"], document["sr_size"]) == (str(out), [36, 48])
        with PILImage.open(out) as image:
            assert image.size == (48, 36)
        assert main(words) == 2
        assert capsys.readouterr().err == (
            f"refbench: out={out}: exists already; give another name, or overwrite=true\n"
        )
        assert main([*words, "overwrite=true"]) == 0

    def test_the_output_has_a_default(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        photo(tmp_path / "in" / "cat.png", (8, 8))
        assert main(["upscale", "method=bicubic", "in/cat.png"]) == 0
        assert (tmp_path / "cat_x4.png").is_file()

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (["method=bicubic"], "upscale takes one LR image, or a folder of them; none is given"),
            (
                ["a.png", "b.png", "method=bicubic"],
                "upscale takes one LR image, or a folder of them; it got a.png, b.png",
            ),
            (["a.png"], "upscale: method= is missing (method by name, or path/to/file.py:SPEC)"),
            (["a.png", "method=bicubc"], "no method 'bicubc'; did you mean 'bicubic'?"),
            (["a.png", "method=bicubic", "rf=x.png"], "upscale has no key 'rf'; did you mean 'ref'?"),
        ],
    )
    def test_mistakes(self, words: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["upscale", *words]) == 2
        assert capsys.readouterr().err == f"refbench: {expected}\n"


class TestPrepare:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        root = tmp_path / "my pairs (ü)"
        for seed, name in enumerate(("a.png", "b.png")):
            photo(root / "input" / name, seed=seed)
            photo(root / "ref" / name, seed=seed + 9)
        return root

    def test_a_copy_is_recorded_and_checked(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        words = ["prepare", "dataset=pairs", f"data.root={root}"]
        assert main([*words, "--write-manifest"]) == 0
        assert capsys.readouterr().out == f"wrote {root / 'refbench.sha256'}\n"
        assert main([*words, "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert (document["ok"], document["found"], document["files"]) == (True, 2, 4)
        photo(root / "ref" / "b.png", seed=77)
        assert main(words) == 1
        assert "ref/b.png" in capsys.readouterr().out

    def test_a_truncated_image_is_named(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        broken = root / "input" / "a.png"
        broken.write_bytes(broken.read_bytes()[:200])
        assert main(["prepare", "dataset=pairs", f"data.root={root}"]) == 1
        assert "undecodable: " in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ([], "prepare takes dataset=NAME, method=NAME or metric=NAME, one of them"),
            (["dataset=wrs"], "no dataset 'wrs'; did you mean 'wrsr'?"),
            (["dataset=photo"], "no dataset 'photo'; did you mean 'photos'?"),
            (["dataset=wrsr", "out=/x"], "prepare: out= goes with dataset=photos, archive= or url="),
            (
                ["dataset=photos"],
                "prepare dataset=photos: out= is missing; give the folder to write",
            ),
            (["dataset=photos", "out=x", "roles=[vla]"], "no role 'vla'; did you mean 'val'?"),
        ],
    )
    def test_mistakes(self, words: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["prepare", *words]) == 2
        assert capsys.readouterr().err == f"refbench: {expected}\n"


class TestVerify:
    def test_bicubic_conforms(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["verify", "method=bicubic", "device=cpu", "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document["ok"] is True
        assert {c["id"] for c in document["clauses"]} >= {"shape", "deterministic", "hr-swap", "reacts"}

    def test_a_method_that_breaks_the_contract_fails(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "too small.py"
        path.write_text(
            "from refbench.specs import MethodSpec\n"
            "SPEC = MethodSpec('small', ':Small', max_refs=0, uses_reference=False)\n"
            "class Small:\n"
            "    def __init__(self, weights, device): pass\n"
            "    def __call__(self, inp): return inp.lr\n"
        )
        assert main(["verify", f"method={path}:SPEC", "device=cpu"]) == 1
        assert "shape" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (
                ["golden=x.npz"],
                "verify: golden= and keys= go together; keys= is missing",
            ),
            (
                ["keys=x.json"],
                "verify: golden= and keys= go together; golden= is missing",
            ),
            (
                ["golden=x.npz", "keys=x.json", "weights.root=/w"],
                "verify: golden= fills the nets by its own rule; leave the weights keys out",
            ),
        ],
    )
    def test_mistakes(self, words: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["verify", "method=bicubic", *words]) == 2
        assert capsys.readouterr().err == f"refbench: {expected}\n"


class TestTrain:
    def test_settings_are_nested(self, capsys: pytest.CaptureFixture[str]) -> None:
        words = ["method=datsr", "train.data=/my photos (1), a=b", "train.stage1.teacher=5", "seed=3"]
        assert main(["train", *words, "train.net={top_k: 4}", "--cfg", "--json"]) == 0
        (job,) = json.loads(capsys.readouterr().out)["settings"]
        assert job == {
            "method": "datsr",
            "preset": "compact",
            "out": "training",
            "seed": 3,
            "device": "auto",
            "train": {"data": "/my photos (1), a=b", "stage1": {"teacher": 5}, "net": {"top_k": 4}},
        }

    def test_sweeps(self, capsys: pytest.CaptureFixture[str]) -> None:
        words = ["method=datsr,ttsr", "seed=0,1", "train.data=/a,b"]
        assert main(["train", *words, "--cfg", "--json"]) == 0
        jobs = json.loads(capsys.readouterr().out)["settings"]
        assert [(j["method"], j["seed"]) for j in jobs] == [
            ("datsr", 0), ("datsr", 1), ("ttsr", 0), ("ttsr", 1),
        ]  # fmt: skip
        assert {j["train"]["data"] for j in jobs} == {"/a,b"}

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (["train.data=/x"], "train: method= is missing (method by name, or path/to/file.py:SPEC)"),
            (["method=datsr", "train.budget=0"], "train.budget=0: give a whole number from 1"),
            (
                ["method=datsr", "method.k=1"],
                "train: method.k= has no effect on training; fields of the net are train.net.*",
            ),
            (["method=datsr", "sed=1"], "train has no key 'sed'; did you mean 'seed'?"),
        ],
    )
    def test_mistakes(self, words: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["train", *words, "--cfg"]) == 2
        assert capsys.readouterr().err == f"refbench: {expected}\n"

    def test_nested_leaves_out_what_was_not_said(self) -> None:
        assert nested({"a": 1, "b.c": None, "b.d.e": (1, 2)}) == {"a": 1, "b": {"d": {"e": [1, 2]}}}


class TestPrepareMetric:
    def test_a_metric_without_a_network_is_ready(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["prepare", "metric=niqe"]) == 0
        assert capsys.readouterr().out.startswith("niqe can be computed (niqe|space=y601")

    def test_what_cannot_be_fetched_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def offline(source: object, target: object) -> None:
            raise UserError("no connection")

        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        monkeypatch.setattr("refbench.cli.prepare_metric.fetch", offline)
        assert main(["prepare", "metric=lpips_alex"]) == 1
        name = "alexnet-owt-7be5be79.pth"
        assert capsys.readouterr().out == (
            "lpips_alex: cannot be computed: no connection; "
            f"fetch https://download.pytorch.org/models/{name} yourself "
            f"and put it at {tmp_path}/hub/checkpoints/{name}\n"
        )

    def test_a_fetched_file_is_verified(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def other(source: object, target: Path) -> None:
            target.parent.mkdir(parents=True)
            target.write_bytes(b"another file")

        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        monkeypatch.setattr("refbench.cli.prepare_metric.fetch", other)
        assert main(["prepare", "metric=dists"]) == 1
        assert "its name says 397923af; fetch it again" in capsys.readouterr().out

    def test_an_unknown_metric_has_a_suggestion(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["prepare", "metric=lpips"]) == 2
        assert "did you mean lpips_alex or lpips_vgg?" in capsys.readouterr().err
