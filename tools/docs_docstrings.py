"""Griffe extension of the documentation site: examples become code blocks, and roles become code."""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^(?:>>> .*\n?)(?:.+\n?)*", re.MULTILINE)
ROLE = re.compile(r":(?:class|func|meth|mod|attr):`~?([^`]+)`")


class Docstrings(griffe.Extension):
    """Rewrites the text of every docstring before it is rendered."""

    def on_object(self, *, obj: Any, **kwargs: Any) -> None:
        """Called for every object that was read."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(text: str) -> str:
    """A docstring as Markdown.

    >>> as_markdown("Adds, see :func:`math.fsum`.")
    'Adds, see `math.fsum`.'
    """
    fenced = EXAMPLE.sub(lambda found: f"```pycon\n{found[0].rstrip()}\n```\n", text)
    return ROLE.sub(r"`\1`", fenced)
