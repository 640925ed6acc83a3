"""The journal: the tasks of this machine, each recorded at every change of its state.

What is paid for is on disk before anything depends on it: the record of a submission before its
first byte leaves, the task id before the task is polled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fluxcli.errors import Code
from fluxcli.journal.day_limit import DayLimit
from fluxcli.journal.rate_limit import SubmissionLimiter
from fluxcli.journal.replays import ReplayMemory
from fluxcli.journal.rows import facts_of, request_text, task_of
from fluxcli.journal.runs import Run, RunRecords
from fluxcli.journal.uploads import Uploads
from fluxcli.prices_and_limits import API_URL, SANDBOX_URL
from fluxcli.task_types import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fluxcli.clock import Clock
    from fluxcli.errors import FluxError
    from fluxcli.journal.day_limit import DailyCap
    from fluxcli.task_types import Picture, Request, Task

_REF_LETTERS: Final = "23456789abcdefghjkmnpqrstvwxyz"
ADOPTED: Final = "adopted:"
"""How the fingerprints of the runs of adopted tasks begin."""


class Journal(RunRecords):
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
        super().__init__(
            folder,
            origin=origin or (SANDBOX_URL if sandbox else API_URL),
            clock=clock,
            sandbox=sandbox,
            history_limit=history_limit,
        )
        self.submission_limiter = SubmissionLimiter(self._store, clock)
        self.uploads = Uploads(self._store, clock)
        self.replays = ReplayMemory(self._store, clock)
        self.day_limit = DayLimit(self._store, clock, origin=self.origin, cap=cap)

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
        """Record that the service has finished it; the service can be read again.

        Another process, that polled the same task, may have saved it since: it stays saved.
        """
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
        """Write values of a task; return it. A saved task that is `succeeded` stays saved."""
        names = ", ".join(f"{name} = ?" for name in values)
        with self._store.writing(lasting=lasting) as db:
            if values.get("state") is State.SUCCEEDED:
                query = "SELECT state FROM tasks WHERE ref = ?"
                (state,) = db.execute(query, (ref,)).fetchone()
                values["state"] = state if state == State.SAVED else State.SUCCEEDED
            db.execute(f"UPDATE tasks SET {names} WHERE ref = ?", (*values.values(), ref))  # noqa: S608 - our own names
            row = db.execute("SELECT * FROM tasks WHERE ref = ?", (ref,)).fetchone()
        return task_of(row, held=True)
