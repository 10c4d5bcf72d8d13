"""method=external: a second interpreter holds the method; its errors, death and hanging are survived."""

from __future__ import annotations

import os
import signal
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from refbench.conformance.kit import verify_method
from refbench.errors import SampleError, UserError
from refbench.isolation.process import Child, ChildFailed, ChildLost, foreign_environment, worker_command
from refbench.methods.external.method import External
from refbench.methods.external.spec import SPEC
from refbench.plan.method_hooks import file_identity, measured_cost
from refbench.types import Input

METHOD = """
    import os, sys, time
    import numpy as np
    import neighbour

    class Net:
        def __init__(self, gain=1.0, device="none"):
            print("to stdout, which must not reach the pipe")
            self.gain, self.device, self.calls = gain, device, 0

        def __call__(self, inp):
            self.calls += 1
            order = inp.sample_id
            if order == "raise":
                raise ValueError("first line\\nsecond line")
            if order == "die":
                print("about to die", file=sys.stderr, flush=True)
                os.kill(os.getpid(), 9)
            if order == "exit":
                os._exit(7)
            if order == "sysexit":
                sys.exit("giving up")
            if order == "hang":
                time.sleep(600)
            if order == "garbage":
                return "not an array"
            if order == "memory":
                block = np.ones(60 << 20, np.uint8)
            if order == "print":
                print("x" * 100000)
                os.write(1, b"raw bytes to stdout")
            if order == "calls":
                return np.full((3, 4, 4), self.calls)
            assert "torch" not in sys.modules and "refbench" not in sys.modules
            sr = inp.lr.repeat(inp.scale, 1).repeat(inp.scale, 2) * self.gain
            for ref, name in zip(inp.refs, inp.ref_names):
                sr = sr + ref.mean() + len(name)
            return sr.astype(np.float64)
"""


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("their repository")
    (folder / "net.py").write_text(textwrap.dedent(METHOD))
    (folder / "neighbour.py").write_text("")
    return f"{folder / 'net.py'}:Net"


@pytest.fixture
def method(target: str) -> Iterator[External]:
    made = External(None, "cpu", python=sys.executable, target=target, timeout=60)
    yield made
    made.close()


def ask(order: str = "", *refs: torch.Tensor) -> Input:
    torch.manual_seed(0)
    names = tuple("n" * (i + 1) for i in range(len(refs)))
    return Input(torch.rand(3, 2, 5), refs, sample_id=order, ref_names=names)


def child_pid(method: External) -> int:
    assert method._child is not None
    return method._child.pid


def test_arrays_travel_exactly_and_come_back_as_float32(method: External) -> None:
    inp = ask("")
    sr = method(inp)
    assert sr.dtype == torch.float32
    assert torch.equal(sr, inp.lr.repeat_interleave(4, 1).repeat_interleave(4, 2))
    with_refs = method(ask("", torch.zeros(3, 7, 9), torch.ones(3, 2, 2)))
    assert torch.allclose(with_refs, sr + 4.0)


def test_arguments_and_device_reach_the_class(target: str) -> None:
    made = External(None, "cpu", target=target, args='{"gain": 0.5}')
    inp = ask("")
    assert torch.equal(made(inp), 0.5 * inp.lr.repeat_interleave(4, 1).repeat_interleave(4, 2))
    made.close()


def test_costs_are_measured_inside_the_child(method: External) -> None:
    method(ask(""))
    small = measured_cost(method)
    method(ask("memory"))
    large = measured_cost(method)
    assert small is not None
    assert large is not None
    assert small["wall_s"] > 0
    assert small["cpu_s"] >= 0
    assert large["peak_rss_mb"] > small["peak_rss_mb"] + 40


def test_an_exception_is_one_line_and_the_child_lives_on(method: External) -> None:
    method(ask(""))
    before = child_pid(method)
    with pytest.raises(SampleError, match=r"net\.py:Net raised ValueError: first line second line"):
        method(ask("raise"))
    assert measured_cost(method) is None
    with pytest.raises(SampleError, match="raised SystemExit: giving up"):
        method(ask("sysexit"))
    with pytest.raises(SampleError, match="raised TypeError"):
        method(ask("garbage"))
    assert method(ask("")).shape == (3, 8, 20)
    assert child_pid(method) == before


@pytest.mark.parametrize(("order", "message"), [
    ("die", "was killed by SIGKILL; last words: about to die"),
    ("exit", "ended with exit code 7"),
])  # fmt: skip
def test_death_is_noticed_and_the_next_image_gets_a_new_child(
    method: External, order: str, message: str
) -> None:
    before = child_pid(method)
    with pytest.raises(SampleError) as caught:
        method(ask(order))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert torch.equal(method(ask("calls")), torch.ones(3, 4, 4))
    assert child_pid(method) != before


def test_death_between_two_calls_costs_nothing(method: External) -> None:
    os.kill(child_pid(method), signal.SIGKILL)
    assert method._child is not None
    while method._child.alive:
        time.sleep(0.01)
    assert method(ask("")).shape == (3, 8, 20)


def test_a_hanging_call_is_stopped_and_the_next_one_works(target: str) -> None:
    made = External(None, "cpu", target=target, timeout=2)
    before = child_pid(made)
    with pytest.raises(SampleError, match="took longer than 2 s and was stopped"):
        made(ask("hang"))
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)
    made.timeout = 60
    assert made(ask("")).shape == (3, 8, 20)
    made.close()


def test_what_the_method_prints_does_not_disturb_the_pipe(method: External) -> None:
    assert method(ask("print")).shape == (3, 8, 20)


def test_closing_ends_the_child(target: str) -> None:
    made = External(None, "cpu", target=target)
    pid = child_pid(made)
    made.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    made.close()


@pytest.mark.parametrize(("changes", "message"), [
    ({"target": None}, r"needs method\.target=file\.py:Class"),
    ({"target": "net.py"}, r"needs method\.target=file\.py:Class"),
    ({"target": "nowhere.py:Net"}, r"there is no file nowhere\.py"),
    ({"target": "json:Nothing"}, "AttributeError"),
    ({"target": "no_such_module:Net"}, "ModuleNotFoundError: No module named 'no_such_module'"),
    ({"python": "no_such_python"}, r"method\.python=no_such_python: no such program"),
    ({"args": "{"}, r"method\.args=\{: is not JSON"),
    ({"args": "[1]"}, "is not a JSON object"),
    ({"args": '{"colour": 1}'}, "unexpected keyword argument 'colour'"),
    ({"python": "/bin/false"}, "exit code 1"),
])  # fmt: skip
def test_what_keeps_it_from_starting_is_one_line(
    target: str, changes: dict[str, str | None], message: str
) -> None:
    settings: dict[str, str | None] = {"target": target, **changes}
    with pytest.raises(UserError, match=message) as caught:
        External(None, "cpu", **settings)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_program_that_does_not_speak_the_protocol(target: str, tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho Welcome to something else\ncat > /dev/null\n")
    program.chmod(0o755)
    with pytest.raises(UserError, match=r"broke the pipe protocol .expected a message, got b'Welcome "):
        External(None, "cpu", python=str(program), target=target)


def test_identity_covers_the_file_and_its_neighbours(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text("a = 1")
    params = {"target": f"{file}:Net"}
    seen = {file_identity(External, params, [])}
    file.write_text("a = 2")
    seen.add(file_identity(External, params, []))
    (tmp_path / "layers.py").write_text("")
    seen.add(file_identity(External, params, []))
    assert len(seen) == 3
    assert file_identity(External, {"target": "package.module:Net"}, []) == ""


def test_a_worker_ends_when_its_parent_is_killed(target: str, tmp_path: Path) -> None:
    """Killed, not closed: the parent has no chance to tidy up, and the child is in the middle of a call."""
    code = f"""
import sys, threading, torch
from refbench.methods.external.method import External
from refbench.methods.external.spec import SPEC
from refbench.types import Input
made = External(None, "cpu", target={target!r})
print(made._child.pid, flush=True)
made(Input(torch.rand(3, 2, 2), (), sample_id="hang"))
"""
    import subprocess

    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 30
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    """False for a process that is gone, or dead and not yet collected by init."""
    try:
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_call_before_init_is_an_error_and_not_the_end() -> None:
    child = Child(worker_command(sys.executable), foreign_environment())
    with pytest.raises(ChildFailed, match="unexpected message 'call'"):
        child.ask({"type": "call"}, (), 30)
    with pytest.raises(ChildFailed, match="unexpected message 'nonsense'"):
        child.ask({"type": "nonsense"}, (np.zeros(3, np.uint8),), 30)
    assert child.alive
    child.kill()
    with pytest.raises(ChildLost):
        child.ask({"type": "call"}, (), 30)
    child.close()


def test_a_method_in_another_interpreter_passes_the_conformance_kit(tmp_path: Path) -> None:
    file = tmp_path / "simple.py"
    file.write_text(
        textwrap.dedent("""
            import numpy as np
            class Net:
                def __call__(self, inp):
                    sr = inp.lr.repeat(inp.scale, 1).repeat(inp.scale, 2)
                    return sr + sum(0.1 * (ref.mean() - 0.5) + 0.1 * ref[0, 0, 0] for ref in inp.refs)
        """)
    )
    report = verify_method(SPEC, params={"target": f"{file}:Net"}, device="cpu")
    assert [(clause.id, clause.detail) for clause in report.failures()] == []
