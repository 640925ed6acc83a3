"""Mistyped command lines that would cost money, and the command that was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fluxcli.commands import COMMANDS
from fluxcli.errors import Code, FluxError
from fluxcli.system.shell_syntax import join, quote

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fluxcli.catalog import Mode

_NAMES: Final = frozenset({*COMMANDS, "version"})
_ENDINGS: Final = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".bmp", ".tif", ".tiff", ".heic"}
)
_MAGIC: Final = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")
_ANYWAY: Final = "nothing was sent; `-p TEXT` uses it as a prompt"


def prompt_meant(
    cwd: Path, mode: Mode, prompt: str | None, text: str | None, *, image: str | None = None
) -> str | None:
    """Return the prompt: the text of `-p` as it is, or the argument unless it is a slip.

    Raises `FluxError` with status 2 for both at once, and for a prompt that is the name of a
    command or of an image, begins with `-`, or stands where the image belongs.
    """
    if prompt is not None and text is not None:
        raise FluxError(Code.USAGE, "both PROMPT and `--prompt` are given: give one of them")
    if image is not None and not is_image(cwd, image):
        _check_order(cwd, image, prompt, text)
    if text is not None or prompt is None or prompt == "-":
        return prompt if text is None else text
    word = prompt.strip().casefold()
    command = ["fluxcli", mode]
    if word in _NAMES:
        line = _command_meant(mode, word)
        raise FluxError(Code.USAGE, f"the prompt `{prompt}` is a command; {_ANYWAY}", hint=line)
    if is_image(cwd, prompt):
        line = f'fluxcli edit {quote(image or prompt)} "PROMPT"'
        raise FluxError(Code.USAGE, f"the prompt `{prompt}` is an image; {_ANYWAY}", hint=line)
    if word.startswith("-"):
        line = join([*command, *([image] if image is not None else []), "-p", prompt])
        raise FluxError(Code.USAGE, f"the prompt `{prompt}` begins with `-`; {_ANYWAY}", hint=line)
    return prompt


def is_image(cwd: Path, word: str) -> bool:
    """Return whether a file of this name exists and is an image by its ending or its bytes."""
    try:
        path = cwd / word.strip()
        if not path.is_file():
            return False
        if path.suffix.casefold() in _ENDINGS:
            return True
        with path.open("rb") as file:
            return file.read(8).startswith(_MAGIC)
    except (OSError, ValueError):
        return False


def names_input(cwd: Path, word: str) -> bool:
    """Return whether a word is meant as an image to edit, whether or not it exists."""
    if word == "-" or _is_reference(word) or _exists(cwd, word):
        return True
    return " " not in word and word.casefold().endswith(tuple(_ENDINGS))


def _check_order(cwd: Path, image: str, prompt: str | None, text: str | None) -> None:
    """Refuse `edit PROMPT IMAGE`, and `edit help`."""
    if _exists(cwd, image) or image == "-" or _is_reference(image):
        return
    if prompt is not None and (is_image(cwd, prompt) or _is_reference(prompt)):
        line = join(["fluxcli", "edit", prompt, image])
        raise FluxError(Code.USAGE, "the image comes before the prompt", hint=line)
    if prompt is None and text is None and image.strip().casefold() in _NAMES:
        line = _command_meant("edit", image.strip().casefold())
        raise FluxError(Code.USAGE, f"the image `{image}` is a command", hint=line)


def _exists(cwd: Path, word: str) -> bool:
    try:
        return (cwd / word).exists()
    except (OSError, ValueError):
        return False


def _is_reference(word: str) -> bool:
    begins = word.casefold()
    return " " not in word and begins.startswith(("http://", "https://", "file://", "@"))


def _command_meant(mode: Mode, word: str) -> str:
    if word == "version":
        return "fluxcli --version"
    if word in {"help", mode}:
        return f"fluxcli {mode} --help"
    return f"fluxcli {word} --help" if word in COMMANDS else "fluxcli --help"


_COMMON_WORDS: Final = {
    **dict.fromkeys(("login", "auth", "setup", "init"), "fluxcli config set api_key"),
    "logout": "fluxcli config unset api_key",
    **dict.fromkeys(("history", "list", "ls", "log", "logs", "tasks", "jobs"), "fluxcli status"),
    **dict.fromkeys(("wait", "watch"), "fluxcli status @last --wait"),
    **dict.fromkeys(("show", "info", "get"), "fluxcli status @last"),
    **dict.fromkeys(("resume", "retry", "continue", "fetch"), "fluxcli download --unsaved"),
    **dict.fromkeys(("balance", "usage", "account", "billing"), "fluxcli credits"),
    **dict.fromkeys(("make", "create", "new", "gen", "run"), 'fluxcli generate "PROMPT"'),
    "version": "fluxcli --version",
    **dict.fromkeys(("settings", "configure", "set"), "fluxcli config list"),
}
_COMPLETION: Final = frozenset({"completions", "complete", "autocomplete", "--show-completion"})
_RATIO: Final = "--aspect-ratio 16:9 (sizes follow from it: 21:9 16:9 4:3 1:1 3:4 9:16)"
_COMMON_FLAGS: Final = {
    **dict.fromkeys(("--size", "--width", "--height", "--ratio", "--resolution"), _RATIO),
    "--seed": "the service takes no seed; `--count 4` makes several to choose from",
    **dict.fromkeys(
        ("--negative-prompt", "--negative"), "the service takes none; put it into the prompt"
    ),
    **dict.fromkeys(
        ("--steps", "--cfg", "--guidance", "--guidance-scale"),
        "the service takes none; `--model max` is the better model",
    ),
    **dict.fromkeys(("--format", "--type"), "--output-format png"),
    **dict.fromkeys(("--out", "--outfile", "--output-file", "--save"), "--output PATH"),
    **dict.fromkeys(("--num", "--number", "--batch", "--samples"), "--count N"),
    **dict.fromkeys(("--api-key", "--key", "--token"), "fluxcli config set api_key"),
    **dict.fromkeys(("--overwrite", "--replace"), "--force"),
    **dict.fromkeys(("--async", "--background", "--detach"), "--no-wait"),
}


def answer_to(message: str, arguments: Sequence[str], params: Sequence[object], cwd: Path) -> str:
    """Return the command or the fact that helps after a usage error; nothing if none is known.

    `message` is the parser's; `params` are the parameters of the command that refused.
    """
    folded = message.casefold()
    if "unexpected extra argument" in folded:
        return _one_prompt(arguments, params, cwd)
    if folded.startswith("no such command"):
        return _command_for(arguments, cwd)
    if folded.startswith("no such option"):
        flags = (one.partition("=")[0].casefold() for one in arguments if one.startswith("--"))
        return next(
            (_COMMON_FLAGS[one] for one in flags if one in _COMMON_FLAGS and one in folded), ""
        )
    return ""


def _command_for(arguments: Sequence[str], cwd: Path) -> str:
    """Return the command that an unknown word stands for; nothing if none is known."""
    word = next((one for one in arguments if not one.startswith("-")), "")
    if is_image(cwd, word):
        return f'fluxcli edit {quote(word)} "PROMPT"'
    if " " in word.strip():
        return f"fluxcli generate {quote(word)}"
    if word.casefold() in _COMPLETION:
        from fluxcli.fast_completion import SCRIPTS

        shells = (one for one in arguments if one.casefold() in SCRIPTS)
        return f"fluxcli completion {next(shells, 'bash').casefold()}"
    known = word.casefold() if word not in COMMANDS and word.casefold() in COMMANDS else ""
    return _COMMON_WORDS.get(word.casefold(), f"fluxcli {known} --help" if known else "")


def _one_prompt(arguments: Sequence[str], params: Sequence[object], cwd: Path) -> str:
    """Return the command with its unquoted words as one prompt; the flags stay as they are."""
    takes_value = {
        name
        for one in params
        if not getattr(one, "is_flag", False)
        for name in getattr(one, "opts", ())
        if name.startswith("-")
    }
    words: list[str] = []
    flags: list[str] = []
    rest = iter(arguments)
    for one in rest:
        if one == "--":
            words += rest
        elif not one.startswith("-") or one == "-":
            words.append(one)
        else:
            flags.append(one)
            if one in takes_value and (value := next(rest, None)) is not None:
                flags.append(value)
    if not words or words[0] not in {"generate", "edit"}:
        return ""
    fixed = words[: 1 if words[0] == "generate" else 2]
    if words[0] == "edit" and not is_image(cwd, words[1]) and is_image(cwd, words[-1]):
        fixed, words = ["edit", words[-1]], ["edit", "", *words[1:-1]]
    return join(["fluxcli", *fixed, " ".join(words[len(fixed) :]), *flags])
