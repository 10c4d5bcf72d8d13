"""The parts of the Ray executor that need no cluster: options, versions, paths, shipping, a node's checks."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage

from refbench.config.load import load_run
from refbench.errors import UserError
from refbench.execution.choose import make_executor
from refbench.execution.elsewhere import Needed, moved, needed_data, needed_method, with_absolute_paths
from refbench.execution.ray.actor import check_versions, local_versions
from refbench.execution.ray.cluster import Cluster, connect_error
from refbench.execution.ray.options import RayOptions
from refbench.execution.ray.shipping import Parcel, ShippedFile, pack, remove, run_folder, unpack
from refbench.execution.ray.worker import Order, RayWorker, method_files
from refbench.plan.job import CellJob, Task, TaskResult
from refbench.plan.planner import Planner
from refbench.registry import Registry

PLUGIN = """
from refbench.specs import MethodSpec
SPEC = MethodSpec("nearest", ":Nearest", uses_reference=False)

class Nearest:
    def __init__(self, weights, device): ...

    def __call__(self, inp):
        return inp.lr.repeat_interleave(4, 1).repeat_interleave(4, 2)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a method and two image pairs; shipped files go below it, too."""
    (tmp_path / "nearest.py").write_text(PLUGIN)
    rng = np.random.default_rng(0)
    for part in ("input", "ref"):
        (tmp_path / "pairs" / part).mkdir(parents=True)
        for name in "ab":
            pixels = rng.integers(0, 256, (32, 36, 3), dtype=np.uint8)
            PilImage.fromarray(pixels).save(tmp_path / "pairs" / part / f"{name}.png")
    (tmp_path / "nodes").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nodes"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def planned(*words: str) -> dict[str, CellJob]:
    registry = Registry.discover()
    common = ["method=nearest.py:SPEC", "suite=pairs", "against=none", "tracking=none", "device=cpu"]
    (config,) = load_run([*common, *words], registry=registry)
    return {cell.key: cell.job for cell in Planner(registry).plan([config]).cells()}


def order_of(cells: dict[str, CellJob], **changes: Any) -> Order:
    order = Order("0123", cells, "", 1, method_files(cells))
    return replace(order, **changes)


class Store:
    """Stands for Ray's object store."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def put(self, piece: bytes) -> int:
        self.pieces.append(piece)
        return len(self.pieces) - 1


def test_without_the_package_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "ray" else real(name, *a)
    )
    with pytest.raises(UserError) as caught:
        make_executor("ray", {})
    assert (
        str(caught.value)
        == "executor=ray needs the package ray; get it with: pip install 'ray[client]>=2.50'"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"address": "10.0.0.1"}, "executor.address=10.0.0.1: give auto, HOST:PORT or ray://HOST:PORT"),
        ({"address": "http://a:1"}, "executor.address=http://a:1: give auto"),
        ({"workers": 0}, "executor.workers=0: at least 1 process is needed"),
        ({"num_cpus": 0.0}, "executor.num_cpus=0: give CPUs above 0"),
        ({"num_gpus": -1.0}, "executor.num_gpus=-1: give 0 or more"),
        ({"timeout": 0.0}, "executor.timeout=0.0: give seconds above 0"),
        ({"start_timeout": 0.0}, "executor.start_timeout=0: give seconds above 0"),
        ({"ship": "weights"}, "executor.ship=weights: it can be none, data"),
        ({"ship_limit": 0.0}, "executor.ship_limit=0: give GiB above 0"),
    ],
)
def test_wrong_options_say_so(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        RayOptions(**options)
    assert message in str(caught.value)


@pytest.mark.parametrize("address", ["auto", "10.0.0.1:6379", "head.example.org:6379", "ray://[::1]:10001"])
def test_addresses(address: str) -> None:
    assert RayOptions(address=address).address == address


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the package ray is not installed")
def test_options_reach_the_executor_from_the_command_line() -> None:
    words = ["executor=ray", "executor.address=ray://h:1", "executor.num_gpus=0.5", "executor.ship=data"]
    (config,) = load_run(["method=bicubic", *words])
    make_executor(config.executor.name, config.executor.params)
    assert config.executor.params["address"] == "ray://h:1"
    assert config.executor.params["num_gpus"] == 0.5
    with pytest.raises(UserError, match=r"has no option 'executor\.adress'; did you mean 'address'"):
        make_executor("ray", {"adress": "auto"})
    with pytest.raises(UserError, match=r"executor\.workers=two: give a number"):
        make_executor("ray", {"workers": "two"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"refbench": "0.0.9"}, "node n7 has refbench 0.0.9, this machine has "),
        ({"refbench": ""}, "node n7 has no refbench, this machine has "),
        ({"python": "3.9.1"}, "node n7 has python 3.9, this machine has 3."),
        ({"torch": "1.0+cu118"}, "node n7 has torch 1.0, this machine has "),
    ],
)
def test_other_versions_are_one_line(change: dict[str, str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        check_versions({**local_versions(), "node": "n7", **change}, local_versions())
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith("; install the same on every node")


def test_builds_and_patch_versions_do_not_count() -> None:
    here = {**local_versions(), "torch": "2.14.1+cpu", "python": "3.11.7"}
    check_versions({**here, "torch": "2.14.1+cu126", "python": "3.11.9"}, here)


def test_what_ray_says_becomes_one_line() -> None:
    mismatch = RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 2.0\n    Python: 3.9")
    line = connect_error("h:1", mismatch)
    assert line.startswith("executor.address=h:1: Version mismatch: The cluster was started with: Ray: 2.0")
    assert "\n" not in line
    assert "no running Ray cluster was found" in connect_error("auto", ConnectionError("x"))
    assert "RAY_AUTH_MODE=token" in connect_error(
        "ray://h:1", ConnectionError("ray client connection timeout")
    )


def test_capacity_counts_whole_workers_of_each_living_node() -> None:
    class Fake:
        def nodes(self) -> list[dict[str, Any]]:
            return [
                {"Alive": True, "Resources": {"CPU": 8.0, "GPU": 1.0}},
                {"Alive": True, "Resources": {"CPU": 3.0}},
                {"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}},
            ]

    cluster = Cluster(Fake(), "x")
    assert cluster.capacity(2, 0) == 5
    assert cluster.capacity(1, 0.5) == 2
    assert cluster.capacity(0.1, 0) == 110


def test_paths_do_not_depend_on_the_working_folder(folder: Path) -> None:
    cells = planned("data.input=pairs/input", "data.ref=pairs/ref")
    absolute = with_absolute_paths(cells)
    assert list(absolute) == list(cells)
    (cell,) = absolute.values()
    assert cell.method.locator == f"{folder}/nearest.py:SPEC"
    assert [n.path for n in needed_data(cell.data)] == [f"{folder}/pairs/input", f"{folder}/pairs/ref"]
    (cell,) = with_absolute_paths(planned("data.root=pairs", "data.ref=ref")).values()
    assert [n.path for n in needed_data(cell.data)] == [f"{folder}/pairs", f"{folder}/pairs/ref"]


def test_files_that_a_methods_options_name_are_needed(folder: Path) -> None:
    registry = Registry.discover()
    (folder / "sr").mkdir()
    for name in "ab":
        PilImage.new("RGB", (36, 32)).save(folder / "sr" / f"{name}.png")
    words = ["method=folder", "method.dir=sr", "suite=pairs", "data.root=pairs", "against=none"]
    (config,) = load_run(words, registry=registry)
    cells = {c.key: c.job for c in Planner(registry).plan([config]).cells()}
    (cell,) = with_absolute_paths(cells).values()
    assert needed_method(cell.method) == (Needed("method.dir", f"{folder}/sr"),)


def test_a_node_carries_out_a_trial_with_shipped_data_and_method(folder: Path) -> None:
    cells = with_absolute_paths(planned("data.root=pairs", "data.ref=ref"))
    (cell,) = cells.values()
    store = Store()
    parcel = pack("0123", needed_data(cell.data), 2**20, store.put)
    order = order_of(cells, parcel=parcel)
    (folder / "pairs").rename(folder / "hidden")
    (folder / "nearest.py").write_text("raise SystemExit")
    worker = RayWorker(order, store.pieces.__getitem__)
    worker.load(cell.key)
    result = worker.run(Task(cell.key, "a", 0))
    assert isinstance(result, TaskResult)
    assert result.row.ok, result.row.error
    assert result.row.metrics
    assert oct(run_folder("0123").stat().st_mode)[-3:] == "700"
    # the process of a third party's method has a folder of its own
    worker.close()
    remove("0123")
    assert list((folder / "nodes").iterdir()) == []


def test_a_path_that_a_node_does_not_see_is_named(folder: Path) -> None:
    cells = with_absolute_paths(planned("data.root=pairs"))
    order = order_of(cells)
    (folder / "pairs").rename(folder / "hidden")
    with pytest.raises(UserError) as caught:
        RayWorker(order, lambda ref: b"")
    line = str(caught.value)
    assert line.startswith(f"data.root={folder}/pairs: node {os.uname().nodename} does not see it")
    assert "executor.ship=data" in line


def test_other_files_under_the_same_path_are_refused(folder: Path) -> None:
    order = order_of(with_absolute_paths(planned("data.root=pairs")))
    PilImage.new("RGB", (36, 32)).save(folder / "pairs" / "ref" / "a.png")
    # the digests of this process are remembered by size and time
    os.utime(folder / "pairs" / "ref" / "a.png", (1, 1))
    with pytest.raises(
        UserError, match=r"the files of .*pairs differ from those of the machine that planned"
    ):
        RayWorker(order, lambda ref: b"")


def test_other_sources_are_refused(folder: Path) -> None:
    order = order_of(with_absolute_paths(planned("data.root=pairs")), sources="0" * 64)
    with pytest.raises(UserError, match=r"node .*: refbench's sources differ .*; install the same refbench"):
        RayWorker(order, lambda ref: b"")


def test_a_parcel_holds_every_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refbench.execution.ray.shipping.PIECE_BYTES", 1000)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    top = tmp_path / "data set"
    (top / "deep" / "empty").mkdir(parents=True)
    rng = np.random.default_rng(1)
    sizes = {"a": 0, "b": 1, "deep/c": 2500, "deep/d": 1000, "e": 499}
    contents = {name: rng.bytes(size) for name, size in sizes.items()}
    for name, content in contents.items():
        (top / name).write_bytes(content)
    (top / "deep" / "up").symlink_to(top)
    (top / "link").symlink_to(top / "e")
    (tmp_path / "list.txt").write_text("a b")
    store = Store()
    needed = [
        Needed("data.root", str(top)),
        Needed("data.ref", str(top / "deep")),
        Needed("x", str(tmp_path / "list.txt")),
    ]
    parcel = pack("9", needed, 10**6, store.put)
    assert [len(p) for p in store.pieces[:-1]] == [1000] * (len(store.pieces) - 1)
    folder = unpack(parcel, store.pieces.__getitem__)
    place = parcel.place(folder)
    for name, content in {**contents, "link": contents["e"]}.items():
        assert Path(place(str(top / name))).read_bytes() == content
    assert Path(place(str(tmp_path / "list.txt"))).read_text() == "a b"
    assert unpack(parcel, lambda ref: pytest.fail("unpacked twice")) == folder
    with pytest.raises(UserError, match="is not among the files that were sent"):
        place("/elsewhere")


def test_more_than_the_limit_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"0" * 2000)
    store = Store()
    with pytest.raises(UserError) as caught:
        pack("9", [Needed("data.root", str(tmp_path))], 1500, store.put)
    assert str(caught.value).startswith(f"data.root={tmp_path}: more than executor.ship_limit=")
    assert store.pieces == []


def test_a_pair_list_travels_with_the_folder_that_it_names_files_in(folder: Path) -> None:
    (folder / "pairs" / "list.txt").write_text("input/a.png ref/b.png\n")
    (cell,) = with_absolute_paths(planned("data.list=pairs/list.txt")).values()
    parcel = pack("9", needed_data(cell.data), 2**20, Store().put)
    assert parcel.tops == ((f"{folder}/pairs", "0"),)
    there = moved(cell, parcel.place(Path("/there")))
    assert there.data.request.options["list"] == "/there/0/list.txt"
    assert there.data.fingerprint == cell.data.fingerprint


@pytest.mark.parametrize("name", ["../x", "/x", "0/../../x"])
def test_names_that_lead_out_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(UserError, match="leads out of the folder"):
        unpack(Parcel("9", (), (ShippedFile(name, 1),), (0,)), lambda ref: b"0")
    assert not (tmp_path / "x").exists()


def test_a_checkout_and_its_wheel_have_one_digest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import refbench.identity.code_digest as digests

    (tmp_path / "core").mkdir()
    for name in ("core/a.py", "m.py", "d.py"):
        (tmp_path / name).write_text(name)
    checkout = {
        "refbench": {"refbench/a.py": tmp_path / "core/a.py"},
        "refbench.methods": {"refbench.methods/x/m.py": tmp_path / "m.py"},
        "refbench.datasets": {"refbench.datasets/d.py": tmp_path / "d.py"},
    }
    wheel = {
        **checkout,
        "refbench": {
            "refbench/a.py": tmp_path / "core/a.py",
            "refbench/methods/x/m.py": tmp_path / "m.py",
            "refbench/datasets/d.py": tmp_path / "d.py",
            "refbench/reports/r.py": tmp_path / "d.py",
        },
    }
    found = []
    for layout in (checkout, wheel):
        monkeypatch.setattr(digests, "_files", lambda module, method, layout=layout: layout[module])
        found.append(digests.package_digest())
    assert found[0] == found[1]
    (tmp_path / "m.py").write_text("changed")
    assert digests.package_digest() != found[0]
