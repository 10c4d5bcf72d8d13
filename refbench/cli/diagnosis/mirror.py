"""The MLflow database of a results folder, or a tracking server; nothing is changed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from refbench.cli.diagnosis.finding import Finding
from refbench.tracking.database import database_state
from refbench.tracking.guard import one_line
from refbench.tracking.local import DATABASE
from refbench.untrusted.redact import without_credentials


def mirror(out: Path, uri: str | None) -> list[Finding]:
    """One finding: is the mirror there, complete, of this MLflow's layout?"""
    return [_server(uri) if uri else _database(out / DATABASE)]


def _database(database: Path) -> Finding:
    facts: dict[str, object] = {"database": str(database.absolute())}
    try:
        found, detail = database_state(database)
    except sqlite3.Error as error:
        text = f"{database} cannot be opened ({error})"
        return Finding("mlflow", "problem", text, "close what uses it, or tracking=none", facts)
    except ImportError as error:
        remedy = "pip install mlflow, or tracking=none"
        return Finding("mlflow", "problem", f"mlflow is not installed ({error})", remedy, facts)
    facts["database_state"] = found
    if found == "damaged":
        remedy = "the next run sets it aside and makes a new one; rows are not affected"
        return Finding("mlflow", "problem", f"{database} {detail}", remedy, facts)
    words = {
        "absent": f"{database} does not exist yet; the first run makes it",
        "complete": f"{database} is complete",
        "outdated": f"{database} is of an older MLflow or half-made; the next run brings it up to date",
        "newer": f"{database} was made by a newer MLflow than the one installed here",
    }
    if found == "newer":
        return Finding("mlflow", "problem", words[found], "pip install --upgrade mlflow", facts)
    return Finding("mlflow", "ok", words[found], facts=facts)


def _server(uri: str) -> Finding:
    shown = without_credentials(uri)
    try:
        from mlflow.tracking import MlflowClient

        from refbench.tracking.quiet import quiet

        with quiet():
            MlflowClient(tracking_uri=uri).search_experiments(max_results=1)
    # whatever a server, a proxy or MLflow itself raises: the finding is the reason
    except Exception as error:
        reason = one_line(f"{type(error).__name__}: {error}", uri)
        return Finding(
            "mlflow", "problem", f"{shown} does not answer: {reason}", "tracking=none", {"uri": shown}
        )
    return Finding("mlflow", "ok", f"{shown} answers", facts={"uri": shown})
