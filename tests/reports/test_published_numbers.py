"""Published numbers: facts with sources, differences only where the protocols agree."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from refbench.metrics import METRICS, MetricCatalog
from refbench.protocols.card import card_names, load_card
from refbench.registry import Entry, Registry
from refbench.reports.published import (
    HOW_READ,
    all_published,
    contradictions,
    load_published,
    of_methods,
    published_rows,
    side_by_side,
)
from refbench.results.record import CellRecord
from refbench.specs import MethodSpec, PublishedResult
from refbench.stats.summary import MetricSummary

PSNR_Y, PSNR_Y_C0 = MetricCatalog(METRICS).of_names(["psnr_y", "psnr_y_c0"])


def cell(protocol: str, *, value: float = 28.25, weights: str = "mse", label: str = "cufed5") -> CellRecord:
    metric = MetricSummary(value, None, None, PSNR_Y, 126)
    return CellRecord(
        method="c2_matching",
        weights=weights,
        method_label=f"c2_matching ({weights})",
        dataset="cufed5",
        dataset_label=label,
        protocol=protocol,
        baseline=False,
        n=126,
        trials=126,
        errors=0,
        run_key="k",
        rows_path="rows",
        metrics={"psnr_y": metric},
    )


def test_every_row_has_a_source_and_a_card_that_exists() -> None:
    rows = load_published()
    assert len(rows) == 530
    cards = {load_card(name).id for name in card_names()}
    for row in rows:
        # a DOI or a repository, the place in it, the reference policy, and how it was read
        assert re.fullmatch(r"10\.\d{4,}/\S+", row.doi) or re.match(r"[\w.-]+/[\w.-]+( \(|$)", row.source)
        assert row.locator
        assert row.reference
        assert row.place.endswith(HOW_READ[row.read])
        assert row.card == "unknown" or row.card in cards
        assert row.status in ("paper", "released-weights", "rerun", "unknown")
        assert row.degradation in ("bicubic", "other", "unknown")
        # a card is certain only together with its metric
        assert row.card == "unknown" or row.alias is not None
        assert float(row.text) == row.value


def test_a_vague_source_stays_unknown() -> None:
    table = [r for r in load_published() if r.protocol.startswith("x4 bicubic; PSNR/SSIM as published")]
    assert len(table) == 156
    assert {(r.card, r.reference, r.alias) for r in table} == {("unknown", "unknown", None)}


def test_rows_next_to_a_protocol_agree_only_with_card_reference_and_metric() -> None:
    rows = published_rows("cufed5", "c2_matching@1", "psnr_y")
    agreeing = [(r.published.method, r.published.text) for r in rows if r.agrees]
    assert agreeing == [("C2-Matching", "28.242"), ("C2-Matching", "27.155")]
    reasons = {r.published.text: r.reason for r in rows}
    assert reasons["28.72"] == "its protocol is unknown"
    assert reasons["28.50"] == "protocol datsr@1, measured c2_matching@1"
    assert reasons["26.456"] == "metric psnr_rgb, measured psnr_y"
    assert not any(r.published.metric.startswith("SSIM") for r in rows)


@pytest.mark.parametrize("protocol", ["c2_matching@1", "canonical@1"])
def test_other_degradations_are_never_next_to_bicubic(protocol: str) -> None:
    for metric in ("psnr_y", "ssim_y"):
        assert all(
            "ESRGAN deg" not in r.published.protocol for r in published_rows("cufed5", protocol, metric)
        )


def test_listed_references_are_not_the_first_one() -> None:
    rows = published_rows("sun80", "c2_matching@1", "psnr_y")
    reasons = {r.published.text: r.reason for r in rows}
    assert reasons["30.124"] == "its reference is listed: SUN80_pairs.txt"
    assert not any(r.agrees for r in rows)


def test_difference_needs_protocol_weights_and_the_whole_dataset() -> None:
    def found(measured: CellRecord) -> dict[str, tuple[float | None, str]]:
        return {b.published.text: (b.difference, b.reason) for b in side_by_side([measured])}

    fair = found(cell("c2_matching@1"))
    difference, reason = fair["28.242"]
    assert difference == pytest.approx(0.008)
    assert reason == ""
    assert fair["27.155"] == (None, "measured with other weights (mse)")
    assert fair["28.24"] == (None, "its protocol is unknown")
    assert fair["28.72"] == (None, "not measured")
    assert found(cell("canonical@1"))["28.242"] == (None, "not measured under c2_matching@1")
    assert found(cell("c2_matching@1", weights="compact"))["28.242"][1].startswith(
        "measured with other weights"
    )
    part = found(cell("c2_matching@1", label="cufed5 [6 of 126]"))["28.242"]
    assert part == (None, "measured on cufed5 [6 of 126]")


def test_stitched_references_compare_with_the_policy_that_stitches_so() -> None:
    ttsr = replace(
        cell("ttsr@1+ref=stitch_ttsr", value=27.0),
        method="ttsr",
        metrics={"psnr_y_c0": MetricSummary(27.0, None, None, PSNR_Y_C0, 126)},
    )
    rows = {(b.published.text, b.published.reference): b for b in side_by_side([ttsr])}
    stitched = rows["27.09", "stitched: 5"]
    assert stitched.difference == pytest.approx(-0.09)
    assert rows["26.991", "first"].reason == "not measured under ttsr@1"
    # the column of comparison papers does not say how it was measured
    assert rows["27.09", "unknown"].reason == "its protocol is unknown"


def test_only_the_run_s_methods_stand_next_to_it() -> None:
    rows = of_methods(side_by_side([cell("c2_matching@1")]), {"c2_matching"})
    assert {row.published.method for row in rows} == {"C2-Matching"}


def test_measured_methods_come_first() -> None:
    rows = side_by_side([cell("c2_matching@1")])
    names = [row.published.method for row in rows]
    assert set(names[: names.count("C2-Matching")]) == {"C2-Matching"}


def test_numbers_contradict_each_other_only_at_one_card_and_reference() -> None:
    single = next(r for r in load_published() if (r.method, r.text, r.card) == ("TTSR", "26.991", "ttsr@1"))
    paper = replace(single, status="paper", value=27.09, text="27.09", source="the paper")
    (told,) = contradictions([paper, single])
    assert "27.09 in the paper (the paper), 26.991 from the released weights" in told
    # five stitched references against one are two experiments
    assert contradictions([replace(paper, reference="stitched: 5"), single]) == ()
    assert contradictions([replace(paper, card="c2_matching@1"), single]) == ()


def test_what_is_unknown_never_contradicts() -> None:
    assert contradictions(load_published()) == ()


def test_numbers_read_by_eye_are_marked() -> None:
    rows = load_published()
    eyes = [row for row in rows if row.by_eye]
    # all that stand in a picture, and no others
    assert eyes == [row for row in rows if row.locator.endswith((".png", ".jpg"))]
    assert eyes[0].shown == f"{eyes[0].text} (read by eye)"
    assert eyes[0].place.endswith("quan.jpg; read by eye from a picture")


def test_a_paper_is_its_own_source_and_a_quotation_says_so() -> None:
    datsr = next(row for row in load_published() if (row.method, row.text) == ("DATSR", "28.72"))
    assert datsr.place == (
        "Cao et al., DATSR (ECCV 2022); doi:10.48550/arXiv.2207.11938; "
        "pmy12138/DATSR_new; caojiezhang/DATSR#6; as others quote it"
    )


def test_a_plugins_numbers_are_in_the_store() -> None:
    own = PublishedResult("cufed5", "psnr_y", 28.9, "canonical@1", status="paper", source="ours")
    spec = MethodSpec(name="mine", target="mine:Mine", published=(own,))
    registry = Registry({"methods": [Entry("mine", spec, "mine 1.0 (entry point)")]})
    (found,) = [p for p in all_published(registry) if p.method == "mine"]
    assert (found.protocol_id, found.alias, found.value) == ("canonical@1", "psnr_y", 28.9)
    assert found.metric == "PSNR"


def test_numbers_that_differ_by_rounding_are_no_contradiction() -> None:
    paper = next(r for r in load_published() if r.text == "28.72")
    other = replace(paper, status="released-weights", value=28.725, text="28.725")
    assert contradictions([paper, other]) == ()


def test_a_doubtful_source_is_noted() -> None:
    doubtful = [r for r in load_published() if r.method == "AMRSR" and r.dataset == "CU4REF" and r.note]
    assert {r.status for r in doubtful} == {"unknown"}
    assert len(doubtful) == 2
