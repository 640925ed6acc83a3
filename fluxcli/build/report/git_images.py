"""The images of an earlier commit, read from git: what `--against REF` compares with."""

from __future__ import annotations

import hashlib
import subprocess
from typing import TYPE_CHECKING, Final

from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_TIMEOUT: Final = 60.0
_HINT: Final = "git fetch --depth=1 origin main && fluxcli build --against FETCH_HEAD"


@dataclass(frozen=True, slots=True)
class GitImages:
    """The files of one commit. `commit` is its full hash, `ref` what was typed."""

    folder: Path
    env: Mapping[str, str]
    ref: str
    commit: str

    @classmethod
    def at(cls, folder: Path, env: Mapping[str, str], ref: str) -> GitImages:
        """Return the files of `ref` in the repository that `folder` lies in.

        Raises:
            FluxError: USAGE: git is missing, there is no repository, or no such commit.
        """
        if not ref or ref.startswith("-") or not ref.isprintable():
            raise FluxError(Code.USAGE, f"`--against {ref}`: expected a branch, tag or commit")
        probe = cls(folder, env, ref, "")
        inside = probe._git("rev-parse", "--is-inside-work-tree")
        if inside is None or inside.strip() != b"true":
            raise FluxError(
                Code.USAGE,
                f"`--against {ref}`: `{folder}` is not in a git repository",
                hint="git init",
            )
        found = probe._git(
            "rev-parse", "--verify", "--quiet", "--end-of-options", ref + "^{commit}"
        )
        if not found:
            message = f"`--against {ref}`: this repository has no such commit"
            raise FluxError(Code.USAGE, message, hint=_HINT)
        return cls(folder, env, ref, found.decode("ascii").strip())

    def differing(self, paths: Iterable[tuple[str, Path]], most: int) -> dict[str, bytes]:
        """Return the former bytes of files that have changed since, `most` bytes in all.

        `paths` are names and files below `folder`; the result has bytes by name. What the commit
        does not have is left out.
        """
        found: dict[str, bytes] = {}
        blobs = self._blobs()
        for name, path in paths:
            blob = blobs.get(path.relative_to(self.folder).as_posix())
            if blob is None or blob == _blob_id(path):
                continue
            data = self._git("cat-file", "blob", blob)
            if data is not None and len(data) <= most:
                found[name] = data
                most -= len(data)
        return found

    def _blobs(self) -> dict[str, str]:
        """Return the ids of the commit's files below `folder`, by their paths from there."""
        listed = self._git("ls-tree", "-r", "-z", self.commit) or b""
        blobs = {}
        for line in listed.split(b"\0"):
            about, _, path = line.partition(b"\t")
            parts = about.split()
            if len(parts) == 3 and parts[1] == b"blob" and parts[0] != b"120000":  # noqa: PLR2004 - mode, type, id
                blobs[path.decode(errors="surrogateescape")] = parts[2].decode("ascii")
        return blobs

    def _git(self, *arguments: str) -> bytes | None:
        """Return the output of git; None if it fails.

        Raises:
            FluxError: USAGE: git cannot be started.
        """
        command = ["git", "-C", str(self.folder), "--no-pager", *arguments]
        try:
            done = subprocess.run(  # noqa: S603 - no shell, and every argument is ours or checked
                command,
                env=dict(self.env) | {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=_TIMEOUT,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            message = f"`--against {self.ref}`: git cannot be run"
            raise FluxError(
                Code.USAGE, message, hint="install git, or leave out `--against`"
            ) from error
        return done.stdout if done.returncode == 0 else None


def _blob_id(path: Path) -> str | None:
    """Return git's id (SHA-1) of a file's bytes; None if it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
