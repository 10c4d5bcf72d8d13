"""Hooks of the documentation site (mkdocs.yml): root files as pages, the commands' own help, whole links."""

from __future__ import annotations

import io
import re
import sys
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
HELP = re.compile(r"^<!-- help: (\w+) -->$", re.MULTILINE)
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the root files."""
    from mkdocs.structure.files import File

    for name in PROJECT:
        files.append(File.generated(config, f"project/{name}", abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in help texts, and lead links between docs/ and the root to the pages of the site."""
    text = HELP.sub(lambda found: help_block(found[1]), markdown)
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


def help_block(command: str) -> str:
    """What ``refbench COMMAND --help`` prints, as a fenced block; without a command, ``refbench --help``."""
    from refbench.cli.commands import COMMANDS
    from refbench.cli.main import main

    words = [] if command == "refbench" else [command]
    if words and command not in COMMANDS:
        raise SystemExit(f"<!-- help: {command} -->: no such command")
    with redirect_stdout(io.StringIO()) as printed:
        main([*words, "--help"])
    return f"```text\n{printed.getvalue().rstrip()}\n```"


def all_commands() -> str:
    """The text of docs/reference/commands.md."""
    from refbench.cli.commands import COMMANDS

    parts = [
        "# Commands\n",
        "What `refbench COMMAND --help` prints, filled in when the site is built.\n",
        "<!-- help: refbench -->\n",
    ]
    for name, line in COMMANDS.items():
        parts.append(f"## {name}\n\n{line[0].upper()}{line[1:]}.\n\n<!-- help: {name} -->\n")
    return "\n".join(parts)


def main() -> Any:
    """Write docs/reference/commands.md again, after a command was added."""
    (ROOT / "docs" / "reference" / "commands.md").write_text(all_commands(), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
