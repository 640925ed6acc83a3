"""What a terminal shows outside its text: progress at the tab or task bar, and the title.

OSC 9;4 is ConEmu's sequence, which Windows Terminal, Ghostty and iTerm2 know too. Elsewhere,
in a multiplexer, in CI and in a pipe nothing is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROGRAMS: Final = frozenset({"ghostty", "iTerm.app"})
_PUSH_TITLE: Final = "\x1b[22;2t"
_POP_TITLE: Final = "\x1b[23;2t"
_NO_PROGRESS: Final = "\x1b]9;4;0\x07"


class TerminalStatus:
    """The sequences for one terminal; all are empty where it does not know them."""

    def __init__(self, env: Mapping[str, str]) -> None:
        nested = bool(env.get("TMUX") or env.get("STY") or env.get("ZELLIJ"))
        known = bool(env.get("WT_SESSION")) or env.get("ConEmuANSI") == "ON"
        self._known = not nested and (known or env.get("TERM_PROGRAM") in _PROGRAMS)
        self.begin = _PUSH_TITLE if self._known else ""
        self.end = _NO_PROGRESS + _POP_TITLE if self._known else ""

    def at(self, done: int, total: int, *, failed: bool) -> str:
        """Return what shows `done` of `total` images; red where one failed."""
        if not self._known:
            return ""
        title = f"\x1b]2;fluxcli: {done} of {total}\x07"
        if total <= 1 or not done:
            return "\x1b]9;4;3\x07" + title
        return f"\x1b]9;4;{2 if failed else 1};{100 * done // total}\x07" + title
