"""Earlier tasks: refreshed from the service, adopted from elsewhere, settled.

Everything here needs the service; `journal` alone answers what it can without.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError
from fluxcli.events import Failed, Finished, Trouble
from fluxcli.files.output_path import parse_target
from fluxcli.journal.journal import ADOPTED
from fluxcli.journal.lookup import PREFIX_LENGTH, where_listed
from fluxcli.task_types import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from fluxcli.events import Event
    from fluxcli.task_types import Task
    from fluxcli.tasks.task_runner import TaskRunner

NOT_CHARGED: Final = "not-charged"


@dataclass(frozen=True, slots=True)
class History:
    """The tasks of this machine, and others of the account by their ids.

    `runner` polls without saving. `cwd` is where an adopted task is saved.
    """

    runner: TaskRunner
    cwd: Path

    def named(self, names: Iterable[str]) -> list[Task]:
        """Return the tasks that a user names; one that the journal does not know is recorded.

        Raises:
            FluxError: TASK_NOT_FOUND, or what the service reports.
        """
        found = {}
        for name in names:
            task = self.runner.services.journal.find(name) or self._adopted(name.removeprefix("@"))
            found[task.ref] = task
        return list(found.values())

    def refreshed(self, tasks: Iterable[Task]) -> Iterator[Event | None]:
        """Poll tasks; one that still runs when the time is up is `Finished` all the same.

        Without time to wait, a poll that fails in passing is `Failed` with the reason.
        """
        troubles: dict[str, FluxError] = {}
        for event in self.runner.collect(tasks):
            if isinstance(event, Trouble) and not self.runner.options.timeout:
                troubles[event.key] = event.error
            elif isinstance(event, Failed) and event.error.code is Code.TIMED_OUT and event.task:
                trouble = troubles.get(event.key)
                if trouble is not None:
                    named = trouble.about(task_id=event.task.task_id, ref=event.task.ref)
                    yield replace(event, error=named)
                elif self.runner.options.timeout:
                    yield event
                else:
                    yield Finished(key=event.key, task=event.task)
            else:
                yield event

    def usual_seconds(self, tasks: Sequence[Task]) -> float | None:
        """Return how long an image like the first of these usually takes."""
        return self.runner.usual_seconds(tasks[0].request) if tasks else None

    def settle(self, name: str, outcome: str) -> Task:
        """Record what became of a submission of unknown outcome.

        `outcome` is the id of the task that it made, or `not-charged`. An id is checked
        against the service's echo of the request, where there is one.

        Raises:
            FluxError: there is nothing to settle, or the id is another request's.
        """
        journal, service = self.runner.services.journal, self.runner.services.service
        outcome = _pasted(outcome)
        task = journal.find(name)
        is_id = len(outcome) >= PREFIX_LENGTH and outcome != NOT_CHARGED
        if task is not None and is_id and (task.task_id or "").startswith(outcome):
            # It was named before, and so joined with the submission.
            return task
        if task is None or task.state is not State.UNKNOWN:
            known = f"`{name}` is {task.state.value}" if task else f"no task `{name}` is known here"
            raise FluxError(
                Code.USAGE, f"there is nothing to settle: {known}", hint="fluxcli status --offline"
            )
        if outcome == NOT_CHARGED:
            return journal.refused(
                task.ref, FluxError(Code.REJECTED, "settled by hand: it was not charged")
            )
        taken = journal.find(outcome)
        taken = taken if taken is not None and taken.task_id == outcome else None
        if taken is not None and not journal.is_adopted(taken):
            raise FluxError(
                Code.USAGE,
                f"task `{outcome}` was made by submission `{taken.ref}`",
                hint=f"fluxcli status {taken.ref}",
            )
        record = service.read(outcome)
        if service.is_echo(record, task.request) is False:
            raise FluxError(
                Code.INVALID_REQUEST,
                f"task `{outcome}` was not made from this request: its echo differs",
                hint=f"find the right one {where_listed(journal.origin)}",
            )
        if taken is not None:
            return journal.merge(task.ref, taken)
        return journal.accepted(task.ref, outcome, wire=record.form, sandbox=service.is_sandbox)

    def _adopted(self, task_id: str) -> Task:
        """Record a task that the journal does not know, if the service does.

        It is the outcome of the one unknown submission with the same request; else it was made
        elsewhere.
        """
        services = self.runner.services
        record = services.service.read(task_id)
        unsettled = [
            task
            for task in services.journal.unsettled()
            if services.service.is_echo(record, task.request) is True
        ]
        if len(unsettled) == 1:
            return services.journal.accepted(
                unsettled[0].ref, task_id, wire=record.form, sandbox=services.service.is_sandbox
            )
        request = services.service.request_of(record)
        output = parse_target(None, cwd=self.cwd).stored()
        run = services.journal.open_run(f"{ADOPTED}{task_id}", new=True)
        try:
            return services.journal.adopt(
                run,
                task_id,
                request,
                output=output,
                wire=record.form,
                sandbox=services.service.is_sandbox,
            )
        finally:
            services.journal.release(run)


def _pasted(outcome: str) -> str:
    """Return an id, or `not-charged`, without the blanks, quotes and `@` that came with it."""
    plain = outcome.strip().strip("'\"`").strip().removeprefix("@")
    is_words = plain.lower().replace("_", "-").replace(" ", "-") == NOT_CHARGED
    return NOT_CHARGED if is_words else plain
