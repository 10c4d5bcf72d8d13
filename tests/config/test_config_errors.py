"""Every mistake on a command line is one line that names the key and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbench.config.keys import MEMORY, SEED, Key
from refbench.config.load import load_command, load_run
from refbench.errors import UserError
from refbench.registry import BUILT_IN, Entry, Registry
from refbench.specs import DatasetSpec, MethodSpec, Param, WeightsVariant

VARIANTS = (WeightsVariant("mse", ()), WeightsVariant("compact", ()))
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
    MethodSpec("folder", "m:C", params={"dir": Param(None, "folder"), "suffix": Param("", "suffix")}),
)


@pytest.fixture(scope="module")
def registry() -> Registry:
    datasets = [Entry(n, DatasetSpec(n, "m:f"), BUILT_IN) for n in ("cufed5", "wrsr", "pairs")]
    methods = [Entry(m.name, m, BUILT_IN) for m in METHODS]
    return Registry(
        {"methods": methods, "datasets": datasets, "metrics": Registry.discover().entries("metrics")}
    )


def message(registry: Registry, *words: str) -> str:
    with pytest.raises(UserError) as caught:
        load_run(list(words), registry)
    text = str(caught.value)
    assert "\n" not in text
    return text


CASES = [
    # names
    (["method=dasr"], "no method 'dasr'; did you mean 'datsr'?"),
    (["suite=cufed5"], "method= is missing; choose from bicubic, datsr, folder"),
    (["method="], "method= is empty"),
    (["method=bicubic", "suite=cufed5_jiter"], "no suite 'cufed5_jiter'; did you mean 'cufed5_jitter'?"),
    (["method=bicubic", "dataset=wrs"], "no dataset 'wrs'; did you mean 'wrsr'?"),
    (["method=datsr", "against=bicubc"], "no method 'bicubc'; did you mean 'bicubic'?"),
    (["method=datsr", "metrics=[psnr_Y2]"], "no metric 'psnr_Y2'; did you mean 'psnr_y'?"),
    (["method=datsr", "executor=seral"], "no executor 'seral'; did you mean 'serial'?"),
    (["method=datsr", "method.weights=msee"], "no weights for datsr 'msee'; did you mean 'mse'?"),
    # keys
    (
        ["method=datsr", "baseline_method=bicubic", "against=none"],
        "against= is given twice: 'bicubic' and 'none'",
    ),
    (
        ["method=datsr", "baseline=bicubic"],
        "run has no key 'baseline'; the method to compare with is against=",
    ),
    (["method=datsr", "sed=1"], "run has no key 'sed'; did you mean 'seed'?"),
    (["method=datsr", "k=2"], "run has no key 'k'; did you mean 'method.k'?"),
    (["method=datsr", "root=/x"], "run has no key 'root'; did you mean 'data.root'?"),
    (["method=datsr", "zzzzzz=1"], "run has no key 'zzzzzz'; `refbench run --help` lists the keys"),
    (["method=datsr", "data.rot=/x"], "run has no key 'data.rot'; did you mean 'data.root'?"),
    (
        ["method=datsr", "suite.level=[x1]"],
        "run has no key 'suite.level'; did you mean 'suite.levels'?",
    ),
    (["method=datsr", "executor.workers=2"], None),
    (["method=datsr", "method.kk=2"], "no option 'method.kk' for datsr; did you mean 'k'?"),
    (["method=bicubic", "method.k=2"], "no option 'method.k' for bicubic; it takes none"),
    (["method=folder", "method.dri=/x"], "no option 'method.dri' for folder; did you mean 'dir'?"),
    (["method=bicubic", "method.weights=mse"], "no option 'method.weights' for bicubic; it takes none"),
    # spelling of settings
    (["datsr"], "run takes key=value settings; 'datsr' has no '='"),
    (["method=datsr", "+seed=1"], "+seed=1: the keys are fixed; write seed=VALUE without '+'"),
    (["method=datsr", "~seed=1"], "~seed=1: the keys are fixed; write seed=VALUE without '~'"),
    (["method=datsr", "=1"], "'=1' is not a key=value setting"),
    (["method=datsr", "a b=1"], "'a b=1' is not a key=value setting"),
    (["method=datsr", "seed=1", "seed=2"], "seed= is given twice: '1' and '2'"),
    # types
    (["method=datsr", "seed=abc"], "seed=abc: give a whole number"),
    (["method=datsr", "seed=1.5"], "seed=1.5: give a whole number"),
    (["method=datsr", "seed=true"], "seed=true: give a whole number"),
    (["method=datsr", "seed=null"], "seed=null: give a whole number"),
    (["method=datsr", "seed=-1"], "seed=-1: give a whole number from 0"),
    (["method=datsr", "limit=0"], "limit=0: give a whole number from 1"),
    (["method=datsr", "data.partial=maybe"], "data.partial=maybe: give true or false"),
    (["method=datsr", "precision=fp16"], "precision=fp16: it can be fp32, tf32, bf16"),
    (["method=datsr", "images=jpg"], "images=jpg: it can be png, none"),
    (["method=datsr", "tracking=wandb"], "tracking=wandb: it can be mlflow, none"),
    (["method=datsr", "device=[a,b]"], "device= takes one name, not a list"),
    (["method=datsr", "memory.limit=lots"], "memory.limit=lots: give a size such as 4GB or 800MB"),
    (["method=datsr", "method.k=two"], "method.k=two for datsr: give a whole number"),
    (["method=datsr", "method.k=1.5"], "method.k=1.5 for datsr: give a whole number"),
    (["method=datsr", "method.k=null"], "method.k=null for datsr: give a whole number"),
    (["method=datsr", "method.tau=high"], "method.tau=high for datsr: give a number"),
    (["method=datsr", "method.cache=1"], "method.cache=1 for datsr: give true or false"),
    (["method=datsr", "method.padding=zero"], "method.padding=zero for datsr: it can be exact, official"),
    (["method=datsr", "method.k=[1]"], "method.k for datsr takes one value, not a list"),
    (["method=datsr", "data.root="], "data.root= is empty; leave the key out or give a path"),
    (["method=datsr", "out="], "out= is empty; leave the key out or give a path"),
    # sweeps
    (["method=datsr", "suite=glob(*)"], "suite=glob(*): glob() is not supported; list the values"),
    (["method=datsr,dats"], "no method 'dats'; did you mean 'datsr'?"),
    (["method=bicubic,datsr", "method.kk=1"], None),
]


@pytest.mark.parametrize(("words", "expected"), CASES, ids=[" ".join(c[0]) for c in CASES])
def test_messages(registry: Registry, words: list[str], expected: str | None) -> None:
    text = message(registry, *words)
    if expected is not None:
        assert text == expected


def test_what_hydra_cannot_read_is_explained(registry: Registry) -> None:
    text = message(registry, "method=datsr", "device=a b(c")
    assert text.startswith("device=a b(c: cannot be read (")
    assert text.endswith("put a text in quotes: 'device=\"...\"'")


@pytest.mark.parametrize("folder", ["my photos (1)", "a=b", "Übung", "x[1]{y}", "a,b"])
def test_missing_files_are_named_in_full(registry: Registry, tmp_path: Path, folder: str) -> None:
    base = tmp_path / folder
    assert (
        message(registry, f"method={base}/m.py:SPEC")
        == f"method={base}/m.py:SPEC: there is no file {base}/m.py"
    )
    assert message(registry, "method=datsr", f"method.weights={base}/n.pth") == (
        f"method.weights={base}/n.pth: there is no file or folder {base}/n.pth"
    )
    assert message(registry, "method=datsr", f"suite={base}/s.yaml") == (
        f"suite={base}/s.yaml: there is no file {base}/s.yaml"
    )


def test_an_option_must_belong_to_some_method_of_the_sweep(registry: Registry) -> None:
    text = message(registry, "method=bicubic,folder", "method.k=1")
    assert text == "no option 'method.k' for bicubic; it takes none"


def test_commands_reject_unknown_keys() -> None:
    with pytest.raises(UserError, match=r"^prepare has no key 'sead'; did you mean 'seed'\?$"):
        load_command("prepare", [SEED], ["sead=1"])
    with pytest.raises(UserError, match=r"^prepare has no key 'method\.k'"):
        load_command("prepare", [SEED], ["method.k=1"])


@pytest.mark.parametrize("text", ["4GB", "800 MB", "1.5gib", "123456B"])
def test_sizes(text: str) -> None:
    assert load_command("x", [MEMORY], [f"memory.limit={text}"]) == {"memory.limit": text}


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("number", "x", "n=x: give a number"),
        ("number", "true", "n=true: give a number"),
        ("bool", "1", "n=1: give true or false"),
        ("paths", "", "n= is empty; leave the key out or give one or more paths"),
        ("text", " ", "n= is empty; leave the key out or give a text"),
    ],
)
def test_kinds(kind: str, text: str, expected: str) -> None:
    with pytest.raises(UserError) as caught:
        load_command("x", [Key("n", kind, "")], [f"n={text}"])  # type: ignore[arg-type]
    assert str(caught.value) == expected
