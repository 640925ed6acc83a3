"""Help pages for 80 columns and more, read from the generated `fast_help.txt`.

Imports nothing that a bare Python has not loaded.
"""

from __future__ import annotations

import os

MARK = b"=== fluxcli"
"""What the line before each page begins with, and the page's command ends."""


def page(words: str) -> bytes:
    """Return the help of the command `words`; nothing if there is no such command."""
    title = b"\n%s %s" % (MARK, words.encode(errors="replace"))
    try:
        with open(os.path.join(os.path.dirname(__file__), "fast_help.txt"), "rb") as file:  # noqa: PTH118, PTH120, PTH123 - start-up
            found = file.read().partition(title.rstrip() + b"\n")[2]
    except OSError:
        return b""
    return found.partition(MARK)[0]
