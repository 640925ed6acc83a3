"""Progress in the terminal's tab and title, where the terminal supports it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fluxcli import events

if TYPE_CHECKING:
    from collections.abc import Callable

    from fluxcli.task_types import Task
    from tests.output.conftest import OutputHarness

CLEARED = "\x1b]9;4;0\x07\x1b[23;2t"


def test_progress_and_title_are_set_and_reset(
    new_output: Callable[..., OutputHarness], task_for: Callable[..., Task]
) -> None:
    one = new_output(terminal=True, env={"TERM_PROGRAM": "ghostty"})
    with one.output.progress(4, None) as progress:
        progress.see(events.Finished(key="1", task=task_for()))
        one.clock.sleep(1)
        progress.tick()
        assert "\x1b]9;4;1;25\x07\x1b]2;fluxcli: 1 of 4\x07" in one.err
    assert CLEARED in one.err.rpartition("\x1b]2;")[2]


def test_restore_terminal_resets_progress_and_title(
    new_output: Callable[..., OutputHarness], task_for: Callable[..., Task]
) -> None:
    one = new_output(terminal=True, env={"WT_SESSION": "1"})
    with one.output.progress(4, None) as progress:
        progress.see(events.Finished(key="1", task=task_for()))
        one.output.restore_terminal()
        assert one.err.endswith(CLEARED)


@pytest.mark.parametrize(
    "env", [{}, {"WT_SESSION": "1", "TMUX": "x"}, {"CI": "1", "WT_SESSION": "1"}]
)
def test_terminals_without_support_get_no_sequences(
    new_output: Callable[..., OutputHarness], task_for: Callable[..., Task], env: dict[str, str]
) -> None:
    one = new_output(terminal=True, env=env)
    with one.output.progress(4, None) as progress:
        progress.see(events.Finished(key="1", task=task_for()))
    assert "\x1b]" not in one.err
