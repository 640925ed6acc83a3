"""A command's images, made or collected: runs are opened, resumed and closed here.

Yields what happens. A run is closed only after the caller has handled its last
event, so that a command killed before it printed the result resumes next time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.dataclass import dataclass
from fluxcli.errors import FluxError
from fluxcli.events import Event, Failed, Finished
from fluxcli.files.output_path import OutputTarget
from fluxcli.task_types import State
from fluxcli.tasks.download import is_at_its_place
from fluxcli.tasks.job import PictureJob
from fluxcli.tasks.poll_schedule import PollSchedule
from fluxcli.tasks.run_options import PictureRequest
from fluxcli.tasks.scheduler import Job, Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from fluxcli.journal.runs import Run
    from fluxcli.signals import Interrupts
    from fluxcli.task_types import Request, Task
    from fluxcli.tasks.run_options import RunOptions, TaskServices


@dataclass(frozen=True, slots=True)
class ListEntryJob:
    """One image of a list. `begin` opens its run and returns what is to be made.

    Or it returns the task that another process has saved meanwhile. It may raise `FluxError`.
    """

    key: str
    begin: Callable[[], tuple[Run, PictureRequest | Task]]


@dataclass(frozen=True, slots=True)
class TaskRunner:
    """Makes the images of a command. `fallback` is where an image without a file name is saved."""

    services: TaskServices
    options: RunOptions
    interrupts: Interrupts
    fallback: OutputTarget

    def produce(
        self, pictures: Sequence[PictureRequest], fingerprint: str, *, new: bool
    ) -> Iterator[Event | None]:
        """Submit images, or resume the unfinished run of the same command (`fingerprint`).

        Raises:
            FluxError: BUSY, JOURNAL or INTERRUPTED; what concerns one image is an event.
        """
        run = self.services.journal.open_run(fingerprint, new=new)
        yield from self.make(pictures, run)

    def make(self, pictures: Sequence[PictureRequest], run: Run) -> Iterator[Event | None]:
        """Make the images of a run that is open; close it if all are saved, and release it."""
        journal = self.services.journal
        try:
            jobs = (
                Job(
                    str(picture.n),
                    PictureJob(str(picture.n), self.services, self.options).make(picture, run),
                )
                for picture in pictures
            )
            saved = 0
            for event in self._carried_out(jobs):
                yield event
                saved += isinstance(event, Finished) and is_done(event.task)
            if saved == len(pictures):
                journal.close_run(run)
        finally:
            journal.release(run)

    def make_each(self, entries: Iterable[ListEntryJob]) -> Iterator[Event | None]:
        """Make images that each have a run of their own, opened when their turn comes.

        A run is released once the caller has handled its last event; closing is the caller's.
        """
        held: dict[str, Run] = {}
        try:
            for event in self._carried_out(self._each(entries, held)):
                yield event
                if isinstance(event, Finished | Failed) and event.key in held:
                    self.services.journal.release(held.pop(event.key))
        finally:
            for run in held.values():
                self.services.journal.release(run)

    def _each(self, entries: Iterable[ListEntryJob], held: dict[str, Run]) -> Iterator[Job]:
        for entry in entries:
            try:
                run, todo = entry.begin()
            except FluxError as error:
                yield Job(entry.key, iter([Failed(key=entry.key, error=error, task=None)]))
                continue
            held[entry.key] = run
            if isinstance(todo, PictureRequest):
                job = PictureJob(entry.key, self.services, self.options)
                yield Job(entry.key, job.make(todo, run))
            else:
                yield Job(entry.key, iter([Finished(key=entry.key, task=todo)]))

    def collect(
        self, tasks: Iterable[Task | None], target: OutputTarget | None = None
    ) -> Iterator[Event | None]:
        """Wait for tasks that exist, and save them: where each was meant to go, or to `target`.

        None among `tasks`: there is none at the moment; more may follow while any runs.
        What was meant for stdout lands in the working folder. A command whose image was saved to
        another place than its own is still unfinished, and gets it at no cost. Each is held while
        it is saved, so that no other process saves it too.
        """
        held: dict[str, Run] = {}
        try:
            for event in self._carried_out(self._collecting(tasks, target, held)):
                yield event
                if isinstance(event, Finished) and event.task.state is State.SAVED:
                    self.services.journal.close_if_complete(event.task, _is_answered)
        finally:
            for run in held.values():
                self.services.journal.release(run)

    def usual_seconds(self, request: Request) -> float:
        """Return how long an image like this usually takes, as far as is known here."""
        known = self.services.journal.durations(request.model, request.mode)
        return PollSchedule(request.model, known).usual

    def _collecting(
        self, tasks: Iterable[Task | None], target: OutputTarget | None, held: dict[str, Run]
    ) -> Iterator[Job | None]:
        journal = self.services.journal
        for seen in tasks:
            if seen is None:
                yield None
                continue
            task, key = seen, seen.task_id or seen.ref
            try:
                if self.options.save:
                    run = journal.claim(task, held)
                    held[run.name] = run
                    # Until it was held, another process may have saved it.
                    task = journal.get(task.ref)
            except FluxError as error:
                named = error.about(task_id=task.task_id, ref=task.ref)
                yield Job(key, iter([Failed(key=key, error=named, task=task)]))
            else:
                homeless = OutputTarget.restore(task.output).kind == "stdout"
                place = target or (self.fallback if homeless else None)
                yield Job(key, PictureJob(key, self.services, self.options).collect(task, place))

    def _carried_out(self, jobs: Iterable[Job | None]) -> Iterator[Event | None]:
        return Scheduler(self.services.clock, self.interrupts).run(jobs)


def is_done(task: Task) -> bool:
    """Return whether nothing is left to do for an image, even if its command does not wait."""
    return task.state is State.SAVED and _is_answered(task)


def _is_answered(task: Task) -> bool:
    """Return whether the command of a saved image needs no more: it lies at its fixed place.

    Where the name was left open, the image is the answer wherever it lies.
    """
    return OutputTarget.restore(task.output).kind != "file" or is_at_its_place(task)
