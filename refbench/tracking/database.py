"""Has a complete database in a results folder: made in one step, and made again when it is damaged.

MLflow fills a new file table by table for seconds and calls it out of date forever when it was interrupted.
Here it is made in a folder for temporary files and put into its place when it is complete.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from refbench.files.disk import write_atomic
from refbench.tracking.local import DATABASE, sqlite_uri

DAMAGED = f"{DATABASE}.damaged"
_TABLES = {"experiments", "runs", "tags", "params", "metrics", "latest_metrics", "experiment_tags"}


def ensure_database(out: Path) -> str:
    """Have a database of this MLflow's layout in ``out``; one line saying what was set aside, else empty.

    Call it while no other process does (see :mod:`refbench.tracking.guard`) and with MLflow quiet. One of an
    older layout is brought up to date on a copy. Raises OSError, sqlite3.Error and what MLflow raises.
    """
    database = out / DATABASE
    if database.is_symlink() or database.exists():
        problem = _problem(database)
        if problem is None:
            return ""
        content = None if problem else _updated(database)
        if content is None:
            aside = _set_aside(database)
            _make(database, out)
            return f"{database}: {problem or 'half-made'}; set aside as {aside.name} and made again"
        write_atomic(database, content, out, sync=True)
        return ""
    _make(database, out)
    return ""


DatabaseState = Literal["absent", "complete", "outdated", "newer", "damaged"]


def database_state(database: Path) -> tuple[DatabaseState, str]:
    """How a database is, and for a damaged one what is wrong. Nothing is changed.

    ``outdated`` also stands for one that was left half-made: the next mirror tries to complete both.
    Raises sqlite3.OperationalError for one that is locked or cannot be opened.
    """
    if not (database.is_symlink() or database.exists()):
        return "absent", ""
    problem = _problem(database)
    if problem is None:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as found:
            (version,) = found.execute("select version_num from alembic_version").fetchone()
        return ("complete" if version in _revisions()[0] else "newer"), ""
    return ("damaged", problem) if problem else ("outdated", "")


def _problem(database: Path) -> str | None:
    """None: complete, or of a later MLflow. Empty: of an earlier one, or half-made. Else: what is wrong.

    Raises sqlite3.OperationalError for what is not damage: a locked file, a full disk.
    """
    if database.is_symlink():
        return "is a symbolic link"
    if not database.is_file():
        return "is not a file"
    try:
        with closing(
            sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True, timeout=30)
        ) as found:
            tables = {row[0] for row in found.execute("select name from sqlite_master where type='table'")}
            versions = (
                [row[0] for row in found.execute("select version_num from alembic_version")]
                if "alembic_version" in tables
                else []
            )
            # a page of zeros is found by reading all of them
            sound = found.execute("pragma quick_check(1)").fetchone() == ("ok",)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        return f"is damaged ({error})"
    if not sound:
        return "is damaged"
    if not tables:
        return "is empty"
    known, head = _revisions()
    if len(versions) == 1 and versions[0] not in known:
        return None
    return None if versions == [head] and tables >= _TABLES else ""


def _revisions() -> tuple[set[str], str | None]:
    """The layouts that the installed MLflow knows, and its own."""
    import mlflow
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(Path(mlflow.__file__).parent / "store" / "db_migrations"))
    return {found.revision for found in script.walk_revisions()}, script.get_current_head()


def _updated(database: Path) -> bytes | None:
    """A copy of ``database`` in this MLflow's layout; None when it was never complete."""
    from mlflow.db import upgrade

    with TemporaryDirectory(prefix="refbench-") as folder:
        copy = Path(folder) / DATABASE
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as source:
            copy.write_bytes(source.serialize())
        try:
            run = upgrade.callback
            assert run is not None, "mlflow.db.upgrade is a command"
            run(sqlite_uri(copy))
            return _content(copy) if _problem(copy) is None else None
        except OSError:
            raise
        # whatever migrations say of tables that are there already or are missing
        except Exception:
            return None


def _make(database: Path, out: Path) -> None:
    from mlflow.tracking import MlflowClient

    with TemporaryDirectory(prefix="refbench-") as folder:
        new = Path(folder) / DATABASE
        # the first question makes the tables
        MlflowClient(tracking_uri=sqlite_uri(new)).search_experiments(max_results=1)
        write_atomic(database, _content(new), out, sync=True)


def _content(database: Path) -> bytes:
    with closing(sqlite3.connect(database, timeout=30)) as found:
        return found.serialize()


def _set_aside(database: Path) -> Path:
    """Rename a damaged database and its journals; a former one of that name stays."""
    names = [DAMAGED, *(f"{DAMAGED}.{n}" for n in range(2, 1000))]
    aside = next(p for p in map(database.with_name, names) if not (p.is_symlink() or p.exists()))
    os.replace(database, aside)
    for suffix in ("-journal", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            os.replace(f"{database}{suffix}", f"{aside}{suffix}")
    return aside
