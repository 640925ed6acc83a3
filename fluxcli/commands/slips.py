"""Mistyped command lines that would cost money: refused, with the command that was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fluxcli.commands import COMMANDS
from fluxcli.errors import Code, FluxError
from fluxcli.system.shell_syntax import join, quote

if TYPE_CHECKING:
    from pathlib import Path

    from fluxcli.task_types import Mode

_NAMES: Final = frozenset({*COMMANDS, "version"})
_ENDINGS: Final = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".bmp", ".tif", ".tiff", ".heic"}
)
_MAGIC: Final = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")
_TEXTS: Final = (".txt", ".md", ".text", ".prompt")
_ANYWAY: Final = "nothing was sent; `-p TEXT` uses it as a prompt"


def prompt_meant(
    cwd: Path, mode: Mode, prompt: str | None, text: str | None, *, image: str | None = None
) -> str | None:
    """Return the prompt: the text of `-p` as it is, or the argument unless it is a slip.

    Raises `FluxError` with status 2 for both at once, and for a prompt that is the name of a
    command or of an image, begins with `-`, or is in the place of the image.
    """
    if prompt is not None and text is not None:
        line = join(["fluxcli", mode, *([] if image is None else [image]), "-p"])
        raise FluxError(
            Code.USAGE,
            "both PROMPT and `--prompt` are given: give one of them",
            hint=f"{line} {quote(f'{text} {prompt}')}",
        )
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
    _check_reference(cwd, mode, prompt)
    if word.startswith("-"):
        line = join([*command, *([image] if image is not None else []), "-p", prompt])
        raise FluxError(Code.USAGE, f"the prompt `{prompt}` begins with `-`; {_ANYWAY}", hint=line)
    return prompt


def _check_reference(cwd: Path, mode: Mode, prompt: str) -> None:
    """Refuse the name of an image that is missing, a URL, a task, or a text file as a prompt."""
    word = prompt.strip()
    if " " in word:
        return
    if _is_reference(word) or names_file(word):
        what = "names an image"
        line = (
            f'fluxcli edit {quote(word)} "PROMPT"' if mode == "generate" else "fluxcli edit --help"
        )
    elif mode == "generate" and word.casefold().endswith(_TEXTS) and _exists(cwd, word):
        what, line = "is a file", f"fluxcli generate --prompt-file {quote(word)}"
    else:
        return
    raise FluxError(Code.USAGE, f"the prompt `{prompt}` {what}; {_ANYWAY}", hint=line)


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


def names_file(word: str) -> bool:
    """Return whether a word has the form of an image file's name or path."""
    is_path = " " not in word and not _is_reference(word)
    return is_path and word.casefold().endswith(tuple(_ENDINGS))


def _check_order(cwd: Path, image: str, prompt: str | None, text: str | None) -> None:
    """Refuse `edit PROMPT IMAGE`, and `edit help`."""
    if _exists(cwd, image) or image == "-" or _is_reference(image):
        return
    if (
        prompt is not None
        and prompt != "-"
        and (is_image(cwd, prompt) or (names_input(cwd, prompt) and not names_input(cwd, image)))
    ):
        line = join(["fluxcli", "edit", prompt, image])
        missing = names_file(prompt) and not _exists(cwd, prompt)
        lacks = f", and there is no image file `{prompt}`" if missing else ""
        raise FluxError(Code.USAGE, f"the image comes before the prompt{lacks}", hint=line)
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
