"""What every page that refbench writes shares: escaping templates, and its own styles and scripts."""

from __future__ import annotations

import functools
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from refbench.untrusted.escape import printable


def environment() -> Environment:
    """A template environment in which every value is data from outside, and is escaped."""
    return Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )


def _shown(value: object) -> object:
    """Data without control and direction characters, which could turn a line of the page around."""
    return printable(value) if type(value) is str else value


@functools.cache
def asset(name: str, package: str = "refbench.reports.html") -> str:
    """The text of a file of ``package``: a template, a style sheet, a script."""
    return (files(package) / name).read_text(encoding="utf-8")


def own_markup(text: str) -> Markup:
    """The page's own style and script, which are not data."""
    if "</script" in text.lower() or "</style" in text.lower():
        raise ValueError("the page's own code must not end its element")
    return Markup(text)
