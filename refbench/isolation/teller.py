"""The inside of the process that reads a method's file: see refbench.isolation.outside."""

from __future__ import annotations

import os
from typing import Any

from refbench.errors import UserError
from refbench.isolation.child import EndOfStream, encode, read_message, take_streams


def main() -> None:
    """Answer until the other side closes its end."""
    incoming, outgoing = take_streams()
    while True:
        try:
            header, _ = read_message(incoming)
        except EndOfStream:
            return
        try:
            reply = _answer(header)
        except UserError as error:
            reply = {"type": "error", "kind": "UserError", "error": str(error)}
        except BaseException as error:
            text = f"method={header.get('locator')}: {type(error).__name__}"
            reply = {"type": "error", "kind": type(error).__name__, "error": text}
        for piece in encode(reply):
            outgoing.write(piece)
        outgoing.flush()


def _answer(header: dict[str, Any]) -> dict[str, Any]:
    from refbench.registry import is_file_locator, load_class, spec_in_file

    os.chdir(header["folder"])
    locator = header["locator"]
    spec = spec_in_file(locator) if is_file_locator(locator) else None
    if header["type"] == "spec" and spec is not None:
        from pydantic import TypeAdapter

        from refbench.specs import MethodSpec

        return {"type": "spec", "spec": TypeAdapter(MethodSpec).dump_python(spec, mode="json")}
    from refbench.types import Identity

    made: Any = load_class(spec.target if spec is not None else header["target"])
    identity = made.identity(header["params"], header["ids"]) if isinstance(made, Identity) else None
    label = made.label(header["params"]) if hasattr(made, "label") else ""
    return {"type": "hooks", "identity": identity, "label": label}
