"""What a full, broken or forbidden disk does to a cell: one line, and nothing that was finished is lost."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from refbench.errors import UserError
from refbench.files.disk import explained
from refbench.store import CellStore, Manifest, SampleRow
from refbench.store.linelog import LineLog

KEY = "ab" * 32
MANIFEST = Manifest(run_key=KEY, method="toy", dataset="tiny", protocol="canonical@1")


def ok(sample_id: str) -> SampleRow:
    return SampleRow(sample_id, 0, metrics={"m|v1": 1.0})


def test_a_file_in_the_way_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("")
    for out in (tmp_path / "results", tmp_path / "results/deeper"):
        with pytest.raises(UserError, match=rf"results folder {out}: .*file is in the way.*out=DIR"):
            CellStore.open(out, KEY, MANIFEST)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.ENOSPC, "disk full .*free space and run the same command again"),
        (errno.EROFS, "make it writable or choose another with out=DIR"),
        (errno.ENOENT, "choose another with out=DIR, or repair it"),
        (errno.EIO, "run the same command again: finished rows are kept"),
    ],
)
def test_every_disk_error_names_the_folder_and_a_remedy(tmp_path: Path, number: int, text: str) -> None:
    with pytest.raises(UserError, match=text) as caught, explained(tmp_path):
        raise OSError(number, os.strerror(number))
    assert str(caught.value).startswith(f"results folder {tmp_path}: ")
    assert os.strerror(number) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_may_not_be_written_is_a_user_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(
        UserError, match=r"cannot write \(Permission denied\); make it writable or choose another"
    ):
        CellStore.open(tmp_path, KEY, MANIFEST)


@pytest.mark.parametrize("room", range(0, 60, 7))
def test_a_full_disk_loses_nothing_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    store = CellStore.open(tmp_path, KEY, MANIFEST)
    store.append(ok("a"))
    write = os.write
    left = room

    def nearly_full(fd: int, data: bytes) -> int:
        nonlocal left
        part = bytes(data)[:left]
        if not part:
            raise OSError(errno.ENOSPC, "No space left on device")
        left -= len(part)
        return write(fd, part)

    with monkeypatch.context() as full:
        full.setattr(os, "write", nearly_full)
        with pytest.raises(UserError, match=r"disk full .*free space and run the same command again"):
            store.append(ok("b"))
    assert [row.sample_id for row in store.rows()] == ["a"]
    store.append(ok("c"))
    assert [row.sample_id for row in store.rows()] == ["a", "c"]
    assert store.problems == []
    store.close()


def test_a_full_disk_while_syncing_is_a_user_error_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = LineLog(tmp_path, "samples")
    log.append("{}")

    def full(_: int) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UserError, match="Disk quota exceeded"):
            log.close()


def test_a_failed_image_leaves_the_old_one_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CellStore.open(tmp_path, KEY, MANIFEST)
    store.write_image("a", 0, b"old")

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(UserError, match="disk full"):
            store.write_image("a", 0, b"new")
    assert [p.name for p in (store.folder / "images").iterdir()] == ["a_d0.png"]
    assert (store.folder / "images/a_d0.png").read_bytes() == b"old"
