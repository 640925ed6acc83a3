"""The characters that XML cannot hold, for what is written as XML: metadata and reports."""

from __future__ import annotations

import re
from functools import cache


def without_forbidden(text: str, instead: str) -> str:
    """Return text with `instead` for each character that XML 1.0 (2.2, Char) cannot hold."""
    return _forbidden().sub(instead, text)


@cache
def _forbidden() -> re.Pattern[str]:
    """Compiled at its first use: so large a set costs a tenth of a start-up."""
    return re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
