"""The table of request fields: everything that a request may set beside its prompt and input.

One row per field. The flags of `generate` and `edit`, the settings with their variables, the
entries of a manifest and its schema, the bodies of both wire formats, the comparison with the
service's echo, run fingerprints and lock hashes are derived from these rows. `task_types.Request`
has an attribute for each, which tests compare. Only the sandbox keeps its own copy.

Adding a field: a row here with the next scheme number, its attribute in `task_types.Request`, the
sandbox's line, a line in the CHANGELOG; then generate the completions.

Source of names, values and defaults: the service's API documentation, as of 2026-09.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from fluxcli.prices_and_limits import MODELS, PRO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fluxcli.task_types import Mode, Request

RATIOS: Final[tuple[str, ...]] = ("21:9", "16:9", "4:3", "1:1", "3:4", "9:16")
FORMATS: Final[dict[str, str]] = {"jpeg": "jpeg", "png": "png", "jpg": "jpeg"}
"""What a user may write for an output format, and the service's own name for it."""

ENDINGS: Final[dict[str, str]] = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png"}
"""File endings and the output format that each stands for."""

EXTENSION: Final[dict[str, str]] = {"jpeg": "jpg", "png": "png"}
"""The ending, without its dot, that a format gets in a made-up file name."""

DEFAULT_RATIO: Final = "16:9"
TOLERANCE: Final[dict[str, int]] = {"generate": 6, "edit": 2}
"""The highest safety tolerance that each mode takes; the lowest is 0, the strictest."""

Kind = Literal["choice", "whole", "switch", "text", "address"]


class RequestField(NamedTuple):
    """One field: `name` in Python, the config, a manifest and JSON, and what it may be.

    `kontext` and `jobs` are its names in the wire formats; None where a format has none.
    `values` (of a choice) maps what a user may write to the service's word, `shown` are the words
    that help lists. `highest` (of a whole number, from 0) depends on the mode. `default` is
    that of both modes, but for `edit_default` where that is given. `letter` is a one-letter
    flag. A field that is not `depicted` has no influence on the image: lock hashes leave it out.
    `scheme` is the version of fingerprints and lock hashes that it came with: those of later
    schemes count only where they differ from their default, so that a request that does not use
    them has the same hash in every version.
    """

    name: str
    kontext: str
    jobs: str | None
    kind: Kind
    default: str | int | bool | None
    help: str
    metavar: str | None = None
    letter: str | None = None
    values: Mapping[str, str] = {}
    shown: tuple[str, ...] = ()
    highest: Mapping[Mode, int] = {}
    keeps_input: bool = False
    depicted: bool = True
    scheme: int = 1

    def default_for(self, mode: Mode) -> str | int | bool | None:
        """Return the default in a mode; None: it is not sent."""
        return None if self.keeps_input and mode == "edit" else self.default


FIELDS: Final[tuple[RequestField, ...]] = (
    RequestField(
        "model",
        "model",
        None,
        "choice",
        PRO,
        "the model: pro (5 credits) or max (10)",
        metavar="pro|max",
        letter="m",
        values=MODELS,
        shown=("pro", "max"),
    ),
    RequestField(
        "aspect_ratio",
        "aspectRatio",
        "aspect_ratio",
        "choice",
        DEFAULT_RATIO,
        f"width to height: {', '.join(RATIOS)}; an edit keeps its input's unless it is set",
        metavar="W:H",
        letter="a",
        values={ratio: ratio for ratio in RATIOS},
        shown=RATIOS,
        keeps_input=True,
    ),
    RequestField(
        "output_format",
        "outputFormat",
        "output_format",
        "choice",
        "jpeg",
        "file format: jpeg or png; taken from the output's ending when not given",
        metavar="jpeg|png",
        values=FORMATS,
        shown=("jpeg", "png"),
    ),
    RequestField(
        "safety_tolerance",
        "safetyTolerance",
        "safety_tolerance",
        "whole",
        2,
        f"0 (strictest) to {TOLERANCE['generate']}; at most {TOLERANCE['edit']} when editing",
        metavar="N",
        highest=TOLERANCE,  # type: ignore[arg-type] # its keys are the modes
    ),
    RequestField(
        "prompt_upsampling",
        "promptUpsampling",
        "prompt_upsampling",
        "switch",
        default=False,
        help="let the service extend the prompt; slower",
    ),
    RequestField(
        "enable_translation",
        "enableTranslation",
        "enable_translation",
        "switch",
        default=True,
        help="let the service translate the prompt into English",
    ),
    RequestField(
        "upload_cn",
        "uploadCn",
        "upload_cn",
        "switch",
        default=False,
        help="use servers in China",
    ),
    RequestField(
        "watermark",
        "watermark",
        "watermark",
        "text",
        None,
        "text that is drawn into the image",
        metavar="TEXT",
    ),
    RequestField(
        "callback_url",
        "callBackUrl",
        None,
        "address",
        None,
        "URL that the service calls when the task is finished",
        metavar="URL",
        depicted=False,
    ),
)


def named(wire: Literal["kontext", "jobs"]) -> dict[str, str]:
    """Return the names of a request's fields in a wire format, prompt and input included."""
    names = {field.name: getattr(field, wire) for field in FIELDS}
    image = {"kontext": "inputImage", "jobs": "input_image"}[wire]
    return {
        "prompt": "prompt",
        **{name: word for name, word in names.items() if word is not None},
        "input_image": image,
    }


def canonical(request: Request, *, scheme: int = 1, depicted: bool = False) -> dict[str, object]:
    """Return what identifies a request: mode, prompt, and the fields that count.

    All fields up to `scheme` count, and later ones that are not at their default. With
    `depicted`, fields without influence on the image are left out.
    """
    found: dict[str, object] = {"mode": request.mode, "prompt": request.prompt}
    for field in FIELDS:
        value = getattr(request, field.name)
        is_counted = field.scheme <= scheme or value != field.default_for(request.mode)
        if is_counted and (field.depicted or not depicted):
            found[field.name] = value
    return found
