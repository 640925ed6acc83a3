"""The user's own editor: which one, on what file, and what happens when it fails."""

from __future__ import annotations

import stat
import sys
from typing import TYPE_CHECKING

import pytest

from fluxcli.errors import Code, FluxError
from fluxcli.settings.editor import edit, editor, split_command
from fluxcli.settings.template import template

if TYPE_CHECKING:
    from pathlib import Path


def script(folder: Path, name: str, body: str) -> Path:
    """Make a program that an editor's variable can name."""
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport pathlib, sys\n{body}\n")
    path.chmod(0o755)
    return path


def test_visual_comes_before_editor_before_what_is_there(tmp_path: Path) -> None:
    env = {"PATH": str(tmp_path), "EDITOR": "vim -n"}
    assert editor({**env, "VISUAL": "'/opt/my editor' --wait"}) == ["/opt/my editor", "--wait"]
    assert editor({**env, "VISUAL": " "}) == ["vim", "-n"]
    script(tmp_path, "nano", "")
    assert editor({"PATH": str(tmp_path)}) == ["nano"]


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"PATH": "/nowhere"}, "no editor was found: set `VISUAL` or `EDITOR`"),
        ({"EDITOR": "vim 'x"}, "`EDITOR` is not a command: no closing quotation"),
    ],
)
def test_no_usable_editor_is_reported(env: dict[str, str], message: str) -> None:
    with pytest.raises(FluxError) as caught:
        editor(env)
    assert (caught.value.code, caught.value.message) == (Code.ENVIRONMENT_INVALID, message)
    assert caught.value.hint == "export EDITOR=nano"


def test_a_missing_file_begins_as_the_template_for_the_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "config" / "config.toml"
    edit(path, {"EDITOR": str(script(tmp_path, "look", ""))})
    assert path.read_text() == template()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_editor_gets_the_file_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("broken [")
    body = "p = pathlib.Path(sys.argv[2]); p.write_text(p.read_text() + sys.argv[1])"
    edit(path, {"EDITOR": f"{script(tmp_path, 'append', body)} '# and more'"})
    assert path.read_text() == "broken [# and more"


def test_a_failing_editor_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    with pytest.raises(FluxError, match="ended with status 3"):
        edit(path, {"EDITOR": str(script(tmp_path, "fail", "sys.exit(3)"))})
    with pytest.raises(FluxError, match="cannot be started: no such file or directory"):
        edit(path, {"EDITOR": str(tmp_path / "nothing")})


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("notepad", ["notepad"]),
        ('"C:\\Program Files\\N\\n.exe" -multiInst', ["C:\\Program Files\\N\\n.exe", "-multiInst"]),
        ("C:\\bin\\vim.exe -f", ["C:\\bin\\vim.exe", "-f"]),
        ('code --wait "a b"', ["code", "--wait", "a b"]),
        ("", []),
    ],
)
def test_a_command_on_windows(command: str, words: list[str]) -> None:
    assert split_command(command, windows=True) == words
