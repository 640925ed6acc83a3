"""Reading the journal: tasks by name, the latest, the unsaved, those of other services.

A damaged row is skipped and noted; a row of a later version ends the read with an error. Each
query uses an index, so that it takes as long in a journal of 100,000 tasks as in one of 100.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fluxcli.errors import Code, FluxError
from fluxcli.filelock import FileLock
from fluxcli.journal.database import Database, damaged, explained, later_version
from fluxcli.journal.rows import DamagedRowError, LaterRowError, task_of
from fluxcli.prices_and_limits import API_URL, LOGS_PAGE, SANDBOX_URL
from fluxcli.task_types import State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from pathlib import Path

    from fluxcli.task_types import Task

_UNFINISHED: Final = (State.RUNNING, State.SUCCEEDED)
PREFIX_LENGTH: Final = 4
"""A shorter prefix of an id too easily means another task."""
_LAST_LETTER: Final = chr(0x10FFFF)
_DAMAGED_RUN: Final = (
    "(runs.run IS NULL OR typeof(fingerprint) <> 'text' OR runs.sandbox NOT IN (0, 1)"
    " OR typeof(closed_at) NOT IN ('null', 'real', 'integer'))"
)
"""A run by which its command cannot be recognised: it is missing, or a column is damaged."""
_STATES: Final = """
WITH RECURSIVE found (state) AS (
    SELECT MIN(state) FROM tasks UNION ALL
    SELECT (SELECT MIN(state) FROM tasks WHERE state > found.state) FROM found
    WHERE found.state IS NOT NULL
) SELECT state FROM found WHERE state IS NOT NULL
"""
"""The states in use, by one step in the index for each."""


def service_name(origin: str) -> str:
    """Return how messages name the service at `origin`."""
    named = {API_URL: "the service", SANDBOX_URL: "the sandbox"}
    return named.get(origin, f"the service at {origin}")


def where_listed(origin: str) -> str:
    """Return where the tasks of the service at `origin` are listed, as a hint goes on."""
    if origin == API_URL:
        return f"at {LOGS_PAGE}"
    if origin == SANDBOX_URL:
        return "with `fluxcli sandbox --ledger`"
    # Plain `http` is for this machine alone: a served sandbox.
    is_served = origin.startswith("http:")
    return f"with `curl {origin}/sandbox/ledger`" if is_served else f"in the logs of {origin}"


class TaskLookup:
    """The tasks in the journal in `folder`, as far as they belong to the service at `origin`."""

    def __init__(self, folder: Path, *, origin: str) -> None:
        self.origin = origin
        self.damaged: dict[str, str] = {}
        """What is wrong with the damaged rows that were met, by their refs."""
        self._folder = folder
        self._store = Database(folder / "journal.sqlite3")

    @property
    def exists(self) -> bool:
        """Whether anything was ever recorded."""
        return self._store.path.exists()

    def get(self, ref: str) -> Task:
        """Return the task of exactly this ref.

        Raises:
            FluxError: JOURNAL, if its row cannot be read.
        """
        found = self._seen(self._store.rows("SELECT * FROM tasks WHERE ref = ?", ref))
        if not found:
            reason = self.damaged.get(ref, "it is missing")
            raise FluxError(
                Code.JOURNAL,
                f"the row `{ref}` of the journal `{self._store.path}` cannot be read: {reason}",
                hint="fluxcli config check",
            )
        return found[0]

    def find(self, text: str) -> Task | None:
        """Find the task that a user names: an id, a ref, `@last`, or a prefix of one id.

        Raises:
            FluxError: TASK_NOT_FOUND for `@last` without history, and for a task of another
                service; USAGE for a prefix of several ids.
        """
        if text == "@last":
            return self._last()
        # A shell passes any bytes; those that are not UTF-8 are in no id.
        named = text.removeprefix("@").encode(errors="replace").decode()
        found = self._named("task_id = ?", named) + self._named("ref = ?", named)
        if not found and len(named) >= PREFIX_LENGTH:
            found = self._named("task_id >= ? AND task_id < ?", named, named + _LAST_LETTER)
            if len({task.task_id for task in found}) > 1:
                raise FluxError(
                    Code.USAGE, f"`{named}` begins the ids of several tasks", hint="fluxcli status"
                )
        return found[-1] if found else None

    def _named(self, condition: str, *values: str) -> list[Task]:
        """Return the tasks of this service that meet a condition, else raise for another's."""
        query = f"SELECT * FROM tasks WHERE {condition} ORDER BY rowid"  # noqa: S608 - our own words
        rows = self._store.rows(query, *values)
        here = [row for row in rows if row["origin"] == self.origin]
        if rows and not here:
            raise self._of_another(rows[-1])
        return self._seen(here)

    def check_writable(self) -> None:
        """Make sure that tasks can be recorded.

        Raises:
            FluxError: JOURNAL.
        """
        with self._store.writing(lasting=False):
            pass

    def service_of(self, task_id: str) -> tuple[str, bool] | None:
        """Return the origin of a task of any service, and whether that is a sandbox."""
        rows = self._store.rows("SELECT origin, sandbox FROM tasks WHERE task_id = ?", task_id)
        return (str(rows[-1]["origin"]), bool(rows[-1]["sandbox"])) if rows else None

    def _of_another(self, row: sqlite3.Row) -> FluxError:
        """Return the error for a task of another service, with the command that reads it there."""
        origin, name = str(row["origin"]), row["task_id"] or row["ref"]
        return FluxError(
            Code.TASK_NOT_FOUND,
            f"task `{name}` belongs to {service_name(origin)}, not to {service_name(self.origin)}",
            hint=self.command_at(origin, f"status {name}"),
            other_service=True,
        )

    def command_at(self, origin: str, words: str) -> str:
        """Return the command line that runs `words` with the service at `origin`."""
        if origin == SANDBOX_URL:
            return f"fluxcli {words} --sandbox"
        plain = origin == API_URL and self.origin == SANDBOX_URL
        return f"fluxcli {words}" if plain else f"FLUXCLI_BASE_URL={origin} fluxcli {words}"

    def _last(self) -> Task:
        # A few more than one: damaged rows are skipped.
        rows = self._store.rows(
            "SELECT * FROM tasks WHERE origin = ? AND +state IN ('running', 'succeeded', 'saved')"
            " ORDER BY rowid DESC LIMIT 100",
            self.origin,
        )
        found = self._seen(rows)
        if not found:
            raise self._none_yet()
        return found[0]

    def _none_yet(self) -> FluxError:
        """Return the error for `@last` without tasks; it names a service that has some."""
        others = self.elsewhere(unsaved=False)
        if not others:
            return FluxError(Code.TASK_NOT_FOUND, "there is no task yet", hint="fluxcli status")
        origin, count = max(others.items(), key=lambda item: item[1])
        tasks = "1 task" if count == 1 else f"{count} tasks"
        here, there = service_name(self.origin), service_name(origin)
        return FluxError(
            Code.TASK_NOT_FOUND,
            f"there is no task yet of {here}; {tasks} of {there}",
            hint=self.command_at(origin, "status"),
            other_service=True,
        )

    def has_usable(self) -> bool:
        """Return whether `@last` names a task."""
        query = (
            "SELECT 1 FROM tasks WHERE origin = ?"
            " AND state IN ('running', 'succeeded', 'saved') LIMIT 1"
        )
        return bool(self._store.rows(query, self.origin))

    def recent(self, limit: int | None) -> list[Task]:
        """Return the latest tasks of this service, newest first."""
        rows = self._store.rows(
            "SELECT * FROM tasks WHERE origin = ? ORDER BY rowid DESC LIMIT ?",
            self.origin,
            -1 if limit is None else limit,
        )
        return self._seen(rows)

    def beginning(self, text: str) -> list[Task]:
        """Return the tasks of this service whose id, or else ref, begins so, newest first."""
        query = (
            "SELECT rowid AS seq, * FROM tasks WHERE task_id >= :low AND task_id < :high"
            " AND +origin = :origin UNION ALL SELECT rowid AS seq, * FROM tasks"
            " WHERE ref >= :low AND ref < :high AND +origin = :origin AND task_id IS NULL"
            " ORDER BY seq DESC"
        )
        low = text.encode(errors="replace").decode()
        values = {"low": low, "high": low + _LAST_LETTER, "origin": self.origin}
        return self._seen(self._store.rows(query, values))

    def edits_of(self, tasks: Iterable[Task]) -> list[Task]:
        """Return the tasks that edit the results of `tasks`, newest first."""
        return [
            edit
            for task in tasks
            for edit in self._seen(
                self._store.rows(
                    "SELECT * FROM tasks WHERE source = ? AND +origin = ? ORDER BY rowid DESC",
                    f"task:{task.task_id}",
                    self.origin,
                )
            )
        ]

    def of_file(self, sha256: str) -> Task | None:
        """Return the newest task whose saved image has this hash."""
        found = self._seen(
            self._store.rows(
                "SELECT * FROM tasks WHERE sha256 = ? AND +origin = ? ORDER BY rowid DESC",
                sha256,
                self.origin,
            )
        )
        return found[0] if found else None

    def of_named_file(self, sha256: str) -> Task | None:
        """Return the newest task whose saved image, which a user names, has this hash.

        Raises:
            FluxError: TASK_NOT_FOUND: only tasks of another service have.
        """
        found = self._named("sha256 = ?", sha256)
        return found[-1] if found else None

    def elsewhere(self, *, unsaved: bool) -> dict[str, int]:
        """Count the tasks of other services by origin: all, or those paid for and not saved."""
        states = tuple(_UNFINISHED if unsaved else State)
        marks = ", ".join("?" * len(states))
        query = (
            f"SELECT origin, COUNT(*) FROM tasks WHERE state IN ({marks}) AND origin <> ?"  # noqa: S608 - question marks
            " GROUP BY origin ORDER BY origin"
        )
        return dict(map(tuple, self._store.rows(query, *states, self.origin)))

    def unsaved(self) -> list[Task]:
        """Return every task of this service that is paid for and not on disk, oldest first.

        Raises:
            FluxError: JOURNAL: a row is in a state that this version does not know.
        """
        known = set(State)
        for row in self._store.rows(_STATES):
            if isinstance(row["state"], str) and row["state"] not in known:
                raise later_version(self._store.path, f"the state `{row['state']}` is not known")
        return self._in(*_UNFINISHED)

    def unsettled(self) -> list[Task]:
        """Return every task of this service of which it is unknown whether it was accepted."""
        seen = self._in(State.SENDING, State.UNKNOWN)
        return [task for task in seen if task.state is State.UNKNOWN]

    def of_damaged_runs(self) -> list[Task]:
        """Return the tasks of this service that no command resumes, since their run is damaged.

        They are, or may be, paid for, and not on disk.
        """
        query = (
            "SELECT tasks.* FROM tasks LEFT JOIN runs USING (run)"  # noqa: S608 - our own words
            " WHERE state IN ('sending', 'unknown', 'running', 'succeeded') AND +origin = ?"
            f" AND {_DAMAGED_RUN} ORDER BY tasks.rowid"
        )
        return self._seen(self._store.rows(query, self.origin))

    def _in(self, *states: State) -> list[Task]:
        marks = ", ".join("?" * len(states))
        query = f"SELECT * FROM tasks WHERE state IN ({marks}) AND +origin = ? ORDER BY rowid"  # noqa: S608 - question marks
        return self._seen(self._store.rows(query, *states, self.origin))

    def durations(self, model: str, mode: str, *, limit: int = 100) -> list[float]:
        """Return how long images like this took at the service, in seconds, newest first.

        Called for each image, so only the latest rows are searched for a model that is rare.
        """
        rows = self._store.rows(
            "SELECT seconds FROM (SELECT rowid AS seq, seconds, request FROM tasks"
            " WHERE origin = ? AND seconds IS NOT NULL ORDER BY rowid DESC LIMIT ?)"
            " WHERE json_valid(request) AND json_extract(request, '$.model') = ?"
            " AND json_extract(request, '$.mode') = ? ORDER BY seq DESC LIMIT ?",
            self.origin,
            10 * limit,
            model,
            mode,
            limit,
        )
        return [row["seconds"] for row in rows if isinstance(row["seconds"], float)]

    def check(self) -> dict[str, str]:
        """Read every row, of all services; return what is wrong with the damaged ones by name.

        That is a task's ref, or a run's name.

        Raises:
            FluxError: JOURNAL: the file is damaged, or it or a row of it was written by a later
                version.
        """
        found = [str(row[0]) for row in self._store.rows("PRAGMA integrity_check(3)")]
        if found not in ([], ["ok"]):
            raise damaged(self._store.path, "; ".join(found)[:300])
        for row in self._store.rows("SELECT * FROM tasks ORDER BY rowid"):
            self._task(row, held=True)
        query = (
            "SELECT DISTINCT tasks.run AS run FROM tasks LEFT JOIN runs USING (run)"  # noqa: S608 - our own words
            f" WHERE {_DAMAGED_RUN}"
        )
        for row in self._store.rows(query):
            self.damaged[str(row["run"])] = "the run of its tasks is missing or damaged"
        return self.damaged

    def _seen(self, rows: list[sqlite3.Row]) -> list[Task]:
        """Make tasks of rows; `sending` may belong to a process that has ended.

        Damaged rows are left out, and noted in `damaged`.
        """
        with explained(self._folder):
            held = {
                row["run"]: self._lock(row["run"]).held_elsewhere()
                for row in rows
                if row["state"] == State.SENDING and isinstance(row["run"], str)
            }
        tasks = (self._task(row, held=held.get(row["run"], False)) for row in rows)
        return [task for task in tasks if task is not None]

    def _task(self, row: sqlite3.Row, *, held: bool) -> Task | None:
        try:
            return task_of(row, held=held)
        except LaterRowError as error:
            raise self._later(error) from error
        except DamagedRowError as error:
            self.damaged[str(row["ref"])] = str(error)
            return None

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def _later(self, error: LaterRowError) -> FluxError:
        return later_version(self._store.path, str(error))

    def _lock(self, name: str) -> FileLock:
        return FileLock(self._folder / "locks" / f"{name}.lock")
