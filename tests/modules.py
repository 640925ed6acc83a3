"""The list of modules in ARCHITECTURE.md: `python -m tests.modules` writes it from docstrings."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[1]
DOCUMENT: Final = ROOT / ".github/ARCHITECTURE.md"
_BEGIN: Final = "<!-- modules -->\n"
_END: Final = "<!-- /modules -->\n"


def document() -> str:
    """Return the text of ARCHITECTURE.md with the list as it must be."""
    before, _, rest = DOCUMENT.read_text("utf-8").partition(_BEGIN)
    after = rest.partition(_END)[2]
    return before + _BEGIN + "\n".join(_lines()) + "\n" + _END + after


def _lines() -> Iterator[str]:
    folders = sorted({path.parent for path in (ROOT / "fluxcli").rglob("*.py")})
    for folder in folders:
        yield f"\n### `{folder.relative_to(ROOT).as_posix()}/`\n"
        yield f"{_summary(folder / '__init__.py')}\n"
        yield "| module | content |\n|---|---|"
        for path in sorted(folder.glob("*.py")):
            if path.stem != "__init__":
                yield f"| `{path.name}` | {_summary(path)} |"


def _summary(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    line = " ".join(text.partition("\n\n")[0].split()).removesuffix(".")
    return line.replace("|", "\\|")


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8", newline="\n")
    sys.stdout.write(f"{DOCUMENT}\n")
