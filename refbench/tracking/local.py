"""The embedded mirror: an SQLite file and an artifact folder inside the results folder."""

from __future__ import annotations

import re
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

DATABASE = "mlflow.db"
ARTIFACTS = "mlartifacts"


def sqlite_uri(file: Path) -> str:
    """The address of an SQLite file. In an address ``?``, ``#`` and ``%`` of a name have to be escaped."""
    return "sqlite:///" + re.sub("[?#%]", lambda found: quote(found.group()), file.as_posix())


def local_uri(out: Path) -> str:
    """Tracking address of the database in ``out``; absolute, so that the working folder does not matter."""
    return sqlite_uri((out / DATABASE).absolute())


@contextmanager
def plain_address(out: Path, fresh: bool = False) -> Iterator[str]:
    """The address to write with: one without escapes, for which a link elsewhere leads to ``out``.

    MLflow makes the folder of a database by the address as it is spelled, which would be another folder. And
    it keeps connections by address: ``fresh`` asks for a new one, where the file has become another.
    """
    if not fresh and local_uri(out).endswith((out / DATABASE).absolute().as_posix()):
        yield local_uri(out)
        return
    with TemporaryDirectory(prefix="refbench-") as folder:
        alias = Path(folder) / "out"
        alias.symlink_to(out.absolute(), target_is_directory=True)
        yield local_uri(alias)


def artifact_root(out: Path) -> str:
    """Where artifacts go. MLflow's own default would be relative to the working folder."""
    return (out / ARTIFACTS).absolute().as_uri()


def ui_command(out: Path) -> str:
    """The command that shows the mirror in a browser (MLflow listens on loopback only by default).

    Short, for the working folder it is printed in, when ``out`` is a relative path.
    """
    uri = local_uri(out) if out.is_absolute() else sqlite_uri(out / DATABASE)
    return f"mlflow ui --backend-store-uri {shlex.quote(uri)}"


def follow_move(out: Path, experiment: str) -> bool:
    """Correct the absolute artifact addresses after the results folder was moved or renamed.

    MLflow cannot change them through its interface. Nothing is done (False) when they are right
    already, or when there is no database yet. Raises sqlite3.Error for a file that is not a database.
    """
    database = out / DATABASE
    if not database.is_file():
        return False
    new = artifact_root(out)
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        tables = {row[0] for row in connection.execute("select name from sqlite_master where type='table'")}
        if not {"experiments", "runs"} <= tables:
            return False
        found = connection.execute(
            "select artifact_location from experiments where name = ?", (experiment,)
        ).fetchone()
        if found is None or found[0] == new:
            return False
        old = found[0]
        with connection:
            connection.execute(
                "update experiments set artifact_location = ? where name = ?", (new, experiment)
            )
            connection.execute(
                "update runs set artifact_uri = ? || substr(artifact_uri, ?) "
                "where substr(artifact_uri, 1, ?) = ?",
                (new, len(old) + 1, len(old), old),
            )
    return True


def published_before(out: Path, command_key: str, content: str) -> tuple[str, str] | None:
    """(experiment id, parent run id) when the database already holds exactly this publication.

    Asked of SQLite directly: importing MLflow takes seconds, and a repeated run has nothing to say.
    None for anything else, including a database that cannot be read.
    """
    database = out / DATABASE
    if not database.is_file():
        return None
    query = (
        "select r.experiment_id, r.run_uuid, r.artifact_uri from runs r "
        "join tags k on k.run_uuid = r.run_uuid and k.key = 'refbench.command_key' and k.value = ? "
        "join tags c on c.run_uuid = r.run_uuid and c.key = 'refbench.published' and c.value = ? "
        "where r.lifecycle_stage = 'active'"
    )
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute(query, (command_key, content)).fetchone()
    except sqlite3.Error:
        return None
    if found is None or not str(found[2]).startswith(artifact_root(out) + "/"):
        return None
    return str(found[0]), str(found[1])
