"""What goes to stdout and stderr, and what happens when a stream fails."""

from __future__ import annotations

import errno
import io
import json
import os
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from fluxcli.errors import Code, FluxError, ProblemsError, Status
from fluxcli.output.stream import Stream
from fluxcli.output.style import is_colored

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.output.conftest import OutputHarness
    from tests.worlds import World

KEY = "0123456789abcdef0123456789abcdef"


class Unwritable(io.StringIO):
    """A stream whose every write fails."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def write(self, text: str, /) -> NoReturn:  # noqa: ARG002 - the shape of a stream
        raise OSError(self.number, os.strerror(self.number))


# Answers.


def test_an_answer_is_unchanged_in_a_pipe_and_escaped_on_a_terminal(
    new_output: Callable[..., OutputHarness],
) -> None:
    pipe, terminal = new_output(), new_output(terminal=True)
    for one in (pipe, terminal):
        one.output.answer("a\x1b[2J\nb")
    assert pipe.out == "a\x1b[2J\nb\n"
    assert terminal.out == "a\\x1b[2J\nb\n"


def test_a_long_answer_is_never_wrapped_nor_coloured(
    new_output: Callable[..., OutputHarness],
) -> None:
    one = new_output(color="always", columns=40)
    one.output.answer("x" * 500)
    assert one.out == "x" * 500 + "\n"


def test_a_path_in_a_pipe_keeps_its_bytes(new_output: Callable[..., OutputHarness]) -> None:
    """Also where it is not UTF-8, or has a line end."""
    one = new_output(encoding="ascii")
    one.output.answer_path(os.fsdecode(b"caf\xe9\n\xe7\x81\xaf.png"))
    assert one.stdout.memory.getvalue() == b"caf\xe9\n\xe7\x81\xaf.png\n"


def test_a_path_on_a_terminal_is_escaped(new_output: Callable[..., OutputHarness]) -> None:
    one = new_output(terminal=True)
    one.output.answer_path("a\x1b[2J\n[/].png")
    assert one.out == "a\\x1b[2J\\n[/].png\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_characters_that_the_encoding_lacks_are_escaped(
    new_output: Callable[..., OutputHarness], encoding: str
) -> None:
    one = new_output(encoding=encoding)
    one.output.answer("灯\ud800")
    one.output.note("灯")
    assert (one.out, one.err) == ("\\u706f\\ud800\n", "\\u706f\n")


def test_a_record_is_printed_as_one_line(new_output: Callable[..., OutputHarness]) -> None:
    one = new_output(encoding="ascii")
    one.output.record({"prompt": "灯\n台"})
    assert one.out == '{"prompt": "\\u706f\\n\\u53f0"}\n'


def test_streams_without_a_buffer_can_be_written(new_output: Callable[..., OutputHarness]) -> None:
    stdout, stderr = io.StringIO(), io.StringIO()
    output = new_output(stdout=stdout, stderr=stderr).output
    output.answer("灯")
    output.warn("dim")
    assert (stdout.getvalue(), stderr.getvalue()) == ("灯\n", "warning: dim\n")


def test_image_bytes_are_written_unchanged(new_output: Callable[..., OutputHarness]) -> None:
    """They are not redacted either: the image would be damaged."""
    data = KEY.encode() + bytes(range(256)) * 600
    one = new_output(secrets=lambda: [KEY])
    one.output.answer_bytes(io.BytesIO(data))
    assert one.stdout.memory.getvalue() == data


def test_image_bytes_are_refused_on_a_terminal(new_output: Callable[..., OutputHarness]) -> None:
    one = new_output(terminal=True)
    assert one.output.stdout_is_terminal
    with pytest.raises(FluxError) as caught:
        one.output.answer_bytes(io.BytesIO(b"\x89PNG"))
    assert caught.value.code is Code.BINARY_TO_TERMINAL
    assert caught.value.hint
    assert one.out == ""


def test_image_bytes_are_refused_if_stdout_is_closed(
    new_output: Callable[..., OutputHarness],
) -> None:
    with pytest.raises(FluxError) as caught:
        new_output(stdout=None).output.check_bytes()
    assert caught.value.code is Code.OUTPUT_UNWRITABLE


def test_a_table_is_aligned_by_the_width_of_its_characters(
    new_output: Callable[..., OutputHarness],
) -> None:
    """On a terminal as in a pipe, and no cell breaks the line."""
    rows = [["e730", "灯台", "saved"], ["k7", "a\nb " + "x" * 60, ""]]
    tables = [new_output(terminal=terminal, columns=20) for terminal in (False, True)]
    for one in tables:
        one.output.table(rows, ["task", "prompt", "state"])
    assert tables[0].out == tables[1].out
    assert tables[0].out.splitlines() == [
        "task  prompt" + " " * 59 + "  state",
        "e730  灯台" + " " * 61 + "  saved",
        "k7    a\\nb " + "x" * 60,
    ]


# Messages.


def test_messages_go_to_stderr_only(new_output: Callable[..., OutputHarness]) -> None:
    one = new_output(verbose=True)
    one.output.note("saved [/] \x1b[31m")
    one.output.detail("asked twice")
    one.output.warn("late")
    one.output.hint("fluxcli status")
    one.output.trace("GET /")
    assert one.out == ""
    assert one.err.splitlines() == [
        "saved [/] \\x1b[31m",
        "asked twice",
        "warning: late",
        "hint: fluxcli status",
        "debug: GET /",
    ]


def test_quiet_prints_errors_only(new_output: Callable[..., OutputHarness]) -> None:
    """Also with `--verbose`; an error keeps its hint."""
    one = new_output(quiet=True, verbose=True)
    for method in (one.output.note, one.output.detail, one.output.warn, one.output.hint):
        method("hidden")
    one.output.error(FluxError(Code.USAGE, "no prompt", hint="fluxcli generate PROMPT"))
    assert one.err == "error: no prompt\nhint: fluxcli generate PROMPT\n"


def test_details_are_not_printed_without_verbose(new_output: Callable[..., OutputHarness]) -> None:
    one = new_output()
    one.output.detail("hidden")
    assert one.err == ""


def test_an_error_names_its_image(new_output: Callable[..., OutputHarness]) -> None:
    one = new_output()
    one.output.error(FluxError(Code.MODERATED, "refused"), key="hero")
    assert one.err == "error: hero: refused\n"


def test_with_json_an_error_is_also_a_record(new_output: Callable[..., OutputHarness]) -> None:
    one = new_output(json=True)
    one.output.error(FluxError(Code.NETWORK, "no route", ref="k7"))
    assert one.err == "error: no route\n"
    assert json.loads(one.out) == {
        "error": {
            "code": "network",
            "message": "no route",
            "hint": None,
            "retryable": True,
            "task_id": None,
            "ref": "k7",
        }
    }


def test_several_problems_are_printed_one_by_one_and_are_one_record(
    new_output: Callable[..., OutputHarness],
) -> None:
    one = new_output(json=True)
    problems = [FluxError(Code.USAGE, "a", hint="b"), FluxError(Code.DISK, "c")]
    one.output.error(ProblemsError(problems))
    assert one.err == "error: a\nhint: b\nerror: c\n"
    record = json.loads(one.out)["error"]
    assert (record["code"], record["message"], record["hint"]) == ("usage", "a; c", "b")


def test_labels_are_coloured_on_a_terminal(new_output: Callable[..., OutputHarness]) -> None:
    one = new_output(terminal=True)
    one.output.error(FluxError(Code.USAGE, "no prompt", hint="try"))
    assert one.err == "\x1b[1;31merror:\x1b[0m no prompt\n\x1b[36mhint:\x1b[0m try\n"


@pytest.mark.parametrize(
    ("terminal", "env", "mode", "expected"),
    [
        (True, {}, "auto", True),
        (False, {}, "auto", False),
        (True, {"NO_COLOR": "1"}, "auto", False),
        (True, {"NO_COLOR": ""}, "auto", True),
        (False, {"FORCE_COLOR": "1"}, "auto", True),
        (False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, "auto", False),
        (True, {"TERM": "dumb"}, "auto", False),
        (False, {"NO_COLOR": "1", "TERM": "dumb"}, "always", True),
        (True, {"FORCE_COLOR": "1"}, "never", False),
    ],
)
def test_colour_follows_flag_environment_and_terminal(
    terminal: bool,  # noqa: FBT001 - a column of the table
    env: dict[str, str],
    mode: Any,
    expected: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert is_colored(terminal=terminal, env=env, mode=mode) is expected


def test_the_key_appears_in_no_output_and_no_file(new_output: Callable[..., OutputHarness]) -> None:
    one = new_output(secrets=lambda: [KEY], json=True, verbose=True)
    one.output.answer(KEY)
    one.output.answer_path(f"/x/{KEY}.png")
    one.output.record({"url": f"https://h/?k={KEY}"})
    one.output.table([[KEY]], ["key"])
    one.output.trace(f"Authorization: Bearer {KEY}")
    one.output.error(FluxError(Code.INTERNAL, f"bad {KEY}", hint=KEY))
    assert KEY not in one.out + one.err
    assert one.out.count("***") == 6


# Streams that are closed or fail.


def test_closed_streams_are_not_an_error(new_output: Callable[..., OutputHarness]) -> None:
    """A shell may close them: `>&- 2>&-`."""
    output = new_output(stdin=None, stdout=None, stderr=None, json=True).output
    output.answer("a")
    output.answer_path("b")
    output.table([], ["c"])
    output.error(FluxError(Code.USAGE, "d"))
    assert not output.interactive
    assert not output.stdout_is_terminal
    with output.progress(1, None) as progress:
        progress.tick()


def test_a_stream_closed_during_the_run_is_not_an_error(
    new_output: Callable[..., OutputHarness],
) -> None:
    one = new_output(terminal=True)
    one.stdout.close()
    one.stderr.close()
    one.output.answer("a")
    one.output.note("b")
    assert not one.output.stdout_is_terminal


def test_nothing_is_written_after_the_reader_has_exited(
    new_output: Callable[..., OutputHarness],
) -> None:
    """`| head -1` must not end a run that is paid for."""
    one = new_output(stdout=Unwritable(errno.EPIPE))
    one.output.answer("a")
    one.output.answer("b")
    assert one.err == ""


def test_an_image_whose_reader_has_exited_is_unsaved(
    new_output: Callable[..., OutputHarness],
) -> None:
    output = new_output(stdout=Unwritable(errno.EPIPE)).output
    with pytest.raises(FluxError, match="before the whole image was written") as caught:
        output.answer_bytes(io.BytesIO(b"data"))
    assert caught.value.status == Status.UNSAVED


@pytest.mark.parametrize("picture", [False, True])
def test_a_full_disk_behind_stdout_is_an_error(
    new_output: Callable[..., OutputHarness],
    picture: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Status 6 if it was to hold the image, else 1."""
    output = new_output(stdout=Unwritable(errno.ENOSPC)).output
    answer = output.answer_bytes if picture else output.answer_path
    with pytest.raises(FluxError, match="cannot write to stdout: no space left") as caught:
        answer(io.BytesIO(b"data") if picture else "a")  # type: ignore[arg-type] # each its own
    assert caught.value.status == (Status.UNSAVED if picture else Status.FAILURE)


def test_a_stderr_that_fails_is_not_an_error(new_output: Callable[..., OutputHarness]) -> None:
    """A paid task must not be lost because stderr has no reader."""
    output = new_output(stderr=Unwritable(errno.EPIPE)).output
    output.note("a")
    output.error(FluxError(Code.USAGE, "b"))


def test_an_abandoned_pipe_causes_no_error_at_exit() -> None:
    """The interpreter flushes its streams once more."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    channel = Stream(stream, str)
    with pytest.raises(BrokenPipeError):
        channel.write("a")
    channel.abandon()
    assert not channel.is_open
    stream.close()


class TestBell:
    @pytest.mark.parametrize("terminal", [True, False])
    @pytest.mark.parametrize("wanted", [True, False])
    def test_the_bell_rings_at_the_end_on_a_terminal_if_it_is_set(
        self, world: World, *, wanted: bool, terminal: bool
    ) -> None:
        env = {"FLUXCLI_SANDBOX": "1", "FLUXCLI_BELL": "true" if wanted else ""}
        ran = world.run("generate", "a fox", "-o", "x.png", env=env, terminal=terminal)
        assert ran.status == 0
        assert ran.err.count("\a") == (1 if wanted and terminal else 0)
        assert b"\a" not in ran.out
