"""``prepare``: what a check of a copy reports."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from refbench.datasets.sample.spec import SPEC as SAMPLE
from refbench.datasets.verify import MANIFEST_NAME, read_manifest, verify_copy, write_manifest
from refbench.datasets.wrsr.spec import SPEC as WRSR
from refbench.errors import UserError
from refbench.specs import DataRequest


def _copy(root: Path, pairs: int) -> DataRequest:
    for index in range(1, pairs + 1):
        for path in (root / "input" / f"{index:03d}.png", root / "ref" / f"{index:03d}_ref.png"):
            path.parent.mkdir(parents=True, exist_ok=True)
            PILImage.fromarray(np.full((5, 6, 3), index, np.uint8)).save(path)
    return DataRequest(root=str(root))


def test_a_complete_copy_without_manifest_is_ok_and_says_that_nothing_was_compared(tmp_path: Path) -> None:
    report = verify_copy(WRSR, _copy(tmp_path, 80))
    assert report.ok
    assert (report.found, report.expected, report.files, report.manifest) == (80, 80, 160, None)
    assert any("no checksums to compare with" in line for line in report.lines())
    assert report.lines()[-1] == "ok"


def test_count_missing_and_undecodable_files_are_all_reported(tmp_path: Path) -> None:
    request = _copy(tmp_path, 4)
    (tmp_path / "ref" / "003_ref.png").unlink()
    (tmp_path / "input" / "002.png").write_bytes(b"")
    (tmp_path / "ref" / "004_ref.png").write_bytes((tmp_path / "ref" / "004_ref.png").read_bytes()[:40])
    report = verify_copy(WRSR, request)
    assert not report.ok
    assert (report.found, report.missing) == (3, ("ref/003_ref.png",))
    assert len(report.undecodable) == 2
    text = "\n".join(report.lines())
    for part in (
        "3 of 80 samples",
        "missing: ref/003_ref.png",
        "002.png: is empty",
        "004_ref.png: is not an image",
        "problems: 4",
    ):
        assert part in text
    json.dumps(report.as_dict())


def test_an_incomplete_copy_is_a_problem_even_when_its_files_are_fine(tmp_path: Path) -> None:
    report = verify_copy(WRSR, _copy(tmp_path, 6))
    assert not report.complete
    remedy, total = report.lines()[-2:]
    assert remedy.startswith("incomplete: runs with data.partial=true; get it: ")
    assert total == "problems: 1"


def test_the_manifest_tells_which_files_differ(tmp_path: Path) -> None:
    request = _copy(tmp_path, 80)
    path = write_manifest(WRSR, request)
    assert path == tmp_path / MANIFEST_NAME
    assert verify_copy(WRSR, request).ok
    assert verify_copy(WRSR, request).manifest == str(path)
    PILImage.fromarray(np.full((5, 6, 3), 99, np.uint8)).save(tmp_path / "input" / "007.png")
    report = verify_copy(WRSR, request)
    assert report.differs == ("input/007.png",)
    assert not report.ok


def test_files_that_came_or_went_since_the_manifest(tmp_path: Path) -> None:
    request = _copy(tmp_path / "set", 3)
    path = write_manifest(WRSR, request, tmp_path / "sums.txt")
    (tmp_path / "set" / "input" / "003.png").unlink()
    (tmp_path / "set" / "ref" / "003_ref.png").unlink()
    _copy(tmp_path / "set", 2)
    PILImage.new("RGB", (5, 5)).save(tmp_path / "set" / "input" / "009.png")
    PILImage.new("RGB", (5, 5)).save(tmp_path / "set" / "ref" / "009_ref.png")
    report = verify_copy(WRSR, request, manifest=path)
    assert report.absent == ("input/003.png", "ref/003_ref.png")
    assert report.unlisted == ("input/009.png", "ref/009_ref.png")


def test_the_manifest_has_the_format_of_sha256sum(tmp_path: Path) -> None:
    request = _copy(tmp_path, 1)
    lines = write_manifest(WRSR, request).read_text().splitlines()
    digest = hashlib.sha256((tmp_path / "input" / "001.png").read_bytes()).hexdigest()
    assert lines[0] == f"{digest}  input/001.png"
    assert set(read_manifest(tmp_path / MANIFEST_NAME)) == {"input/001.png", "ref/001_ref.png"}


def test_a_bad_manifest_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "sums"
    path.write_text(f"{'0' * 64}  a.png\nhello\n")
    with pytest.raises(UserError, match=r"manifest .*sums, line 2: expected '<sha256>  <file>', got 'hello'"):
        read_manifest(path)
    with pytest.raises(UserError, match=r"manifest .*none: cannot be read"):
        verify_copy(WRSR, _copy(tmp_path / "set", 1), manifest=tmp_path / "none")


def test_a_missing_root_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no such folder"):
        verify_copy(WRSR, DataRequest(root=str(tmp_path / "none")))
    with pytest.raises(UserError, match=r"found nothing to record"):
        write_manifest(WRSR, DataRequest(root=str(tmp_path)))


def test_the_bundled_sample_passes() -> None:
    seen: list[tuple[int, int]] = []
    report = verify_copy(SAMPLE, DataRequest(), say=lambda done, total: seen.append((done, total)))
    assert report.ok
    assert seen[-1] == (78, 78)
