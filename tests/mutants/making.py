"""Writes mutants of files: `python making.py KIND SEED SAMPLE FILE…`, a line of JSON for each.

Run by the Python of the tool's environment (see `tool`), in the repository's root. The
mutations are mutmut's own. Only how they are put to use differs, for mutmut itself leaves out
what stands outside of functions, which is where this program keeps its tables, and functions
that are decorated, which is how it writes transactions. So each mutant is a whole file. And
the conditions of SQL, which is text to mutmut, are changed by rules of our own.

The kind `texts` changes nothing but prose: each text that is no docstring becomes `XX`.

Left out of the kind `code` are prose, which are strings with a blank in them, names in `__all__`,
what only a type checker reads, and None for False, which no condition distinguishes.
"""

from __future__ import annotations

import json
import random
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import libcst as cst
from mutmut.mutation.file_mutation import create_mutations

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_DECORATOR = re.compile(r"^( *)@", re.MULTILINE)
_HIDDEN = re.compile(r"^( *)#@", re.MULTILINE)
_FOR_TYPES = re.compile(r"^(__all__|\w+ = (TypeVar|Generator|Callable)\b|\w+: TypeAlias)")
_FALSE = re.compile(r"\bFalse\b")
_SQL = re.compile(r"\b(SELECT|UPDATE|INSERT|DELETE|WHERE|AND|OR|ORDER BY)\b")
_CONDITIONS = {
    " = ": " != ",
    " > ": " >= ",
    " <= ": " < ",
    " AND ": " OR ",
    " OR ": " AND ",
    " IS NULL": " IS NOT NULL",
    " IS NOT NULL": " IS NULL",
    " DESC": "",
}
_CONDITION = re.compile("|".join(_CONDITIONS))


def mutants(name: str) -> Iterator[tuple[cst.Module, cst.CSTNode, cst.CSTNode]]:
    """Yield a file's mutations: the module, a node of it, and what takes its place."""
    hidden = _DECORATOR.sub(r"\1#@", Path(name).read_text("utf-8"))
    module, mutations, *_ = create_mutations(name, hidden)
    spared = _spared(module)
    for one in mutations:
        old, new = one.original_node, one.mutated_node
        if id(old) not in spared and not _is_same(*map(module.code_for_node, (old, new))):
            yield module, old, new
    for node in _all(module):
        if isinstance(node, cst.SimpleString) and _SQL.search(node.value):
            yield from ((module, node, changed) for changed in _changed(node))


def texts(name: str) -> Iterator[tuple[cst.Module, cst.CSTNode, cst.CSTNode]]:
    """Yield what `mutants` does, for the texts of a file that people read."""
    module = cst.parse_module(Path(name).read_text("utf-8"))
    documentation = {
        id(node.value)
        for node in _all(module)
        if isinstance(node, cst.Expr) and isinstance(node.value, cst.SimpleString)
    }
    for node in _all(module):
        if isinstance(node, cst.FormattedStringText) and " " in node.value.strip():
            yield module, node, node.with_changes(value="XX")
        elif (
            isinstance(node, cst.SimpleString)
            and id(node) not in documentation
            and " " in node.raw_value.strip()
            and not _SQL.search(node.value)
        ):
            yield module, node, node.with_changes(value=f"{node.prefix}{node.quote}XX{node.quote}")


def _is_same(old: str, new: str) -> bool:
    return any(
        new == f"{old[: found.start()]}None{old[found.end() :]}" for found in _FALSE.finditer(old)
    )


def _changed(query: cst.SimpleString) -> Iterator[cst.SimpleString]:
    text = query.value
    for found in _CONDITION.finditer(text):
        other = text[: found.start()] + _CONDITIONS[found[0]] + text[found.end() :]
        yield query.with_changes(value=other)


def _spared(module: cst.Module) -> set[int]:
    found = set()
    for statement in module.body:
        if _FOR_TYPES.match(module.code_for_node(statement).lstrip()):
            found |= {id(node) for node in _all(statement)}
    found |= {
        id(node)
        for node in _all(module)
        if isinstance(node, cst.SimpleString) and " " in node.value
    }
    return found


def _all(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    yield node
    for child in node.children:
        yield from _all(child)


def _main(kind: str, seed: int, sample: int, names: list[str]) -> None:
    make = texts if kind == "texts" else mutants
    found = [(name, *mutant) for name in names for mutant in make(name)]
    chosen: Sequence[int] = range(len(found))
    if 0 < sample < len(found):
        chosen = sorted(random.Random(seed).sample(chosen, sample))  # noqa: S311 - no secret
    for name, module, old, new in map(found.__getitem__, chosen):
        code = _HIDDEN.sub(r"\1@", module.deep_replace(old, new).code)
        sys.stdout.write(json.dumps({"name": name, "text": code}) + "\n")


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
