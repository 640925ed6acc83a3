"""The rooms that money depends on: their files, and the tests that speak of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Room:
    """Patterns, below the repository, of files of the program, and of their tests in order."""

    patterns: tuple[str, ...]
    tests: tuple[str, ...]

    def files(self, root: Path) -> Iterator[str]:
        """Yield the room's files, as they are called below `root`."""
        for pattern in self.patterns:
            for path in sorted(root.glob(pattern)):
                yield path.relative_to(root).as_posix()


_MONEY: Final = "tests/reliability/test_money.py"

ROOMS: Final[dict[str, Room]] = {
    "submission": Room(
        (
            *(f"fluxcli/client/{name}.py" for name in ("client", "transport", "deadline")),
            "fluxcli/tasks/submit.py",
        ),
        ("tests/tasks", "tests/client", _MONEY),
    ),
    "journal": Room(("fluxcli/journal/*.py",), ("tests/journal", "tests/tasks", _MONEY)),
    "classification": Room(
        ("fluxcli/client/responses.py", "fluxcli/client/wire_kontext.py"), ("tests/client",)
    ),
    "saving": Room(("fluxcli/files/*.py",), ("tests/files",)),
    "redaction": Room(
        ("fluxcli/output/redaction.py", "fluxcli/output/text.py"),
        # The tests of a real terminal start processes and wait for them: what they would
        # tell of these two files, the others tell as well.
        (
            "tests/output/test_redaction.py",
            "tests/output/test_words*.py",
            "tests/output/test_[!r]*.py",
        ),
    ),
}
