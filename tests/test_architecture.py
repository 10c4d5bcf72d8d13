"""docs/architecture.md against the imports of the source: folders import downwards only."""

from __future__ import annotations

import ast
import graphlib
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOPS = {"refbench": "refbench", **{n: f"refbench.{n}" for n in ("methods", "datasets", "reports", "configs")}}
ROW = re.compile(r"^\| (\d+) \| (\w+) \|", re.MULTILINE)


def layers() -> dict[str, int]:
    """Folder -> layer, as the table in the docs says."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    return {folder: int(layer) for layer, folder in ROW.findall(text)}


def folder_of(module: str) -> str:
    """The folder of ``refbench.x.y``; ``contracts`` for the files at the root."""
    parts = module.split(".")
    if len(parts) == 1 or parts[1] == "api":
        return "api"  # the package itself is the front door
    if parts[1] == "__main__":
        return "cli"
    if parts[1] in TOPS or (ROOT / "refbench" / parts[1]).is_dir() or parts[1] == "testing":
        return parts[1]
    return "contracts"


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """(refbench module, line) of every absolute import that is carried out, functions included."""
    if isinstance(tree, ast.If) and ast.unparse(tree.test) == "TYPE_CHECKING":
        return
    if isinstance(tree, ast.Import):
        yield from ((a.name, tree.lineno) for a in tree.names if a.name.split(".")[0] == "refbench")
    if isinstance(tree, ast.ImportFrom) and not tree.level:
        module = tree.module or ""
        names = [f"refbench.{a.name}" for a in tree.names] if module == "refbench" else [module]
        yield from ((name, tree.lineno) for name in names if name.split(".")[0] == "refbench")
    for child in ast.iter_child_nodes(tree):
        yield from imports(child)


def arrows() -> dict[tuple[str, str], list[str]]:
    """(folder, imported folder) -> where."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for top, package in TOPS.items():
        for path in sorted((ROOT / top).rglob("*.py")):
            rel = path.relative_to(ROOT / top).with_suffix("").parts
            own = folder_of(".".join((package, *(p for p in rel if p != "__init__"))))
            for module, line in imports(ast.parse(path.read_text(encoding="utf-8"))):
                if (other := folder_of(module)) != own:
                    found[own, other].append(f"{path.relative_to(ROOT)}:{line}")
    return found


def test_every_folder_is_in_the_table_and_every_row_is_a_folder() -> None:
    folders = {p.parent.name for p in (ROOT / "refbench").glob("*/__init__.py")}
    assert layers().keys() == folders | {"contracts", "testing", *TOPS} - {"refbench"}


def test_folders_import_downwards_only() -> None:
    level = layers()
    wrong = {
        f"{own} ({level[own]}) -> {other} ({level[other]})": where
        for (own, other), where in arrows().items()
        if level[other] >= level[own]
    }
    assert not wrong


def test_the_core_names_no_plugin_folder() -> None:
    plugins = {"methods", "datasets", "reports", "configs"}
    named = {own: where for (own, other), where in arrows().items() if other in plugins}
    assert named.keys() <= plugins | {"api", "cli"}, named


def test_no_file_imports_itself_by_way_of_others() -> None:
    """Imports inside functions count: a file that needs its own caller stands in the wrong place."""
    modules: dict[str, Path] = {}
    for top, package in TOPS.items():
        for path in (ROOT / top).rglob("*.py"):
            parts = path.relative_to(ROOT / top).with_suffix("").parts
            modules[".".join((package, *(p for p in parts if p != "__init__")))] = path
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        # a package's face hands on names and stands for its files
        if path.name == "__init__.py":
            continue
        found: set[str] = set()
        for node, prefix in from_imports(ast.parse(path.read_text(encoding="utf-8")), module):
            for alias in node.names:
                for name in (prefix, f"{prefix}.{alias.name}"):
                    if name in modules and modules[name].name != "__init__.py":
                        found.add(name)
        graph[module] = found - {module}
    sorter = graphlib.TopologicalSorter(graph)
    sorter.prepare()  # raises CycleError, naming the files


def from_imports(tree: ast.AST, module: str) -> Iterator[tuple[ast.ImportFrom, str]]:
    """(statement, absolute name of what it imports from) of every ``from x import y`` that is carried out."""
    if isinstance(tree, ast.If) and ast.unparse(tree.test) == "TYPE_CHECKING":
        return
    if isinstance(tree, ast.ImportFrom):
        above = module.split(".")[: -tree.level] if tree.level else []
        yield tree, ".".join([*above, *([tree.module] if tree.module else [])])
    for child in ast.iter_child_nodes(tree):
        yield from from_imports(child, module)


def test_the_root_holds_few_files() -> None:
    assert len(list((ROOT / "refbench").glob("*.py"))) <= 12


def test_the_path_of_a_sample_is_at_most_twenty_hops_through_files_that_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition("## From a sample to the printed table")[2].partition("\n## ")[0]
    hops = re.findall(r"^(\d+)\. `([\w/]+\.py)`", section, re.MULTILINE)
    assert [int(number) for number, _ in hops] == list(range(1, len(hops) + 1))
    assert 10 < len(hops) <= 20
    assert [file for _, file in hops if not (ROOT / file).is_file()] == []
