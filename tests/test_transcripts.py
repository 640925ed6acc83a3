"""Commands print what is on record; `python -m tests.transcripts` records it again."""

from __future__ import annotations

import pytest

from tests.transcripts import FOLDER, masked, transcripts


@pytest.fixture(scope="module")
def printed() -> dict[str, str]:
    """Return what the commands print now, by transcript."""
    return dict(transcripts())


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_commands_print_what_is_on_record(printed: dict[str, str], path: object) -> None:
    name = getattr(path, "stem", "")
    recorded = (FOLDER / f"{name}.txt").read_text("utf-8").splitlines()
    assert printed[name].splitlines() == recorded, "meant? then: python -m tests.transcripts"


def test_every_transcript_is_on_record(printed: dict[str, str]) -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(printed)


def test_what_differs_from_run_to_run_is_masked() -> None:
    text = f"task {'ab' * 16} accepted; fluxcli status kmnp2345 --settle; sha {'cd' * 32}"
    assert masked(text) == "task TASK-ID accepted; fluxcli status REF --settle; sha SHA256"
