"""The summary of a run: images are counted by what is paid for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fluxcli import events
from fluxcli.errors import Code, FluxError
from fluxcli.output.results import ResultReporter
from fluxcli.task_types import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fluxcli.task_types import Request, Task
    from tests.output.conftest import OutputHarness


@pytest.mark.parametrize(
    ("state", "code", "counted"),
    [
        (State.RUNNING, Code.TIMED_OUT, "1 still running (already paid)"),
        (State.RUNNING, Code.NETWORK, "1 still running (already paid)"),
        (State.RUNNING, Code.AUTH_REFUSED, "1 still running (already paid)"),
        (State.SUCCEEDED, Code.DOWNLOAD_FAILED, "1 not saved (already paid)"),
        (State.SUCCEEDED, Code.DISK, "1 not saved (already paid)"),
        (State.UNKNOWN, Code.OUTCOME_UNKNOWN, "1 unknown (may be paid)"),
        (State.SENDING, Code.OUTCOME_UNKNOWN, "1 unknown (may be paid)"),
        (State.SENDING, Code.NETWORK, "1 not sent"),
        (State.REFUSED, Code.CREDITS_INSUFFICIENT, "1 refused"),
        (State.FAILED, Code.MODERATED, "1 failed"),
    ],
)
def test_an_unsaved_image_is_counted_by_what_is_paid(
    new_output: Callable[..., OutputHarness],
    task_for: Callable[..., Task],
    state: State,
    code: Code,
    counted: str,
) -> None:
    one = new_output(color="never")
    with one.output.progress(2, None) as progress:
        progress.see(events.Finished(key="1", task=task_for()))
        error = FluxError(code, "no")
        progress.see(events.Failed(key="2", error=error, task=task_for(state)))
    assert f"1 of 2 saved, {counted}, in 0 s" in one.shown()[-1]


def test_the_summary_of_an_interrupted_run_counts_what_is_paid(
    new_output: Callable[..., OutputHarness], request_for: Callable[..., Request]
) -> None:
    one = new_output(color="never")
    with one.output.progress(3, None) as progress:
        for key in "123":
            progress.see(events.Started(key=key, ref="k7", request=request_for()))
        progress.see(events.Submitting(key="1"))
        progress.see(events.Accepted(key="1", ref="k7", task_id="e730"))
        progress.see(events.Submitting(key="2"))
    summary = one.shown()[-1]
    assert summary == (
        "0 of 3 saved, 1 still running (already paid), 1 unknown (may be paid), in 0 s"
    )


def test_a_submission_that_will_be_retried_is_not_unknown(
    new_output: Callable[..., OutputHarness], request_for: Callable[..., Request]
) -> None:
    """It was provably not accepted, so no answer is awaited."""
    one = new_output(color="never", interrupted=lambda: True)
    error = FluxError(Code.NETWORK, "cannot connect")
    with one.output.progress(2, None) as progress:
        for key in "12":
            progress.see(events.Started(key=key, ref="k7", request=request_for()))
            progress.see(events.Submitting(key=key))
            progress.see(events.Trouble(key=key, error=error, seconds=2.0))
        progress.tick()
    shown = "\n".join(one.shown())
    assert "waiting up to 5 s" not in shown
    assert "unknown" not in shown


def test_many_images_are_reported_by_a_counter(
    new_output: Callable[..., OutputHarness],
    task_for: Callable[..., Task],
    request_for: Callable[..., Request],
) -> None:
    """Warnings are still printed; the lines about each image are not."""
    one = new_output()
    with one.output.progress(200, None) as progress:
        for number in range(1, 201):
            key = str(number)
            progress.see(events.Started(key=key, ref="k7", request=request_for()))
            progress.see(events.Accepted(key=key, ref="k7", task_id=f"e{key}"))
            progress.see(events.Downloading(key=key))
            one.clock.sleep(0.5)
            progress.see(events.Finished(key=key, task=task_for()))
        progress.see(events.Warned(key="7", message="late"))
    lines = one.err.splitlines()
    assert lines[0] == "4 of 200 saved"
    assert lines[-2:] == ["7: warning: late", "200 of 200 saved, in 1 m 40 s"]
    assert len(lines) < 60


def test_a_failed_image_is_shown_among_many(
    new_output: Callable[..., OutputHarness], request_for: Callable[..., Request]
) -> None:
    """Thirty images on a terminal of 24 lines."""
    one = new_output(terminal=True, color="never")
    with one.output.progress(30, None) as progress:
        for number in range(1, 31):
            progress.see(events.Started(key=str(number), ref="k7", request=request_for()))
            progress.see(events.Submitting(key=str(number)))
        progress.see(events.Failed(key="29", error=FluxError(Code.NETWORK, "no"), task=None))
        one.clock.sleep(3)
        progress.tick()
        assert any(line.startswith("✗ 29 ") for line in one.shown())
        assert "… 10 more" in one.shown()[-1]


@pytest.mark.parametrize("setting", [{}, {"terminal": True}, {"quiet": True}])
def test_after_ctrl_c_the_wait_for_the_answer_is_reported_once(
    new_output: Callable[..., OutputHarness],
    request_for: Callable[..., Request],
    setting: dict[str, bool],
) -> None:
    arrived: list[int] = []
    one = new_output(color="never", interrupted=lambda: bool(arrived), **setting)
    with one.output.progress(2, None) as progress:
        progress.see(events.Started(key="1", ref="k7", request=request_for()))
        progress.tick()
        arrived.append(2)
        progress.tick()
        assert "waiting up to" not in one.err
        progress.see(events.Submitting(key="1"))
        for _ in range(3):
            progress.tick()
    text = "waiting up to 5 s for the answer; Ctrl-C again quits, image may be charged\n"
    assert one.err.count(text) == 1
    assert len(text) < 80


def test_after_ctrl_c_a_hundred_awaited_answers_are_one_line_of_80_columns(
    new_output: Callable[..., OutputHarness], request_for: Callable[..., Request]
) -> None:
    one = new_output(color="never", interrupted=lambda: True)
    with one.output.progress(100, None) as progress:
        for number in range(1, 101):
            progress.see(events.Started(key=str(number), ref="k7", request=request_for()))
            progress.see(events.Submitting(key=str(number)))
        progress.tick()
    (line,) = [line for line in one.err.splitlines() if "waiting up to" in line]
    assert line.startswith("waiting up to 5 s for 100 answers; Ctrl-C again quits")
    assert len(line) < 80


@pytest.mark.parametrize("accepted", [False, True])
def test_an_interrupted_run_reports_whether_anything_was_sent(
    new_output: Callable[..., OutputHarness],
    request_for: Callable[..., Request],
    accepted: bool,  # noqa: FBT001 - both ways
) -> None:
    def happened() -> Iterator[events.Event]:
        yield events.Started(key="1", ref="k7", request=request_for())
        if accepted:
            yield events.Accepted(key="1", ref="k7", task_id="e730")
        raise FluxError(Code.INTERRUPTED, "stopped by SIGINT", status=130)

    with pytest.raises(FluxError, match="stopped by SIGINT") as caught:
        ResultReporter(new_output().output).follow(happened(), count=1, usual=None)
    assert ("nothing was sent, nothing was charged" in caught.value.message) != accepted
    assert caught.value.status == 130
