"""Runs back from a tracking server: the rows of its suites, verified, as folders that a report reads."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from refbench.errors import UserError, unknown
from refbench.files.disk import explained, make_folder
from refbench.identity.file_digest import file_sha256
from refbench.identity.keys import digest, folder_name
from refbench.store.manifest import MANIFEST, read_manifest
from refbench.store.reader import row_files
from refbench.tracking.guard import one_line
from refbench.tracking.quiet import quiet
from refbench.tracking.store import FILE_DIGEST, PARENT, PUBLISHED
from refbench.untrusted.redact import without_credentials

_KEY = re.compile(r"[0-9a-f]{64}")
_FILE = re.compile(
    r"(?:manifest|summary|sets|digest)\.json|(?:samples|scores)(?:\.[0-9a-f]+(?:-\d+)?)?\.jsonl"
)
"""Files of a cell; names come from a server and must not lead anywhere else."""
_ID = re.compile(r"\w{1,64}")


def fetch_runs(uri: str, experiment: str, into: Path, runs: Sequence[str] = ()) -> list[Path]:
    """Download the cells of an experiment's suites into ``into``; their folders, one for each run key.

    runs: ids of parent runs; empty: all of the experiment. A file that is there already is not fetched
    again. Every file must have the digest that was recorded when it was published, and every manifest the
    run key that its identity gives. Raises UserError in one line: a server that does not answer, no runs,
    runs that are not refbench's, publications that broke off, damaged files.
    """
    where = f"tracking.uri={without_credentials(uri)}"
    _require_database(uri, where)
    try:
        with quiet():
            from mlflow.tracking import MlflowClient

            client: Any = MlflowClient(tracking_uri=uri)
            parents = _parents(client, where, experiment, runs)
            chosen: dict[str, Any] = {}
            for parent in parents:
                for child in _children(client, parent, where):
                    own = child.data.tags["run_key"]
                    # suites of one sweep share cells; the copy with most trials has seen most
                    if own not in chosen or _trials(child) > _trials(chosen[own]):
                        chosen[own] = child
            return [_fetch(client, chosen[own], into / folder_name(own), where) for own in sorted(chosen)]
    except UserError:
        raise
    except ImportError as error:
        raise UserError(f"{where}: mlflow is not installed ({error}); pip install mlflow") from error
    # whatever a server, its database or its artifact store does
    except Exception as error:
        reason = one_line(str(error))[:160]
        raise UserError(f"{where}: cannot be read ({type(error).__name__}: {reason})") from error


def _require_database(uri: str, where: str) -> None:
    """MLflow makes a database that is not there: a misspelt path would read as an empty server."""
    scheme, _, path = uri.partition(":///")
    if scheme.startswith("sqlite") and path and not Path(path.partition("?")[0]).is_file():
        raise UserError(f"{where}: no such database; give the one that refbench run made, OUT/mlflow.db")


def _parents(client: Any, where: str, experiment: str, ids: Sequence[str]) -> list[Any]:
    if ids:
        return [_parent(client, where, run_id) for run_id in dict.fromkeys(ids)]
    found = client.get_experiment_by_name(experiment)
    if found is None:
        names = [e.name for e in client.search_experiments()]
        raise UserError(f"{where}: {unknown('experiment', experiment, names)}")
    parents = list(_search(client, found.experiment_id, "tags.kind = 'suite'"))
    if not parents:
        any_run = next(_search(client, found.experiment_id, ""), None)
        what = "no runs" if any_run is None else "no suite that refbench run published"
        raise UserError(f"{where}: experiment {experiment!r} holds {what}; run one with tracking.uri= first")
    return parents


def _parent(client: Any, where: str, run_id: str) -> Any:
    if not _ID.fullmatch(run_id):
        raise UserError(f"tracking.run={run_id}: not the id of a run")
    run = client.get_run(run_id)
    if run.data.tags.get("kind") != "suite":
        raise UserError(f"{where}: run {run_id} is not a suite of refbench; name the parent run of one")
    return run


def _children(client: Any, parent: Any, where: str) -> list[Any]:
    run_id = parent.info.run_id
    found = list(_search(client, parent.info.experiment_id, f"tags.`{PARENT}` = '{run_id}'"))
    name = f"{where}: run {run_id} ({parent.info.run_name})"
    if not parent.data.tags.get(PUBLISHED) or not found:
        raise UserError(
            f"{name} is incomplete: its publication broke off; "
            "repeat the refbench run, or delete this run in MLflow"
        )
    for child in found:
        if not _KEY.fullmatch(child.data.tags.get("run_key", "")):
            raise UserError(f"{name}: its child {child.info.run_id} is not a cell of refbench")
    return found


def _search(client: Any, experiment_id: str, text: str) -> Iterator[Any]:
    token = None
    while True:
        page = client.search_runs([experiment_id], filter_string=text, max_results=500, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _trials(child: Any) -> float:
    return float(child.data.metrics.get("trials", 0.0))


def _fetch(client: Any, child: Any, folder: Path, where: str) -> Path:
    run_id, tags = child.info.run_id, child.data.tags
    place = f"{where}: run {run_id} ({child.info.run_name})"
    wanted = {
        name: tags[FILE_DIGEST + name]
        for name in (tag.removeprefix(FILE_DIGEST) for tag in tags if tag.startswith(FILE_DIGEST))
        if _FILE.fullmatch(name)
    }
    if MANIFEST not in wanted or not any(name.startswith("samples") for name in wanted):
        raise UserError(f"{place} is incomplete: no rows or no manifest; repeat the refbench run")
    with explained(folder):
        make_folder(folder, folder.parent)
    for stale in folder.iterdir():
        if _FILE.fullmatch(stale.name) and stale.name not in wanted:
            stale.unlink()
    with TemporaryDirectory(prefix=".fetch-", dir=folder) as temporary:
        for name, expected in wanted.items():
            target = folder / name
            if target.is_file() and file_sha256(target) == expected:
                continue
            try:
                got = Path(client.download_artifacts(run_id, name, temporary))
            except Exception as error:
                raise UserError(
                    f"{place}: cannot fetch {name} ({type(error).__name__}); repeat the refbench run"
                ) from error
            if file_sha256(got) != expected:
                raise UserError(f"{place}: {name} is not the file that was published (sha256 differs)")
            os.replace(got, target)
    _check_identity(folder, tags["run_key"], place)
    return folder


def _check_identity(folder: Path, run_key: str, place: str) -> None:
    manifest = read_manifest(folder)
    if manifest.run_key != run_key or (manifest.identity and digest(manifest.identity) != run_key):
        raise UserError(f"{place}: its manifest is of another run than its tags say")
    if not row_files(folder):
        raise UserError(f"{place}: no rows")
