"""The matching metrics of a row: a method's own first match against the protocol's truth."""

from __future__ import annotations

from refbench.matching.accuracy import THRESHOLDS, match_accuracy
from refbench.matching.result import Match
from refbench.metrics.specs import MATCHING
from refbench.types import Trial

SIGNATURES = {spec.alias: spec.signature for spec in MATCHING}


def matching_scores(match: Match | None, trial: Trial) -> tuple[dict[str, float | None], dict[str, str]]:
    """(values by signature, reasons by alias). A method that refines its matches is scored on its first."""
    if match is None:
        return {}, dict.fromkeys(SIGNATURES, "the method matched nothing")
    if trial.truth is None or trial.target is None or len(trial.refs) != 1:
        return {}, dict.fromkeys(SIGNATURES, "the true correspondence is not known")
    index = match.index[0] if match.index.ndim == 4 else match.index
    scale = trial.target.shape[0] // trial.lr.shape[0]
    found = match_accuracy(
        index[0].cpu().numpy(),
        match.reference_grid,
        trial.truth,
        (trial.target.shape[0], trial.target.shape[1]),
        (trial.refs[0].shape[0], trial.refs[0].shape[1]),
        scale=scale,
        offset=match.centre,
    )
    values = {"match_epe": found.epe, "match_inside": found.inside}
    if found.pck is not None and found.ceiling is not None:
        values |= {f"match_pck{t}": share for t, share in zip(THRESHOLDS, found.pck, strict=True)}
        values["match_pck4_ceiling"] = found.ceiling[-1]
    reasons = {a: "no query has a true place" for a in SIGNATURES if values.get(a) is None}
    return {SIGNATURES[a]: v for a, v in values.items() if v is not None}, reasons
