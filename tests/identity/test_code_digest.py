"""The code digest: which edits change it, and that nothing is imported for it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from refbench.errors import UserError
from refbench.identity.code_digest import code_digest
from refbench.specs import MethodSpec, PublishedResult

SPEC = MethodSpec(name="toy", target="toypkg.methods.toy.method:Toy")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package whose every module fails when it is imported."""
    files = {
        "__init__.py": "raise RuntimeError('imported')\n",
        "tensors.py": "raise RuntimeError('imported')\n",
        "other.py": "x = 1\n",
        "typed.py": "x = 1\n",
        "methods/__init__.py": "raise RuntimeError('imported')\n",
        "methods/toy/__init__.py": "raise RuntimeError('imported')\n",
        "methods/toy/method.py": "import toypkg.tensors\nclass Toy:\n    from ...nets import conv\n",
        "methods/toy/deep/net.py": "width = 64\n",
        "methods/neighbour/method.py": "class Other: ...\n",
        "nets/__init__.py": "",
        "nets/conv.py": "kernel = 3\n",
    }
    root = tmp_path / "toypkg"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return root


@pytest.mark.parametrize(
    "name",
    [
        "__init__.py",
        "methods/toy/method.py",
        "methods/toy/deep/net.py",
        "methods/toy/__init__.py",
        "nets/__init__.py",
        "nets/conv.py",
        "tensors.py",
    ],
)
def test_a_statement_in_what_it_reaches_changes_the_digest(package: Path, name: str) -> None:
    before = code_digest(SPEC)
    with (package / name).open("a") as file:
        file.write("edited = 1\n")
    assert code_digest(SPEC) != before


@pytest.mark.parametrize(
    "text",
    ["# a comment\n", "'a docstring'\n", "\n\n", "if TYPE_CHECKING:\n    from toypkg import typed\n"],
)
def test_what_does_nothing_when_it_runs_changes_nothing(package: Path, text: str) -> None:
    before = code_digest(SPEC)
    for name in ("nets/conv.py", "tensors.py"):
        there = (package / name).read_text()
        (package / name).write_text(text + there + text)
    assert code_digest(SPEC) == before


def test_docstrings_of_classes_functions_and_fields_do_not_count(package: Path) -> None:
    source = 'class Toy:\n    """%s"""\n    w: int = 1\n    """%s"""\n    def f(self):\n        """%s"""\n'
    (package / "nets/conv.py").write_text(source % ("a", "b", "c"))
    before = code_digest(SPEC)
    (package / "nets/conv.py").write_text(source % ("d", "e", "f"))
    assert code_digest(SPEC) == before
    (package / "nets/conv.py").write_text((source % ("d", "e", "f")).replace("= 1", "= 2"))
    assert code_digest(SPEC) != before


@pytest.mark.parametrize("name", ["methods/neighbour/method.py", "other.py", "typed.py"])
def test_an_edit_elsewhere_does_not(package: Path, name: str) -> None:
    before = code_digest(SPEC)
    (package / name).write_text("changed = True\n")
    assert code_digest(SPEC) == before


def test_a_corrected_published_number_changes_nothing_but_a_changed_fact_does(package: Path) -> None:
    described = package / "methods/toy/spec.py"
    described.write_text("SPEC = MethodSpec(published=(PublishedResult('cufed5', 'psnr_y', 28.72),))\n")
    before = code_digest(SPEC)
    described.write_text("SPEC = MethodSpec(published=(PublishedResult('cufed5', 'psnr_y', 28.50),))\n")
    told = replace(
        SPEC, title="Toy", paper="a paper", published=(PublishedResult("cufed5", "psnr_y", 28.5, "c2"),)
    )
    assert code_digest(told) == before
    changed = [
        replace(SPEC, max_refs=5),
        replace(SPEC, min_refs=1),
        replace(SPEC, scale=2),
        replace(SPEC, uses_reference=False),
        replace(SPEC, deterministic=False),
        replace(SPEC, target="toypkg.methods.toy.method:Other"),
    ]
    assert len({before, *(code_digest(spec) for spec in changed)}) == 1 + len(changed)


@pytest.mark.parametrize(
    "line", ["from .spec import WIDTH", "from toypkg.methods.toy.spec import WIDTH", "from . import spec"]
)
def test_a_spec_that_the_code_reads_is_code(package: Path, line: str) -> None:
    (package / "methods/toy/spec.py").write_text("WIDTH = 64\n")
    (package / "methods/toy/method.py").write_text(f"{line}\nclass Toy:\n    pass\n")
    before = code_digest(SPEC)
    (package / "methods/toy/spec.py").write_text("WIDTH = 32\n")
    assert code_digest(SPEC) != before


def test_a_spec_deeper_down_is_code(package: Path) -> None:
    before = code_digest(SPEC)
    (package / "methods/toy/deep/spec.py").write_text("WIDTH = 32\n")
    assert code_digest(SPEC) != before


def test_a_new_import_extends_the_closure(package: Path) -> None:
    before = code_digest(SPEC)
    (package / "nets/conv.py").write_text("kernel = 3\nimport toypkg.other\n")
    longer = code_digest(SPEC)
    (package / "other.py").write_text("x = 2\n")
    assert len({before, longer, code_digest(SPEC)}) == 3


def test_line_ends_and_compiled_files_do_not_matter(package: Path) -> None:
    before = code_digest(SPEC)
    (package / "nets/conv.py").write_bytes(b"kernel = 3\r\n")
    (package / "nets/__pycache__").mkdir()
    (package / "nets/__pycache__/conv.py").write_text("junk")
    (package / "nets/notes.txt").write_text("junk")
    assert code_digest(SPEC) == before


def test_a_plugin_file_is_keyed_by_its_content_not_its_place(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    digests = []
    for folder, text in (("a", "x = 1\n"), ("b", "x = 1\n"), ("b", "x = 2\n")):
        file = tmp_path / folder / "mine.py"
        file.write_text(text)
        digests.append(code_digest(MethodSpec(name="mine", target=f"{file}:Mine")))
        assert code_digest(MethodSpec(name="mine", target="mine:Mine"), file) == digests[-1]
    assert digests[0] == digests[1] != digests[2]


def test_a_single_module_is_keyed_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "single_toy.py").write_text("raise RuntimeError('imported')\n")
    (tmp_path / "unrelated_toy.py").write_text("y = 1\n")
    spec = MethodSpec(name="single", target="single_toy:Toy")
    before = code_digest(spec)
    (tmp_path / "unrelated_toy.py").write_text("y = 2\n")
    assert code_digest(spec) == before
    (tmp_path / "single_toy.py").write_text("z = 1\n")
    assert code_digest(spec) != before


def test_sources_that_cannot_be_found_are_a_user_error(package: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"method 'x': cannot find the sources of 'toypkg\.absent'"):
        code_digest(MethodSpec(name="x", target="toypkg.methods.toy.method:Toy", code=("toypkg.absent",)))
    with pytest.raises(UserError, match="only Python sources can be keyed"):
        code_digest(MethodSpec(name="x", target="_io:Toy"))
    with pytest.raises(UserError, match=r"cannot read its source .*gone\.py"):
        code_digest(MethodSpec(name="x", target=f"{tmp_path}/gone.py:Toy"))


def test_built_in_methods_are_found_through_the_folder_mapping_without_import() -> None:
    code = (
        "import sys\n"
        "from refbench.identity.code_digest import code_digest\n"
        "from refbench.specs import MethodSpec\n"
        "spec = MethodSpec(name='t', target='refbench.methods:X', code=('refbench.tiling',))\n"
        "print(code_digest(spec), 'refbench.methods' in sys.modules, 'torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    digest, imported, torch = done.stdout.split()
    assert len(digest) == 64
    assert (imported, torch) == ("False", "False")
