"""Paths that Windows cannot hold are found before anything is paid, also those of templates."""

from __future__ import annotations

from pathlib import PureWindowsPath

import pytest

from fluxcli.files.windows_paths import windows_problem


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("C:\\work\\con.png", "`con.png` is a reserved name on Windows"),
        ("C:\\work\\NUL", "`NUL` is a reserved name on Windows"),
        ("C:\\aux\\x.png", "`aux` is a reserved name on Windows"),
        ("C:\\work\\com1.tar.png", "`com1.tar.png` is a reserved name on Windows"),
        ("C:\\work\\LPT³.png", "`LPT³.png` is a reserved name on Windows"),
        ("C:\\work\\q?.png", "`q?.png` has `?`, which Windows does not allow"),
        ("C:\\work\\x.png:stream", "`x.png:stream` has `:`, which Windows does not allow"),
        ("C:\\work\\a\tb.png", "a control character, which Windows does not allow"),
        ("C:\\work.\\x.png", "`work.` ends in a dot or a blank"),
        ("C:\\work\\x ", "`x ` ends in a dot or a blank"),
        ("a:b.png", "`a:b.png` names the drive `a:` without a folder"),
        ("C:x.png", "`C:x.png` names the drive `C:` without a folder"),
        ("\\\\.\\NUL", "`\\\\.\\NUL` is a device"),
        ("//./COM1", "`\\\\.\\COM1` is a device"),
        ("\\\\server\\x.png", "names a share without a file"),
        ("\\\\server\\share\\con", "`con` is a reserved name on Windows"),
    ],
)
def test_a_path_that_windows_cannot_hold(path: str, problem: str) -> None:
    found = windows_problem(PureWindowsPath(path))
    assert found is not None
    assert problem in found


@pytest.mark.parametrize(
    "path",
    [
        "C:\\work\\x.png",
        "C:/work/x.png",
        "C:\\",
        "Z:\\console.png",
        "C:\\work\\.hidden.png",
        "C:\\work\\..\\x.png",
        "\\\\server\\share\\x.png",
        "\\\\?\\C:\\long\\x.png",
        "C:\\work\\naïve ✓.png",
    ],
)
def test_a_path_that_windows_can_hold(path: str) -> None:
    assert windows_problem(PureWindowsPath(path)) is None
