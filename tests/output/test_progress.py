"""Progress: as plain lines, and as a live display on a simulated terminal."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from fluxcli import events
from fluxcli.errors import Code, FluxError
from fluxcli.output.text import cells
from fluxcli.task_types import State
from tests.output.conftest import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fluxcli.events import Event
    from fluxcli.output.progress_lines import Progress
    from fluxcli.task_types import Request, Task
    from tests.output.conftest import OutputHarness

ID = "e730dcfe4e5d59332daf52c08a960085"
NETWORK = FluxError(Code.NETWORK, "the service cannot be reached")
WIDE = "灯台の夜明け、フラットなベクター、二色、白い背景に描かれた"
MARKUP = "[/] [bold]markup[/bold] \x1b[2J\n🎉"


@pytest.fixture
def started(request_for: Callable[..., Request]) -> Callable[..., Event]:
    def make(key: str = "1", prompt: str = "a lighthouse at dawn") -> Event:
        return events.Started(key=key, ref="k7", request=request_for(prompt))

    return make


@pytest.fixture
def all_events(
    started: Callable[..., Event], task_for: Callable[..., Task]
) -> Callable[..., Iterator[tuple[Event, float]]]:
    """Every event of one image, and the seconds that pass after each."""

    def make(key: str = "1", prompt: str = "a lighthouse") -> Iterator[tuple[Event, float]]:
        yield started(key, prompt), 0
        yield events.Uploading(key=key, name="in\x1b.png", bytes=1_200_000), 1
        yield events.Uploaded(key=key, reused=False), 0
        yield events.Held(key=key, seconds=4.0), 4
        yield events.Submitting(key=key), 1
        yield events.Accepted(key=key, ref="k7", task_id=ID), 2
        yield events.Trouble(key=key, error=NETWORK, seconds=5), 5
        yield events.Warned(key=key, message="the ratio was not kept"), 5
        yield events.Succeeded(key=key, seconds=8), 0
        yield events.Downloading(key=key), 1
        yield events.Finished(key=key, task=task_for()), 0

    return make


class WatchedStream(Stream):
    """A stream that calls `look` after each write, and keeps what it returned in `seen`."""

    look: Callable[[], Any]
    seen: Any = None

    def flush(self) -> None:
        super().flush()
        if self.text:
            self.seen = self.look()


def report(
    one: OutputHarness, progress: Progress, timed_events: Iterator[tuple[Event, float]]
) -> None:
    for event, seconds in timed_events:
        progress.see(event)
        one.clock.sleep(seconds)
        progress.tick()


# Plain lines.


def test_one_image_is_reported_in_plain_lines(
    new_output: Callable[..., OutputHarness],
    all_events: Callable[..., Iterator[tuple[Event, float]]],
) -> None:
    one = new_output()
    with one.output.progress(1, 12.0) as progress:
        report(one, progress, all_events())
    assert one.out == ""
    assert one.err.splitlines() == [
        "uploading in\\x1b.png (1.2 MB)",
        "waiting for a slot: the account's limit is reached for 4 s",
        "submitting",
        f"task {ID} accepted",
        "the service cannot be reached; trying again in 5 s",
        "warning: the ratio was not kept",
        "downloading",
        "saved after 19 s",
    ]


def test_lines_about_several_images_name_the_image(
    new_output: Callable[..., OutputHarness],
    started: Callable[..., Event],
    task_for: Callable[..., Task],
) -> None:
    one = new_output()
    with one.output.progress(3, 12.0) as progress:
        for key in ("1", "2", "hero"):
            progress.see(started(key))
        progress.see(events.Accepted(key="hero", ref="k7", task_id=ID))
        progress.see(events.Failed(key="2", error=NETWORK, task=None))
        one.output.error(NETWORK, key="2")
        progress.see(events.Finished(key="hero", task=task_for()))
    assert one.err.splitlines() == [
        f"hero: task {ID} accepted",
        "error: 2: the service cannot be reached",
        "hero: saved after 0 s",
        "1 of 3 saved, 1 failed, in 0 s",
    ]


def test_a_progress_line_comes_after_half_a_minute_without_one(
    new_output: Callable[..., OutputHarness], started: Callable[..., Event]
) -> None:
    """It counts the images of the run by what they wait for."""
    one = new_output()
    with one.output.progress(3, None) as progress:
        progress.tick()
        for key in ("1", "2", "3"):
            progress.see(started(key))
        one.clock.sleep(20)
        progress.see(events.Accepted(key="1", ref="k7", task_id=ID))
        progress.see(events.Held(key="2", seconds=5))
        for _ in range(80):
            one.clock.sleep(1)
            progress.tick()
    assert one.err.splitlines()[2:] == [
        "still working after 50 s: 0 of 3 saved, 1 generating, 1 waiting for a slot",
        "still working after 1 m 20 s: 0 of 3 saved, 1 generating, 1 waiting for a slot",
        "0 of 3 saved, 1 still running (already paid), in 1 m 40 s",
    ]


@pytest.mark.parametrize(("begun", "standing"), [(False, "preparing"), (True, "generating")])
def test_the_progress_line_of_one_image_names_its_stage(
    new_output: Callable[..., OutputHarness],
    task_for: Callable[..., Task],
    begun: bool,  # noqa: FBT001 - a column of the table
    standing: str,
) -> None:
    one = new_output()
    with one.output.progress(1, None) as progress:
        if begun:
            progress.see(events.Resumed(key="1", task=task_for(State.RUNNING)))
        one.clock.sleep(31)
        progress.tick()
    assert one.err.splitlines()[-1] == f"still working after 31 s: {standing}"


def test_the_same_trouble_is_reported_once_in_half_a_minute(
    new_output: Callable[..., OutputHarness],
) -> None:
    """An outage affects every image at every poll."""
    one = new_output()
    with one.output.progress(2, None) as progress:
        for _ in range(2):
            for key in ("1", "2"):
                progress.see(events.Trouble(key=key, error=NETWORK, seconds=2.5))
            one.clock.sleep(40)
    assert one.err.count("the service cannot be reached; trying again in 3 s") == 2


@pytest.mark.parametrize(
    ("state", "task_id", "words"),
    [
        (State.RUNNING, ID, f"resuming task {ID}; no extra charge"),
        (State.SUCCEEDED, ID, f"resuming task {ID}; no extra charge\ndownloading"),
        (State.SENDING, None, "resuming task k7; no extra charge"),
    ],
)
def test_a_resumed_task_is_named(
    new_output: Callable[..., OutputHarness],
    task_for: Callable[..., Task],
    state: State,
    task_id: str | None,
    words: str,
) -> None:
    """By its id, or by its ref while it has none."""
    one = new_output()
    one.output.progress(1, None).see(events.Resumed(key="1", task=task_for(state, task_id=task_id)))
    assert one.err == words + "\n"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State.RUNNING, ""),
        (State.SUCCEEDED, "ready"),
        (State.SAVED, "saved after 0 s"),
        (State.UNKNOWN, ""),
    ],
)
def test_the_last_line_of_an_image_depends_on_its_state(
    new_output: Callable[..., OutputHarness],
    task_for: Callable[..., Task],
    state: State,
    words: str,
) -> None:
    one = new_output()
    one.output.progress(1, None).see(events.Finished(key="1", task=task_for(state)))
    assert one.err.strip() == words


@pytest.mark.parametrize("terminal", [False, True])
def test_quiet_shows_warnings_only(
    new_output: Callable[..., OutputHarness],
    all_events: Callable[..., Iterator[tuple[Event, float]]],
    terminal: bool,  # noqa: FBT001 - a column of the table
) -> None:
    one = new_output(terminal=terminal, quiet=True)
    with one.output.progress(1, 12.0) as progress:
        report(one, progress, all_events())
    assert one.err.endswith("the ratio was not kept\n")
    assert one.err.count("\n") == 1


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"TERM": "unknown"}, {"CI": "true"}])
def test_dumb_terminals_and_ci_get_plain_lines(
    new_output: Callable[..., OutputHarness],
    all_events: Callable[..., Iterator[tuple[Event, float]]],
    env: dict[str, str],
) -> None:
    one = new_output(terminal=True, env=env, color="never")
    with one.output.progress(1, 12.0) as progress:
        report(one, progress, all_events())
    assert "\x1b" not in one.err
    assert f"task {ID} accepted\n" in one.err


# The live display.


def test_the_row_of_an_image_has_stage_time_and_usual_time(
    new_output: Callable[..., OutputHarness], started: Callable[..., Event]
) -> None:
    """Each stage from the start to the download."""
    one = new_output(terminal=True)

    def row(event: Event, seconds: float = 1) -> str:
        progress.see(event)
        one.clock.sleep(seconds)
        progress.tick()
        return one.shown()[-1]

    with one.output.progress(1, 12.0) as progress:
        label = "a lighthouse at dawn                   "
        assert row(started()) == f"· {label}preparing           1 s"
        event: Event = events.Uploading(key="1", name="in.png", bytes=5)
        assert row(event, 3) == f"● {label}uploading           3 s"
        event = events.Held(key="1", seconds=9)
        assert row(event) == f"· {label}waiting for a slot  in 8 s"
        assert row(events.Submitting(key="1"), 9) == f"● {label}submitting          9 s"
        event = events.Accepted(key="1", ref="k7", task_id=ID)
        assert row(event, 8) == f"● {label}generating          8 s of about 12 s"
        event = events.Trouble(key="1", error=NETWORK, seconds=5)
        assert row(event) == f"● {label}generating          again in 4 s"
        assert row(events.Downloading(key="2"), 8).startswith("0 of 2 saved · ")


def test_a_row_reports_that_it_takes_longer_than_usual(
    new_output: Callable[..., OutputHarness], task_for: Callable[..., Task]
) -> None:
    """The time of a resumed task counts from its submission."""
    one = new_output(terminal=True)
    task = task_for(State.RUNNING, accepted_at=one.clock.wall() - 34)
    with one.output.progress(1, 12.0) as progress:
        progress.see(events.Resumed(key="1", task=task))
        assert one.shown()[0] == f"resuming task {ID}; no extra charge"
        assert one.shown()[1].endswith("generating          34 s, usually 12 s")


def test_the_display_is_replaced_by_a_summary(
    new_output: Callable[..., OutputHarness],
    all_events: Callable[..., Iterator[tuple[Event, float]]],
) -> None:
    one = new_output(terminal=True)
    with one.output.progress(1, 12.0) as progress:
        report(one, progress, all_events())
        assert one.screen().cursor.hidden
        assert one.shown()[-1].startswith("● a lighthouse")
    assert not one.screen().cursor.hidden
    assert one.shown() == [
        f"task {ID} accepted",
        "the service cannot be reached; trying again in 5 s",
        "warning: the ratio was not kept",
        "✓ saved in 19 s",
    ]


@pytest.mark.parametrize("trouble", [KeyboardInterrupt, SystemExit, ValueError])
def test_the_cursor_is_shown_again_after_an_exception(
    new_output: Callable[..., OutputHarness],
    started: Callable[..., Event],
    trouble: type[BaseException],
) -> None:
    one = new_output(terminal=True)

    def break_off() -> None:
        with one.output.progress(2, 12.0) as progress:
            progress.see(started())
            raise trouble

    with pytest.raises(trouble):
        break_off()
    assert not one.screen().cursor.hidden
    assert one.shown() == ["· 0 of 2 saved, in 0 s"]


def report_a_hundred(
    one: OutputHarness,
    progress: Progress,
    started: Callable[..., Event],
    task_for: Callable[..., Task],
) -> None:
    """Report the events of a hundred images in all stages."""
    prompts = [WIDE, MARKUP, "a lighthouse at dawn, flat vector, two colours", "❤\ufe0f x"]
    for number in range(1, 101):
        progress.see(started(str(number), prompts[number % 4]))
    for number in range(31, 101):
        progress.see(events.Held(key=str(number), seconds=30))
    for number in range(1, 31):
        progress.see(
            events.Accepted(key=str(number), ref="k7", task_id=f"fluxkontext_{number:032}")
        )
    for number in range(1, 11):
        progress.see(events.Finished(key=str(number), task=task_for()))
    progress.see(events.Failed(key="11", error=NETWORK, task=None))
    one.clock.sleep(3)
    progress.tick()


@pytest.mark.parametrize("looks", list(product(["always", "never"], ["utf-8", "ascii"])))
@pytest.mark.parametrize("size", [(80, 24), (40, 12), (12, 6), (1, 1)])
def test_a_hundred_images_fit_every_terminal(
    new_output: Callable[..., OutputHarness],
    started: Callable[..., Event],
    task_for: Callable[..., Task],
    looks: tuple[str, str],
    size: tuple[int, int],
) -> None:
    """No line is folded, and there are no more rows than fit."""
    (color, encoding), (columns, lines) = looks, size
    one = new_output(terminal=True, encoding=encoding, color=color, columns=columns, lines=lines)
    with one.output.progress(100, 12.0) as progress:
        report_a_hundred(one, progress, started, task_for)
        frame = one.frame()
        assert len(frame) == max(1, lines - 3)
        assert ("\x1b" in frame[0]) == (color == "always")
        plain = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in frame]
        assert all(line.isprintable() for line in plain)
        assert all(cells(line) <= max(1, columns - 1) for line in plain)
        assert one.shown()[-len(frame) :] == [line.rstrip() for line in plain]
    assert not one.screen().cursor.hidden


def test_a_hundred_images_at_80_columns(
    new_output: Callable[..., OutputHarness],
    started: Callable[..., Event],
    task_for: Callable[..., Task],
) -> None:
    one = new_output(terminal=True, lines=8)
    with one.output.progress(100, 12.0) as progress:
        report_a_hundred(one, progress, started, task_for)
        assert one.shown()[-5:] == [
            "✗ 11  ❤ x                                failed              0 s",
            "● 12  灯台の夜明け、フラットなベクター…  generating          3 s of about 12 s",
            "● 13  [/] [bold]markup[/bold] \\x1b[2J\\…  generating          3 s of about 12 s",
            "● 14  a lighthouse at dawn, flat vecto…  generating          3 s of about 12 s",
            "10 of 100 saved, 1 failed · … 96 more · 3 s",
        ]


def test_a_hundred_images_at_40_columns_in_ascii(
    new_output: Callable[..., OutputHarness],
    started: Callable[..., Event],
    task_for: Callable[..., Task],
) -> None:
    one = new_output(terminal=True, lines=8, columns=40, encoding="ascii", color="never")
    with one.output.progress(100, 12.0) as progress:
        report_a_hundred(one, progress, started, task_for)
        assert one.shown()[-5:] == [
            "x 11  \\u2764...  failed       0 s",
            "* 12  \\u706f...  generating   3 s",
            "* 13  [/] [b...  generating   3 s",
            "* 14  a ligh...  generating   3 s",
            "10 of 100 saved, 1 failed - 96 more",
        ]


@pytest.mark.parametrize(
    ("env", "color", "colored"),
    [
        ({"NO_COLOR": "1"}, "always", True),
        ({"NO_COLOR": "1"}, "auto", False),
        ({"COLORTERM": "truecolor"}, "auto", True),
        ({"FORCE_COLOR": "1"}, "never", False),
        ({"TTY_INTERACTIVE": "0", "TTY_COMPATIBLE": "0"}, "auto", True),
    ],
)
def test_colours_of_the_display_follow_flag_and_environment(
    new_output: Callable[..., OutputHarness],
    started: Callable[..., Event],
    env: dict[str, str],
    color: str,
    colored: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """And not the rules of the library that draws it."""
    one = new_output(terminal=True, env=env, color=color)
    with one.output.progress(1, 12.0) as progress:
        progress.see(started())
        progress.see(events.Warned(key="1", message="late"))
        assert one.shown() == ["warning: late", one.shown()[1]]
        assert one.err.count("\x1b[33mwarning:\x1b[0m late\n") == int(colored)
        assert ("\x1b[2m" in one.err) == colored


def test_the_marks_are_chosen_by_the_encoding(
    new_output: Callable[..., OutputHarness], task_for: Callable[..., Task]
) -> None:
    one = new_output(terminal=True, encoding="cp1252", color="never")
    with one.output.progress(1, None) as progress:
        progress.see(events.Finished(key="1", task=task_for()))
    assert one.err.endswith("+ saved in 0 s\n")


def test_a_narrow_terminal_gets_no_label(
    new_output: Callable[..., OutputHarness], started: Callable[..., Event]
) -> None:
    one = new_output(terminal=True, columns=40)
    with one.output.progress(1, 20.0) as progress:
        progress.see(started())
        progress.see(events.Accepted(key="1", ref="k7", task_id=ID))
        one.clock.sleep(5)
        progress.tick()
        assert one.shown()[-1] == "● generating   5 s of about 20 s"


def test_restore_terminal_removes_the_display_at_once(
    new_output: Callable[..., OutputHarness], started: Callable[..., Event]
) -> None:
    """It is called in a signal handler."""
    one = new_output(terminal=True)
    with one.output.progress(1, 12.0) as progress:
        progress.see(started())
        one.output.restore_terminal()
        assert one.shown() == []
        assert not one.screen().cursor.hidden


def test_every_task_id_is_printed_once_above_the_display(
    new_output: Callable[..., OutputHarness],
    started: Callable[..., Event],
    task_for: Callable[..., Task],
) -> None:
    one = new_output(terminal=True, lines=10)
    with one.output.progress(100, 12.0) as progress:
        report_a_hundred(one, progress, started, task_for)
    for number in range(1, 31):
        assert one.err.count(f"task fluxkontext_{number:032} accepted\n") == 1


def test_the_display_is_cleared_for_an_answer_and_a_question(
    new_output: Callable[..., OutputHarness], started: Callable[..., Event]
) -> None:
    """Where stdout is the same terminal."""
    stdout = WatchedStream(terminal=True)
    one = new_output(terminal=True, typed=b"y\n", stdout=stdout)
    stdout.look = lambda: (one.shown(), one.screen().cursor.hidden)
    with one.output.progress(1, 12.0) as progress:
        progress.see(started())
        one.output.answer_path("out/dawn.png")
        assert stdout.text == "out/dawn.png\n"
        assert stdout.seen == ([], False)
        assert one.shown()[0].startswith("· a lighthouse")
        assert one.output.confirm("go on?")
        assert one.shown()[-1].startswith("go on? [y/N] ·")
        assert one.screen().cursor.hidden


def test_an_answer_in_a_pipe_does_not_clear_the_display(
    new_output: Callable[..., OutputHarness], started: Callable[..., Event]
) -> None:
    one = new_output(terminal=True, stdout_terminal=False)
    with one.output.progress(1, 12.0) as progress:
        progress.see(started())
        before = one.err
        one.output.answer("out/dawn.png")
        assert one.err == before


def test_the_display_is_redrawn_four_times_a_second_at_most(
    new_output: Callable[..., OutputHarness], started: Callable[..., Event]
) -> None:
    """And once a second when nothing happens."""
    one = new_output(terminal=True)
    with one.output.progress(2, 12.0) as progress:
        progress.see(started())
        written = len(one.err)
        for number in range(50):
            progress.see(started("2", f"prompt {number}"))
        assert len(one.err) == written
        one.clock.sleep(0.25)
        progress.tick()
        assert "prompt 49" in one.err
        written = len(one.err)
        for _ in range(5):
            one.clock.sleep(0.125)
            progress.tick()
        assert len(one.err) == written
        one.clock.sleep(0.25)
        progress.tick()
        assert len(one.err) > written


def test_the_display_follows_the_width_of_the_terminal(
    new_output: Callable[..., OutputHarness], started: Callable[..., Event]
) -> None:
    one = new_output(terminal=True, color="never")
    with one.output.progress(1, 12.0) as progress:
        progress.see(started())
        one.env["COLUMNS"] = "30"
        one.clock.sleep(1)
        progress.tick()
        assert max(map(cells, one.frame())) < 30


def test_the_key_is_redacted_before_the_prompt_is_shortened(
    new_output: Callable[..., OutputHarness], started: Callable[..., Event]
) -> None:
    """Otherwise half of the key could be shown."""
    key = "0123456789abcdef0123456789abcdef"
    one = new_output(terminal=True, columns=60, secrets=lambda: [key])
    with one.output.progress(1, 12.0) as progress:
        progress.see(started("1", f"a {key} lighthouse at dawn"))
        assert "a *** lig" in one.err
        assert key[:6] not in one.err


def test_the_rows_of_a_build_have_the_assets_names(
    new_output: Callable[..., OutputHarness], request_for: Any
) -> None:
    """In a column of a quarter of the line at most."""
    one = new_output(terminal=True, color="never")
    with one.output.progress(2, 12.0) as progress:
        progress.see(events.Started(key="hero", ref="k7", request=request_for("dawn")))
        progress.see(events.Started(key="icon-" + "x" * 40, ref="k8", request=None))
        one.clock.sleep(1)
        progress.tick()
        assert one.shown() == [
            "· hero                 dawn              preparing           1 s",
            "· icon-xxxxxxxxxxxxx…  k8                preparing           1 s",
            "0 of 2 saved · 1 s",
        ]


def test_the_summary_counts_a_failure(
    new_output: Callable[..., OutputHarness], task_for: Any
) -> None:
    one = new_output(terminal=True, color="never")
    with one.output.progress(2, None) as progress:
        progress.see(events.Finished(key="1", task=task_for()))
        progress.see(events.Failed(key="2", error=NETWORK, task=None))
        one.clock.sleep(1)
        progress.tick()
        assert [line[:5] for line in one.shown()] == ["✓ 1  ", "✗ 2  ", "1 of "]
    assert one.shown() == ["✗ 1 of 2 saved, 1 failed, in 1 s"]


def test_the_summary_counts_submitted_tasks(
    new_output: Callable[..., OutputHarness], task_for: Any
) -> None:
    one = new_output(terminal=True, color="never")
    with one.output.progress(None, None) as progress:
        for key in ("1", "2"):
            progress.see(events.Accepted(key=key, ref="k7", task_id=ID + key))
            progress.see(events.Finished(key=key, task=task_for(State.RUNNING)))
    assert one.shown()[-1] == "✓ 2 of 2 submitted, in 0 s"


def test_one_submitted_task_has_no_summary_but_its_id(
    new_output: Callable[..., OutputHarness], task_for: Any
) -> None:
    one = new_output(terminal=True, color="never")
    with one.output.progress(1, None) as progress:
        progress.see(events.Accepted(key="1", ref="k7", task_id=ID))
        progress.see(events.Finished(key="1", task=task_for(State.RUNNING)))
    assert one.shown() == [f"task {ID} accepted"]
