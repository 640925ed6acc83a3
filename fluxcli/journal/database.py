"""The journal's file: SQLite, its schema versioned.

A committed row survives a killed process, and where money depends on it a power failure too.
Reading creates nothing; a missing file reads as empty.

The order of events is the order of the rows (`rowid`), which never goes back; times are kept
for people to read, so a wrong or changed clock changes no decision.
"""

from __future__ import annotations

import contextlib
import errno
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fluxcli.errors import LIMITS_HINT, Code, FluxError, LaterVersionError, exhausted, reason_of
from fluxcli.filelock import FileLock
from fluxcli.system import disk
from fluxcli.system.headroom import need_handles

if TYPE_CHECKING:
    from collections.abc import Iterator

BUSY_SECONDS: Final = 30.0
_ROOM: Final = 128 << 10
"""How many bytes a journal needs at least, its side files included."""

_HANDLES: Final = 4
"""The files of an open journal: database, log, shared memory, and a lock."""

_DAMAGED: Final = ("file is not a database", "database disk image is malformed")

_FIRST: Final = """
CREATE TABLE runs (
    run TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, sandbox INTEGER NOT NULL,
    created_at REAL NOT NULL, closed_at REAL
);
CREATE INDEX runs_fingerprint ON runs (fingerprint);
CREATE TABLE tasks (
    ref TEXT PRIMARY KEY, run TEXT NOT NULL REFERENCES runs, n INTEGER NOT NULL,
    count INTEGER NOT NULL, sandbox INTEGER NOT NULL, state TEXT NOT NULL,
    request TEXT NOT NULL, source TEXT, output TEXT NOT NULL, task_id TEXT, url TEXT,
    created_at REAL NOT NULL, sent_at REAL, accepted_at REAL, completed_at REAL, seconds REAL,
    path TEXT, bytes INTEGER, width INTEGER, height INTEGER, sha256 TEXT, format TEXT,
    error_code TEXT, error_message TEXT
);
CREATE INDEX tasks_run ON tasks (run, n);
CREATE INDEX tasks_id ON tasks (task_id);
CREATE INDEX tasks_recent ON tasks (sandbox, created_at);
CREATE TABLE uploads (
    account TEXT NOT NULL, sha256 TEXT NOT NULL, url TEXT NOT NULL, uploaded_at REAL NOT NULL,
    PRIMARY KEY (account, sha256)
);
CREATE TABLE submissions (
    id INTEGER PRIMARY KEY, account TEXT NOT NULL, pid INTEGER NOT NULL,
    started_at REAL NOT NULL, answered_at REAL
);
CREATE INDEX submissions_account ON submissions (account);
"""
_SECOND: Final = """
CREATE TABLE turns (
    account TEXT NOT NULL, turn INTEGER NOT NULL, PRIMARY KEY (account, turn)
) WITHOUT ROWID;
"""
_THIRD: Final = """
DROP TABLE turns;
ALTER TABLE tasks ADD COLUMN wire TEXT;
ALTER TABLE tasks ADD COLUMN credits REAL;
ALTER TABLE tasks ADD COLUMN origin TEXT NOT NULL DEFAULT 'https://api.kie.ai';
UPDATE tasks SET origin = 'https://api.sandbox.invalid' WHERE sandbox;
DROP INDEX tasks_recent;
DROP INDEX IF EXISTS runs_open;
CREATE INDEX IF NOT EXISTS runs_fingerprint ON runs (fingerprint);
ALTER TABLE uploads ADD COLUMN after INTEGER NOT NULL DEFAULT 0;
DELETE FROM submissions;
CREATE INDEX tasks_origin ON tasks (origin);
CREATE INDEX tasks_state ON tasks (state, origin);
CREATE INDEX tasks_source ON tasks (source) WHERE source IS NOT NULL;
CREATE INDEX tasks_sha256 ON tasks (sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX tasks_timed ON tasks (origin) WHERE seconds IS NOT NULL;
CREATE TABLE callbacks (
    task_id TEXT NOT NULL, timestamp INTEGER NOT NULL, received_at REAL NOT NULL,
    PRIMARY KEY (task_id, timestamp)
) WITHOUT ROWID;
"""
_FOURTH: Final = """
ALTER TABLE tasks ADD COLUMN input_path TEXT;
CREATE INDEX tasks_sent ON tasks (sent_at) WHERE sent_at IS NOT NULL;
"""
_FIFTH: Final = """
ALTER TABLE tasks ADD COLUMN metadata TEXT;
"""
_SCHEMA: Final = (_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH)
"""The statements that make each version from the one before it."""

VERSION: Final = len(_SCHEMA)


class Database:
    """One connection to the journal at `path`, shared by this process's threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._guard = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    @contextlib.contextmanager
    def writing(self, *, lasting: bool = True) -> Iterator[sqlite3.Connection]:
        """Open a transaction that is on disk when the block has ended.

        One that is not `lasting` survives the process, but reaches the disk only with the
        next one that is. Waiting for the disk takes most of the time, and what a power failure
        may undo here costs nothing.

        Raises:
            FluxError: JOURNAL, if it cannot be written.
        """
        with self._guard, explained(self.path):
            connection = self._open(create=True)
            connection.execute(f"PRAGMA synchronous = {'FULL' if lasting else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                # The first error matters more than a rollback that fails as well.
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """Read rows; none if there is no journal yet. One mapping holds named values."""
        with self._guard, explained(self.path):
            if self._connection is None and not self.path.exists():
                return []
            return self._open(create=False).execute(query, _bound(values)).fetchall()

    def close(self) -> None:
        """Close the file."""
        with self._guard:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self, *, create: bool) -> sqlite3.Connection:
        if self._connection is None:
            if create:
                disk.make_folders(self.path.parent, mode=disk.PRIVATE)
                self.path.touch(mode=0o600)
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.row_factory = sqlite3.Row
            for setting in disk.database_settings():
                connection.execute(setting)
            if _version(connection) != VERSION:
                # One process at a time: SQLite calls a new file locked, without waiting, if two
                # of them change its mode.
                with FileLock(self.path.with_name("locks") / "journal.lock"):
                    _migrate(connection, self.path)
        except BaseException:
            connection.close()
            raise
        return connection


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Translate what SQLite and the system raise about the journal at `path`."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if isinstance(error, sqlite3.DatabaseError) and str(error).startswith(_DAMAGED):
            raise damaged(path, str(error)) from error
        _check_resources(path, error)
        raise _unusable(f"the journal `{path}` cannot be used: {_reason(error)}") from error


def _check_resources(path: Path, error: sqlite3.Error | OSError) -> None:
    """Find out whether the journal itself is in order, but the process may open no more files.

    SQLite does not report which.

    Raises:
        FluxError: NO_RESOURCES.
    """
    try:
        need_handles(_HANDLES)
    except OSError as lack:
        error = lack
    is_over_limit = isinstance(error, OSError) and error.errno == errno.EFBIG
    if is_over_limit or exhausted(error, sent=False) is not None:
        message = f"the journal `{path}` cannot be opened: {_reason(error)}"
        raise FluxError(Code.NO_RESOURCES, message, hint=LIMITS_HINT) from error


def try_folder(folder: Path) -> None:
    """Try what a journal in `folder` needs, in a temporary folder that is removed again.

    Raises:
        FluxError: JOURNAL: there is no space, or the file system has no locks.
    """
    import tempfile

    nearest = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    doing = "written to"
    try:
        with tempfile.TemporaryDirectory(prefix=".fluxcli-", dir=nearest) as name:
            scratch = Path(name)
            (scratch / "room").write_bytes(bytes(_ROOM))
            doing = "used: it cannot lock files"
            lock = FileLock(scratch / "lock")
            lock.acquire(wait=False)
            lock.release()
            doing = "used for a database"
            with contextlib.closing(sqlite3.connect(scratch / "database")) as database:
                database.execute("PRAGMA journal_mode = WAL")
                database.execute("CREATE TABLE trial (number)")
    except (sqlite3.Error, OSError) as error:
        raise FluxError(
            Code.JOURNAL,
            f"the state folder `{folder}` cannot be {doing}: {_reason(error)}",
            hint="set `FLUXCLI_STATE_DIR` to a folder on another disk",
        ) from error


def _reason(error: sqlite3.Error | OSError) -> str:
    if not isinstance(error, OSError):
        return str(error)
    where = f" (`{error.filename}`)" if error.filename else ""
    return f"{reason_of(error)}{where}"


def damaged(path: Path, detail: str) -> FluxError:
    """Return the error for a damaged database; it is unknown what is paid for."""
    from fluxcli.prices_and_limits import LOGS_PAGE

    return FluxError(
        Code.JOURNAL,
        f"the journal `{path}` is damaged ({detail}), so images may be paid for that it does "
        "not show",
        hint=f"restore it from a backup, or move it away; what is paid for is listed at {LOGS_PAGE}"
        ", to be saved by `fluxcli download TASKID`",
    )


def _unusable(message: str) -> FluxError:
    hint = "fluxcli config check; or set `FLUXCLI_STATE_DIR` to a folder that can be written"
    return FluxError(Code.JOURNAL, message, hint=hint)


def later_version(path: Path, detail: str) -> LaterVersionError:
    """Return the error for a journal, or a row of it, that this version does not know."""
    from fluxcli.system.upgrade import upgrade_command

    return LaterVersionError(
        Code.JOURNAL,
        f"the journal `{path}` was written by a later fluxcli; upgrade ({detail})",
        hint=upgrade_command(),
    )


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the schema to this version, in one transaction; refuse a journal of a later one.

    A copy of the file as it was is kept beside it.
    """
    version = _version(connection)
    if version > VERSION:
        raise later_version(path, f"its schema is {version}, this one knows {VERSION}")
    if version < VERSION:
        connection.execute("PRAGMA journal_mode = WAL")
        if version:
            _copy(connection, path.with_name(f"{path.stem}.v{version}{path.suffix}"))
        connection.execute("BEGIN IMMEDIATE")
        for statement in "".join(_SCHEMA[version:]).split(";"):
            try:
                connection.execute(statement)
            except sqlite3.OperationalError as error:
                # Some journals of schema 2 have columns of schema 3: only releases are counted.
                if "duplicate column name" not in str(error):
                    raise
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")


def _copy(connection: sqlite3.Connection, path: Path) -> None:
    """Copy the database to `path`, unless an earlier migration has."""
    if path.exists():
        return
    unfinished = path.with_name(f"{path.name}.tmp")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    with contextlib.closing(sqlite3.connect(unfinished)) as copy:
        connection.backup(copy)
    unfinished.replace(path)


def _bound(values: tuple[Any, ...]) -> Any:  # noqa: ANN401 - as sqlite3 takes them
    return values[0] if len(values) == 1 and isinstance(values[0], dict) else values


def _version(connection: sqlite3.Connection) -> int:
    found: Any = connection.execute("PRAGMA user_version").fetchone()[0]
    return int(found)
