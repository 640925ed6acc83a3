"""The report of a run, from its events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fluxcli import events
from fluxcli.errors import Code, FluxError, Status
from fluxcli.output.results import ResultReporter

if TYPE_CHECKING:
    from collections.abc import Callable

    from fluxcli.task_types import Task
    from tests.output.conftest import OutputHarness

NETWORK = FluxError(Code.NETWORK, "the service cannot be reached")


@pytest.mark.parametrize("terminal", [False, True])
def test_several_images_end_with_their_errors_and_one_summary(
    new_output: Callable[..., OutputHarness],
    task_for: Callable[..., Task],
    terminal: bool,  # noqa: FBT001 - both kinds of stderr
) -> None:
    """Each error, then one line for all; the paths are on stdout."""
    one = new_output(terminal=terminal, stdout_terminal=False, color="never")
    happened = [
        events.Finished(key="1", task=task_for()),
        None,
        events.Failed(key="2", error=NETWORK, task=None),
    ]
    result_reporter = ResultReporter(one.output)
    assert result_reporter.follow(happened, count=2, usual=None) == Status.PARTIAL
    assert one.out == "out/dawn.png\n"
    message = [line for line in one.shown() if line != "1: saved after 0 s"]
    sign = "✗ " if terminal else ""
    assert message == [
        "error: 2: the service cannot be reached",
        f"{sign}1 of 2 saved, 1 failed, in 0 s",
    ]
