"""The runs in the journal: begun, resumed, locked and closed.

A *run* is one command's images, numbered from 1. It stays open until its result was reported, so
that the same command, run again after any interruption, resumes it instead of paying again. A run
is locked while a process works on it; the lock ends with the process.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError
from fluxcli.journal.database import explained
from fluxcli.journal.history_limit import remove_old_tasks
from fluxcli.journal.lookup import TaskLookup, where_listed
from fluxcli.journal.rows import DamagedRowError, LaterRowError, task_of
from fluxcli.task_types import State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fluxcli.clock import Clock
    from fluxcli.filelock import FileLock
    from fluxcli.task_types import Task


@dataclass(slots=True)
class Run:
    """A run that this process holds: its tasks by number, the newest of each."""

    name: str
    tasks: dict[int, Task] = field(default_factory=dict)
    lock: FileLock | None = None


@dataclass(frozen=True, slots=True)
class RunMark:
    """A moment in the history of one fingerprint: the run of it that had ended last."""

    latest: str | None


class RunRecords(TaskLookup):
    """The runs of this machine and their tasks; the arguments are those of `Journal`."""

    def __init__(
        self, folder: Path, *, origin: str, clock: Clock, sandbox: bool, history_limit: int | None
    ) -> None:
        super().__init__(folder, origin=origin)
        self._clock = clock
        self._sandbox = sandbox
        self._history_limit = history_limit

    def mark(self, fingerprint: str) -> RunMark:
        """Return a mark of this moment, by which `open_run` sees what ended after it."""
        return RunMark(self._ended_run(fingerprint))

    def open_run(self, fingerprint: str, *, new: bool, since: RunMark | None = None) -> Run:
        """Resume the open run of this fingerprint, or begin one; `new` always begins one.

        A run that ended after `since` is resumed too: it was the same command, at the same
        time, in another process.

        Raises:
            FluxError: BUSY, if another process works on it; JOURNAL.
        """
        with explained(self._folder), self._lock("runs"):
            earlier = None if new else self._open_run(fingerprint)
            if earlier is None and since is not None and not new:
                latest = self._ended_run(fingerprint)
                earlier = latest if latest != since.latest else None
            if earlier is None:
                return self._begin_run(fingerprint)
            hint = "wait for it, or make another image with `--new`"
            lock = self._held(earlier, "this request", hint=hint)
            return Run(name=earlier, tasks=self._newest(earlier), lock=lock)

    def unfinished(self, fingerprint: str) -> dict[int, Task] | None:
        """Return the tasks of the open run of this fingerprint; None if there is none."""
        earlier = self._open_run(fingerprint)
        return None if earlier is None else self._newest(earlier)

    def of_fingerprint(self, fingerprint: str) -> list[Task]:
        """Return the tasks of every run of this fingerprint, open or closed, oldest first."""
        return self._seen(
            self._store.rows(
                "SELECT * FROM tasks WHERE +origin = ? AND run IN"
                " (SELECT run FROM runs WHERE fingerprint = ?) ORDER BY rowid",
                self.origin,
                fingerprint,
            )
        )

    def fingerprints(self) -> set[str]:
        """Return the fingerprints of all runs, open or closed."""
        return {str(row["fingerprint"]) for row in self._store.rows("SELECT fingerprint FROM runs")}

    def claim(self, task: Task, held: Mapping[str, Run]) -> Run:
        """Lock the run that a task belongs to, so that no other process works on it.

        `held` are the runs that are locked already, by name.

        Raises:
            FluxError: BUSY, naming the process that does.
        """
        name = self._run_of(task)
        if name in held:
            return held[name]
        with explained(self._folder):
            what = f"task `{task.task_id or task.ref}`"
            lock = self._held(name, what, hint="wait for it, then run the same command again")
        return Run(name=name, lock=lock)

    def close_if_complete(
        self, task: Task, is_answered: Callable[[Task], bool] = lambda _: True
    ) -> None:
        """Close the run of a task that was saved, if nothing else of it is left to do.

        `is_answered` returns whether a saved image is all that its command was to make.
        """
        name = self._run_of(task)
        tasks = self._newest(name).values()
        if len(tasks) == task.count and all(
            one.state is State.SAVED and is_answered(one) for one in tasks
        ):
            self.close_run(Run(name))

    def close_run(self, run: Run) -> None:
        """Close a run: its result was reported, so the same command makes new images from now on.

        One without a task is removed.
        """
        with self._store.writing(lasting=False) as db:
            now = self._clock.wall()
            db.execute("UPDATE runs SET closed_at = ? WHERE run = ?", (now, run.name))
            db.execute(
                "DELETE FROM runs WHERE run = ?"
                " AND NOT EXISTS (SELECT 1 FROM tasks WHERE tasks.run = runs.run)",
                (run.name,),
            )

    def release(self, run: Run) -> None:
        """Unlock a run, open or closed."""
        if run.lock is not None:
            run.lock.release(remove=True)

    def _begin_run(self, fingerprint: str) -> Run:
        import secrets

        name = secrets.token_hex(8)
        lock = self._lock(name)
        lock.acquire(wait=True)
        now = self._clock.wall()
        with self._store.writing(lasting=False) as db:
            # A new run replaces the open runs of the same command.
            db.execute(
                "UPDATE runs SET closed_at = ? WHERE fingerprint = ? AND closed_at IS NULL",
                (now, fingerprint),
            )
            db.execute(
                "INSERT INTO runs (run, fingerprint, sandbox, created_at) VALUES (?, ?, ?, ?)",
                (name, fingerprint, self._sandbox, now),
            )
            if self._history_limit is not None:
                remove_old_tasks(db, keep=self._history_limit, now=now)
        return Run(name=name, lock=lock)

    def _open_run(self, fingerprint: str) -> str | None:
        rows = self._store.rows(
            "SELECT run FROM runs WHERE fingerprint = ? AND sandbox = ? AND closed_at IS NULL"
            " ORDER BY rowid DESC LIMIT 1",
            fingerprint,
            self._sandbox,
        )
        return str(rows[0]["run"]) if rows else None

    def _ended_run(self, fingerprint: str) -> str | None:
        """Return the latest ended run of this fingerprint, by the order in which runs began."""
        rows = self._store.rows(
            "SELECT run FROM runs WHERE fingerprint = ? AND sandbox = ?"
            " AND closed_at IS NOT NULL"
            " AND EXISTS (SELECT 1 FROM tasks WHERE tasks.run = runs.run)"
            " ORDER BY rowid DESC LIMIT 1",
            fingerprint,
            self._sandbox,
        )
        return str(rows[0]["run"]) if rows else None

    def _newest(self, run: str) -> dict[int, Task]:
        """Return the newest task of each number of a run.

        Raises:
            FluxError: JOURNAL: a row cannot be read, so that it is unknown what is paid for.
        """
        rows = self._store.rows("SELECT * FROM tasks WHERE run = ? ORDER BY rowid", run)
        found = {}
        for row in rows:
            try:
                found[row["n"]] = task_of(row, held=False)
            except LaterRowError as error:
                raise self._later(error) from error
            except DamagedRowError as error:
                raise self._unreadable(row, error) from error
        return found

    def _unreadable(self, row: sqlite3.Row, error: DamagedRowError) -> FluxError:
        """Return the error for a command whose own earlier task cannot be read."""
        task_id = row["task_id"] if isinstance(row["task_id"], str) else None
        return FluxError(
            Code.JOURNAL,
            f"what this command did before is damaged in the journal `{self._store.path}` "
            f"({error}), so an image may be paid for; nothing was sent",
            hint=f"fluxcli download {task_id}"
            if task_id
            else f"find it {where_listed(self.origin)}; `--new` submits again",
        )

    def _run_of(self, task: Task) -> str:
        return str(self._store.rows("SELECT run FROM tasks WHERE ref = ?", task.ref)[0]["run"])

    def _held(self, run: str, what: str, *, hint: str) -> FileLock:
        lock = self._lock(run)
        if lock.acquire(wait=False):
            return lock
        holder = lock.holder()
        raise FluxError(
            Code.BUSY,
            f"{f'process {holder}' if holder else 'another process'} is working on {what}",
            hint=hint,
        )
