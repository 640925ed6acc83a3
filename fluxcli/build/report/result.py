"""What the reports show: the outcomes of a build, and the error that ended it, if one did."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fluxcli.build.outcome import Spending
from fluxcli.dataclass import dataclass
from fluxcli.errors import FluxError, ProblemsError

if TYPE_CHECKING:
    from fluxcli.build.manifest.asset import Manifest
    from fluxcli.build.outcome import Outcome

TROUBLE: Final = frozenset({"failed", "unknown", "capped", "blocked"})
"""Results of assets that are not as the manifest declares them after this run."""

WAITING: Final = frozenset({"planned", "running", "edited", "held", "orphan"})
"""Results of assets that are not done although nothing failed."""

_LOCATED: Final = re.compile(
    r"`(?P<file>[^`]+?):(?P<line>\d+)(?::(?P<column>\d+))?`:? (?P<text>.*)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file; `file` is relative to the repository's root, with `/`."""

    file: str
    line: int
    column: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """A build, complete or not. Paths are absolute, `now` is in seconds since the epoch.

    `manifest_path` is known before `manifest` is, which is None if it could not be read.
    `root` is the repository's root, `cwd` the folder that messages are relative to. `error` is
    what ended the build early.
    """

    manifest_path: Path
    manifest: Manifest | None
    root: Path
    cwd: Path
    now: float
    sandbox: bool
    outcomes: tuple[Outcome, ...] = ()
    error: FluxError | None = None
    previous: dict[str, bytes] = field(default_factory=dict, repr=False)
    compared_with: str | None = None

    @property
    def title(self) -> str:
        """The manifest's path relative to the repository's root."""
        return relative(self.manifest_path, self.root)

    @property
    def errors(self) -> list[FluxError]:
        """Every problem of the error that ended the build."""
        if isinstance(self.error, ProblemsError):
            return list(self.error.errors)
        return [self.error] if self.error is not None else []

    @property
    def counts(self) -> dict[str, int]:
        """How many assets there are of each result, by name."""
        return dict(sorted(Counter(outcome.result for outcome in self.outcomes).items()))

    @property
    def cost(self) -> str:
        """What was and what will be spent, in words."""
        text = str(Spending.of(self.outcomes))
        return f"{text} (sandbox: nothing was charged)" if self.sandbox else text

    def location(self, outcome: Outcome) -> Location:
        """Return where an asset is declared; the manifest's first line for an orphan."""
        asset = outcome.step.asset
        if asset is None:
            return Location(self.title, 1)
        return Location(relative(asset.source.path, self.root), asset.line)

    def located(self, error: FluxError) -> tuple[Location, str]:
        """Return where an error is, and its message without the place."""
        found = _LOCATED.fullmatch(error.message)
        file = relative(self.cwd / found["file"], self.root) if found else ".."
        if found is None or file.startswith("..") or Path(file).is_absolute():
            # A place outside the repository cannot be annotated.
            return Location(self.title, 1), error.message
        column = int(found["column"]) if found["column"] else None
        return Location(file, int(found["line"]), column), found["text"]

    def reason(self, outcome: Outcome) -> str:
        """Return in a line why an asset has its result, and the command to run next, if any."""
        if outcome.error is not None:
            hint = f"; {outcome.error.hint}" if outcome.error.hint else ""
            return f"{outcome.error.message}{hint}"
        asset = outcome.step.asset
        if outcome.result == "blocked":
            return f"`{asset.parent}`, which it is made from, failed" if asset else "blocked"
        again = self.manifest.command("build") if self.manifest else "fluxcli build"
        if outcome.result == "running":
            return f"paid for; `{again}` collects it"
        if outcome.result == "unknown":
            return f"submitted without an answer; `{again}` shows what to do"
        next_ = f"; {outcome.step.next}" if outcome.step.next else ""
        return "; ".join(outcome.step.reasons) + next_


def relative(path: Path, root: Path) -> str:
    """Return a path relative to the repository's root, with `/`; as it is from outside."""
    try:
        text = os.path.relpath(os.path.normpath(path), root)
    except ValueError:  # another drive of Windows
        return path.as_posix()
    return Path(text).as_posix()


def repository_root(folder: Path, workspace: str | None) -> Path:
    """Return the root that annotations are relative to.

    It is `workspace` (`GITHUB_WORKSPACE`) if `folder` lies in it, else the nearest folder with
    `.git`, else `folder` itself.
    """
    if workspace and Path(workspace).is_absolute():
        root = Path(os.path.normpath(workspace))
        if root == folder or root in folder.parents:
            return root
    for above in (folder, *folder.parents):
        if os.path.lexists(above / ".git"):
            return above
    return folder


def price(outcome: Outcome) -> str:
    """Return the estimated credits that an asset has cost or will cost; empty if none."""
    credits_ = f"{outcome.step.credits:g}"
    if outcome.charge == "charged":
        return credits_
    if outcome.charge == "unknown":
        return f"{credits_}, if it was accepted"
    return (
        f"{credits_}, if it is made" if outcome.result == "planned" and outcome.step.credits else ""
    )
