"""Every suite that ships can be planned: its cards, policies, transforms and levels exist."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import refbench
from refbench.config.suite import config_names, parse_suite, read_config
from refbench.protocols import build_instances
from refbench.protocols.degradations import degradation_names, load_degradation
from refbench.protocols.instance import control_of
from refbench.protocols.transforms import load_transform, transform_names

SUITES = config_names("suite")
DISTORTED = (
    "cufed5_jitter", "cufed5_geometry", "cufed5_photometric", "cufed5_corruption", "cufed5_ref_type",
    "cufed5_ref_number", "cufed5_matching", "stereo_matching", "stereo", "cufed5_degraded",
    "cufed5_realesrgan",
)  # fmt: skip


@pytest.mark.parametrize("name", SUITES)
def test_a_shipped_suite_builds(name: str) -> None:
    suite = parse_suite(read_config("suite", name), name)
    assert suite.name == name
    instances = build_instances(suite)
    assert len(instances) == len(suite.protocols)


@pytest.mark.parametrize("name", DISTORTED)
def test_a_distorted_suite_has_its_control_first(name: str) -> None:
    instances = build_instances(parse_suite(read_config("suite", name), name))
    assert control_of(instances) is instances[0]


def test_every_level_of_every_family_is_in_a_shipped_suite() -> None:
    used = {
        (entry.transform, entry.level)
        for name in SUITES
        for entry in parse_suite(read_config("suite", name), name).protocols
    }
    known = {(family, level) for family in transform_names() for level in load_transform(family).levels}
    assert known == {(family, level) for family, level in used if family is not None}


def test_every_level_of_every_degradation_is_in_a_shipped_suite() -> None:
    used = {
        (entry.degradation, entry.level)
        for name in SUITES
        for entry in parse_suite(read_config("suite", name), name).protocols
        if entry.degradation is not None
    }
    assert used == {(name, level) for name in degradation_names() for level in load_degradation(name).levels}


@pytest.mark.slow
def test_five_worst_references_are_a_decibel_above_one(tmp_path: Path) -> None:
    """The suite sets ``multi``: without it a net reads one reference, and all counts are equal."""
    suite = read_config("suite", "cufed5_ref_number")
    worst = [
        entry
        for entry in suite["protocols"]
        if (entry.get("reference", {}).get("order"), entry.get("reference", {}).get("count"))
        in {("worst", 1), ("worst", 5)}
    ]
    assert len(worst) == 2
    (tmp_path / "two.yaml").write_text(yaml.safe_dump({**suite, "name": "two", "protocols": worst}))
    rows = refbench.run(
        method="ttsr",
        suite=str(tmp_path / "two.yaml"),
        limit=1,
        against="none",
        tracking="none",
        images="none",
        out=str(tmp_path / "results"),
    ).frame()
    one, five = (float(rows.loc[rows["protocol"].str.endswith(f"{n}worst"), "psnr_y"].mean()) for n in (1, 5))
    assert five >= one + 1.0
