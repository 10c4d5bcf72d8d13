"""The command line of ``method.cmd``: split like a shell would, filled in, never given to a shell."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from refbench.errors import UserError, unknown

FIELDS = ("lr", "refs", "ref", "out", "id", "scale", "dir")
FIELD = re.compile(r"\{([A-Za-z_]+)\}")


@dataclass(frozen=True)
class Template:
    """A checked command: words that may hold fields.

    ``{lr}`` PNG of the input, ``{out}`` where the SR image is expected, ``{refs}`` all references (as words
    of their own where it stands alone, joined by commas inside a word), ``{ref}`` the first one, ``{id}``
    the sample id, ``{scale}`` what to enlarge by, ``{dir}`` the temporary folder with these files.
    """

    words: tuple[str, ...]

    @classmethod
    def parse(cls, text: object) -> Template:
        """Raises UserError for a missing command, bad quoting, an unknown field, or no {lr} or {out}."""
        if not text or not str(text).strip():
            raise UserError(
                'method=command needs method.cmd="python test.py --lr {lr} --refs {refs} --out {out}"'
            )
        try:
            words = shlex.split(str(text))
        except ValueError as error:
            raise UserError(f"method.cmd={text}: {error}") from None
        fields = cls(tuple(words)).fields
        for name in sorted(fields - set(FIELDS)):
            raise unknown("field of method.cmd called", f"{{{name}}}", [f"{{{known}}}" for known in FIELDS])
        for name in ("lr", "out"):
            # a program may find its files in {dir} by their fixed names
            if name not in fields and "dir" not in fields:
                raise UserError(f"method.cmd={text}: does not say where {{{name}}} goes")
        return cls(tuple(words))

    @property
    def fields(self) -> frozenset[str]:
        """Names of the fields in it."""
        return frozenset(name for word in self.words for name in FIELD.findall(word))

    def check_program(self, folder: Path | None) -> None:
        """Raises UserError when the first word names no program (relative ones as seen from ``folder``)."""
        program = self.words[0]
        if FIELD.search(program):
            raise UserError(f"method.cmd: its first word {program!r} must be a program, not a field")
        here = (folder or Path.cwd()) / program if "/" in program else program
        if shutil.which(str(here)) is None:
            raise UserError(f"method.cmd: there is no program {program!r}")

    def files(self, folder: Path | None) -> list[Path]:
        """Words that name existing files, such as the script: their content belongs in the run key."""
        base = folder or Path.cwd()
        named = (base / word for word in self.words[1:] if not FIELD.search(word))
        return [path for path in named if path.is_file()]

    def fill(self, values: Mapping[str, str], refs: Sequence[str]) -> list[str]:
        """The argument list for one image."""
        filled: list[str] = []
        known = {**values, "refs": ",".join(refs)}
        for word in self.words:
            if word == "{refs}":
                filled += refs
            else:
                filled.append(FIELD.sub(lambda match: known[match.group(1)], word))
        return filled
