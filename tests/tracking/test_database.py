"""The embedded database: made in one step, inside the results folder, and made again when it is damaged."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from refbench.tracking import SuiteRunInfo, TrackingResult
from refbench.tracking.database import ensure_database
from refbench.tracking.local import local_uri
from refbench.tracking.mlflow_mirror import publish
from refbench.tracking.quiet import quiet

pytestmark = pytest.mark.slow

SUITE = SuiteRunInfo("s", "d", "d", "f00d")


def published(out: Path) -> TrackingResult:
    return publish(out, None, SUITE, [], "table")


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with one publication."""
    out = tmp_path_factory.mktemp("complete")
    assert published(out).warning is None
    return out


@pytest.fixture
def out(complete: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(complete, tmp_path / "out"))


def half_made(database: Path) -> None:
    """Some tables and no word of a version, as a kill leaves them."""
    database.unlink()
    with closing(sqlite3.connect(database)) as made:
        made.execute("create table experiments (experiment_id integer primary key)")
        made.execute("create table datasets (dataset_uuid text)")


def half_migrated(database: Path) -> None:
    with closing(sqlite3.connect(database)) as made, made:
        made.execute("update alembic_version set version_num = '451aebb31d03'")


def cut_off(database: Path) -> None:
    os.truncate(database, database.stat().st_size // 2)


def overwritten(database: Path) -> None:
    database.write_text("not a database, and longer than a header would be" * 20)


def empty(database: Path) -> None:
    database.write_bytes(b"")


def link(database: Path) -> None:
    database.unlink()
    database.symlink_to(database.with_name("elsewhere"))


DAMAGE: dict[str, Callable[[Path], None]] = {
    "half-made": half_made, "half-migrated": half_migrated, "cut": cut_off, "text": overwritten,
    "empty": empty, "link": link,
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGE)
def test_mlflow_half_made_db(kind: str, out: Path) -> None:
    DAMAGE[kind](out / "mlflow.db")
    (out / "mlflow.db-journal").write_bytes(b"")
    result = published(out)
    assert result.warning is None
    assert result.run_id
    assert f"{out / 'mlflow.db'}: " in result.note
    assert result.note.endswith("; set aside as mlflow.db.damaged and made again")
    assert "\n" not in result.note
    again = published(out)
    assert (again.run_id, again.note, again.warning) == (result.run_id, "", None)
    assert not (out / "elsewhere").exists()
    half_made(out / "mlflow.db")
    assert published(out).note.endswith("; set aside as mlflow.db.damaged.2 and made again")


def test_a_database_of_a_later_mlflow_is_left_alone(out: Path) -> None:
    with closing(sqlite3.connect(out / "mlflow.db")) as made, made:
        made.execute("update alembic_version set version_num = 'ffffffffffff'")
    before = (out / "mlflow.db").read_bytes()
    with quiet():
        assert ensure_database(out) == ""
    assert (out / "mlflow.db").read_bytes() == before


def test_one_of_an_earlier_layout_is_brought_up_to_date(out: Path) -> None:
    """The last migration undone, as the MLflow before left it."""
    from alembic import command
    from mlflow.store.db.utils import _get_alembic_config

    run = published(out).run_id
    with quiet():
        command.downgrade(_get_alembic_config(local_uri(out)), "-1")
        assert ensure_database(out) == ""
    assert not list(out.glob("mlflow.db.damaged*"))
    assert published(out).run_id == run


@pytest.mark.parametrize("name", ["v1?final", "run%41", "a#b"])
def test_out_question_mark(name: str, complete: Path, tmp_path: Path) -> None:
    """Everything lies inside the results folder, also where its name means something in an address."""
    out = tmp_path / name
    shutil.copytree(complete, out)
    result = publish(out, None, SUITE, [], "another table")
    assert result.warning is None
    assert os.listdir(tmp_path) == [name]
    assert (out / "mlartifacts" / str(result.run_id) / "artifacts" / "table.md").is_file()
    from mlflow.tracking import MlflowClient

    with quiet():
        # the address that is shown is one that MLflow reads
        assert result.ui_command is not None
        found = MlflowClient(tracking_uri=local_uri(out)).get_run(str(result.run_id))
    assert found.data.tags["suite"] == "s"
