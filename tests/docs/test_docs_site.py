"""Documentation: links, navigation, commands and drawing agree with the repository."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from architecture_drawing import DRAWING, PAGE, drawing, layers
from docs_site import HELP, PROJECT, all_commands, site_link

from refbench.cli.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), ROOT / "README.md", *(ROOT / name for name in PROJECT)]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```[^\n]*\n.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ +(.+?) *#*$", re.MULTILINE)
NAMED = re.compile(
    r"`((?:refbench|methods|datasets|reports|configs|tests|tools|docs|baselines)/[\w./-]+\.\w+)`"
)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub and mkdocs make them."""
    found: set[str] = set(re.findall(r'id="([^"]+)"', text))
    for heading in HEADING.findall(FENCE.sub("", text)):
        plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_and_anchors(page: Path) -> None:
    broken = []
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        file, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        there = page if not file else Path(os.path.normpath(page.parent / file))
        if page.parent != ROOT and file.startswith("project/"):
            there = ROOT / file.removeprefix("project/")
        if not there.exists():
            broken.append(f"{target}: {name_of(there)} is missing")
        # anchors of the API reference come from docstrings: mkdocs --strict checks those
        elif (
            anchor
            and there.suffix == ".md"
            and not anchor.startswith("refbench.")
            and anchor not in anchors(there.read_text(encoding="utf-8"))
        ):
            broken.append(f"{target}: no heading #{anchor}")
    assert not broken, f"{name_of(page)}: {broken}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_that_a_page_names_exist(page: Path) -> None:
    if page.name == "CHANGELOG.md" or "tutorials" in page.parts:
        # what was, and what the reader writes
        return
    missing = [name for name in NAMED.findall(page.read_text(encoding="utf-8")) if not (ROOT / name).exists()]
    assert not missing, f"{name_of(page)} names {missing}"


def nav() -> Iterator[str]:
    def walk(node: object) -> Iterator[str]:
        if isinstance(node, str):
            yield node
        elif isinstance(node, list):
            for item in node:
                yield from walk(item)
        elif isinstance(node, dict):
            for item in node.values():
                yield from walk(item)

    yield from walk(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])


def test_every_page_is_in_the_navigation_and_every_entry_is_a_page() -> None:
    pages = {str(p.relative_to(DOCS)) for p in DOCS.rglob("*.md") if "recipes" not in p.parts}
    pages |= {f"project/{name}" for name in PROJECT}
    listed = list(nav())
    assert len(listed) == len(set(listed))
    assert pages - set(listed) == set(), "not in mkdocs.yml's nav"
    # the site is built without them (tools/docs_site.py), but they are promised
    assert set(listed) - pages == set(), "in mkdocs.yml's nav, but missing in docs/"


def test_links_between_docs_and_root_are_led_to_the_sites_pages() -> None:
    assert site_link("../../SECURITY.md", "tutorials/x.md") == "../project/SECURITY.md"
    assert site_link("docs/a.md", "project/SECURITY.md") == "../a.md"
    assert site_link("https://example.org", "a.md") == "https://example.org"


def test_the_page_of_commands_has_all_of_them() -> None:
    assert HELP in (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    text = all_commands()
    for name, line in COMMANDS.items():
        assert f"\n## {name}\n\n{line[0].upper()}{line[1:]}.\n\n```text\nusage: refbench {name}" in text


def commands_in(text: str) -> Iterator[str]:
    """Every command line of refbench in fenced blocks and in code spans."""
    for block in FENCE.findall(text):
        joined = re.sub(r"\\\n\s*", " ", block)
        for line in joined.splitlines():
            if re.match(r"\s*(\$ )?refbench [a-z]", line):
                yield line.strip().removeprefix("$ ")
    spans = re.findall(r"`(refbench [a-z][^`]*)`", FENCE.sub("", text))
    yield from (span for span in spans if span != "refbench training")  # an experiment of MLflow


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_exist_and_take_the_settings_shown(page: Path) -> None:
    from refbench.cli.commands import keys_of, load
    from refbench.config.override import is_override

    for line in commands_in(page.read_text(encoding="utf-8")):
        # without a comment at its end and a continuation of the sentence
        words = shlex.split(re.sub(r"\s+#.*$", "", line).replace("'", "").replace('"', ""))
        command, rest = words[1], words[2:]
        assert command in COMMANDS, f"{name_of(page)}: {line!r}: no such command"
        known = {key.name for key in keys_of(command, load(command))}
        for word in rest:
            key = word.partition("=")[0].lstrip("+~")
            if not is_override(word) or "." in key or word.startswith("-"):
                continue
            assert key in known, f"{name_of(page)}: {line!r}: {command} takes no {key}="


def test_the_drawing_shows_the_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert len(layers(text)) > 5
    assert DRAWING.read_text(encoding="utf-8") == drawing(layers(text)), "run tools/architecture_drawing.py"


def test_the_data_path_has_at_most_20_hops_and_its_files_exist() -> None:
    text = PAGE.read_text(encoding="utf-8")
    hops = re.findall(r"^(\d+)\. `([\w/]+\.py)`", text, re.MULTILINE)
    assert [int(number) for number, _ in hops] == list(range(1, len(hops) + 1))
    assert 10 < len(hops) <= 20
    assert all((ROOT / file).is_file() for _, file in hops)


def test_the_network_of_the_readme_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(
        r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    text = (DOCS / "your_network.md").read_text(encoding="utf-8")
    (net,) = re.findall(r'^```python title="my_net.py"\n(.*?)^```$', text, re.MULTILINE | re.DOTALL)
    (tmp_path / "my_net.py").write_text(net, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    exec("import torch, my_net; torch.save(my_net.MyNet().state_dict(), 'my_net.pth')", {})
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    exec(code.replace("scale=4", "scale=4, limit=1"), {})
    assert re.search(r"^my net ", capsys.readouterr().out, re.MULTILINE)
    header, first, *_ = (tmp_path / "rows.csv").read_text(encoding="utf-8").splitlines()
    assert "psnr_y" in header.split(",")
    assert first.count(",") == header.count(",")
    sys.modules.pop("my_net", None)


WORKFLOWS = {"github-actions.yml", "github-shards.yml", "github-leaderboard.yml"}


def test_what_a_user_copies_needs_no_address_of_the_project() -> None:
    """No package index has refbench: what is installed is a clone, whose address is the reader's OWNER."""
    texts = [*PAGES, *DOCS.glob("*.yml"), *DOCS.glob("*.sh"), ROOT / "pyproject.toml"]
    for folder in ("refbench", "reports", "methods", "datasets"):
        texts += [p for p in (ROOT / folder).rglob("*") if p.suffix in (".py", ".txt", ".j2", ".yaml")]
    index = re.compile(r"pip install (?:-\S+ )*['\"]?refbench(?![/\w])|uvx? refbench|pipx install refbench")
    for path in texts:
        text = path.read_text(encoding="utf-8")
        assert not index.search(text), path
        count = len(re.findall(r"\bOWNER\b", text))
        assert count == (1 if path.name in WORKFLOWS else 0), path
        if count:
            assert "# the one placeholder" in text
            assert "./refbench" in text
