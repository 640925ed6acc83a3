"""The topics of `fluxcli help`, made from the tables that the program itself reads."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from fluxcli.build.manifest.manifest_fields import ACCEPT, ASSET, REQUEST, TOP
from fluxcli.build.manifest.search import DEFAULT_NAME as MANIFEST_NAME
from fluxcli.completion.documents import SCHEMAS
from fluxcli.errors import STATUSES, TABLE
from fluxcli.files.default_name import DEFAULT_NAME
from fluxcli.files.name_template import MEANINGS
from fluxcli.output.json_schemas import ERROR, IMAGE
from fluxcli.prices_and_limits import (
    CONSENT_CREDITS,
    CREDITS,
    RESULT_DAYS,
    SUBMISSIONS,
    WINDOW_SECONDS,
)
from fluxcli.settings.setting_table import SETTINGS, written
from fluxcli.settings.variables import OTHER_VARIABLES
from fluxcli.task_types import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_STATES: Final = {
    State.SENDING: "being submitted; no answer yet",
    State.RUNNING: "accepted and already paid; the service is working on it",
    State.SUCCEEDED: "finished and paid, not saved yet",
    State.SAVED: "saved to a file",
    State.FAILED: "accepted, then failed, refused by the content policy, or expired",
    State.REFUSED: "never accepted: nothing was charged",
    State.UNKNOWN: "it is not known whether it was accepted, and so whether it is charged",
}


def topics() -> dict[str, list[str]]:
    """Return the lines of each topic, in the form that `fast_help` reads."""
    return {
        "exit-codes": list(_exit_codes()),
        "environment": list(_environment()),
        "json": list(_json()),
        "templates": list(_templates()),
        "money": list(_money()),
        "manifest": list(_manifest()),
    }


def _exit_codes() -> Iterator[str]:
    yield "Exit statuses, and the codes in `error.code` of `--json`"
    yield "# Exit statuses:"
    for number, row in STATUSES.items():
        rest = "" if number == 0 else f" Charged: {row.charged}. Next: {row.next}."
        yield f"- {number}\t{row.meaning}.{rest}"
    yield (
        "Several images with different results: 11 if any is unknown, else 9 if any was refused "
        "or failed, else 6, else 4. Status 2 never follows a charge."
    )
    yield "# Error codes, by status (* the same command may simply be run again):"
    for code, info in sorted(TABLE.items(), key=lambda item: item[1].status):
        yield f"- {code.value}\t{int(info.status)}{'*' * info.retryable}  {info.meaning}"
    yield "Read on: `fluxcli help money`, `fluxcli help json`"


def _environment() -> Iterator[str]:
    yield "Settings and environment variables"
    yield (
        "A value comes from the first of these that has one: flag, environment variable, preset, "
        "config file, default. `fluxcli config list` shows every value and its origin; `fluxcli "
        "config set NAME VALUE` changes the config file."
    )
    yield "# Settings and their variables:"
    for setting in SETTINGS.values():
        default = written(setting.default)
        shown = f" [{default}]" if default else ""
        yield f"- {setting.name}\t{setting.help}{shown}: {' '.join(setting.variables)}"
    yield "# Other variables:"
    yield from (f"- {name}\t{meaning}" for name, meaning in OTHER_VARIABLES.items())
    yield "Read on: `fluxcli config --help`"


def _json() -> Iterator[str]:
    yield "The documents of `--json`"
    yield (
        "With `--json`, stdout has one JSON object per result, each on its own line. A failure is "
        "an object with the key `error`, and the exit status says the same. Fields are only ever "
        "added; an absent value is null; times are ISO 8601 in UTC."
    )
    yield "# Fields of an image:"
    yield from _fields(IMAGE)
    yield "# Values of `state`:"
    yield from (f"- {state.value}\t{_STATES[state]}" for state in State)
    yield "# Fields of `error`:"
    yield from _fields(ERROR["properties"]["error"])
    yield f"`fluxcli help --json` prints the JSON Schema of every document: {', '.join(SCHEMAS)}."
    yield "$ fluxcli status --json | jq -r 'select(.state == \"saved\").path'"
    yield "Read on: `fluxcli help exit-codes`"


def _fields(schema: dict[str, object]) -> Iterator[str]:
    properties = schema["properties"]
    for name, value in properties.items() if isinstance(properties, dict) else ():
        words = [str(one) for one in value.get("enum", ()) if one is not None]
        kind = value.get("type", "string")
        kinds = [kind] if isinstance(kind, str) else list(kind)
        if None in value.get("enum", ()):
            kinds.append("null")
        shown = " or ".join(kinds)
        if name not in {"state", "code"} and words:
            shown += f": {', '.join(words)}"
        yield f"- {name}\t{shown}"


def _templates() -> Iterator[str]:
    yield "Names of output files"
    yield (
        "`-o` takes a file, a folder (one that exists, or a name that ends in /), a template, or "
        f"`-` for stdout. The default is `{DEFAULT_NAME}` in the working folder. Missing folders "
        "are made."
    )
    yield "# Placeholders:"
    yield from (f"- {{{name}}}\t{meaning}" for name, meaning in MEANINGS.items())
    yield "`{{` and `}}` stand for plain braces."
    yield "# Examples:"
    yield '$ fluxcli generate "a red cube" -o "{date}/{prompt}-{n}.{ext}" -n 2'
    yield '$ fluxcli generate "a red cube" -o cubes/'
    yield (
        "A fixed name with `-n 3` is numbered: cube-1.png, cube-2.png, cube-3.png. An existing "
        "file is refused before anything is charged, unless it is the image of the same request; "
        "`--force` replaces it, `--skip-existing` leaves it."
    )
    yield "Read on: `fluxcli generate --help`, `fluxcli help money`"


def _money() -> Iterator[str]:
    pro, top = CREDITS.values()
    yield "What is charged, and what is never charged twice"
    yield (
        f"A submitted task costs an estimated {pro} credits with the model pro and {top} with max. "
        "Polling, downloading, `status`, `credits`, `--dry-run`, `build --plan` and everything "
        "with `--sandbox` cost nothing."
    )
    yield (
        "Every submission is written to a journal on this machine before it is sent. The same "
        "command, run again after any interruption, resumes what it began and pays only for what "
        "is missing. After it has finished, a fixed output name is recognised as done; a name "
        "with {id} makes a new image and is charged again. `--new` always pays."
    )
    yield "# Limits:"
    yield f"- consent\tabove an estimated {CONSENT_CREDITS} credits, a run asks or needs `--yes`"
    yield "- --max-credits N\tsend nothing if the estimate of this run is above N"
    yield (
        f"- rate\t{SUBMISSIONS} submissions in {WINDOW_SECONDS:g} s, shared by all processes of "
        "this machine"
    )
    yield "# After an interruption:"
    yield "$ fluxcli status"
    yield "$ fluxcli download --unsaved"
    yield (
        "A timeout ends the waiting, never the task. The answer to a submission that was sent is "
        "waited for beyond `--timeout`, up to 2 minutes: without it, it would be unknown "
        f"whether the image is charged. The service keeps results for {RESULT_DAYS} "
        "days. Status 11 means that an answer was lost: the task may be charged. `fluxcli status "
        "REF` shows it; once you know from the account's log, `fluxcli status REF --settle TASKID` "
        "or `--settle not-charged` records it. Do not submit again before."
    )
    yield "Read on: `fluxcli help exit-codes`, `fluxcli credits --help`"


def _manifest() -> Iterator[str]:
    yield f"The manifest {MANIFEST_NAME} and its lock"
    yield (
        "A manifest declares images; `fluxcli build` makes those that are new or changed. Commit "
        "the manifest, the lock beside it (assets.lock) and the images."
    )
    yield "# A small manifest:"
    example = """\
        version = 1
        output_dir = "images"

        [assets.hero]
        prompt = "A lighthouse at dawn"
        aspect_ratio = "21:9"

        [assets.hero-night]
        edit = "@hero"
        prompt = "Make it night"
        """
    yield from (f"> {'  ' * bool(line)}{line}" for line in textwrap.dedent(example).splitlines())
    yield "# Top level:"
    yield from _entries(TOP.items())
    yield "# [defaults] and [assets.NAME]:"
    yield from _entries(REQUEST.items())
    yield "# [assets.NAME]:"
    yield from _entries((name, spec) for name, spec in ASSET.items() if name not in REQUEST)
    yield "# accept = { ... }:"
    yield from _entries(ACCEPT.items())
    yield (
        "`matrix = { KEY = [...] }` and `each = [{...}]` make several assets of one table; "
        "`exclude` leaves some out. {KEY} and the texts of [vars] can be used in prompts and "
        "outputs."
    )
    yield "# Begin with:"
    yield "$ fluxcli assets init"
    yield "$ fluxcli build --plan"
    yield "Read on: `fluxcli build --help`, `fluxcli assets --help`"


def _entries(entries: Iterable[tuple[str, object]]) -> Iterator[str]:
    yield from (f"- {name}\t{getattr(spec, 'help', '')}" for name, spec in entries)
