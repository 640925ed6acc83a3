"""The paths of the config file, the journal and the caches, by the given environment.

Reads nothing from the file system and creates nothing. The XDG variables are honoured on every
system; a relative one is invalid by their specification and is ignored.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final, Literal

from fluxcli.errors import Code, FluxError
from fluxcli.system.shell_syntax import below_working_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["config", "state", "cache"]

NOWHERE: Final = Path(os.devnull)
"""The path of a config file if there is no folder for one."""

_APP: Final = "fluxcli"
_BELOW_HOME: Final[dict[Kind, str]] = {
    "config": ".config",
    "state": ".local/state",
    "cache": ".cache",
}
VARIABLES: Final[dict[Kind, str]] = {
    "config": "FLUXCLI_CONFIG",
    "state": "FLUXCLI_STATE_DIR",
    "cache": "FLUXCLI_CACHE_DIR",
}


def config_file(env: Mapping[str, str]) -> Path:
    """Return the config file's path: `FLUXCLI_CONFIG`, or `config.toml` in the user's folder.

    Raises:
        FluxError: the environment names no home folder.
    """
    return _named(env, "config") or _usual(env, "config") / "config.toml"


def folder(env: Mapping[str, str], kind: Literal["state", "cache"]) -> Path:
    """Return the folder for what is kept (`state`) or may be thrown away (`cache`).

    Raises:
        FluxError: the environment names no home folder.
    """
    return _named(env, kind) or _usual(env, kind)


def check_usable(path: Path, kind: Kind) -> None:
    """Check that a folder can be written to, or made. Creates nothing.

    Raises:
        FluxError: it cannot; the hint says how to choose another.
    """
    places = (path, *path.absolute().parents)
    # Unlike `exists`, this also finds what may not be read.
    nearest = next((place for place in places if os.path.lexists(place)), places[-1])
    if not os.path.lexists(nearest):
        problem = f"`{nearest}` does not exist"
    elif not nearest.is_dir():
        problem = f"`{nearest}` is not a folder"
    elif not os.access(nearest, os.W_OK | os.X_OK):
        problem = f"`{nearest}` cannot be written to"
    else:
        return
    whole = "" if nearest == path else f"the {kind} folder `{path}` cannot be made: "
    hint = f"set `{VARIABLES[kind]}` to a folder that can be written"
    raise FluxError(Code.OUTPUT_UNWRITABLE, whole + problem, hint=hint)


def _named(env: Mapping[str, str], kind: Kind) -> Path | None:
    """Return the path that the `FLUXCLI_` variable names; `~` is the home folder."""
    name = env.get(VARIABLES[kind])
    if not name:
        return None
    first, *rest = PurePath(name).parts
    return _home(env, kind).joinpath(*rest) if first == "~" else Path(name)


def _usual(env: Mapping[str, str], kind: Kind) -> Path:
    """Return the folder that this system's conventions name."""
    xdg = Path(env.get(f"XDG_{kind.upper()}_HOME") or ".")
    if xdg.is_absolute():
        return xdg / _APP
    if sys.platform in {"darwin", "win32"}:  # pragma: no cover - their conventions, not ours
        import platformdirs

        dirs = platformdirs.PlatformDirs(_APP, appauthor=False)
        return {
            "config": dirs.user_config_path,
            "state": dirs.user_state_path,
            "cache": dirs.user_cache_path,
        }[kind]
    # platformdirs would read the process's own environment here, not the one handed in.
    return _home(env, kind) / _BELOW_HOME[kind] / _APP


def _home(env: Mapping[str, str], kind: Kind) -> Path:
    """Return the user's home folder; the error names the variable that replaces it."""
    home = Path(env.get("HOME") or env.get("USERPROFILE") or _account_home() or ".")
    if home.is_absolute():
        return home
    variable = VARIABLES[kind]
    raise FluxError(
        Code.ENVIRONMENT_INVALID,
        f"no home folder: set `HOME` or `{variable}` to an absolute path",
        hint=below_working_folder(variable, ".fluxcli"),
    )


def _account_home() -> str | None:
    """Return the home folder by the system's list of accounts; containers may lack one."""
    if sys.platform == "win32":  # pragma: no cover - there USERPROFILE is always set
        return None
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return None
