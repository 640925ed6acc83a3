"""The arguments of `fluxcli build`, as typed: plain values."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from fluxcli.build.manifest.search import resolved_link
from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from collections.abc import Sequence

Word = Literal[
    "build",
    "candidates",
    "plan",
    "check",
    "explain",
    "adopt",
    "pick",
    "prune",
    "schema",
    "init",
    "merge-locks",
]
_MANIFEST: Final = ".toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildCall:
    """The arguments. `names` are assets, patterns, or for `merge-locks` files.

    `is_named`: the manifest `file` was typed, not found.
    """

    word: Word
    file: str
    is_named: bool = False
    names: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    shard: str | None = None
    yes: bool = False
    force: bool = False
    locked: bool = False
    fail_fast: bool = False
    reroll: tuple[str, ...] = ()
    children: bool = True
    candidates: int | None = None
    rate: int | None = None
    in_flight: int | None = None
    reports: tuple[tuple[str, Path | None], ...] = field(default=())
    against: str | None = None

    def manifest(self, cwd: Path) -> Path:
        """Return the manifest's path; of a link, its target's: one manifest has one lock."""
        return resolved_link(cwd / self.file)

    @property
    def choice(self) -> tuple[str, ...]:
        """The arguments that select the assets, for a command line in a hint."""
        found = list(self.names)
        found += [word for tag in self.tags for word in ("--tag", tag)]
        found += ["--shard", self.shard] if self.shard else []
        found += [word for asset in self.reroll for word in ("--reroll", asset)]
        found += [] if self.children else ["--no-children"]
        return (*found, "--force") if self.force else tuple(found)

    @property
    def is_whole(self) -> bool:
        """Whether the whole project is selected, with nothing forced."""
        return not (self.names or self.tags or self.shard or self.force or self.reroll)


def split_arguments(arguments: Sequence[str], default: str) -> tuple[str, tuple[str, ...]]:
    """Split the arguments into the manifest, which ends in `.toml`, and all others.

    Raises:
        FluxError: USAGE: there are two manifests.
    """
    files = [one for one in arguments if one.endswith(_MANIFEST)]
    if len(files) > 1:
        message = f"`{files[0]}` and `{files[1]}`: one file is built at a time"
        raise FluxError(Code.USAGE, message, hint=f"fluxcli build {files[0]}")
    return (files or [default])[0], tuple(one for one in arguments if one not in files)


def word_of(chosen: dict[Word, bool]) -> Word:
    """Return the command that the flags choose; `build` without any.

    Raises:
        FluxError: USAGE: two commands at once.
    """
    words = [word for word, wanted in chosen.items() if wanted]
    if len(words) > 1:
        message = f"`--{words[0]}` and `--{words[1]}` are two different commands"
        raise FluxError(Code.USAGE, message, hint="fluxcli build --help")
    return words[0] if words else "build"


def reports_of(texts: Sequence[str]) -> tuple[tuple[str, Path | None], ...]:
    """Read `--report github`, `junit=FILE` and `html=FILE`.

    Raises:
        FluxError: USAGE: none of these.
    """
    found: list[tuple[str, Path | None]] = []
    for text in texts:
        kind, _, file = text.partition("=")
        if kind == "github" and not file:
            found.append((kind, None))
        elif kind in {"junit", "html"} and file:
            found.append((kind, Path(file)))
        else:
            message = f"`--report {text}`: expected `github`, `junit=FILE` or `html=FILE`"
            raise FluxError(Code.USAGE, message, hint="--report html=build.html")
    return tuple(found)


def check_flags(word: Word, given: Sequence[str]) -> None:
    """Refuse flags that a command does not use; `given` are those that were typed.

    Raises:
        FluxError: USAGE, naming the first.
    """
    unused = [flag for flag in given if flag not in _USED.get(word, ())]
    if unused:
        shown = {"build": "fluxcli build", "candidates": "`--candidates`"}.get(word, f"`--{word}`")
        raise FluxError(
            Code.USAGE,
            f"`{unused[0]}` has no effect on {shown}",
            hint="fluxcli build --help",
        )


_PLANNED: Final = (
    *("--tag", "--shard", "--force", "--report", "--against"),
    *("--reroll", "--no-children"),
)
_MADE: Final = (
    *_PLANNED,
    *("--jobs", "--fail-fast", "--locked", "--yes", "--max-credits", "--timeout", "--interval"),
    "--rate",
)
_USED: Final[dict[str, tuple[str, ...]]] = {
    "build": _MADE,
    "candidates": ("--yes", "--max-credits", "--timeout", "--interval", "--rate"),
    "plan": _PLANNED,
    "check": _PLANNED,
    "explain": ("--tag", "--shard", "--force"),
    "adopt": ("--tag", "--shard"),
    "prune": ("--yes", "--force"),
    "init": ("--force",),
}
"""The flags that each command uses."""
