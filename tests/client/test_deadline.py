"""A total time for calls."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from fluxcli.client.deadline import Deadline, _DeadlineThread
from fluxcli.errors import Code, FluxError


def test_each_is_cut_in_its_own_time() -> None:
    """One that is due sooner is not kept waiting by one that came before it."""
    cut: list[str] = []
    ended = threading.Event()

    def end() -> None:
        cut.append("second")
        ended.set()

    with ExitStack() as stack:
        late = stack.enter_context(Deadline(lambda: cut.append("late"), 60))
        stack.enter_context(Deadline(end, 0.05))
        first = stack.enter_context(Deadline(lambda: cut.append("first"), 0.01))
        assert ended.wait(10)
    assert cut == ["first", "second"]
    assert first.fired
    assert not late.fired


def test_what_has_ended_in_time_is_never_cut() -> None:
    """Its connection may serve another call by then."""
    cut: list[str] = []
    late = threading.Event()
    with Deadline(lambda: cut.append("ended"), 0.01) as ended:
        pass
    with Deadline(late.set, 0.04):
        assert late.wait(10)
    assert cut == []
    assert not ended.fired


def test_all_are_watched_by_one_thread() -> None:
    with Deadline(lambda: None, 60):
        threads = threading.active_count()
        with Deadline(lambda: None, 60), Deadline(lambda: None, 50):
            assert threading.active_count() == threads


def test_the_deadline_thread_does_not_keep_the_program_alive() -> None:
    deadline_thread, before = _DeadlineThread(), set(threading.enumerate())
    deadline_thread.add(Deadline(lambda: None, 60))
    (watcher,) = set(threading.enumerate()) - before
    assert watcher.daemon


def test_without_a_thread_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could outlast its time is refused instead."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("fluxcli.client.deadline._DEADLINES._thread", None)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(FluxError) as caught, Deadline(lambda: None, 60):
        pass
    assert (caught.value.code, caught.value.status) == (Code.NO_RESOURCES, 1)
