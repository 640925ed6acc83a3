"""The module of help texts, so that `--help` need not load what it tells about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.completions.words import Command

_HEAD: Final = '''\
"""What `--help` shows at 80 columns and more, by the words before it.

Made by `python -m tests.completions`; do not edit. Imports nothing, not even `typing`.
"""

PAGES = {
'''


def module(root: Command) -> str:
    """Return the module's source."""
    pages = "".join(f'    "{one.words}": """\\\n{_escaped(one.page)}""",\n' for one in root.all())
    return f"{_HEAD}{pages}}}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
