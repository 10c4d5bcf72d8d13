"""Overrides to run settings: every key, real paths, sweeps in a stable order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refbench.config.keys import METHOD, OUT, RUN, SEED, WEIGHTS, Key, optional
from refbench.config.load import load_command, load_run
from refbench.errors import UserError
from refbench.registry import BUILT_IN, Entry, Registry
from refbench.settings import ExecutorChoice, MethodChoice, RunConfig
from refbench.specs import DataRequest, DatasetSpec, MethodSpec, Param, WeightsVariant

VARIANTS = (WeightsVariant("mse", ()), WeightsVariant("gan", ()), WeightsVariant("compact", ()))
METHODS = (
    MethodSpec("bicubic", "m:C"),
    MethodSpec(
        "datsr",
        "m:C",
        variants=VARIANTS,
        params={
            "k": Param(1, "matches"),
            "tau": Param(0.5, "temperature"),
            "padding": Param("exact", "padding", ("exact", "official")),
            "cache": Param(True, "cache"),
        },
    ),
    MethodSpec(
        "ttsr", "m:C", variants=VARIANTS, params={"padding": Param("exact", "p", ("exact", "official"))}
    ),
    MethodSpec("folder", "m:C", params={"dir": Param(None, "folder"), "suffix": Param("", "suffix")}),
    MethodSpec(
        "command", "m:C", params={"cmd": Param(None, "command line"), "timeout": Param(60, "seconds")}
    ),
)


@pytest.fixture(scope="module")
def registry() -> Registry:
    datasets = [Entry(n, DatasetSpec(n, "m:f"), BUILT_IN) for n in ("cufed5", "wrsr", "pairs")]
    datasets.append(Entry("foreign", DatasetSpec("foreign", "m:f"), "plug 1.2 (entry point)"))
    metrics = Registry.discover().entries("metrics")
    methods = [Entry(m.name, m, BUILT_IN) for m in METHODS]
    return Registry({"methods": methods, "datasets": datasets, "metrics": metrics})


def one(registry: Registry, *words: str) -> RunConfig:
    (run,) = load_run(words, registry=registry)
    return run


def test_defaults_are_those_of_the_dataclass(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REFBENCH_WEIGHTS", raising=False)
    run = one(registry, "method=bicubic")
    assert run == RunConfig(
        method=MethodChoice("bicubic", locator="bicubic"), suite=run.suite, dataset="cufed5"
    )
    assert run.suite.name == "cufed5"


def test_the_key_table_and_run_yaml_agree(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REFBENCH_WEIGHTS", raising=False)
    run = one(registry, "method=bicubic")
    for key in RUN:
        if key.name in ("method", "suite", "executor", "metrics", "dataset", "card") or "." in key.name:
            continue
        value = getattr(run, key.name.replace(".", "_"))
        assert value == (Path(str(key.default)) if key.kind == "path" else key.default), key.name
    assert run.executor.name == next(k.default for k in RUN if k.name == "executor")
    assert run.suite.name == next(k.default for k in RUN if k.name == "suite")


def test_every_key_arrives(registry: Registry) -> None:
    run = one(
        registry,
        "method=datsr",
        "method.weights=gan",
        "method.k=2",
        "method.tau=1",
        "method.padding=official",
        "method.cache=false",
        "suite=cufed5_jitter",
        "dataset=wrsr",
        "data.root=/d/wrsr",
        "data.partial=true",
        "data.ids=[004,006]",
        "data.lr_dir=/d/lr",
        "seed=7",
        "limit=3",
        "draws=2",
        "device=cuda:1",
        "precision=tf32",
        "images=none",
        "metrics=[psnr_y,lpips_alex]",
        "tracking=none",
        "tracking.uri=http://localhost:5000",
        "executor=serial",
        "out=/r",
        "weights.root=/w",
        "against=none",
        "threads=2",
        "memory.limit=4GB",
    )
    params = {"k": 2, "tau": 1.0, "padding": "official", "cache": False}
    assert run.method == MethodChoice("datsr", "gan", params, "datsr")
    assert isinstance(run.method.params["tau"], float)
    assert (run.suite.name, run.dataset) == ("cufed5_jitter", "wrsr")
    assert run.data == DataRequest("/d/wrsr", True, ("004", "006"), {"lr_dir": "/d/lr"})
    assert (run.seed, run.limit, run.draws, run.threads) == (7, 3, 2, 2)
    assert (run.device, run.precision, run.images) == ("cuda:1", "tf32", "none")
    assert run.metrics == ("psnr_y", "lpips_alex")
    assert (run.tracking, run.tracking_uri) == ("none", "http://localhost:5000")
    assert run.executor == ExecutorChoice("serial", {"timeout": None, "retries": 2})
    assert (run.out, run.weights_root, run.memory_limit) == (Path("/r"), Path("/w"), "4GB")
    assert run.against is None


PATHS = [
    "/my photos (1)",
    "/a=b",
    "/Übung/日本",
    "/x[1]/{y}",
    "/a,b",
    "/quote'\"s",
    "relative/x",
    "/dollar$HOME",
    "/plus+~tilde",
    "C:\\x",
]


@pytest.mark.parametrize("path", PATHS)
def test_paths_are_taken_as_they_stand(registry: Registry, path: str) -> None:
    words = [
        "method=folder",
        f"method.dir={path}",
        f"data.root={path}",
        f"out={path}",
        f"weights.root={path}",
    ]
    (run,) = load_run(words, registry)
    assert run.method.params == {"dir": path}
    assert run.data.root == path
    assert (run.out, run.weights_root) == (Path(path), Path(path))


@given(
    text=st.text(min_size=1, max_size=40).filter(
        lambda t: t.strip() and "\0" not in t and t != "null" and t[0] != "~"
    )
)
def test_any_text_is_a_path(text: str) -> None:
    key = Key("data.root", "path", "")
    assert load_command("x", [key], [f"data.root={text}"])["data.root"] == text


def test_home_is_expanded(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    run = one(
        registry, "method=folder", "method.dir=~/sr images", "data.root=~/x", "out=~", "weights.root=~/w"
    )
    assert run.method.params == {"dir": "/home/me/sr images"}
    assert (run.data.root, str(run.out), str(run.weights_root)) == ("/home/me/x", "/home/me", "/home/me/w")


def test_a_command_line_is_taken_as_it_stands(registry: Registry) -> None:
    text = "python ~/test.py --lr {lr} --refs={refs}, --out '{out}'"
    assert one(registry, "method=command", f"method.cmd={text}").method.params == {"cmd": text}


def test_free_text_options_are_raw(registry: Registry) -> None:
    assert one(registry, "method=folder", "method.suffix=_004 (x)").method.params == {"suffix": "_004 (x)"}
    assert one(registry, "method=folder", "method.suffix=004").method.params == {"suffix": "004"}


@pytest.mark.parametrize("text", ["[004,006]", "004,006", "[ 004 , 006 ]", "['004',\"006\"]"])
def test_ids_stay_texts(registry: Registry, text: str) -> None:
    assert one(registry, "method=bicubic", f"data.ids={text}").data.ids == ("004", "006")


def test_metrics_take_ellipsis_signatures_and_repetition(registry: Registry) -> None:
    signature = "psnr|space=rgb|range=255|round=u8|crop=4|v1"
    run = one(registry, "method=bicubic", f"metrics=[...,lpips_vgg,{signature},psnr_y]")
    assert run.metrics == ("lpips_vgg", signature, "psnr_y")


def test_weights_root_falls_back_to_the_environment(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFBENCH_WEIGHTS", "/from env")
    assert one(registry, "method=bicubic").weights_root == Path("/from env")
    assert one(registry, "method=bicubic", "weights.root=/given").weights_root == Path("/given")


def test_weights_may_be_a_path(registry: Registry, tmp_path: Path) -> None:
    path = tmp_path / "my net (1), a=b.pth"
    path.touch()
    assert one(registry, "method=datsr", f"method.weights={path}").method.weights == str(path)


def test_a_method_file(registry: Registry, tmp_path: Path) -> None:
    path = tmp_path / "dir [1] ü" / "my method.py"
    path.parent.mkdir()
    path.write_text(
        "from refbench.specs import MethodSpec, Param\n"
        "SPEC = MethodSpec('toy', ':Toy', params={'gain': Param(1.0, 'gain')})\n"
    )
    run = one(registry, f"method={path}:SPEC", "method.gain=2")
    assert run.method == MethodChoice("toy", None, {"gain": 2.0}, f"{path}:SPEC")
    runs = load_run([f"method=bicubic,{path}:SPEC"], registry)
    assert [r.method.name for r in runs] == ["bicubic", "toy"]


def test_a_former_name_of_a_key_means_the_same(registry: Registry) -> None:
    words = ["method=datsr", "suite=cufed5"]
    former = load_run([*words, "baseline_method=none"], registry=registry)
    assert former == load_run([*words, "against=none"], registry=registry)
    assert former != load_run(words, registry=registry)


def test_sweeps_keep_each_method_together(registry: Registry) -> None:
    runs = load_run(
        ["suite=cufed5,cufed5_jitter", "seed=0,1", "method=bicubic,datsr", "method.k=1,2"], registry
    )
    got = [(r.method.name, r.method.params.get("k"), r.suite.name, r.seed) for r in runs]
    expected = [("bicubic", None, s, seed) for s in ("cufed5", "cufed5_jitter") for seed in (0, 1)]
    expected += [
        ("datsr", k, s, seed) for k in (1, 2) for s in ("cufed5", "cufed5_jitter") for seed in (0, 1)
    ]
    assert got == expected


@pytest.mark.parametrize(("text", "seeds"), [("range(0,3)", [0, 1, 2]), ("choice(5,1)", [5, 1]), ("4", [4])])
def test_sweep_functions(registry: Registry, text: str, seeds: list[int]) -> None:
    assert [r.seed for r in load_run(["method=bicubic", f"seed={text}"], registry)] == seeds


def test_sweeps_over_weights_and_options(registry: Registry) -> None:
    words = ["method=bicubic,datsr,ttsr", "method.weights=mse,gan", "method.padding=exact,official"]
    got = [(r.method.name, r.method.weights, r.method.params) for r in load_run(words, registry)]
    assert got[0] == ("bicubic", None, {})
    assert got[1:5] == [("datsr", w, {"padding": p}) for w in ("mse", "gan") for p in ("exact", "official")]
    assert len(got) == 9


def test_values_equal_to_the_same_run_are_run_once(registry: Registry) -> None:
    assert len(load_run(["method=datsr,datsr", "seed=1,1"], registry)) == 1


def test_raw_keys_never_sweep(registry: Registry) -> None:
    (run,) = load_run(["method=bicubic", "data.root=/a,/b", "metrics=psnr_y,ssim_y"], registry)
    assert run.data.root == "/a,/b"
    assert run.metrics == ("psnr_y", "ssim_y")


def test_suite_fields_can_be_overridden(registry: Registry) -> None:
    run = one(registry, "method=bicubic", "suite=cufed5_jitter", "suite.levels=[x2]", "suite.draws=9")
    assert [(p.level, p.draws) for p in run.suite.protocols] == [(None, 1), ("x2", 9)]
    run = one(registry, "method=bicubic", "suite.reference={policy: level, level: 5}")
    assert run.suite.protocols[0].reference == {"policy": "level", "level": 5}


def test_the_users_own_suite(registry: Registry, tmp_path: Path) -> None:
    path = tmp_path / "my, suite (1).yaml"
    path.write_text("dataset: wrsr\ntransform: jitter\nlevels: [x1]\ndraws: 2\n", encoding="utf-8")
    run = one(registry, "method=bicubic", f"suite={path}", "suite.draws=3")
    assert (run.suite.name, run.dataset) == ("my, suite (1)", "wrsr")
    assert [(p.transform, p.level, p.draws) for p in run.suite.protocols] == [("jitter", "x1", 3)]


def test_a_third_partys_dataset_has_its_own_keys(registry: Registry) -> None:
    run = one(registry, "method=bicubic", "dataset=foreign", "data.split=val [x]", "data.mask_dir=/m")
    assert run.data.options == {"split": "val [x]", "mask_dir": "/m"}


def test_nothing_is_left_behind(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one(registry, "method=bicubic", "suite=cufed5_jitter")
    load_run(["method=bicubic,datsr"], registry)
    assert os.listdir(tmp_path) == []


def test_another_hydra_application_is_left_alone(registry: Registry, tmp_path: Path) -> None:
    from hydra import compose, initialize_config_dir

    (tmp_path / "theirs.yaml").write_text("a: 1\n")
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        assert compose("theirs").a == 1
        one(registry, "method=bicubic")
        assert compose("theirs").a == 1


def test_commands_have_declared_keys(registry: Registry) -> None:
    keys = [
        optional(METHOD),
        WEIGHTS,
        SEED,
        OUT,
        Key("ref", "paths", "references"),
        Key("x", "bool", "", False),
    ]
    got = load_command("upscale", keys, ["ref=a b.png,c=d.png", "seed=3", "x=true"], registry)
    assert got == {
        "method": None, "method.weights": None, "seed": 3, "out": "results", "x": True,
        "ref": ("a b.png", "c=d.png"),
    }  # fmt: skip
    got = load_command("upscale", keys, ["method=datsr", "method.weights=gan", "method.k=2"], registry)
    assert got["method"] == MethodChoice("datsr", "gan", {"k": 2}, "datsr")
    assert "method.weights" not in got


def test_a_command_names_what_is_missing(registry: Registry) -> None:
    with pytest.raises(UserError, match=r"^verify: method= is missing \(method by name"):
        load_command("verify", [METHOD], [], registry)
    with pytest.raises(UserError, match=r"^x: method\.k= needs method=$"):
        load_command("x", [optional(METHOD)], ["method.k=1"], registry)
