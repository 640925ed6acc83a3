"""The texts of usage errors: what the parser could not read, and the corrected command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fluxcli.commands import COMMANDS, TOPICS
from fluxcli.commands.other_flags import command_with, with_words
from fluxcli.commands.other_words import COMMANDS_MEANT, COMPLETION, FLAGS_MEANT, WITHIN_GROUPS
from fluxcli.commands.slips import is_image
from fluxcli.errors import Code, FluxError
from fluxcli.settings.parsers import nearest
from fluxcli.system.shell_syntax import join, quote

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import typer

_NUMBERS: Final = {"int": "a whole number", "float": "a number"}


def usage_error(error: Exception, arguments: Sequence[str], cwd: Path) -> FluxError:
    """Return the error for an exception of the parser.

    The hint is the corrected command line, the equivalent of another tool's word,
    or the command that prints the help.
    """
    context: Any = getattr(error, "ctx", None)
    words = [one for one in arguments if one in COMMANDS][:1]
    path = getattr(context, "command_path", "") or " ".join(["fluxcli", *words])
    message, hint = _explained(error, arguments, cwd, context)
    return FluxError(Code.USAGE, message, hint=hint or f"{path} --help")


def _explained(
    error: Exception, arguments: Sequence[str], cwd: Path, context: typer.Context | None
) -> tuple[str, str]:
    """Return what is wrong, and the hint; "" if only the help can be suggested."""
    text = str(getattr(error, "message", None) or error)
    params = getattr(getattr(context, "command", None), "params", ())
    option = getattr(error, "option_name", None)
    if text.startswith("No such command"):
        return _unknown_command(text, arguments, cwd, context)
    if text.startswith("No such option") and option:
        near = _nearest_flag(str(option), params)
        return _unknown_flag(str(option), near, arguments)
    if text.startswith("Got unexpected extra argument"):
        return _extra_argument(text, arguments, params, cwd)
    if text.startswith("Missing command"):
        names = ", ".join(getattr(getattr(context, "command", None), "commands", ()))
        return f"no command is named: expected one of {names}", ""
    if getattr(error, "param", None) is not None and "is not" in text:
        return _bad_number(text, error, arguments)
    return _in_plain_words(text, error), ""


def _unknown_flag(option: str, near: str | None, arguments: Sequence[str]) -> tuple[str, str]:
    typed = next((one for one in arguments if one.startswith(option)), "")
    if " " in typed.partition("=")[0] and arguments[0] in {"generate", "edit"}:
        rest = [one for one in arguments if one != typed]
        line = join(["fluxcli", *rest, "-p", typed])
        return f"the prompt `{typed}` begins with `-`; nothing was sent", line
    return f"no such flag `{option}`", _flag_meant(option, near, arguments)


def _in_plain_words(text: str, error: Exception) -> str:
    option = getattr(error, "option_name", None)
    if option and "requires an argument" in text:
        return f"`{option}` needs a value"
    plain = (getattr(error, "format_message", None) or (lambda: text))().rstrip(".")
    return str(plain[:1].lower() + plain[1:].replace("'", "`"))


def _unknown_command(
    text: str, arguments: Sequence[str], cwd: Path, context: typer.Context | None
) -> tuple[str, str]:
    typed = next((one for one in arguments if f"{one!r}" in text or f"'{one}'" in text), "")
    message = f"no such command `{typed}`"
    known = list(getattr(getattr(context, "command", None), "commands", ())) or list(COMMANDS)
    if getattr(context, "parent", None) is not None:
        group = str(getattr(context, "info_name", ""))
        if other := WITHIN_GROUPS.get(group, {}).get(typed.casefold()):
            return message, with_words(other, _following(typed, arguments))
        near = nearest(typed.casefold(), known)
        return message, _with(arguments, typed, near) if near else ""
    if meant := _other_word(typed, arguments, cwd):
        return message, meant
    near = nearest(typed.casefold(), known)
    return message, _with(arguments, typed, near) if near else ""


def _other_word(word: str, arguments: Sequence[str], cwd: Path) -> str:
    """Return what is meant by a word of another tool, an image or a prompt; "" if none is known."""
    if is_image(cwd, word):
        return with_words('fluxcli edit IMAGE "PROMPT"', [word, *_following(word, arguments)])
    if " " in word.strip():
        return f"fluxcli generate {quote(word)}"
    folded = word.casefold()
    if folded in COMPLETION:
        from fluxcli.fast_completion import SCRIPTS

        shells = (one for one in arguments if one.casefold() in SCRIPTS)
        return f"fluxcli completion {next(shells, 'bash').casefold()}"
    if folded in COMMANDS_MEANT:
        return with_words(COMMANDS_MEANT[folded], _following(word, arguments))
    return f"fluxcli help {folded}" if folded in TOPICS else ""


def _following(word: str, arguments: Sequence[str]) -> list[str]:
    """Return the words after one, up to the first flag."""
    after = arguments[arguments.index(word) + 1 :]
    end = next((place for place, one in enumerate(after) if one.startswith("-")), len(after))
    return list(after[:end])


def _nearest_flag(option: str, params: Sequence[Any]) -> str | None:
    names = [name for one in params for name in (*one.opts, *one.secondary_opts)]
    words = [name[2:] for name in names if name.startswith("--")]
    near = nearest(option[2:].casefold(), words) if option.startswith("--") else None
    return f"--{near}" if near else None


def _flag_meant(option: str, near: str | None, arguments: Sequence[str]) -> str:
    """Return the command line with the nearest flag, or what is meant by another tool's flag."""
    folded = option.casefold()
    if folded in FLAGS_MEANT:
        return command_with(folded, arguments) or FLAGS_MEANT[folded]
    if near is None:
        return ""
    lines = [
        near + one[len(option) :] if one == option or one.startswith(f"{option}=") else one
        for one in arguments
    ]
    return join(["fluxcli", *lines])


def _bad_number(
    text: str,
    error: Any,  # noqa: ANN401 - the parser's own
    arguments: Sequence[str],
) -> tuple[str, str]:
    """Explain a value that is not a number, or out of its range."""
    name, kind = max(error.param.opts, key=len), error.param.type
    least, most = getattr(kind, "min", None), getattr(kind, "max", None)
    limits = {
        (False, False): "",
        (False, True): f" of {least} or more",
        (True, False): f" up to {most}",
        (True, True): f" from {least} to {most}",
    }[most is not None, least is not None]
    value = text.partition(" is not")[0].strip("'")
    what = _NUMBERS["float" if "float" in kind.name else "int"]
    default = error.param.default
    usable = least if default is None else default
    hint = _with(arguments, value, f"{usable:g}") if value in arguments and usable else ""
    return f"`{name}` is `{value}`: expected {what}{limits}", hint


def _with(arguments: Sequence[str], typed: str, meant: str) -> str:
    """Return the command line with one word, the first like `typed`, replaced."""
    words = list(arguments)
    if typed in words:
        words[words.index(typed)] = meant
    return join(["fluxcli", *words])


def _extra_argument(
    text: str, arguments: Sequence[str], params: Sequence[Any], cwd: Path
) -> tuple[str, str]:
    line = _one_prompt(arguments, params, cwd)
    if line:
        return "the prompt is more than one argument: put it into quotes", line
    extra = text.partition(" (")[2].rpartition(")")[0]
    return f"unexpected argument `{extra}`", _without_extra(arguments)


def _without_extra(arguments: Sequence[str]) -> str:
    """Return the command that is meant where one that takes no argument is given one."""
    words = [one for one in arguments if not one.startswith("-")]
    match words:
        case ["credits", period, *_] if period[:1].isdecimal():
            return f"fluxcli credits --since {quote(period)}"
        case ["sandbox", *_]:
            return "fluxcli sandbox"
        case _:
            return ""


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
    command, *typed = words
    pictures = [one for one in typed if is_image(cwd, one)]
    image = typed[:1] if command == "edit" else []
    if pictures and (command == "generate" or not is_image(cwd, typed[0])):
        # The image is at the wrong place, or `edit` is meant.
        command, image = "edit", pictures[-1:]
    prompt = [one for one in typed if one not in image]
    return join(["fluxcli", command, *image, *_joined_prompt(prompt, flags)])


def _joined_prompt(words: Sequence[str], flags: Sequence[str]) -> list[str]:
    """Return the words as one prompt, after the one of `-p` if it is given, and the other flags."""
    for place, flag in enumerate(flags[:-1]):
        if flag in {"-p", "--prompt"}:
            prompt = " ".join([flags[place + 1], *words])
            return [*flags[:place], flag, prompt, *flags[place + 2 :]]
    return [" ".join(words), *flags]
