"""The modules that money depends on, in groups: their files, and the tests of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Group:
    """Patterns, below the repository, of files of the program, and of their tests in order."""

    patterns: tuple[str, ...]
    tests: tuple[str, ...]

    def files(self, root: Path) -> Iterator[str]:
        """Yield the group's files, by their names below `root`."""
        for pattern in self.patterns:
            for path in sorted(root.glob(pattern)):
                yield path.relative_to(root).as_posix()


def _commands(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/commands/test_{name}.py" for name in names)


_ONCE: Final = _commands("paying_once", "charged_once")
_MONEY: Final = "tests/reliability/test_money.py"

GROUPS: Final[dict[str, Group]] = {
    "answers": Group(
        ("fluxcli/client/responses.py", "fluxcli/client/wire_kontext.py"), ("tests/client",)
    ),
    "calls": Group(
        tuple(f"fluxcli/client/{name}.py" for name in ("client", "transport", "deadline")),
        ("tests/client", "tests/tasks", "tests/commands/test_unexpected_answers.py", _MONEY),
    ),
    "journal": Group(
        ("fluxcli/journal/*.py",),
        (
            *("tests/journal", "tests/tasks"),
            *_ONCE,
            *_commands("status*", "day_limit", "credits", "state_folder", "same_command"),
        ),
    ),
    "requests": Group(
        ("fluxcli/requests/*.py",),
        (
            "tests/requests",
            *_ONCE,
            *_commands("generate*", "edit", "again", "presets", "prompt_lists", "same_command"),
        ),
    ),
    "tasks": Group(
        ("fluxcli/tasks/*.py",),
        (
            "tests/tasks",
            *_ONCE,
            *_commands("unexpected_answers", "download", "edit", "metadata", "status"),
        ),
    ),
    "atomic": Group(
        (
            *("fluxcli/filelock.py", "fluxcli/files/atomic.py"),
            *("fluxcli/files/prove.py", "fluxcli/files/receive.py", "fluxcli/system/disk.py"),
        ),
        (
            *("tests/test_filelock.py", "tests/system/test_disk.py"),
            *("tests/files/test_atomic.py", "tests/files/test_landing.py"),
            *("tests/files/test_overwriting.py", "tests/files/test_prove.py"),
        ),
    ),
    "images": Group(
        (
            "fluxcli/files/image_check.py",
            "fluxcli/files/output_path.py",
            "fluxcli/files/png_check.py",
        ),
        ("tests/files",),
    ),
    "tables": Group(
        (
            *(
                f"fluxcli/output/{name}.py"
                for name in ("task_table", "task_card", "spending", "dry_run", "results", "text")
            ),
            *("fluxcli/commands/credits.py", "fluxcli/commands/status.py"),
        ),
        (
            *("tests/test_transcripts.py", "tests/output/test_words*.py"),
            "tests/output/test_summaries.py",
            *("tests/commands/test_status*.py", "tests/commands/test_credits.py"),
            *("tests/commands/test_generate*.py", "tests/commands/test_download.py"),
        ),
    ),
    "redaction": Group(
        ("fluxcli/output/redaction.py", "fluxcli/output/text.py"),
        # The tests of a real terminal start processes: what they would notice of these two
        # files, the others notice as well.
        (
            "tests/output/test_redaction.py",
            "tests/output/test_words*.py",
            "tests/output/test_[!r]*.py",
        ),
    ),
}
