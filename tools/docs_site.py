"""Hooks of the documentation site (mkdocs.yml): root files as pages, the commands' own help, whole links."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
PROJECT = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
"""Files at the root of the repository that are pages of the site, under project/."""
HELP = "<!-- help of all commands -->"
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Leave out entries of the navigation whose page is missing; tests/docs names and refuses them."""
    if config.nav is not None:
        config.nav = present(config.nav)
    return config


def present(nav: list[Any]) -> list[Any]:
    """The entries of ``nav`` that are pages, and the sections that have any.

    >>> present([{"Home": "index.md"}, {"Section": [{"A": "no_such_page.md"}]}])
    [{'Home': 'index.md'}]
    """
    found = []
    for entry in nav:
        ((title, place),) = entry.items()
        if isinstance(place, list):
            inside = present(place)
            if inside:
                found.append({title: inside})
        elif place.startswith("project/") or (ROOT / "docs" / place).is_file():
            found.append(entry)
    return found


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the root files."""
    from mkdocs.structure.files import File

    for name in PROJECT:
        files.append(File.generated(config, f"project/{name}", abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in help texts, and lead links between docs/ and the root to the pages of the site."""
    text = markdown.replace(HELP, all_commands()) if HELP in markdown else markdown
    where = page.file.src_uri
    return LINK.sub(lambda found: found[1] + site_link(found[2], where) + found[3], text)


def site_link(target: str, page: str) -> str:
    """The link of ``page`` (its address in the site) to ``target``, which is written for the repository.

    >>> site_link("../SECURITY.md", "data.md"), site_link("docs/faults.md", "project/SECURITY.md")
    ('project/SECURITY.md', '../faults.md')
    >>> site_link("github-actions.yml", "gate.md"), site_link("metrics.md", "protocols.md")
    ('github-actions.yml', 'metrics.md')
    """
    if "://" in target or target.startswith("mailto:"):
        return target
    if page.startswith("project/"):
        if target in PROJECT:
            return target
        return f"../{target.removeprefix('docs/')}" if target.startswith("docs/") else target
    up = "../" * (page.count("/") + 1)
    if target.startswith(up) and target.removeprefix(up) in PROJECT:
        return f"{up.removeprefix('../')}project/{target.removeprefix(up)}"
    return target


def all_commands() -> str:
    """``refbench --help``, then a section for each command with what its ``--help`` prints."""
    from refbench.cli.commands import COMMANDS

    parts = [printed("--help")]
    for name, line in COMMANDS.items():
        parts.append(f"## {name}\n\n{line[0].upper()}{line[1:]}.\n\n{printed(name, '--help')}")
    return "\n\n".join(parts)


def printed(*words: str) -> str:
    """What ``refbench WORDS`` prints, as a fenced block."""
    from refbench.cli.main import main

    with redirect_stdout(io.StringIO()) as text:
        main(words)
    return f"```text\n{text.getvalue().rstrip()}\n```"
