"""The message format: what goes in comes out, and nothing malformed gets through or costs memory."""

from __future__ import annotations

import ast
import io
import json
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from refbench.isolation import child
from refbench.isolation.child import (
    DTYPES,
    MAGIC,
    MAX_HEADER,
    EndOfStream,
    ProtocolError,
    encode,
    read_message,
)


def message(header: object, payload: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return MAGIC + struct.pack("<I", len(text)) + text + payload


arrays = st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(1, 5), max_size=4), st.integers(0, 255)).map(
    lambda t: np.full(t[1], t[2], dtype=t[0])
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
headers = st.dictionaries(st.text().filter(lambda k: k not in ("type", "arrays")), plain, max_size=4)


@settings(max_examples=60, deadline=None)
@given(st.text(), headers, st.lists(arrays, max_size=4))
def test_round_trip(kind: str, fields: dict[str, Any], given_arrays: list[np.ndarray]) -> None:
    sent = {**fields, "type": kind}
    stream = io.BytesIO(b"".join(encode(sent, given_arrays)) * 2)
    for _ in range(2):
        header, received = read_message(stream)
        assert header == sent
        assert len(received) == len(given_arrays)
        for a, b in zip(given_arrays, received, strict=True):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            assert np.array_equal(a, b)
            assert b.flags.writeable
    with pytest.raises(EndOfStream):
        read_message(stream)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.booleans())
@example(b"", True)
def test_any_bytes_give_a_protocol_error_and_nothing_else(data: bytes, framed: bool) -> None:
    stream = io.BytesIO(MAGIC + struct.pack("<I", len(data)) + data if framed else data)
    with pytest.raises(ProtocolError):
        read_message(stream)


@settings(max_examples=150, deadline=None)
@given(st.fixed_dictionaries({"type": st.just("call"), "arrays": plain}))
def test_any_announced_arrays_without_their_bytes_are_refused(header: dict[str, Any]) -> None:
    if header["arrays"] == []:
        assert read_message(io.BytesIO(message(header))) == ({"type": "call"}, [])
        return
    with pytest.raises(ProtocolError):
        read_message(io.BytesIO(message(header)))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_flipped_or_missing_byte_never_raises_anything_else(data: st.DataObject) -> None:
    whole = bytearray(b"".join(encode({"type": "call", "scale": 4}, [np.zeros((3, 2, 2), np.float32)])))
    at = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        del whole[at:]
    else:
        whole[at] ^= data.draw(st.integers(1, 255))
    try:
        header, received = read_message(io.BytesIO(bytes(whole)))
    except ProtocolError:
        return
    assert isinstance(header["type"], str)
    assert all(array.dtype.name in DTYPES for array in received)


BAD_ARRAYS = [
    {"dtype": "object", "shape": [1]},
    {"dtype": "float32", "shape": [-1]},
    {"dtype": "float32", "shape": [0]},
    {"dtype": "float32", "shape": [1.5]},
    {"dtype": "float32", "shape": [True]},
    {"dtype": "float32", "shape": "3"},
    {"dtype": "float32", "shape": [1, 1, 1, 1, 1]},
    {"dtype": "float32", "shape": [1 << 40]},
    {"dtype": "uint8", "shape": [65536, 65536, 65536]},
    {"dtype": "float32"},
    "float32",
]


@pytest.mark.parametrize("entry", BAD_ARRAYS, ids=str)
def test_bad_array_descriptions_are_refused_before_reading(entry: object) -> None:
    with pytest.raises(ProtocolError) as caught:
        read_message(io.BytesIO(message({"type": "call", "arrays": [entry]}, b"\0" * 64)))
    assert not isinstance(caught.value, EndOfStream)


def test_too_long_headers_and_too_many_arrays_are_refused() -> None:
    with pytest.raises(ProtocolError, match="exceeds"):
        read_message(io.BytesIO(MAGIC + struct.pack("<I", MAX_HEADER + 1)))
    with pytest.raises(ProtocolError, match="exceeds"):
        encode({"type": "x", "text": "a" * MAX_HEADER})
    with pytest.raises(ProtocolError, match="at most 64"):
        encode({"type": "x"}, [np.zeros(1, np.uint8)] * 65)


def test_deeply_nested_json_is_refused() -> None:
    text = b"[" * 100_000
    with pytest.raises(ProtocolError, match="is not JSON"):
        read_message(io.BytesIO(MAGIC + struct.pack("<I", len(text)) + text))


def test_an_announced_size_alone_takes_no_memory() -> None:
    """Two gigabytes are announced, none come: only what arrives may be read."""

    class Counting(io.BytesIO):
        largest = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.largest = max(self.largest, size or 0)
            return super().read(size)

    stream = Counting(message({"type": "call", "arrays": [{"dtype": "uint8", "shape": [2 << 30]}]}))
    with pytest.raises(EndOfStream, match="before the end of a message"):
        read_message(stream)
    assert stream.largest <= MAX_HEADER


def test_the_worker_file_is_valid_for_old_interpreters() -> None:
    source = Path(child.__file__).read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 8))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - set(sys.stdlib_module_names) == {"numpy"}
