"""Where files go: by our variables, by XDG, by the home folder; by the environment handed in."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from fluxcli.errors import Code, FluxError
from fluxcli.settings.folders import check_usable
from fluxcli.settings.settings import Settings

posix_only = pytest.mark.skipif(
    sys.platform in {"darwin", "win32"}, reason="these systems name their folders otherwise"
)


@posix_only
def test_the_home_folder_has_the_usual_places() -> None:
    settings = Settings({"HOME": "/home/ada"})
    assert settings.config_path == Path("/home/ada/.config/fluxcli/config.toml")
    assert settings.state_dir == Path("/home/ada/.local/state/fluxcli")
    assert settings.cache_dir == Path("/home/ada/.cache/fluxcli")


def test_xdg_is_honoured_from_the_environment_passed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/elsewhere")
    env = {"HOME": "/h", "XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s", "XDG_CACHE_HOME": "/k"}
    settings = Settings(env)
    assert settings.config_path == Path("/c/fluxcli/config.toml")
    assert settings.state_dir == Path("/s/fluxcli")
    assert settings.cache_dir == Path("/k/fluxcli")


@posix_only
def test_the_processes_own_environment_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/elsewhere")
    assert Settings({"HOME": "/h"}).state_dir == Path("/h/.local/state/fluxcli")


@posix_only
def test_a_relative_xdg_folder_is_ignored() -> None:
    """The XDG specification calls a relative path invalid."""
    settings = Settings({"HOME": "/h", "XDG_CACHE_HOME": "cache"})
    assert settings.cache_dir == Path("/h/.cache/fluxcli")


def test_our_own_variables_are_strongest() -> None:
    env = {
        "HOME": "/h",
        "XDG_STATE_HOME": "/s",
        "FLUXCLI_CONFIG": "conf/my.toml",
        "FLUXCLI_STATE_DIR": "~/state",
        "FLUXCLI_CACHE_DIR": "~",
    }
    settings = Settings(env)
    assert settings.config_path == Path("conf/my.toml")
    assert settings.state_dir == Path("/h/state")
    assert settings.cache_dir == Path("/h")


@posix_only
def test_without_home_the_account_knows_it() -> None:
    import pwd  # noqa: PLC0415 - not everywhere

    home = pwd.getpwuid(os.getuid()).pw_dir
    assert Settings({}).state_dir == Path(home) / ".local/state/fluxcli"


@posix_only
def test_without_any_home_folder_the_message_names_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Containers run under numbers that no account has; then there is no config file either."""
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)
    settings = Settings({"KIE_API_KEY": "abc"})
    with pytest.raises(FluxError, match="no home folder: set `HOME` or `FLUXCLI_STATE_DIR`") as no:
        _ = settings.state_dir
    assert no.value.code is Code.ENVIRONMENT_INVALID
    assert no.value.hint == 'export FLUXCLI_STATE_DIR="$PWD/.fluxcli"'
    assert settings.seconds("timeout") == 900.0
    assert settings.warnings == []


def test_a_folder_that_can_be_made_is_usable_and_is_not_made(tmp_path: Path) -> None:
    check_usable(tmp_path / "a" / "b", "state")
    check_usable(tmp_path, "cache")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_used_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FluxError, match="is not a folder") as caught:
        check_usable(tmp_path / "file" / "state", "state")
    assert caught.value.hint == "set `FLUXCLI_STATE_DIR` to a folder that can be written"
    sealed = Path("/proc/sys/kernel" if os.access("/", os.W_OK) else "/")
    if sys.platform == "linux":
        with pytest.raises(FluxError, match="cannot be written to"):
            check_usable(sealed / "fluxcli", "cache")
