"""The problems of a manifest, collected with their positions, to be reported together."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from fluxcli.errors import Code, FluxError, ProblemsError
from fluxcli.files.quoting import visible
from fluxcli.settings.parsers import BadValueError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fluxcli.tomltext import Place, Toml

_LONGEST_SHOWN = 60
T = TypeVar("T")


class ProblemList:
    """The problems of a manifest and the files that it includes, in the order of their places."""

    def __init__(self) -> None:
        self._files: dict[str, FileProblems] = {}
        self._found: dict[tuple[int, int, int, str], FluxError] = {}

    def add_file(self, source: Toml, shown: str) -> FileProblems:
        """Return where the problems of one more file are collected; `shown` is its path there."""
        problems = FileProblems(self, source, shown, len(self._files))
        return self._files.setdefault(str(source.path), problems)

    def of(self, source: Toml) -> FileProblems:
        """Return where the problems of a file that was added are collected."""
        return self._files[str(source.path)]

    def note(self, key: tuple[int, int, int, str], where: str, hint: str | None) -> None:
        """Add one problem; the same one at the same place counts once."""
        error = FluxError(Code.MANIFEST_INVALID, f"`{where}`: {visible(key[-1])}", hint=hint)
        self._found.setdefault(key, error)

    def raise_if_any(self) -> None:
        """Raise the problems, if there are any.

        Raises:
            FluxError: one problem, or a `ProblemsError` with all of them.
        """
        errors = [self._found[key] for key in sorted(self._found)]
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise ProblemsError(errors)


class FileProblems:
    """The problems of one file."""

    def __init__(self, found: ProblemList, source: Toml, shown: str, number: int) -> None:
        self._list = found
        self._source = source
        self._number = number
        self.shown = shown
        """The file's path as messages show it."""

    def add(self, place: Place, message: str, hint: str | None = None) -> None:
        """Add a problem at a place in the file."""
        where = f"{self.shown}:{place.line}:{place.column}"
        self._list.note((self._number, place.line, place.column, message), where, hint)

    def add_elsewhere(
        self, trail: tuple[str | int, ...], where: str, message: str, hint: str | None
    ) -> None:
        """Add a problem of another file, `where`, that the entry at `trail` names."""
        place = self._source.value(*trail)
        self._list.note((self._number, place.line, place.column, message), where, hint)

    def unknown(self, trail: tuple[str | int, ...], known: Iterable[str], what: str) -> None:
        """Add an unknown key."""
        word = str(trail[-1])
        near = nearest(word, known)
        hint = f"did you mean `{near}`?" if near else "known: " + ", ".join(f"`{k}`" for k in known)
        self.add(self._source.key(*trail), f"unknown {what} `{word}`", hint)

    @contextmanager
    def reading(self, *trail: str | int) -> Iterator[None]:
        """Add a bad value of the entry at `trail`."""
        try:
            yield
        except BadValueError as bad:
            self._note(bad, trail)

    def attempt(self, make: Callable[[], T], *trail: str | int, otherwise: T) -> T:
        """Return the result of `make`, or add its bad value at `trail` and return `otherwise`."""
        try:
            return make()
        except BadValueError as bad:
            self._note(bad, trail)
            return otherwise

    def _note(self, bad: BadValueError, trail: tuple[str | int, ...]) -> None:
        raw = self._raw(trail)
        hidden = bad.secret or raw is None or isinstance(raw, dict | list)
        name = next(key for key in reversed(trail) if isinstance(key, str))
        message = f"`{name}`{'' if hidden else f' is `{_short(raw)}`'}: {bad.expected}"
        near = f"did you mean `{bad.nearest}`?" if bad.nearest else None
        self.add(self._source.value(*trail), message, near)

    def _raw(self, trail: tuple[str | int, ...]) -> object:
        value: object = self._source.values
        for key in trail:
            if isinstance(value, dict):
                value = value.get(str(key))
            elif isinstance(value, list):
                value = value[int(key)]
        return value


def _short(raw: object) -> str:
    text = str(raw).lower() if isinstance(raw, bool) else str(raw)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
