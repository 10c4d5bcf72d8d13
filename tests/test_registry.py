"""The registry: lazy, one row per broken plugin, suggestions, methods from files."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path

import pytest

import refbench.registry as registry_module
from refbench.errors import UserError
from refbench.isolation.outside import method_outside
from refbench.registry import Entry, Registry, file_module_name, load_class, spec_in_file
from refbench.specs import DatasetSpec, MethodSpec

TOY = """
from refbench.specs import MethodSpec, Param
SPEC = MethodSpec(name="toy", target="{target}", params={{"gain": Param(1.0, "gain")}})
OTHER = MethodSpec(name="other", target=":Toy")
class Toy:
    def __init__(self, weights, device, gain=1.0): self.gain = gain
    def __call__(self, inp): return inp.lr
"""


def a_method(name: str) -> MethodSpec:
    return MethodSpec(name=name, target="m:C")


class _Dist(Distribution):
    """A distribution called ``plug 1.2`` with no files."""

    def read_text(self, filename: str) -> str | None:
        return "Metadata-Version: 2.1\nName: plug\nVersion: 1.2\n" if filename == "METADATA" else None

    def locate_file(self, path):  # type: ignore[no-untyped-def]
        raise NotImplementedError


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed third-party package with one good method and three bad ones."""
    (tmp_path / "plugpkg_a.py").write_text(
        "from refbench.specs import MethodSpec\n"
        "GOOD = MethodSpec(name='good', target='plugpkg_a:C')\n"
        "WRONG = 'not a spec'\n"
        "MISNAMED = MethodSpec(name='another', target='plugpkg_a:C')\n"
        "TWICE = MethodSpec(name='bicubic', target='plugpkg_a:C')\n"
    )
    (tmp_path / "plugpkg_b.py").write_text("raise RuntimeError('no CUDA here\\nsecond line')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    dist = _Dist()
    values = {
        "good": "plugpkg_a:GOOD",
        "wrong": "plugpkg_a:WRONG",
        "misnamed": "plugpkg_a:MISNAMED",
        "crash": "plugpkg_b:SPEC",
        "absent": "plugpkg_missing:SPEC",
        "bicubic": "plugpkg_a:TWICE",
    }

    def points(group: str) -> list[EntryPoint]:
        if group != "refbench.methods":
            return []
        made = [EntryPoint(name, value, group) for name, value in values.items()]
        return [p._for(dist) for p in made]  # type: ignore[attr-defined]

    monkeypatch.setattr(registry_module, "entry_points", points)


def test_built_in_methods_are_found() -> None:
    found = Registry.discover()
    assert "bicubic" in found.names("methods")
    assert found.method("bicubic").name == "bicubic"
    assert {e.source for e in found.entries("methods") if e.name == "bicubic"} == {"built-in"}
    assert [e for e in found.entries("methods") if e.source == "built-in" and e.error] == []


def test_a_third_party_method_is_found(third_party: None) -> None:
    found = Registry.discover()
    assert found.method("good").target == "plugpkg_a:C"
    entry = next(e for e in found.entries("methods") if e.name == "good")
    assert entry.source == "plug 1.2 (entry point)"


def test_broken_plugins_are_rows(third_party: None) -> None:
    errors = {e.name: e.error for e in Registry.discover().entries("methods") if e.error}
    assert errors == {
        "wrong": "gives a str, not a MethodSpec",
        "misnamed": "its spec calls itself 'another'",
        "crash": "RuntimeError: no CUDA here",
        "absent": "ModuleNotFoundError: No module named 'plugpkg_missing'",
        "bicubic": "the name is taken by built-in",
    }


def test_a_broken_plugin_does_not_hide_the_built_in(third_party: None) -> None:
    assert Registry.discover().method("bicubic").target.startswith("refbench.")


def test_asking_for_a_broken_plugin_says_why(third_party: None) -> None:
    with pytest.raises(UserError, match=r"method 'crash' from plug 1\.2 \(entry point\) is broken: Runtime"):
        Registry.discover().method("crash")


def test_a_misspelt_name_gets_a_suggestion() -> None:
    registry = Registry({"methods": [Entry(n, a_method(n), "built-in") for n in ("datsr", "ttsr")]})
    with pytest.raises(UserError, match=r"^no method 'dasr'; did you mean 'datsr'\?$"):
        registry.get("methods", "dasr")
    with pytest.raises(UserError, match=r"^no method 'zzzz'; known: datsr, ttsr$"):
        registry.get("methods", "zzzz")
    with pytest.raises(UserError, match=r"^no dataset 'x'; none are known$"):
        registry.get("datasets", "x")


def test_kinds_are_apart() -> None:
    registry = Registry({"datasets": [Entry("a", DatasetSpec("a", "m:f"), "built-in")]})
    assert registry.dataset("a").name == "a"
    assert registry.names("methods") == ()


@pytest.mark.parametrize("target", [":Toy", "my toy:Toy", "my toy.py:Toy"])
def test_a_method_from_a_file(tmp_path: Path, target: str) -> None:
    path = tmp_path / "with space [1]" / "my toy.py"
    path.parent.mkdir()
    path.write_text(TOY.format(target=target))
    outside = method_outside(Registry({}), f"{path}:SPEC")
    assert (outside.name, outside.target) == ("toy", f"{path}:Toy")
    assert file_module_name(path.resolve()) not in sys.modules, "its code has not run in this process"
    spec = Registry({}).method_here(f"{path}:SPEC")
    assert replace(spec, target=outside.target) == outside
    assert load_class(spec.target)(None, "cpu", gain=2.0).gain == 2.0


def test_the_spec_name_defaults_and_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "toy.py"
    path.write_text(TOY.format(target=":Toy"))
    assert spec_in_file(str(path)).name == "toy"
    assert spec_in_file(f"{path}:OTHER").name == "other"


def test_a_file_is_loaded_once(tmp_path: Path) -> None:
    path = tmp_path / "toy.py"
    path.write_text(TOY.format(target=":Toy"))
    assert load_class(spec_in_file(str(path)).target) is load_class(spec_in_file(f"{path}:OTHER").target)


def test_an_edited_file_is_loaded_anew(tmp_path: Path) -> None:
    """Its rows go under the new code's run key, so the old class must not make them."""
    path = tmp_path / "toy.py"
    path.write_text(TOY.format(target=":Toy"))
    before = load_class(spec_in_file(str(path)).target)
    path.write_text(TOY.format(target=":Toy") + "\nToy.edited = True\n")
    after = load_class(spec_in_file(str(path)).target)
    assert after is not before
    assert after.edited  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"method=.*toy\.py:SPEC: there is no file .*toy\.py"),
        ("x = 1", r"toy\.py has no MethodSpec called 'SPEC'; define SPEC = MethodSpec\(\.\.\.\)"),
        (
            TOY.format(target=":Toy").replace("SPEC =", "MY ="),
            r"no MethodSpec called 'SPEC'; it has MY, OTHER",
        ),
        ("1 / 0", r"toy\.py failed while loading: ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", r"toy\.py failed while loading: SystemExit: 3"),
        ("def (", r"toy\.py failed while loading: SyntaxError"),
    ],
)
def test_a_bad_method_file_is_one_line(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "toy.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        spec_in_file(f"{path}:SPEC")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no_colon", r"^target 'no_colon' is not of the form package\.module:Name$"),
        ("refbench.nothing:X", r"^cannot import refbench\.nothing for .*ModuleNotFoundError"),
        ("refbench.errors:Missing", r"^module refbench\.errors has no 'Missing'"),
        ("refbench:__version__", r"is a str, not a class or function$"),
    ],
)
def test_a_bad_target_is_one_line(target: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_class(target)


def test_discovery_imports_nothing_heavy() -> None:
    code = (
        "import sys; from refbench.registry import Registry; Registry.discover();"
        "print(sorted({m.split('.')[0] for m in sys.modules}"
        " & {'torch', 'torchvision', 'hydra', 'mlflow', 'pandas', 'matplotlib', 'skimage', 'scipy'}))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_bundled_weights_state_their_licence() -> None:
    registry = Registry.discover()
    for entry in registry.entries("methods"):
        variants = getattr(entry.spec, "variants", ())
        for file in (file for variant in variants if variant.bundled for file in variant.files):
            assert file.licence != "unknown", f"{entry.name}: {file.name}"
