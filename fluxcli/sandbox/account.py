"""The sandbox's store: tasks, uploads, credits, counts of calls.

One SQLite file, shared by all processes that use it, or memory. Every method is
one transaction of its own. Times are seconds since the epoch.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_VERSION: Final = 2
_EARLIER: Final = frozenset({1})
_BUSY_SECONDS: Final = 60.0
_SCHEMA: Final = """
CREATE TABLE tasks (
    id TEXT PRIMARY KEY, prompt TEXT NOT NULL, params TEXT NOT NULL, ratio TEXT NOT NULL,
    form TEXT NOT NULL, credits REAL NOT NULL, created REAL NOT NULL, ends REAL NOT NULL,
    outcome TEXT NOT NULL, callback TEXT NOT NULL, refunded INTEGER NOT NULL DEFAULT 0);
CREATE TABLE uploads (
    path TEXT PRIMARY KEY, data BLOB NOT NULL, mime TEXT NOT NULL, stored REAL NOT NULL);
CREATE TABLE links (token TEXT PRIMARY KEY, task TEXT NOT NULL, until REAL NOT NULL);
CREATE TABLE calls (kind TEXT NOT NULL, account TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX calls_by_account ON calls (kind, account);
CREATE TABLE numbers (name TEXT PRIMARY KEY, value REAL NOT NULL);
"""
_PAID_OUTCOMES: Final = "('success', 'late', 'expired', 'forgotten')"


@dataclass(frozen=True, slots=True)
class SandboxTask:
    """One task as it was accepted. It ends at `ends` with `outcome`.

    `params` is the request as JSON; `outcome` is `success`, `late` (success, but its record is
    not found at first), `expired` (its result is gone), `forgotten` (its record too) or a word for
    a failure; `callback` is empty where none was given.
    """

    id: str
    prompt: str
    params: str
    ratio: str
    form: str
    credits: float
    created: float
    ends: float
    outcome: str
    callback: str = ""


class Charge(NamedTuple):
    """A charge that was not refunded; `time` is when the task was created."""

    id: str
    prompt: str
    credits: float
    time: float


class Upload(NamedTuple):
    """A stored file."""

    path: str
    data: bytes
    mime: str
    stored: float


class SandboxAccount:
    """The store. `balance` is the credits that a new one starts with.

    Raises:
        ValueError: `store` is another file.
        OSError: it cannot be opened.
    """

    def __init__(self, store: Path | None, *, balance: float) -> None:
        self._lock = threading.RLock()
        place = ":memory:" if store is None else str(store)
        with contextlib.ExitStack() as opened:
            try:
                self._database = sqlite3.connect(
                    place, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
                )
                opened.callback(self._database.close)
                # A power failure may lose the sandbox's last seconds; waiting
                # for the disk would slow down every test.
                self._database.execute("PRAGMA synchronous = OFF")
                self._create_schema(balance)
            except sqlite3.OperationalError as error:
                raise OSError(f"`{place}` cannot be opened: {error}") from None
            except sqlite3.DatabaseError as error:
                raise ValueError(f"`{place}` is not a sandbox store: {error}; remove it") from None
            opened.pop_all()

    def _create_schema(self, balance: float) -> None:
        with self._transaction() as database:
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version == _VERSION:
                return
            if version in _EARLIER:
                # A sandbox needs no migration; the store starts again.
                for name in ("tasks", "uploads", "links", "calls", "numbers"):
                    database.execute(f"DROP TABLE IF EXISTS {name}")
                version = 0
            if version or database.execute("SELECT 1 FROM sqlite_master").fetchone():
                raise sqlite3.DatabaseError(f"version {version}, not {_VERSION}")
            for statement in filter(str.strip, _SCHEMA.split(";")):
                database.execute(statement)
            database.execute("INSERT INTO numbers VALUES ('credits', ?)", (balance,))
            database.execute(f"PRAGMA user_version = {_VERSION}")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            # The write lock at once: two readers that both write later would deadlock.
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    # -- tasks and money ----------------------------------------------------------------

    def accept(self, task: SandboxTask) -> bool:
        """Charge for a task and store it; False if the balance is too low."""
        with self._transaction() as database:
            _refund_failed(database, task.created)
            if _number(database, "credits") < task.credits:
                return False
            _add(database, "credits", -task.credits)
            database.execute(f"INSERT INTO tasks VALUES ({'?, ' * 10}0)", astuple(task))  # noqa: S608 - only marks
            return True

    def task(self, name: str) -> SandboxTask | None:
        """Return the task of this id."""
        with self._transaction() as database:
            row = database.execute("SELECT * FROM tasks WHERE id = ?", (name,)).fetchone()
            return SandboxTask(*row[:10]) if row else None

    def end(self, name: str, outcome: str, now: float) -> None:
        """End a running task now, with this outcome; a finished one does not change."""
        with self._transaction() as database:
            database.execute(
                "UPDATE tasks SET ends = ?, outcome = ? WHERE id = ? AND ends > ?",
                (now, outcome, name, now),
            )

    def drop_record(self, name: str, now: float) -> None:
        """Drop a task's record, as after two months; it stays charged."""
        with self._transaction() as database:
            _refund_failed(database, now)
            database.execute("UPDATE tasks SET outcome = 'forgotten' WHERE id = ?", (name,))

    def balance(self, now: float) -> float:
        """Return the credits left, with failed tasks refunded."""
        with self._transaction() as database:
            _refund_failed(database, now)
            return _number(database, "credits")

    def charges(self, now: float) -> list[Charge]:
        """Return the charges not refunded by now, oldest first."""
        with self._transaction() as database:
            _refund_failed(database, now)
            rows = database.execute(
                "SELECT id, prompt, credits, created FROM tasks WHERE refunded = 0 ORDER BY rowid"
            )
            return [Charge(*row) for row in rows]

    def tasks(self) -> int:
        """Return how many tasks were ever accepted."""
        with self._transaction() as database:
            (count,) = database.execute("SELECT count(*) FROM tasks").fetchone()
            return int(count)

    # -- files --------------------------------------------------------------------------

    def store(self, upload: Upload, *, lifetime: float) -> None:
        """Store a file, replacing one of the same path; drop expired ones."""
        with self._transaction() as database:
            database.execute("DELETE FROM uploads WHERE stored <= ?", (upload.stored - lifetime,))
            database.execute("INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?)", upload)

    def upload(self, path: str) -> Upload | None:
        """Return the file of this path."""
        with self._transaction() as database:
            row = database.execute("SELECT * FROM uploads WHERE path = ?", (path,)).fetchone()
            return Upload(*row) if row else None

    def link(self, token: str, task: str, until: float) -> None:
        """Store a link to a task's result, valid until then."""
        with self._transaction() as database:
            database.execute("INSERT INTO links VALUES (?, ?, ?)", (token, task, until))

    def linked(self, token: str, now: float) -> str | None:
        """Return the task of a link that is still valid."""
        with self._transaction() as database:
            row = database.execute(
                "SELECT task FROM links WHERE token = ? AND until > ?", (token, now)
            ).fetchone()
            return str(row[0]) if row else None

    # -- counting -----------------------------------------------------------------------

    def admit(self, kind: str, account: str, *, now: float, limit: int, window: float) -> bool:
        """Count a call, or refuse it if `limit` of its kind came within `window` seconds."""
        with self._transaction() as database:
            # Calls in the future were counted before the clock was set back.
            database.execute(
                "DELETE FROM calls WHERE kind = ? AND (at <= ? OR at > ?)",
                (kind, now - window, now + window),
            )
            (count,) = database.execute(
                "SELECT count(*) FROM calls WHERE kind = ? AND account = ?", (kind, account)
            ).fetchone()
            if count >= limit:
                _add(database, "refused", 1)
                return False
            database.execute("INSERT INTO calls VALUES (?, ?, ?)", (kind, account, now))
            return True

    def count(self, name: str) -> int:
        """Increment the counter of this name and return it."""
        with self._transaction() as database:
            _add(database, name, 1)
            return int(_number(database, name))

    def counted(self, name: str) -> int:
        """Return the counter of this name."""
        with self._transaction() as database:
            return int(_number(database, name))

    def reset_count(self, name: str) -> None:
        """Reset the counter of this name."""
        with self._transaction() as database:
            database.execute("DELETE FROM numbers WHERE name = ?", (name,))


def _refund_failed(database: sqlite3.Connection, now: float) -> None:
    """Refund the tasks that have failed by now."""
    due = f"outcome NOT IN {_PAID_OUTCOMES} AND refunded = 0 AND ends <= ?"
    (refund,) = database.execute(f"SELECT total(credits) FROM tasks WHERE {due}", (now,)).fetchone()  # noqa: S608 - constants
    if refund:
        database.execute(f"UPDATE tasks SET refunded = 1 WHERE {due}", (now,))  # noqa: S608 - constants
        _add(database, "credits", refund)


def _number(database: sqlite3.Connection, name: str) -> float:
    row = database.execute("SELECT value FROM numbers WHERE name = ?", (name,)).fetchone()
    return float(row[0]) if row else 0.0


def _add(database: sqlite3.Connection, name: str, amount: float) -> None:
    database.execute(
        "INSERT INTO numbers VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + ?",
        (name, amount, amount),
    )
