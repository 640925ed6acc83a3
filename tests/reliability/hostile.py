"""Hostile input: answers of the service, files of the user, arguments of the shell.

Hypothesis strategies, and what every run must keep to: no traceback, no bug, no status that is
not documented, no success that is none.
"""

from __future__ import annotations

import json
import string
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from tests.reliability.fault_server import Answer, Fault, FaultServer, Stage

if TYPE_CHECKING:
    from tests.worlds import Ran

WORDS: Final = (
    *("code", "msg", "data", "success", "taskId", "task_id", "successFlag", "response"),
    *("resultImageUrl", "originImageUrl", "paramJson", "createTime", "completeTime"),
    *("errorCode", "errorMessage", "downloadUrl", "url"),
)
STAGES: Final[tuple[Stage, ...]] = ("submit", "poll", "result", "credits")

_TEXT: Final = st.text(max_size=30) | st.sampled_from(
    ["null", "", "success", "http://[", "http://127.0.0.1:1/x", "https://\u202e/", "{}", "[", "1e9"]
)
_SCALAR: Final = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, 1, 2, 3, 200, 400, 401, 402, 422, 429, 433, 455, 500, 501, 505, 2**70])
    | st.integers()
    | st.floats()
    | _TEXT
)
_JSON: Final = st.recursive(
    _SCALAR,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=12,
)
_ENVELOPE: Final = st.fixed_dictionaries(
    {"code": st.just(200) | _SCALAR, "data": _JSON}, optional={"msg": _SCALAR, "success": _SCALAR}
)
_RECORD: Final = st.fixed_dictionaries(
    {"successFlag": st.sampled_from([0, 1, "1", 2, 3, 1.0, None, True, 9]) | _SCALAR},
    optional={
        "response": st.fixed_dictionaries({"resultImageUrl": _TEXT}) | _JSON,
        "createTime": _SCALAR,
        "completeTime": _SCALAR,
        "paramJson": _TEXT | _JSON,
        "errorCode": _SCALAR,
        "errorMessage": _SCALAR,
    },
)
_STATUS: Final = st.sampled_from([200, 200, 200, 201, 204, 302, 400, 401, 403, 404, 422, 429, 500])
_HEADERS: Final = st.lists(
    st.tuples(
        st.sampled_from(["Content-Type", "Content-Encoding", "Retry-After", "Location", "X"]),
        st.sampled_from(["gzip", "deflate", "br", "0", "-1", "1e400", "nan", "/x", "text/html"])
        | st.text(string.ascii_letters + string.punctuation, max_size=20),
    ),
    max_size=2,
)


def _answer(status: int, body: bytes, headers: list[tuple[str, str]]) -> Answer:
    return Answer(status, body, tuple(headers))


_BODY: Final = (
    _ENVELOPE.map(lambda value: json.dumps(value).encode())
    | _RECORD.map(lambda value: json.dumps({"code": 200, "data": value}).encode())
    | _JSON.map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=200)
)
ANSWERS: Final = st.builds(_answer, _STATUS, _BODY, _HEADERS)
RAW: Final = st.binary(max_size=200).map(lambda tail: b"HTTP/1.1 200 OK\r\n" + tail)

_LINE: Final = st.sampled_from(
    (
        *("[generate]", "[edit]", "[build]", 'model = "max"', "model = 3", 'timeout = "1h"'),
        *('api_key = "x\\ny"', 'base_url = "http://evil.example"', 'base_url = "https://h:99999"'),
        *('output = "{nope}"', 'output = "a\\u0000b"', "interval = -1", "interval = nan", "x = ["),
        *('aspect_ratio = "1:2"', 'generate.model = "pro"', "timeout = 1e400", 'color = "red"'),
    )
)
CONFIGS: Final = st.lists(
    _LINE
    | st.builds(
        lambda name, value: f"{name} = {json.dumps(value)}",
        st.sampled_from(["api_key", "base_url", "upload_url", "timeout", "interval", "output"]),
        _TEXT | st.integers() | st.booleans(),
    ),
    max_size=6,
).map(lambda lines: "\n".join(lines).encode("utf-8", "replace")) | st.binary(max_size=100)

_VARIABLES: Final = (
    *("FLUXCLI_API_KEY", "FLUXCLI_BASE_URL", "FLUXCLI_UPLOAD_URL", "FLUXCLI_TIMEOUT"),
    *("FLUXCLI_INTERVAL", "FLUXCLI_OUTPUT", "FLUXCLI_MODEL", "FLUXCLI_JSON", "FLUXCLI_QUIET"),
    *("FLUXCLI_COLOR", "FLUXCLI_API_KEY_FILE", "FLUXCLI_EDIT_ASPECT_RATIO", "FLUXCLI_DEBUG"),
    *("NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS", "LINES", "CI", "XDG_CONFIG_HOME", "LANG"),
)
_VALUE: Final = st.text(
    st.characters(exclude_characters="\0/~", codec="utf-8"), max_size=15
) | st.sampled_from(["0", "1", "-1", "1e999", "nan", "http://::1", "dumb", "true"])
ENVIRONMENTS: Final = st.dictionaries(st.sampled_from(_VARIABLES), _VALUE, max_size=3)

_FLAGS: Final = (
    *("-o", "--output", "-m", "--model", "-a", "--aspect-ratio", "--output-format", "-n"),
    *("--count", "--timeout", "--interval", "--json", "-q", "-v", "--no-wait", "--force", "-f"),
    *("--skip-existing", "--new", "--yes", "--max-credits", "--dry-run", "--watermark", "--debug"),
    *("--callback-url", "--safety-tolerance", "--prompt-upsampling", "--no-prompt-upsampling"),
    *("--prompt-file", "--color", "--no-input", "--unsaved", "--wait", "--all", "--offline"),
    *(
        "--limit",
        "--settle",
        "--help",
        "-h",
        "--",
        "-",
        "--jsn",
        "--model=pro",
        "-ojpg",
        "--preview",
    ),
)
_COMMANDS: Final = ("generate", "edit", "status", "download", "credits", "config", "genrate")
_TOKEN: Final = (
    st.sampled_from(_FLAGS)
    | st.text(st.characters(exclude_characters="\0/~", codec="utf-8"), max_size=12)
    | st.sampled_from(
        ["a.png", "b.jpg", "c.gif", "{id}.png", "{nope}", "{", "@last", "@", "-1", "0", "1:1", "3"]
    )
    | st.sampled_from(
        ["list", "path", "get", "check", "unset", "model", "generate.model", "\udcff"]
    )
)
ARGUMENTS: Final = st.builds(
    lambda before, command, after: [*before, command, *after],
    st.lists(_TOKEN, max_size=1),
    st.sampled_from(_COMMANDS),
    st.lists(_TOKEN, max_size=5),
)


def check(ran: Ran, *, documented: frozenset[int] = frozenset(range(12))) -> list[str]:
    """Return what is wrong with a run on any input."""
    wrong = []
    if "Traceback" in ran.err or "a bug in fluxcli" in ran.err:
        wrong.append(f"a bug: {ran.err}")
    if ran.status not in documented:
        wrong.append(f"status {ran.status}")
    if ran.status != 0 and not ran.err and not ran.out:
        wrong.append(f"status {ran.status} without a word")
    return wrong


def answering(answer: Answer) -> Fault:
    """Return the fault that is this answer, and then a hang-up."""

    def act(wire: Any, _: Answer) -> None:
        wire.send(answer.raw())
        wire.finish()

    return Fault("hostile", act)


def wrong_success(ran: Ran, server: FaultServer, kept: bytes | None) -> bool:
    """Return whether success was reported for an image that the service did not make."""
    return ran.status == 0 and kept not in {made.picture for made in server.tasks.values()}
