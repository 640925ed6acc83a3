"""What the stand-in remembers: tasks, uploads, money, how often it was called.

One SQLite file, shared by all processes that are pointed at it, or memory. Every method is
one transaction of its own. Knows no HTTP and no rules; times are seconds since the epoch.
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

_VERSION: Final = 1
_BUSY_SECONDS: Final = 60.0
_SCHEMA: Final = """
CREATE TABLE tasks (
    id TEXT PRIMARY KEY, prompt TEXT NOT NULL, params TEXT NOT NULL, ratio TEXT NOT NULL,
    form TEXT NOT NULL, credits REAL NOT NULL, created REAL NOT NULL, ends REAL NOT NULL,
    fate TEXT NOT NULL, callback TEXT NOT NULL, refunded INTEGER NOT NULL DEFAULT 0);
CREATE TABLE uploads (
    path TEXT PRIMARY KEY, data BLOB NOT NULL, mime TEXT NOT NULL, stored REAL NOT NULL);
CREATE TABLE links (token TEXT PRIMARY KEY, task TEXT NOT NULL, until REAL NOT NULL);
CREATE TABLE calls (kind TEXT NOT NULL, account TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX calls_by_account ON calls (kind, account);
CREATE TABLE numbers (name TEXT PRIMARY KEY, value REAL NOT NULL);
"""
_PAID_FATES: Final = "('success', 'expired', 'forgotten')"


@dataclass(frozen=True, slots=True)
class SandboxTask:
    """One task as it was accepted. It is over at `ends`, and then `fate` comes true.

    `params` is the request as JSON; `fate` is `success`, `expired` (its result is gone),
    `forgotten` (so is its record) or a word for a failure; `callback` is empty where none
    was asked for.
    """

    id: str
    prompt: str
    params: str
    ratio: str
    form: str
    credits: float
    created: float
    ends: float
    fate: str
    callback: str = ""


class Charge(NamedTuple):
    """Money that was taken and kept; `time` is the task's beginning."""

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
    """The book. `balance` is the credits that a new one begins with.

    Raises:
        ValueError: `store` is not such a book.
        OSError: it cannot be opened.
    """

    def __init__(self, store: Path | None, *, balance: float) -> None:
        self._guard = threading.RLock()
        place = ":memory:" if store is None else str(store)
        with contextlib.ExitStack() as opened:
            try:
                self._base = sqlite3.connect(
                    place, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
                )
                opened.callback(self._base.close)
                # A crash of the machine may cost a toy's last seconds; waiting for disks
                # would cost every test its speed.
                self._base.execute("PRAGMA synchronous = OFF")
                self._furnish(balance)
            except sqlite3.OperationalError as error:
                raise OSError(f"`{place}` cannot be opened: {error}") from None
            except sqlite3.DatabaseError as error:
                raise ValueError(
                    f"`{place}` is not the sandbox's book: {error}; remove it"
                ) from None
            opened.pop_all()

    def _furnish(self, balance: float) -> None:
        with self._transaction() as base:
            (version,) = base.execute("PRAGMA user_version").fetchone()
            if version == _VERSION:
                return
            if version or base.execute("SELECT 1 FROM sqlite_master").fetchone():
                raise sqlite3.DatabaseError(f"form {version}, not {_VERSION}")
            for statement in filter(str.strip, _SCHEMA.split(";")):
                base.execute(statement)
            base.execute("INSERT INTO numbers VALUES ('credits', ?)", (balance,))
            base.execute(f"PRAGMA user_version = {_VERSION}")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._guard:
            # The write lock at once: two readers that both want to write would lock up.
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield self._base
            except BaseException:
                self._base.execute("ROLLBACK")
                raise
            self._base.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        with self._guard:
            self._base.close()

    # -- tasks and money ----------------------------------------------------------------

    def accept(self, task: SandboxTask) -> bool:
        """Charge for a task and keep it; False if the balance does not suffice."""
        with self._transaction() as base:
            _settle(base, task.created)
            if _number(base, "credits") < task.credits:
                return False
            _add(base, "credits", -task.credits)
            base.execute(f"INSERT INTO tasks VALUES ({'?, ' * 10}0)", astuple(task))  # noqa: S608 - only marks
            return True

    def task(self, name: str) -> SandboxTask | None:
        """Return the task of this id."""
        with self._transaction() as base:
            row = base.execute("SELECT * FROM tasks WHERE id = ?", (name,)).fetchone()
            return SandboxTask(*row[:10]) if row else None

    def end(self, name: str, fate: str, now: float) -> None:
        """Let a running task end now, with this fate; one that is over stays what it is."""
        with self._transaction() as base:
            base.execute(
                "UPDATE tasks SET ends = ?, fate = ? WHERE id = ? AND ends > ?",
                (now, fate, name, now),
            )

    def lose(self, name: str, now: float) -> None:
        """Let a task be forgotten, as its record is after two months; it stays paid for."""
        with self._transaction() as base:
            _settle(base, now)
            base.execute("UPDATE tasks SET fate = 'forgotten' WHERE id = ?", (name,))

    def balance(self, now: float) -> float:
        """Return the credits left, with what failed by now given back."""
        with self._transaction() as base:
            _settle(base, now)
            return _number(base, "credits")

    def charges(self, now: float) -> list[Charge]:
        """Return what was paid and not given back by now, oldest first."""
        with self._transaction() as base:
            _settle(base, now)
            rows = base.execute(
                "SELECT id, prompt, credits, created FROM tasks WHERE refunded = 0 ORDER BY rowid"
            )
            return [Charge(*row) for row in rows]

    def tasks(self) -> int:
        """Return how many tasks were ever accepted."""
        with self._transaction() as base:
            (count,) = base.execute("SELECT count(*) FROM tasks").fetchone()
            return int(count)

    # -- files --------------------------------------------------------------------------

    def store(self, upload: Upload, *, lifetime: float) -> None:
        """Keep a file, in place of one of the same path; drop those past their lifetime."""
        with self._transaction() as base:
            base.execute("DELETE FROM uploads WHERE stored <= ?", (upload.stored - lifetime,))
            base.execute("INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?)", upload)

    def upload(self, path: str) -> Upload | None:
        """Return the file of this path."""
        with self._transaction() as base:
            row = base.execute("SELECT * FROM uploads WHERE path = ?", (path,)).fetchone()
            return Upload(*row) if row else None

    def link(self, token: str, task: str, until: float) -> None:
        """Keep a link to a task's result, good until then."""
        with self._transaction() as base:
            base.execute("INSERT INTO links VALUES (?, ?, ?)", (token, task, until))

    def linked(self, token: str, now: float) -> str | None:
        """Return the task of a link that is still good."""
        with self._transaction() as base:
            row = base.execute(
                "SELECT task FROM links WHERE token = ? AND until > ?", (token, now)
            ).fetchone()
            return str(row[0]) if row else None

    # -- counting -----------------------------------------------------------------------

    def admit(self, kind: str, account: str, *, now: float, limit: int, window: float) -> bool:
        """Count a call, or refuse it if `limit` of its kind came within `window` seconds."""
        with self._transaction() as base:
            # What lies ahead was counted by a clock that has since been set back.
            base.execute(
                "DELETE FROM calls WHERE kind = ? AND (at <= ? OR at > ?)",
                (kind, now - window, now + window),
            )
            (count,) = base.execute(
                "SELECT count(*) FROM calls WHERE kind = ? AND account = ?", (kind, account)
            ).fetchone()
            if count >= limit:
                _add(base, "refused", 1)
                return False
            base.execute("INSERT INTO calls VALUES (?, ?, ?)", (kind, account, now))
            return True

    def count(self, name: str) -> int:
        """Count one more of this name, and return how many there are now."""
        with self._transaction() as base:
            _add(base, name, 1)
            return int(_number(base, name))

    def counted(self, name: str) -> int:
        """Return how many of this name were counted."""
        with self._transaction() as base:
            return int(_number(base, name))

    def forget(self, name: str) -> None:
        """Count this name from the beginning."""
        with self._transaction() as base:
            base.execute("DELETE FROM numbers WHERE name = ?", (name,))


def _settle(base: sqlite3.Connection, now: float) -> None:
    """Give back what was taken for tasks that have failed by now."""
    due = f"fate NOT IN {_PAID_FATES} AND refunded = 0 AND ends <= ?"
    (owed,) = base.execute(f"SELECT total(credits) FROM tasks WHERE {due}", (now,)).fetchone()  # noqa: S608 - constants
    if owed:
        base.execute(f"UPDATE tasks SET refunded = 1 WHERE {due}", (now,))  # noqa: S608 - constants
        _add(base, "credits", owed)


def _number(base: sqlite3.Connection, name: str) -> float:
    row = base.execute("SELECT value FROM numbers WHERE name = ?", (name,)).fetchone()
    return float(row[0]) if row else 0.0


def _add(base: sqlite3.Connection, name: str, amount: float) -> None:
    base.execute(
        "INSERT INTO numbers VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + ?",
        (name, amount, amount),
    )
