"""No name is used twice in the package for different things."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parents[1] / "fluxcli"
MODULES: Final = sorted(PACKAGE.rglob("*.py"))

SAME_FILE: Final = {
    "__init__": "each package has one",
    "__main__": "`python -m` runs it: the program, and the generator of the completion scripts",
    "download": "the command parses, the module of `tasks` downloads",
}
SAME_CLASS: Final[dict[str, str]] = {}
"""Names that may stand in several modules, and why."""


def _repeated(found: list[tuple[str, Path]], allowed: dict[str, str]) -> dict[str, list[str]]:
    places = defaultdict(list)
    for name, path in found:
        places[name].append(str(path.relative_to(PACKAGE)))
    return {name: paths for name, paths in places.items() if len(paths) > 1 and name not in allowed}


def test_no_two_modules_have_one_file_name() -> None:
    assert _repeated([(path.stem, path) for path in MODULES], SAME_FILE) == {}


def test_no_two_classes_have_one_name() -> None:
    found = [
        (node.name.lstrip("_"), path)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    assert _repeated(found, SAME_CLASS) == {}


def test_every_exception_for_a_name_is_needed() -> None:
    stems = [path.stem for path in MODULES]
    assert [name for name in SAME_FILE if stems.count(name) < 2] == []
