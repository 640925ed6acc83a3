"""What commands print, to the letter; `python -m tests.transcripts` writes `data/transcripts`.

`test_transcripts.py` compares it with what they print now: a changed message, a wrong column
width or a missing line is a difference of one line there. Ids, paths of the test and durations
are masked. Write the files again only for an intended change, and read the difference.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

from fluxcli.output.output import Output
from fluxcli.output.task_table import TaskReporter
from fluxcli.prices_and_limits import MAX, PRO
from fluxcli.task_types import Picture, Request, State, Task
from tests.reliability.pictures import png
from tests.worlds import NOON, World, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDER: Final = Path(__file__).parent / "data" / "transcripts"
MANIFEST: Final = """\
version = 1
[vars]
style = "flat vector"
[assets.hero]
prompt = "A lighthouse, {style}"
aspect_ratio = "21:9"
[assets.night]
edit = "@hero"
prompt = "Make it night"
[assets.icon]
prompt = "A {what} icon"
matrix = { what = ["mail", "phone"] }
"""
LIST: Final = """\
{"prompt": "a fox", "model": "max"}
{"prompt": "a hare", "aspect_ratio": "1:1", "watermark": "me"}
"""
COMMANDS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "dry-run": (
        ("generate", "a fox", "-n", "2", "-a", "1:1", "-o", "fox-{n}.png", "--dry-run"),
        ("edit", "input.png", "make it night", "--dry-run"),
        ("generate", "--prompts", "list.jsonl", "-o", "l-{n}.{ext}", "--dry-run"),
    ),
    "config": (("config", "list"), ("config", "get", "model"), ("config", "set", "model", "max")),
    "generate": (
        ("generate", "a fox", "-o", "fox.png", "--sandbox"),
        ("generate", "a fox", "-o", "fox.png", "--sandbox"),
        ("generate", "two", "-n", "2", "-o", "two-{n}.png", "--sandbox"),
        ("generate", "a fox", "-o", "later.png", "--sandbox", "--no-wait"),
        ("download", "--unsaved", "--sandbox"),
        ("download", "--unsaved", "--sandbox"),
        ("credits", "--since", "30d", "--sandbox"),
    ),
    "faults": tuple(
        ("generate", fault, "-o", f"{number}.png", "--sandbox", "--timeout", "30s")
        for number, fault in enumerate(
            (
                *("submit:reset", "submit:402", "submit:401", "submit:422", "submit:500"),
                *("submit:failed", "submit:moderated", "poll:500x9999", "download:502x9999"),
                *("submit:429-credits", "download:not-imagex9999", "link:expired"),
            )
        )
    ),
    "usage": (
        ("generate",),
        ("generate", "a", "red", "cube"),
        ("generate", "a fox", "-a", "2:1"),
        ("generate", "a fox", "-o", "fox.gif"),
        ("generate", "a fox", "-o", "input.png", "--sandbox"),
        ("edit", "missing.png", "x"),
        ("status", "nosuchtask", "--offline"),
        ("status", "--offline"),
        ("download",),
        ("statsu",),
        ("config", "set", "modle", "max"),
        ("build",),
    ),
    "build": (
        ("build", "--plan"),
        ("build", "--check"),
        ("assets", "explain", "hero"),
        ("build", "--sandbox"),
        ("build", "--yes", "--sandbox"),
        ("build", "--check", "--sandbox"),
    ),
}
_MASKS: Final = (
    (re.compile(r"\b[0-9a-f]{32}\b"), "TASK-ID"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "SHA256"),
    (re.compile(r"(status |submission `)[2-9a-hjkmnp-tv-z]{8}\b"), r"\1REF"),
    (re.compile(r"\(Python .*"), "(Python …)"),
)
_KEY: Final = re.compile(r"(\d|hero|night|icon\[\w+\]): ")
_SEVERAL: Final = " saved, in "
"""Part of the summary of a run of several images, whose paths come in any order."""

_COLUMNS: Final = (120, 80, 60, 40)


def transcripts() -> Iterator[tuple[str, str]]:
    """Yield the name of each transcript, and its text as it is now."""
    for name in COMMANDS:
        with tempfile.TemporaryDirectory() as folder:
            yield name, _session(name, Path(folder).resolve())
    yield "status", _tables()


def _session(name: str, root: Path) -> str:
    world = World(root, env={"FLUXCLI_SANDBOX_SECONDS": "0"})
    (world.cwd / "input.png").write_bytes(png("the input"))
    (world.cwd / "list.jsonl").write_text(LIST)
    if name == "build":
        (world.cwd / "assets.toml").write_text(MANIFEST)
    parts = []
    for words in COMMANDS[name]:
        faults = words[1] if name == "faults" else ""
        ran = world.run(*words, env={"FLUXCLI_SANDBOX_FAULTS": faults})
        parts.append(f"$ fluxcli {' '.join(words)}\n")
        out, err = ran.out.decode().splitlines(), ran.err.splitlines()
        parts += [f"{line}\n" for line in (sorted(out) if _SEVERAL in ran.err else out)]
        parts += [f"2> {line}\n" for line in _in_order(err)]
        parts.append(f"[{ran.status}]\n\n")
    return masked("".join(parts).replace(str(root), "ROOT"))


def _in_order(lines: list[str]) -> list[str]:
    """Return lines with those that begin with an image's key sorted by it: images are made at once.

    A key's own lines stay in their order.
    """
    keyed = [line for line in lines if _KEY.match(line)]
    ordered = iter(sorted(keyed, key=lambda line: line.partition(":")[0]))
    return [next(ordered) if _KEY.match(line) else line for line in lines]


def masked(text: str) -> str:
    """Return `text` without what differs from run to run."""
    for pattern, shown in _MASKS:
        text = pattern.sub(shown, text)
    return text


def _tables() -> str:
    """Return the list of tasks on terminals, in colour, and in a pipe; then their cards."""
    parts = []
    for columns in _COLUMNS:
        with mock.patch.object(Output, "stdout_columns", columns):
            parts.append(_reported(lambda reporter: reporter.show(_tasks())))
    parts.append(_reported(lambda reporter: reporter.show(_tasks()), terminal=True))
    parts.append(_reported(lambda reporter: reporter.show(_tasks())))
    parts.append(_reported(lambda reporter: reporter.cards(_tasks(), _tasks())))
    return "\n".join(parts)


def _reported(act: Callable[[TaskReporter], None], *, terminal: bool = False) -> str:
    with tempfile.TemporaryDirectory() as folder:
        context = World(Path(folder), env={"TERM": "xterm-256color"}).context(terminal=terminal)
        act(TaskReporter(context.output, NOON))
        return written(context.stdout).decode().replace("\x1b", "ESC")


def _tasks() -> list[Task]:
    """Return a task in each state."""
    edit = {
        "source": "task:1730dcfe4e5d59332daf52c08a960081",
        "request": _request("make it night, in a prompt that no column holds", mode="edit"),
        "completed_at": NOON - 7000.0,
        "url": "https://h/r.png",
        "seconds": 8.25,
    }
    without_id: dict[str, Any] = {"task_id": None}
    error: dict[str, Any] = {"error_code": "outcome_unknown", "error_message": "no answer"}
    failure: dict[str, Any] = {"error_code": "generation_failed", "error_message": "it failed"}
    refusal: dict[str, Any] = {"error_code": "moderated", "error_message": "it was flagged"}
    edited = _request('it\'s "night"', mode="edit", model=MAX)
    return [
        _task(State.SAVED, 1, credits=5.0),
        _task(State.SUCCEEDED, 2, **edit),
        _task(State.RUNNING, 3, sandbox=True),
        _task(State.SENDING, 4, **without_id),
        _task(State.UNKNOWN, 5, **without_id, **error),
        _task(State.FAILED, 6, **failure),
        _task(State.REFUSED, 7, **without_id, **refusal),
        _task(State.REFUSED, 8, request=edited, source="https://h/a.png", **without_id, **refusal),
        _task(State.FAILED, 9, request=edited, source=f"sha256:{'ab' * 32}", **failure),
        _task(State.FAILED, 10, request=edited, source=edit["source"], **failure),
    ]


def _task(state: State, number: int, **fields: Any) -> Task:
    picture = Picture(
        path=Path("out/dawn.png"), bytes=70, width=1392, height=752, sha256="ab", format="png"
    )
    values: dict[str, Any] = {
        "ref": f"ref{number}",
        "state": state,
        "request": _request("a lighthouse at dawn"),
        "sandbox": False,
        "output": "out/dawn.png",
        "created_at": NOON - number * 3600,
        "task_id": f"{number}730dcfe4e5d59332daf52c08a96008{number}",
        "picture": picture if state is State.SAVED else None,
    }
    return Task(**(values | fields))


def _request(prompt: str, **fields: Any) -> Request:
    values: dict[str, Any] = {
        "mode": "generate",
        "prompt": prompt,
        "model": PRO,
        "aspect_ratio": "16:9",
        "output_format": "png",
        "safety_tolerance": 2,
    }
    return Request(**(values | fields))


def main() -> None:
    """Write all transcripts."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in transcripts():
        (FOLDER / f"{name}.txt").write_text(text, encoding="utf-8")
        sys.stdout.write(f"{FOLDER / name}.txt\n")


if __name__ == "__main__":
    main()
