"""Signals: raised at once, or deferred during a submission; the second always ends the run."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fluxcli.signals import SIGNALS, Interrupted, Interrupts


@pytest.mark.parametrize("number", SIGNALS)
def test_outside_of_work_it_ends_what_is_being_done(number: int) -> None:
    interrupts = Interrupts()
    with interrupts.installed(), pytest.raises(Interrupted) as caught:
        signal.raise_signal(number)
    assert (caught.value.number, interrupts.number) == (number, number)


def test_no_handler_of_errors_swallows_it() -> None:
    assert not issubclass(Interrupted, Exception)


def test_within_work_it_only_wakes_the_one_who_waits() -> None:
    interrupts, box = Interrupts(), queue.SimpleQueue[None]()
    with interrupts.installed(), interrupts.held(box):
        signal.raise_signal(signal.SIGTERM)
        assert box.get(timeout=1) is None
    assert interrupts.number == signal.SIGTERM


def test_afterwards_the_former_handlers_are_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with Interrupts().installed():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_one_that_was_ignored_from_outside_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts().installed():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


SECOND = """
import os, queue, signal, sys
from fluxcli.signals import Interrupts

interrupts = Interrupts(at_once=lambda: os.write(1, b"tidied"))
with interrupts.installed(), interrupts.held(queue.SimpleQueue()):
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGTERM)
    os.write(1, b"still here")
"""


def test_the_second_one_ends_it_on_the_spot() -> None:
    """By the signal itself, after the terminal was tidied."""
    ran = subprocess.run(
        [sys.executable, "-c", SECOND],
        capture_output=True,
        cwd=Path(__file__).parents[1],
        env=os.environ,
        timeout=30,
        check=False,
    )
    assert ran.returncode == -signal.SIGTERM
    assert ran.stdout == b"tidied"
