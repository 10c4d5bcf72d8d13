"""The sources call nothing that would run, unpack or fetch what comes from outside unchecked."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("refbench", "methods", "datasets", "reports", "configs")
NEVER = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "pickle.load", "pickle.loads",
    "pickle.Unpickler", "marshal.loads", "shelve.open", "yaml.unsafe_load", "yaml.full_load",
    "torch.hub.load", "torch.hub.load_state_dict_from_url", "urlopen", "urllib.request.urlopen",
    "urlretrieve", "urllib.request.urlretrieve", "requests.get", "shutil.unpack_archive",
    "xml.etree.ElementTree.parse", "ElementTree.parse",
}  # fmt: skip
MUST_SAY = {
    ("torch.load", "weights_only"): "True", ("yaml.load", "Loader"): "yaml.SafeLoader",
    ("yaml.compose", "Loader"): "yaml.SafeLoader",
}  # fmt: skip
NEVER_METHODS = {"extractall", "extract"}
NEVER_KEYWORDS = {
    ("shell", "True"),
    ("allow_pickle", "True"),
    ("trust_remote_code", "True"),
    ("verify", "False"),
}

pytestmark = pytest.mark.skipif(not (ROOT / "methods").is_dir(), reason="not run from a source tree")


def problems(source: str) -> Iterator[str]:
    """What a source must not call, one line each."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        said = {word.arg: ast.unparse(word.value) for word in node.keywords}
        if name in NEVER:
            yield f"line {node.lineno}: {name}"
        if isinstance(node.func, ast.Attribute) and node.func.attr in NEVER_METHODS:
            yield f"line {node.lineno}: {name}"
        for (called, keyword), value in MUST_SAY.items():
            if name == called and said.get(keyword) != value:
                yield f"line {node.lineno}: {name} without {keyword}={value}"
        for keyword, value in NEVER_KEYWORDS:
            if said.get(keyword) == value:
                yield f"line {node.lineno}: {keyword}={value}"


def test_no_source_calls_them() -> None:
    found = [
        f"{path.relative_to(ROOT)} {problem}"
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        for problem in problems(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize("source", [
    "eval('1')", "import torch\ntorch.load('x')", "torch.load('x', weights_only=False)", "yaml.load(t)",
    "subprocess.run('x', shell=True)", "archive.extractall('.')", "np.load('x', allow_pickle=True)",
    "urllib.request.urlopen('http://x')", "pickle.loads(b'')",
])  # fmt: skip
def test_the_scan_sees_them(source: str) -> None:
    assert list(problems(source))
