"""The documents for contributors name only files, modules and functions that exist."""

from __future__ import annotations

import re
import tomllib
from typing import Final

import pytest

from tests.modules import DOCUMENT, ROOT, document

DOCUMENTS: Final = ("ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md")
_PATH: Final = re.compile(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|md|toml))`")
_COMMAND: Final = re.compile(r"(?:python|python3) -m (tests[\w.]*|fluxcli[\w.]*)")
_NAME: Final = re.compile(r"`((?:\w+\.)+)(\w+)`")
_OF_USERS: Final = ("assets.toml", "config.toml")
"""Files that users have, not the repository."""
FOLDERS: Final = [
    *(ROOT, ROOT / "tests", ROOT / ".github", ROOT / "fluxcli"),
    *(path for path in sorted((ROOT / "fluxcli").rglob("*")) if path.is_dir()),
]


def _text(name: str) -> str:
    return (ROOT / ".github" / name).read_text("utf-8")


def test_the_list_of_modules_is_up_to_date() -> None:
    assert DOCUMENT.read_text("utf-8") == document(), "run: python -m tests.modules"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_that_a_document_names_exists(name: str) -> None:
    paths = {path for path in _PATH.findall(_text(name)) if path not in _OF_USERS}
    missing = [
        path
        for path in sorted(paths)
        if "COMMAND" not in path and not any((folder / path).exists() for folder in FOLDERS)
    ]
    assert missing == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_module_that_a_document_runs_exists(name: str) -> None:
    modules = [module.replace(".", "/") for module in _COMMAND.findall(_text(name))]
    assert [
        module
        for module in modules
        if not (ROOT / f"{module}.py").exists() and not (ROOT / module / "__main__.py").exists()
    ] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_function_that_a_document_names_is_in_its_module(name: str) -> None:
    """Of names such as `tasks.submit.Submitter`: the module has a definition of the last part."""
    wrong = []
    for before, last in _NAME.findall(_text(name)):
        parts = before.rstrip(".").split(".")
        while parts and not (ROOT / "fluxcli" / f"{'/'.join(parts)}.py").exists():
            parts.pop()
        module = ROOT / "fluxcli" / f"{'/'.join(parts)}.py"
        if (
            parts
            and last not in {"py", "md", "txt"}
            and not _defines(module.read_text("utf-8"), last)
        ):
            wrong.append(f"{before}{last}")
    assert wrong == []


def _defines(source: str, name: str) -> bool:
    return re.search(rf"^\s*(?:def|class) {name}\b|^{name}\b", source, re.MULTILINE) is not None


def test_the_layers_are_those_of_the_import_contract() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["containers"] == ["fluxcli"])
    assert "```\n" + "\n".join(layers) + "\n```" in _text("ARCHITECTURE.md")
