"""Writing to a mirror so that nothing it does can fail the work that it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from refbench.files.locks import exclusive
from refbench.tracking.database import ensure_database
from refbench.tracking.local import artifact_root, follow_move, local_uri, plain_address, ui_command
from refbench.tracking.quiet import quiet
from refbench.tracking.store import TrackingStore
from refbench.tracking.types import TrackingResult
from refbench.untrusted.redact import without_credentials


def mirrored(
    out: Path, uri: str | None, experiment: str, kept: str, write: Callable[[TrackingStore], str]
) -> TrackingResult:
    """Call ``write`` with the store at ``uri`` (None: SQLite inside ``out``); it returns the run's id.

    Never raises for a failing mirror: the result then carries a warning, which ends in ``kept``, what is
    safe all the same.
    """
    address = uri or local_uri(out)
    shown = without_credentials(address)
    note = ""
    try:
        with quiet(), _alone(out, local=uri is None):
            if uri is None:
                note = ensure_database(out)
                follow_move(out, experiment)
            with nullcontext(uri) if uri else plain_address(out, bool(note)) as target:
                store = TrackingStore(target, experiment, None if uri else artifact_root(out))
                run_id = write(store)
        return TrackingResult(shown, store.experiment_id, run_id, None if uri else ui_command(out), note=note)
    except ImportError as error:
        reason = f"mlflow is not installed ({error}); pip install mlflow, or set tracking=none"
    # whatever a tracking server or its database does: the results are safe and the work has succeeded
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    reason = one_line(reason, address).replace(f"{shown}: ", "")
    return TrackingResult(shown, warning=f"mirror {shown} not written: {reason}; {kept}", note=note)


def one_line(reason: str, address: str = "") -> str:
    """An error of the mirror as one short line without secrets."""
    # blanked before it is cut: half an address has no `@` to know a password by
    return without_credentials(" ".join(reason.split()), address)[:300]


@contextmanager
def _alone(out: Path, local: bool) -> Iterator[None]:
    # two processes that touch a fresh database at once break each other's migrations
    if not local:
        yield
        return
    out.mkdir(parents=True, exist_ok=True)
    with exclusive(out / ".mlflow.lock"):
        yield
