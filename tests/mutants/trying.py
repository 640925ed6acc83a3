"""Runs the tests on a copy of the program, whole and with mutants put in.

Each run is a process of its own, forked from one that has imported the packages but nothing of
the program, and is ended with all that it started when its time is over.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import coverage
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.mutants.groups import Group
    from tests.mutants.tool import Mutant

ROOT: Final = Path(__file__).parents[2]
_PARTS: Final = ("fluxcli", "tests", "completions", "pyproject.toml", "README.md", "CHANGELOG.md")
_IMPORTED: Final = [
    *("pytest", "hypothesis.strategies"),
    *("hypothesis.internal.conjecture.engine", "httpx", "typer", "rich.console"),
]
_OPTIONS: Final = [
    *("-x", "-q", "--disable-plugin-autoload", "-p", "no:cacheprovider"),
    *("-p", "pytest_timeout", "-p", "_hypothesis_pytestplugin"),
]
_MEMORY: Final = 4 << 30
"""A mutant that reads without end fails at so many bytes."""

_BASELINE_SECONDS: Final = 3600.0
"""Longest time that a group's tests may take on the program as it is, on a machine that is busy."""

_ANYTHING: Final = frozenset[str]()

Outcome = Literal["killed", "survived", "timed out"]


@dataclass(frozen=True, slots=True)
class Tried:
    """A mutant and how it ended; `diff` shows the change."""

    mutant: Mutant
    outcome: Outcome
    line: int
    diff: str


class Trial:
    """A group's tests on a copy of the program in `folder`, which is new.

    Raises:
        RuntimeError: they fail on the program as it is.
    """

    def __init__(self, folder: Path, group: Group, *, seed: int) -> None:
        self._folder = folder
        _copy(folder)
        found = (path for pattern in group.tests for path in sorted(folder.glob(pattern)))
        tests = list(dict.fromkeys(str(path.relative_to(folder)) for path in found))
        self._options = [*_OPTIONS, f"--hypothesis-seed={seed}", *tests]
        self._fork = multiprocessing.get_context("forkserver")
        self._fork.set_forkserver_preload(_IMPORTED)
        measured = ["-p", "pytest_cov", "--cov", "--cov-context=test", "--cov-report="]
        begun = time.monotonic()
        if self._ends([*measured, *self._options], _ANYTHING, seconds=_BASELINE_SECONDS) != 0:
            raise RuntimeError(f"the tests fail without a mutant: pytest {' '.join(tests)}")
        self._seconds = 10.0 + (time.monotonic() - begun)
        self._covered = coverage.CoverageData(str(folder / ".coverage"))
        self._covered.read()

    def attempt(self, mutant: Mutant) -> Tried:
        """Run the tests that reach what the mutant changed; if they pass, all of them.

        What is made once for all, like a thread, is reached by the first test that needs it.
        """
        place = self._folder / mutant.name
        whole = place.read_text("utf-8")
        changed = sorted(_changed(whole, mutant.text))
        place.write_text(mutant.text, "utf-8")
        try:
            tests = self._reaching(place, changed)
            code = self._ends(self._options, tests, seconds=self._seconds)
            if tests and code in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
                code = self._ends(self._options, _ANYTHING, seconds=self._seconds)
        finally:
            place.write_text(whole, "utf-8")
        outcome: Outcome = "timed out" if code is None else "survived" if code == 0 else "killed"
        return Tried(mutant, outcome, changed[0], _diff(whole, mutant.text))

    def _reaching(self, place: Path, lines: Sequence[int]) -> frozenset[str]:
        """Return the names of the tests that ran these lines; none if the import ran them."""
        by_line = self._covered.contexts_by_lineno(str(place))
        found = {test for line in lines for test in by_line.get(line, ())}
        return _ANYTHING if "" in found else frozenset(test.rpartition("|")[0] for test in found)

    def _ends(self, options: Sequence[str], tests: frozenset[str], *, seconds: float) -> int | None:
        """Return pytest's status; None if it had to be ended."""
        process = self._fork.Process(target=_test, args=(str(self._folder), options, tests))
        process.start()
        process.join(seconds)
        code = process.exitcode
        with suppress(ProcessLookupError):
            os.killpg(process.pid or 0, signal.SIGKILL)
        process.join()
        process.close()
        return code


class _Only:
    """Leaves of the tests those that are named."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid in self._names]


def _test(folder: str, options: Sequence[str], tests: frozenset[str]) -> None:
    os.setsid()
    os.chdir(folder)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    # Else the packages are searched for garbage after every test.
    gc.freeze()
    with Path(os.devnull).open("r+b") as nowhere:
        for stream in range(3):
            os.dup2(nowhere.fileno(), stream)
    sys.path[:] = [folder, *(path for path in sys.path if Path(path).resolve() != ROOT)]
    for name in [name for name in sys.modules if name.partition(".")[0] in {"fluxcli", "tests"}]:
        del sys.modules[name]
    # A file that is changed twice in a second would be taken for its compiled former self.
    sys.dont_write_bytecode = "--cov" not in options
    os._exit(pytest.main([*options], [_Only(tests)] if tests else []))


def _copy(folder: Path) -> None:
    for part in _PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(
                ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy2(ROOT / part, folder / part)


def _changed(old: str, new: str) -> Iterator[int]:
    blocks = SequenceMatcher(None, old.splitlines(), new.splitlines(), autojunk=False).get_opcodes()
    for kind, first, last, _, _ in blocks:
        if kind != "equal":
            yield from range(first + 1, max(last, first + 1) + 1)


def _diff(old: str, new: str) -> str:
    lines = unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
    return "\n".join(line for line in lines if line[:2] not in {"--", "++", "@@"})
