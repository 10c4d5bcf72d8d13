"""Manages one child interpreter: start, call with timeout, detect its exit, kill its process group."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from refbench.isolation import child
from refbench.isolation.child import EndOfStream, ProtocolError, encode, read_message

FOREIGN_VARIABLES = ("PYTHONPATH", "PYTHONHOME", "__PYVENV_LAUNCHER__")
"""They would lead the other interpreter into this one's packages."""
TAIL_LINES = 60
CRASH = "Fatal Python error"
"""How a faulthandler's report begins."""
_LIBRARY = str(Path(os.__file__).parent)
_FRAME = re.compile(r'File "(.+)", line (\d+)')


class ChildFailed(Exception):
    """The method raised; the child lives. The message is the method's own, with its type."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        said = " ".join(str(answer.get("error")).split())
        super().__init__(f"{answer.get('kind', 'Error')}: {said}")
        self.answer = answer
        """The message of type ``error`` as it came."""


class ChildLost(Exception):
    """The child died, hung or broke the protocol, and is gone. The message says which."""

    def __init__(self, end: str, last_words: str = "", place: str = "", expired: bool = False) -> None:
        super().__init__(f"{end}{last_words}")
        self.end = end
        self.last_words = last_words
        self.place = place
        """``net.py:12`` where the interpreter could still say where it was (a segmentation fault)."""
        self.expired = expired
        """Whether it took too long."""


class Child:
    """A worker process around one method. Not thread-safe: one call at a time."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path | None = None
    ) -> None:
        """Start ``command`` with exactly this environment. Raises OSError when it cannot be executed.

        What the child and its own children print goes to this process's stderr; nothing reaches stdout.
        """
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
        )
        self._killed = False
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._reader = threading.Thread(target=self._drain, args=(self._process.stderr,), daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Whether the process can take another call."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Process id of the worker, also the id of its process group."""
        return self._process.pid

    def ask(
        self, header: Mapping[str, Any], arrays: Sequence[npt.NDArray[Any]], timeout: float | None
    ) -> tuple[dict[str, Any], list[npt.NDArray[Any]]]:
        """Send one message and return the answer.

        Raises ChildFailed when the method raised, ChildLost when there will be no answer: the process
        died, took longer than ``timeout`` seconds, or wrote something that is not a message. It is
        killed then.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._deadline(timeout) as expired:
            try:
                for piece in encode(dict(header), arrays):
                    self._process.stdin.write(piece)
                self._process.stdin.flush()
                answer, received = read_message(self._process.stdout)
            except (ProtocolError, OSError, ValueError) as error:
                end = self._end(error)
                self.kill()
                if expired.is_set():
                    end = f"took longer than {timeout:g} s and was stopped"
                raise ChildLost(end, self.tail(), self.place(), expired.is_set()) from None
            except BaseException:
                # Ctrl-C in the middle of a message: the stream is out of step
                self.kill()
                raise
        if answer["type"] == "error":
            raise ChildFailed(answer)
        return answer, received

    @contextmanager
    def _deadline(self, seconds: float | None) -> Iterator[threading.Event]:
        expired = threading.Event()
        if seconds is None:
            yield expired
            return

        def stop() -> None:
            expired.set()
            self.kill()

        timer = threading.Timer(seconds, stop)
        timer.daemon = True
        timer.start()
        try:
            yield expired
        finally:
            timer.cancel()

    def tail(self) -> str:
        """The last line that the child wrote to stderr, as ``; last words: ...``, empty without one."""
        self._reader.join(timeout=1.0)
        lines = [line.strip() for line in self._tail if line.strip()]
        if any(line.startswith(CRASH) for line in lines):
            # the interpreter's own report: its first line says what, `place` where
            return ""
        return f"; last words: {lines[-1][:300]}" if lines else ""

    def place(self) -> str:
        """Where a crash happened, from the report of the child's faulthandler; empty without one."""
        self._reader.join(timeout=1.0)
        lines = [line.strip() for line in self._tail]
        start = next((i for i, line in enumerate(lines) if line.startswith(CRASH)), None)
        if start is None:
            return ""
        current = next((i for i in range(start, len(lines)) if lines[i].startswith("Current thread")), start)
        frames = [m for line in lines[current:] if (m := _FRAME.match(line))]
        # a library's frame says little to the author of what called it
        own = [m for m in frames if not m[1].startswith(_LIBRARY) and "site-packages" not in m[1]]
        found = (own or frames)[:1]
        return f"{Path(found[0][1]).name}:{found[0][2]}" if found else ""

    def _end(self, error: Exception) -> str:
        """What became of the child when reading from it or writing to it gave ``error``."""
        if isinstance(error, ProtocolError) and not isinstance(error, EndOfStream):
            return f"broke the pipe protocol ({error})"
        try:
            code = self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            return "closed its pipe"
        if code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    def _drain(self, stream: IO[bytes]) -> None:
        for line in iter(lambda: stream.readline(4096), b""):
            self._tail.append(line.decode("utf-8", "replace"))
            with contextlib.suppress(OSError):
                os.write(2, line)

    def kill(self) -> None:
        """End the worker and everything it started. Safe to call twice."""
        if self._killed:
            return
        self._killed = True
        # the group, even when the worker itself is gone: a grandchild may still hold its pipes
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Ask the worker to end (end of input), and kill it when it does not within a second."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1.0)
        self.kill()
        self._reader.join(timeout=1.0)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


def foreign_environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment for another interpreter, with ``variables`` added."""
    kept = {k: v for k, v in os.environ.items() if k not in FOREIGN_VARIABLES}
    return {**kept, **(variables or {})}


def worker_command(python: str) -> list[str]:
    """How the worker file is started with another interpreter."""
    return [python, str(Path(child.__file__).resolve())]


def as_arrays(images: Sequence[Any]) -> list[npt.NDArray[np.float32]]:
    """Tensors (3, H, W) as float32 arrays on the CPU."""
    return [image.detach().to("cpu").float().numpy() for image in images]
