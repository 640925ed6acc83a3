"""`fluxcli generate --prompts`: the images of a prompt list, made in one run.

Each line has a run of its own in the journal, so that a rerun resumes or skips what an earlier
one has paid for, even if lines were added, removed or moved.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING

from fluxcli.commands.pictures import (
    check_agreed,
    chosen_metadata,
    keep_sidecar,
    note_stand_in,
    picture_runner,
    request_environment,
    result_reporter,
    selected,
    take_places_and_times,
)
from fluxcli.commands.slips import is_image
from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError
from fluxcli.events import Failed, Finished
from fluxcli.requests.inputs import RawRequest, read_text_file
from fluxcli.requests.prompt_batch import resolve_list
from fluxcli.requests.prompt_list import LIST_LIMIT, read_prompts
from fluxcli.task_types import Task
from fluxcli.tasks.task_runner import ListEntryJob, is_done

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from fluxcli.commands.picture_options import PictureOptions
    from fluxcli.context import Context
    from fluxcli.events import Event
    from fluxcli.journal.runs import Run, RunMark
    from fluxcli.requests.prompt_batch import ListedRequest
    from fluxcli.requests.prompt_list import ListEntry
    from fluxcli.requests.remaining import Remaining
    from fluxcli.tasks.run_options import PictureRequest


def make_list(
    context: Context, source: str, flags: PictureOptions, *, others: Mapping[str, object]
) -> None:
    """Make the images of the prompt list `source`, or show what would be made.

    `others` are the arguments that cannot be combined with a list, by their names.
    """
    clash = next((name for name, value in others.items() if value is not None), None)
    if clash is not None:
        raise FluxError(Code.USAGE, f"`--prompts` and `{clash}` contradict each other")
    context.records_nothing = flags.spend.dry_run
    given = {f"generate.{name}": value for name, value in flags.request.items()}
    context.configure(**given, max_credits=flags.spend.max_credits, preset=flags.preset)
    take_places_and_times(context, flags.place, flags.wait)
    batch = _Batch(context, flags, _resolved(context, _entries(context, source), flags))
    estimate = batch.estimate()
    if flags.spend.dry_run:
        from fluxcli.output.dry_run import show_list_plan

        rows = [
            (
                line.key,
                line.resolved.names()[0],
                line.resolved.first.request,
                batch.selections[line.key].unpaid,
            )
            for line in batch.lines
        ]
        show_list_plan(
            context.output,
            rows,
            estimate,
            unpaid=batch.unpaid,
            preset=context.settings.text("preset"),
            metadata=chosen_metadata(context),
        )
        return
    wanted = [line for line in batch.lines if batch.selections[line.key].wanted]
    # If everything is on the disk already, neither key nor network is needed.
    runner = picture_runner(context, flags) if wanted else None
    check_agreed(context, flags, estimate)
    reporter = result_reporter(context, flags.show, ids=flags.no_wait)
    made = batch.report_existing(reporter.finished)
    if made:
        images = "image is" if made == 1 else "images are"
        context.output.note(f"{made} {images} already made; --new makes others")
    if runner is None:
        return
    note_stand_in(context)
    context.status = reporter.follow(
        batch.named(runner.make_each(batch.jobs(wanted))),
        count=len(wanted),
        usual=runner.usual_seconds(wanted[0].resolved.first.request),
    )
    batch.close(wanted)


def _entries(context: Context, source: str) -> list[ListEntry]:
    """Read the list; a line that names an image file is refused, as a prompt argument is."""
    if source == "-":
        name, text = "stdin", context.output.read_stdin(LIST_LIMIT)
    else:
        name, text = source, read_text_file(context.cwd / source, "prompt list", LIST_LIMIT)
    entries = read_prompts(text, name)
    for entry in entries:
        if is_image(context.cwd, entry.prompt):
            message = f"the prompt `{entry.prompt}` is an image; nothing was sent"
            error = FluxError(Code.USAGE, message, hint=f"fluxcli edit {entry.prompt} PROMPT")
            raise error.at(entry.place)
    return entries


def _resolved(
    context: Context, entries: list[ListEntry], flags: PictureOptions
) -> list[ListedRequest]:
    shared = RawRequest(
        mode="generate",
        prompt=None,
        count=flags.spend.count,
        force=flags.place.force,
        skip_existing=flags.place.skip_existing,
    )
    return resolve_list(
        entries,
        shared,
        request_environment(context),
        new=flags.spend.new,
        of_file=context.journal.of_file,
    )


@dataclass(slots=True)
class _Batch:
    """The lines of a list, compared with what exists; their runs while they are made."""

    context: Context
    flags: PictureOptions
    lines: list[ListedRequest]
    selections: dict[str, Remaining] = field(init=False)
    marks: dict[str, RunMark] = field(init=False)
    runs: dict[str, Run] = field(default_factory=dict)
    saved: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        journal = self.context.journal
        self.marks = {line.key: journal.mark(line.resolved.fingerprint) for line in self.lines}
        self.selections = {}
        for line in self.lines:
            try:
                self.selections[line.key] = selected(self.context, line.resolved, self.flags)
            except FluxError as error:
                raise error.at(line.place) from error

    @property
    def unpaid(self) -> int:
        """How many images are to be paid for."""
        return sum(selection.unpaid for selection in self.selections.values())

    def estimate(self) -> int:
        """Return the estimated price of what is to be paid for, in credits."""
        return sum(line.resolved.credits(self.selections[line.key].unpaid) for line in self.lines)

    def report_existing(self, report: Callable[[Task], None]) -> int:
        """Report the images that need not be made; return how many belong to the list."""
        for line in self.lines:
            selection = self.selections[line.key]
            for task in selection.made:
                keep_sidecar(self.context, task)
            for task in (*selection.kept, *selection.made):
                report(task)
        return sum(len(selection.made) for selection in self.selections.values())

    def jobs(self, wanted: Iterable[ListedRequest]) -> Iterator[ListEntryJob]:
        """Yield the work on each line; its run is opened when its turn comes."""
        for line in wanted:
            yield ListEntryJob(line.key, lambda line=line: self._begun(line))  # type: ignore[misc]

    def named(self, events: Iterable[Event | None]) -> Iterator[Event | None]:
        """Pass events on; an error names the line that it is about."""
        places = {line.key: line.place for line in self.lines}
        for event in events:
            if isinstance(event, Failed):
                yield replace(event, error=event.error.at(places[event.key]))
                continue
            yield event
            if isinstance(event, Finished) and is_done(event.task):
                self.saved.add(event.key)

    def close(self, wanted: Iterable[ListedRequest]) -> None:
        """End the runs once every line is saved: until then, a rerun downloads for free."""
        if self.saved == {line.key for line in wanted}:
            for run in self.runs.values():
                self.context.journal.close_run(run)

    def _begun(self, line: ListedRequest) -> tuple[Run, PictureRequest | Task]:
        """Open the run of a line, and compare everything again, now that no other process has it.

        Raises:
            FluxError: BUSY; NO_CONSENT: it would now be paid for, which was not confirmed.
        """
        journal, new = self.context.journal, self.flags.spend.new
        run = journal.open_run(line.resolved.fingerprint, new=new, since=self.marks[line.key])
        try:
            selection = selected(self.context, line.resolved, self.flags, run)
            if selection.unpaid > self.selections[line.key].unpaid:
                raise FluxError(
                    Code.NO_CONSENT,
                    "the image is to be paid for again, since its task failed meanwhile; "
                    "nothing was sent",
                    hint="run the same command again",
                )
        except BaseException:
            if not run.tasks:
                journal.close_run(run)
            journal.release(run)
            raise
        self.runs[line.key] = run
        if selection.wanted:
            return run, selection.wanted[0]
        return run, (*selection.made, *selection.kept)[0]
