"""Records runs and the states of their tasks.

A *run* is one command's images, numbered from 1. It stays open until its result
was reported, so that the same command, run again after any interruption, resumes it instead of
paying again. A run is locked while a process works on it; the lock ends with the process.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Final

from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError
from fluxcli.journal.database import explained
from fluxcli.journal.day_limit import DayLimit
from fluxcli.journal.history_limit import remove_old_tasks
from fluxcli.journal.lookup import TaskLookup
from fluxcli.journal.rate_limit import SubmissionLimiter
from fluxcli.journal.replays import ReplayMemory
from fluxcli.journal.rows import (
    DamagedRowError,
    LaterRowError,
    facts_of,
    request_text,
    task_of,
)
from fluxcli.journal.uploads import Uploads
from fluxcli.prices_and_limits import API_URL, LOGS_PAGE, SANDBOX_URL
from fluxcli.task_types import State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fluxcli.clock import Clock
    from fluxcli.filelock import FileLock
    from fluxcli.journal.day_limit import DailyCap
    from fluxcli.task_types import Picture, Request, Task

_REF_LETTERS: Final = "23456789abcdefghjkmnpqrstvwxyz"
ADOPTED: Final = "adopted:"
"""How the fingerprints of the runs of adopted tasks begin."""


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


class Journal(TaskLookup):
    """The record of this machine's tasks. It reports those of the service at `origin`.

    `origin` is the service's base URL; `sandbox` marks its tasks as the stand-in's. With a
    `history_limit`, old finished tasks beyond so many are removed when a run begins.
    `cap` returns the most that may be spent in a day.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        sandbox: bool,
        origin: str | None = None,
        history_limit: int | None = None,
        cap: Callable[[], DailyCap | None] = lambda: None,
    ) -> None:
        super().__init__(folder, origin=origin or (SANDBOX_URL if sandbox else API_URL))
        self._clock = clock
        self._sandbox = sandbox
        self._history_limit = history_limit
        self.submission_limiter = SubmissionLimiter(self._store, clock)
        self.uploads = Uploads(self._store, clock)
        self.replays = ReplayMemory(self._store, clock)
        self.day_limit = DayLimit(self._store, clock, origin=self.origin, cap=cap)

    # Runs.

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
            else f"find it at {LOGS_PAGE}; `--new` submits again",
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

    # The states of a task.

    def begin(
        self,
        run: Run,
        request: Request,
        *,
        source: str | None,
        output: str,
        n: int = 1,
        count: int = 1,
        input_path: str | None = None,
        metadata: str | None = None,
    ) -> Task:
        """Record a task that is about to be submitted, `n` of `count`. Nothing has been sent yet.

        It is on disk at the latest when `sending` is.
        """
        import secrets

        ref = "".join(secrets.choice(_REF_LETTERS) for _ in range(8))
        values = (
            *(ref, run.name, n, count, self._sandbox, State.SENDING),
            *(request_text(request), source, output, self._clock.wall(), self.origin),
            *(input_path, metadata),
        )
        with self._store.writing(lasting=False) as db:
            db.execute(
                "INSERT INTO tasks (ref, run, n, count, sandbox, state, request, source,"
                " output, created_at, origin, input_path, metadata)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
        return self.get(ref)

    def adopt(
        self,
        run: Run,
        task_id: str,
        request: Request,
        *,
        output: str,
        wire: str | None = None,
        sandbox: bool = False,
    ) -> Task:
        """Record a task that was made elsewhere."""
        task = self.begin(run, request, source=None, output=output)
        return self.accepted(task.ref, task_id, wire=wire, sandbox=sandbox)

    def is_adopted(self, task: Task) -> bool:
        """Return whether a task was made elsewhere, as far as the journal knows."""
        rows = self._store.rows("SELECT fingerprint FROM runs WHERE run = ?", self._run_of(task))
        return bool(rows) and str(rows[0]["fingerprint"]).startswith(ADOPTED)

    def merge(self, ref: str, adopted: Task) -> Task:
        """Record that an adopted task is what the submission `ref` made; return the one task.

        Where the adopted one was saved elsewhere, the image is still to be saved for `ref`.
        """
        run = self._run_of(adopted)
        with self._store.writing() as db:
            db.execute(
                "UPDATE tasks SET (state, task_id, wire, sandbox, accepted_at, url, completed_at,"
                " seconds, credits, error_code, error_message) = (SELECT"
                " CASE state WHEN 'saved' THEN 'succeeded' ELSE state END, task_id, wire,"
                " sandbox, accepted_at, url, completed_at, seconds, credits, error_code,"
                " error_message FROM tasks WHERE ref = ?) WHERE ref = ?",
                (adopted.ref, ref),
            )
            db.execute("DELETE FROM tasks WHERE ref = ?", (adopted.ref,))
            db.execute(
                "DELETE FROM runs WHERE run = ? AND NOT EXISTS"
                " (SELECT 1 FROM tasks WHERE tasks.run = runs.run)",
                (run,),
            )
        return self.get(ref)

    def sending(self, ref: str, request: Request) -> None:
        """Mark that the submission's first byte leaves now; until then nothing was sent.

        Raises:
            FluxError: OVER_BUDGET: it would exceed the day's cap.
        """
        with self._store.writing() as db:
            self.day_limit.admit(db, ref, request)
            db.execute(
                "UPDATE tasks SET state = ?, sent_at = ?, request = ? WHERE ref = ?",
                (State.SENDING, self._clock.wall(), request_text(request), ref),
            )

    def accepted(
        self, ref: str, task_id: str, *, wire: str | None = None, sandbox: bool = False
    ) -> Task:
        """Record the id, and the wire format: the task exists and is paid for.

        `sandbox`: the service identified itself as the stand-in, so that nothing was paid.
        """
        return self._set(
            ref,
            sandbox=self._sandbox or sandbox,
            state=State.RUNNING,
            task_id=task_id,
            wire=wire,
            accepted_at=self._clock.wall(),
            error_code=None,
            error_message=None,
        )

    def refused(self, ref: str, error: FluxError) -> Task:
        """Record that it was provably not accepted."""
        return self._set(
            ref, state=State.REFUSED, error_code=error.code.value, error_message=error.message
        )

    def unknown(self, ref: str, reason: str) -> Task:
        """Record that it is not known whether it was accepted."""
        code = Code.OUTCOME_UNKNOWN.value
        return self._set(ref, state=State.UNKNOWN, error_code=code, error_message=reason)

    def succeeded(
        self,
        ref: str,
        *,
        url: str,
        completed_at: float | None,
        seconds: float | None,
        credits: float | None = None,  # noqa: A002 - the column's name
    ) -> Task:
        """Record that the service has finished it; the service can be read again."""
        return self._set(
            ref,
            lasting=False,
            state=State.SUCCEEDED,
            url=url,
            completed_at=completed_at,
            seconds=seconds,
            credits=credits,
        )

    def landing(self, ref: str, picture: Picture) -> None:
        """Record the image that is about to be put in its place, so that a rerun recognises it."""
        self._set(ref, lasting=True, **facts_of(picture))

    def saved(self, ref: str, picture: Picture) -> Task:
        """Record that it is on disk, as its `landing` also shows."""
        return self._set(ref, lasting=False, state=State.SAVED, **facts_of(picture))

    def failed(self, ref: str, error: FluxError) -> Task:
        """Record that it was accepted and failed for good."""
        return self._set(
            ref, state=State.FAILED, error_code=error.code.value, error_message=error.message
        )

    def _set(self, ref: str, *, lasting: bool = True, **values: object) -> Task:
        names = ", ".join(f"{name} = ?" for name in values)
        with self._store.writing(lasting=lasting) as db:
            db.execute(f"UPDATE tasks SET {names} WHERE ref = ?", (*values.values(), ref))  # noqa: S608 - our own names
            row = db.execute("SELECT * FROM tasks WHERE ref = ?", (ref,)).fetchone()
        return task_of(row, held=True)
