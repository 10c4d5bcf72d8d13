"""``python -m refbench.training method=datsr preset=compact train.data=DIR ...``: the runner under torchrun.

Values are YAML after the first ``=``; keys with dots go into groups. ``refbench train`` is the same with
completion and sweeps.
"""

from __future__ import annotations

import sys
from typing import Any

from refbench.errors import UserError
from refbench.untrusted.yaml_text import safe_yaml

from .run import train

_TEXT = ("out", "method", "preset", "device", "train.data", "train.val_data", "train.vgg19")


def parse(arguments: list[str]) -> dict[str, Any]:
    """Nested mapping of ``a.b=value`` arguments; paths and names are taken as they stand."""
    config: dict[str, Any] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            raise UserError(f"{argument!r} is not of the form key=value")
        *groups, name = key.split(".")
        place = config
        for group in groups:
            place = place.setdefault(group, {})
        place[name] = value if key in _TEXT else safe_yaml(value, f"{key}=")
    return config


def main(arguments: list[str]) -> int:
    """Exit code 0, or 2 with one line on bad input."""
    try:
        train(parse(arguments), lambda line: print(line, flush=True))
    except UserError as error:
        print(f"refbench.training: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
