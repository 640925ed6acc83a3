"""`Output` prints everything that a run prints, and prompts for every answer.

The rules, kept in this file only:
- stdout is the answer and nothing else: never coloured, never wrapped, the same in a pipe.
- stderr is for people: notes, warnings, progress, errors, hints, questions.
- Text from outside (the service, prompts, file names) never acts on a terminal.
- Secrets are never printed, in any encoding.
- A closed stream or a reader that exits is not a failure.
- While the live display is shown, permanent lines are written above it.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, BinaryIO, TextIO

from fluxcli.errors import Code, FluxError, ProblemsError, reason_of
from fluxcli.output import prompts as questions
from fluxcli.output.redaction import Redactor
from fluxcli.output.stream import Stream, handle_of
from fluxcli.output.style import ColorMode, Marks, Style, in_ci, is_colored
from fluxcli.output.text import aligned, visible, with_flag
from fluxcli.prices_and_limits import CREDITS
from fluxcli.system.console import claim
from fluxcli.system.shell_syntax import END_OF_INPUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from fluxcli.clock import Clock
    from fluxcli.output.display import Display
    from fluxcli.output.progress_lines import Progress
    from fluxcli.system.terminal_query import TerminalQuery

_CHUNK = 64 * 1024


class Output:
    """Prints and prompts, by the rules at the top of this file.

    `stdin`, `stdout` and `stderr` may be None, as Python makes them when the shell has closed
    them. `json` makes records the answer; stderr stays as it is. `quiet` leaves errors only.
    `secrets` returns what must never be printed; it is called for every line, so it must be quick.
    `interrupted` returns whether a signal has arrived.
    """

    def __init__(
        self,
        *,
        stdin: TextIO | None,
        stdout: TextIO | None,
        stderr: TextIO | None,
        env: Mapping[str, str],
        clock: Clock,
        json: bool = False,
        quiet: bool = False,
        verbose: bool = False,
        color: ColorMode = "auto",
        no_input: bool = False,
        bell: bool = False,
        flag: str = "",
        secrets: Callable[[], Sequence[str]] = tuple,
        interrupted: Callable[[], bool] = lambda: False,
        prices: Callable[[], Mapping[str, float]] = lambda: CREDITS,
    ) -> None:
        redact = Redactor(secrets)
        self._stdin = stdin
        self._out = Stream(stdout, redact)
        self._err = Stream(stderr, redact)
        self._env = env
        self._clock = clock
        self.json = json
        self._quiet = quiet
        self._verbose = verbose
        self._no_input = no_input
        self._bell = bell
        self._flag = flag
        self._interrupted = interrupted
        self.prices = prices
        """Returns the credits for one image by model, for estimates."""
        colored = is_colored(terminal=self._err.draws, env=env, mode=color)
        self._style = Style(colored)
        terminal = self._out.draws
        self.stdout_style = Style(terminal and is_colored(terminal=terminal, env=env, mode=color))
        self.stdout_marks = Marks.choose(self._out.can_show)
        self._display: Display | None = None
        self._query: TerminalQuery | None = None

    @property
    def stdout_is_terminal(self) -> bool:
        """Whether the answer is read by a person rather than a program."""
        return self._out.is_terminal

    @property
    def stdout_is_open(self) -> bool:
        """Whether anyone can read the answer: stdout is not closed, and its reader not gone."""
        return self._out.is_open

    @property
    def stdout_columns(self) -> int | None:
        """The width of the terminal that stdout is; None if it is not a terminal."""
        return self._out.size(self._env)[0] if self._out.is_terminal else None

    def shown(self, text: str) -> str:
        """Return `text` as stdout can show it: control characters and secrets replaced."""
        return self._out.shown(text)

    @property
    def interactive(self) -> bool:
        """Whether a person can answer: a terminal on both sides, and no CI."""
        listening = self._stdin is not None and not self._stdin.closed and self._stdin.isatty()
        return listening and self._err.is_terminal and not self._no_input and not in_ci(self._env)

    # The answer, on stdout.

    def answer(self, text: str) -> None:
        """Write `text` and a line end; raw in a pipe, harmless on a terminal.

        When the reader is gone, nothing more is written and the work goes on: what is paid
        for is saved all the same.

        Raises:
            FluxError: STDOUT_UNWRITABLE, for any other failure (so with all that answers).
        """
        if self._out.is_terminal:
            text = visible(text, keep="\n\t")
        with self._answering():
            self._out.write(text + "\n")

    def answer_styled(self, lines: Sequence[str]) -> None:
        """Write lines whose outside text went through `shown` and that may hold colours."""
        with self._answering():
            self._out.write("".join(line + "\n" for line in lines))

    def answer_path(self, path: str | os.PathLike[str]) -> None:
        """Write a path and a line end: its own bytes in a pipe, harmless on a terminal."""
        text = os.fspath(path)
        if self._out.is_terminal:
            self.answer(visible(text))
            return
        with self._answering():
            self._out.write_path(text)

    def check_bytes(self) -> None:
        """Check that an image can be written to stdout; call this before anything is spent.

        Raises:
            FluxError: BINARY_TO_TERMINAL, or OUTPUT_UNWRITABLE if stdout is closed.
        """
        if self._out.is_terminal:
            raise FluxError(
                Code.BINARY_TO_TERMINAL,
                "image bytes cannot be shown on a terminal",
                hint="name a file with `-o image.jpg`, or send the bytes on: `-o - | …`",
            )
        if not self._out.is_open:
            raise FluxError(
                Code.OUTPUT_UNWRITABLE,
                "stdout is closed, so the image cannot be written to it",
                hint="name a file with `-o image.jpg`",
            )

    def answer_bytes(self, file: BinaryIO) -> None:
        """Copy the rest of `file`, a complete image, to stdout.

        Raises:
            FluxError: as `check_bytes`; DISK if the bytes cannot be written, or the reader is gone.
        """
        self.check_bytes()
        with self._answering(Code.DISK):
            while chunk := file.read(_CHUNK):
                self._out.write_bytes(chunk)

    def record(self, record: Mapping[str, object]) -> None:
        """Write one object as one line of JSON."""
        from fluxcli.output import json_records as records

        with self._answering():
            self._out.write(records.line(record) + "\n")

    def table(self, rows: Sequence[Sequence[str]], columns: Sequence[str]) -> None:
        """Write aligned text under a line of headings; nothing is wrapped or cut.

        Cells are escaped in a pipe too: a line end within one would break the table.
        """
        with self._answering():
            for line in aligned([[visible(cell) for cell in row] for row in (columns, *rows)]):
                self._out.write(line + "\n")

    # Text for people, on stderr.

    def note(self, text: str) -> None:
        """Print one line; `-q` hides it."""
        if not self._quiet:
            self._print(visible(text))

    def workflow_command(self, text: str) -> None:
        """Print one line for a CI system on stderr; `-q` does not hide it."""
        self._print(visible(text))

    def detail(self, text: str) -> None:
        """Print one line, with `-v` only."""
        if self._verbose and not self._quiet:
            self._print(self._style(visible(text), "dim"))

    def trace(self, text: str) -> None:
        """Print one line of the HTTP trace that `--debug` enables, even with `-q` or `--json`."""
        self._print(self._style("debug: " + visible(text), "dim"))

    def warn(self, text: str, *, always: bool = False) -> None:
        """Print `warning: …`; `-q` hides it, unless it is about money or a wrong format."""
        if always or not self._quiet:
            self._print(self._style("warning:", "yellow") + " " + visible(text))

    def command(self, text: str) -> str:
        """Return `text` with the flag in its commands that this run needed and they need, too."""
        return with_flag(text, self._flag) if self._flag else text

    def hint(self, text: str) -> None:
        """Print `hint: …`, the next command; `-q` hides it."""
        if not self._quiet:
            self._hint(self.command(text))

    def error(self, error: FluxError, *, key: str | None = None) -> None:
        """Print an error and its hint; with `--json`, also as a record on stdout.

        `key` names which of several images it is about. Several problems are printed one by one,
        but make one record: the first one's code and hint, and all the messages, so that a
        script reads exactly one object a failure.
        """
        self.problem(error, key=key)
        if self.json:
            from fluxcli.output import json_records as records

            self.record(records.error_record(error, self._next(error)))

    def problem(self, error: FluxError, *, key: str | None = None) -> None:
        """Print an error and its hint on stderr only."""
        for problem in error.errors if isinstance(error, ProblemsError) else [error]:
            text = f"{key}: {problem.message}" if key else problem.message
            self._print(self._style("error:", "red") + " " + visible(text))
            if hint := self._next(problem):
                self._hint(hint)

    def _next(self, error: FluxError) -> str | None:
        """Return the hint of an error, as it can be pasted."""
        return error.hint if error.hint is None or error.other_service else self.command(error.hint)

    def progress(
        self, count: int | None, usual_seconds: float | None, *, brief: bool = False
    ) -> Progress:
        """Return what shows a run of `count` images (None: not known) on its way.

        `usual_seconds` is how long one usually takes. On stderr, it is a live display, plain lines
        where that cannot be drawn, or with `-q` warnings. `brief`: nothing that stays.
        """
        from fluxcli.output.progress_lines import Lines, Progress, ProgressRun, WarningsOnly

        if not self._err.is_open:
            return Progress()
        run = ProgressRun(
            count=count,
            usual=usual_seconds,
            clock=self._clock,
            print_line=self._print,
            style=self._style,
            brief=brief,
            interrupted=self._interrupted,
        )
        if self._quiet or (brief and not self._is_live):
            return WarningsOnly(run)
        release = claim(self._err.handle, handle_of(self._stdin)) if self._is_live else None
        if release is None:
            return Lines(run)
        from fluxcli.output.progress_live import on_terminal

        live = on_terminal(run, self._err, self._env, release)
        self._display = live.display
        return live

    def ring(self) -> None:
        """Ring the bell of the terminal behind stderr, if the user wants that."""
        with contextlib.suppress(OSError):
            self._err.write("\a" if self._bell and self._err.is_terminal else "")

    def preview(self, path: Path) -> None:
        """Show a saved image in the terminal behind stderr; a note, if it cannot or is none."""
        from fluxcli.output import preview
        from fluxcli.system.terminal_query import TerminalQuery

        if not self._err.is_terminal:
            self.note("`--preview` needs a terminal")
            return
        self._query = self._query or TerminalQuery(self._err.handle, self._clock.monotonic)
        with self._cleared(), contextlib.suppress(OSError):
            try:
                canvas = preview.canvas(self._err, self._env, self._query, self._style)
                self._err.write_bytes(preview.draw(path, self._env, canvas))
            except preview.UnshowableError as error:
                self.note(f"no preview: {error}")
                self.hint("`--open` shows the image in the system's viewer")

    # Prompts, printed on stderr and answered on stdin.

    def confirm(self, question: str) -> bool | None:
        """Prompt for yes or no, no being the default. None: there is no terminal to prompt on."""
        if self._stdin is None or not self.interactive:
            return None
        with self._cleared():
            self._err.write(f"{visible(question)} [y/N] ")
            agreed = questions.yes_or_no(self._stdin)
            if agreed is None:
                self._err.write("\n")
        return bool(agreed)

    def ask_secret(self, question: str) -> str:
        """Prompt for a line that is not shown while it is typed; blanks around it are dropped.

        Raises:
            FluxError: USAGE, if there is no terminal to prompt on or the answer is empty.
        """
        if self._stdin is None or not self.interactive:
            raise FluxError(Code.USAGE, f"no terminal to prompt on: {question}")
        with self._cleared():
            try:
                return questions.secret(self._stdin, self._err.write, visible(question))
            finally:
                self._err.write("\n")

    def read_stdin(self, limit: int) -> str:
        """Read all of stdin, at most `limit` bytes, as UTF-8 text.

        Raises:
            FluxError: INPUT_UNREADABLE, if it is closed, broken, too long or not text.
        """
        self._invite()
        return questions.read_text(self._stdin, limit)

    def read_stdin_bytes(self, limit: int) -> bytes:
        """Read all of stdin, at most `limit` bytes.

        Raises:
            FluxError: INPUT_UNREADABLE, if it is closed, broken or too long.
        """
        self._invite()
        return questions.read_bytes(self._stdin, limit)

    def restore_terminal(self) -> None:
        """Clear the live display at once, in a signal handler: the process is ending."""
        for shown in (self._query, self._display):
            if shown is not None:
                shown.restore()

    def _cleared(self, *, redraw: bool = True) -> AbstractContextManager[None]:
        """Clear the display, if there is one, while something else writes to the terminal."""
        shown = self._display
        return contextlib.nullcontext() if shown is None else shown.cleared(redraw=redraw)

    def _hint(self, text: str) -> None:
        self._print(self._style("hint:", "cyan") + " " + visible(text))

    def _invite(self) -> None:
        if self.interactive:
            self.note(f"reading from the terminal: end with {END_OF_INPUT}")

    @property
    def _is_live(self) -> bool:
        return (
            self._err.draws
            and self._env.get("TERM") not in {"dumb", "unknown"}
            and not in_ci(self._env)
        )

    def _size(self) -> tuple[int, int]:
        return self._err.size(self._env)

    def _print(self, line: str) -> None:
        """Write one finished line for people. A stream that cannot be written is not a failure."""
        if self._display is not None:
            self._display.print_above(line)
        else:
            with contextlib.suppress(OSError):
                self._err.write(line + "\n")

    @contextlib.contextmanager
    def _answering(self, code: Code = Code.STDOUT_UNWRITABLE) -> Iterator[None]:
        """Give the terminal to stdout, or to a pipe's reader; translate what can go wrong."""
        terminal = self._out.is_terminal
        shared = terminal or self._out.is_pipe
        with self._cleared(redraw=terminal) if shared else contextlib.nullcontext():
            try:
                yield
            except BrokenPipeError as error:
                self._out.abandon()
                if code is Code.DISK:
                    message = "the reader of stdout closed it before the whole image was written"
                    raise FluxError(code, message, hint="fluxcli download --unsaved") from error
            except OSError as error:
                message = f"cannot write to stdout: {reason_of(error)}"
                raise FluxError(code, message) from error
