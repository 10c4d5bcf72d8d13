"""The message format of ``method=external`` and the worker that runs in the other interpreter.

This file is started by path with the method's own Python, where refbench and torch need not exist:
it imports numpy and the standard library only, and runs from Python 3.8.

A message, in either direction, over the worker's stdin and stdout::

    4 bytes   b"RFB1"
    4 bytes   length of the header, little-endian, at most MAX_HEADER
    header    UTF-8 JSON object: "type", "arrays": [{"dtype": "float32", "shape": [3, 24, 32]}, ...], and more
    payload   the arrays' bytes one after the other, little-endian, C order

Nothing is pickled and no code travels. The parent sends ``init`` (target, params, device) once, then
``call`` (scale, sample_id, ref_names; arrays: LR, then references). The worker answers ``ready``,
``result`` (one array: SR; cost) or ``error`` (kind, error, traceback). End of input ends the worker.

The method is a class, named as ``file.py:Class`` or ``package.module:Class``, called like any refbench
method but with numpy arrays: ``Class(**params)``, then ``instance(inp)`` with ``inp.lr`` float32 RGB
(3, H, W) in [0, 1], ``inp.refs`` a tuple of such, ``inp.scale``, ``inp.sample_id``, ``inp.ref_names``. It
returns (3, scale*H, scale*W): an array, or a torch tensor.
"""

from __future__ import annotations

import faulthandler
import importlib
import importlib.util
import inspect
import json
import os
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import IO, Any

import numpy as np

MAGIC = b"RFB1"
MAX_HEADER = 1 << 20
MAX_ARRAYS = 64
MAX_DIMS = 4
MAX_PAYLOAD = 4 << 30
"""Bytes of all arrays of a message: four times a 300-megapixel float image."""
DTYPES = ("uint8", "float32", "float64", "int64")


class ProtocolError(Exception):
    """The other side sent something that is not a message."""


class EndOfStream(ProtocolError):
    """The other side closed its end, between two messages or within one."""


def encode(header: dict[str, Any], arrays: Sequence[np.ndarray[Any, Any]] = ()) -> list[bytes]:
    """The pieces of one message, to be written in turn. Raises ProtocolError beyond the limits."""
    blocks = [np.ascontiguousarray(a, dtype=a.dtype.newbyteorder("<")) for a in arrays]
    described = [{"dtype": block.dtype.name, "shape": list(np.shape(a))} for block, a in zip(blocks, arrays)]  # noqa: B905  # strict= is 3.10
    text = json.dumps({**header, "arrays": described}, allow_nan=False).encode("utf-8")
    if len(text) > MAX_HEADER:
        raise ProtocolError(f"a header of {len(text)} bytes exceeds {MAX_HEADER}")
    _plan(described)
    return [MAGIC + struct.pack("<I", len(text)), text, *(block.tobytes() for block in blocks)]


def read_message(stream: IO[bytes]) -> tuple[dict[str, Any], list[Any]]:
    """Read one message. Raises EndOfStream where the stream ends, ProtocolError for anything malformed.

    Sizes are checked before memory is taken for them.
    """
    start = stream.read(8)
    if start[:4] != MAGIC[: len(start)]:
        raise ProtocolError(f"expected a message, got {start!r}")
    if len(start) < 8:
        raise EndOfStream("the stream ended")
    (length,) = struct.unpack("<I", start[4:])
    if length > MAX_HEADER:
        raise ProtocolError(f"a header of {length} bytes exceeds {MAX_HEADER}")
    try:
        header = json.loads(_exactly(stream, length).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"the header is not JSON: {error}") from None
    if not isinstance(header, dict) or not isinstance(header.get("type"), str):
        raise ProtocolError("the header is not an object with a type")
    arrays = []
    for dtype, shape, size in _plan(header.pop("arrays", [])):
        arrays.append(np.frombuffer(_exactly(stream, size), dtype=dtype).reshape(shape).copy())
    return header, arrays


def _plan(described: object) -> list[tuple[np.dtype[Any], tuple[int, ...], int]]:
    """(dtype, shape, bytes) of the announced arrays, checked."""
    if not isinstance(described, list) or len(described) > MAX_ARRAYS:
        raise ProtocolError(f"arrays is not a list of at most {MAX_ARRAYS}")
    planned = []
    total = 0
    for entry in described:
        if not isinstance(entry, dict) or entry.get("dtype") not in DTYPES:
            raise ProtocolError(f"an array is {str(entry)[:80]}; its dtype can be {', '.join(DTYPES)}")
        shape = entry.get("shape")
        if not isinstance(shape, list) or len(shape) > MAX_DIMS:
            raise ProtocolError(f"shape {str(shape)[:80]} is not a list of at most {MAX_DIMS} sides")
        size = np.dtype(entry["dtype"]).itemsize
        for side in shape:
            if type(side) is not int or side < 1:
                raise ProtocolError(f"shape {str(shape)[:80]} has a side that is not a positive number")
            size *= side
        total += size
        if total > MAX_PAYLOAD:
            raise ProtocolError(f"arrays of more than {MAX_PAYLOAD} bytes")
        planned.append((np.dtype(entry["dtype"]).newbyteorder("<"), tuple(shape), size))
    return planned


def _exactly(stream: IO[bytes], size: int) -> bytes:
    """``size`` bytes, in pieces: an announced size alone takes no memory."""
    pieces = []
    left = size
    while left:
        piece = stream.read(min(left, 1 << 20))
        if not piece:
            raise EndOfStream(f"the stream ended {left} bytes before the end of a message")
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def load_target(target: str) -> Callable[..., Any]:
    """The class behind ``path/to/file.py:Class`` or ``package.module:Class``."""
    where, _, name = target.rpartition(":")
    if not where or not name:
        raise ValueError(f"target {target!r} is not of the form file.py:Class or package.module:Class")
    if where.endswith(".py"):
        path = os.path.abspath(where)
        # a research repository's files import their neighbours
        sys.path.insert(0, os.path.dirname(path))
        module_name = os.path.splitext(os.path.basename(path))[0]
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise ValueError(f"{path} cannot be loaded as a Python module")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(where)
    found: Callable[..., Any] = getattr(module, name)
    return found


def construct(header: dict[str, Any]) -> Callable[..., Any]:
    """The method of an ``init`` message; ``device`` is handed over where the class has such a parameter."""
    made = load_target(header["target"])
    params = dict(header.get("params", {}))
    if "device" in inspect.signature(made).parameters:
        params.setdefault("device", header.get("device", "cpu"))
    method: Callable[..., Any] = made(**params)
    return method


def to_array(output: Any) -> np.ndarray[Any, Any]:
    """An array or tensor as a float32 array; torch is recognised by its methods, never imported."""
    for step in ("detach", "cpu", "float"):
        if hasattr(output, step):
            output = getattr(output, step)()
    if hasattr(output, "numpy") and not isinstance(output, np.ndarray):
        output = output.numpy()
    array = np.asarray(output)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"the method returned {type(output).__name__} of dtype {array.dtype}")
    return array.astype(np.float32)


class Meter:
    """Wall seconds, CPU seconds (own and finished children's) and peak memory of the enclosed work."""

    def __enter__(self) -> Meter:
        self.peak_reset = _reset_peak()
        self.cpu = _cpu_seconds()
        self.wall = time.perf_counter()
        return self

    def __exit__(self, *exc: object) -> None:
        self.cost: dict[str, float] = {
            "wall_s": time.perf_counter() - self.wall,
            "cpu_s": _cpu_seconds() - self.cpu,
        }
        peak = _peak_mb(self.peak_reset)
        if peak is not None:
            self.cost["peak_rss_mb"] = peak
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
            self.cost["peak_gpu_mb"] = torch.cuda.max_memory_allocated() / 2**20
            torch.cuda.reset_peak_memory_stats()


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _reset_peak() -> bool:
    """Ask Linux to forget the high-water mark; elsewhere the peak is the process's since its start."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        return False
    return True


def _peak_mb(from_proc: bool) -> float | None:
    if from_proc:
        with open("/proc/self/status") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return float(line.split()[1]) / 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024


def answer(
    method: Callable[..., Any], header: dict[str, Any], arrays: list[Any]
) -> tuple[dict[str, Any], list[Any]]:
    """Run one call."""
    inp = SimpleNamespace(
        lr=arrays[0],
        refs=tuple(arrays[1:]),
        scale=header["scale"],
        sample_id=header.get("sample_id", ""),
        ref_names=tuple(header.get("ref_names", ())),
    )
    with Meter() as meter:
        sr = to_array(method(inp))
    return {"type": "result", "cost": meter.cost}, [sr]


def failure(error: BaseException) -> dict[str, Any]:
    """An exception as a message."""
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    try:
        text = str(error)[:4000]
    except BaseException as broken:
        text = "its message cannot be read: " + type(broken).__name__
    return {
        "type": "error",
        "kind": type(error).__name__,
        "error": text,
        "traceback": trace[-8000:],
    }


def serve(incoming: IO[bytes], outgoing: IO[bytes]) -> None:
    """Answer messages until the parent closes its end."""

    def send(header: dict[str, Any], arrays: Sequence[Any] = ()) -> None:
        for piece in encode(header, arrays):
            outgoing.write(piece)
        outgoing.flush()

    method: Callable[..., Any] | None = None
    while True:
        try:
            header, arrays = read_message(incoming)
        except EndOfStream:
            return
        try:
            if header["type"] == "init":
                with Meter() as meter:
                    method = construct(header)
                version = ".".join(map(str, sys.version_info[:3]))
                reply: tuple[dict[str, Any], list[Any]] = (
                    {"type": "ready", "python": version, "numpy": np.__version__, "cost": meter.cost},
                    [],
                )
            elif header["type"] == "call" and method is not None:
                reply = answer(method, header, arrays)
            else:
                raise ValueError(f"unexpected message {header['type']!r}")
        except BaseException as error:
            reply = (failure(error), [])
        send(*reply)


def _end_with_parent() -> None:
    """Leave when the parent is gone, even in the middle of a call."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def main() -> None:
    """Take stdin and stdout for messages; whatever the method prints goes to stderr."""
    here = os.path.dirname(os.path.abspath(__file__))
    # this file's folder would hide the method's own modules called `process` or the like
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here or entry == ""]
    serve(*take_streams())


def take_streams() -> tuple[IO[bytes], IO[bytes]]:
    """The message streams, taken from stdin and stdout: from now on what is printed goes to stderr, and the
    process ends with its parent. A crash of the interpreter says on stderr where it was."""
    incoming = os.fdopen(os.dup(0), "rb")
    outgoing = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    faulthandler.enable()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    return incoming, outgoing


if __name__ == "__main__":
    main()
