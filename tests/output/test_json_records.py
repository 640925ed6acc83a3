"""The JSON objects that scripts read, field by field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fluxcli.clock import timestamp
from fluxcli.errors import Code, FluxError
from fluxcli.output import json_records as records
from fluxcli.task_types import Picture, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from fluxcli.task_types import Task


def test_the_record_of_a_saved_image_has_these_values(task_for: Callable[..., Task]) -> None:
    """Which fields there are, and in which order, is pinned in `tests/test_promises.py`."""
    task = task_for(url="https://r.test/1.png", completed_at=1_795_341_612.7, seconds=12.5)
    assert records.picture_record(task).items() >= {
        ("task_id", "e730dcfe4e5d59332daf52c08a960085"),
        ("ref", "k7"),
        ("state", "saved"),
        ("mode", "generate"),
        ("model", "flux-kontext-pro"),
        ("prompt", "a lighthouse at dawn"),
        ("aspect_ratio", "16:9"),
        ("output_format", "png"),
        ("path", "out/dawn.png"),
        ("url", "https://r.test/1.png"),
        ("bytes", 70),
        ("width", 1392),
        ("height", 752),
        ("sha256", "ab"),
        ("created_at", "2026-11-22T10:00:00Z"),
        ("completed_at", "2026-11-22T10:00:12Z"),
        ("seconds", 12.5),
        ("estimated_credits", 5),
        ("sandbox", False),
        ("format", "png"),
        ("input", None),
        ("credits", None),
    }


def test_absent_values_are_null(task_for: Callable[..., Task]) -> None:
    record = records.picture_record(task_for(State.UNKNOWN, task_id=None))
    absent = {name for name, value in record.items() if value is None}
    assert absent >= {
        *("task_id", "path", "url", "bytes", "width", "height", "sha256"),
        *("completed_at", "seconds", "format", "input", "credits"),
    }


def test_an_image_on_stdout_has_no_path(task_for: Callable[..., Task]) -> None:
    picture = Picture(path=None, bytes=70, width=1, height=2, sha256="cd", format="png")
    record = records.picture_record(task_for(picture=picture))
    assert (record["path"], record["bytes"], record["height"]) == (None, 70, 2)


def test_a_time_that_is_no_date_is_null() -> None:
    assert timestamp(1e300) is None


def test_an_error_record_has_code_message_and_hint() -> None:
    error = FluxError(
        Code.TIMED_OUT, "waiting ended", hint="fluxcli download", task_id="t", ref="r"
    )
    assert list(records.error_record(error)) == ["error"]
    assert records.error_record(error)["error"] == {
        "code": "timed_out",
        "message": "waiting ended",
        "hint": "fluxcli download",
        "retryable": True,
        "task_id": "t",
        "ref": "r",
    }


def test_a_record_is_one_line_of_ascii() -> None:
    line = records.line({"prompt": "灯台\n\udcff\u2028"})
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line) == {"prompt": "灯台\n\udcff\u2028"}
