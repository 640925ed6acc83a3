"""The table of all errors, for review: `python -m tests.messages`.

One row for each place that makes a `FluxError`: code, exit status, message, hint and place. What is
filled in when the program runs is shown as `{expression}`; a message or hint that is made elsewhere
is shown as its expression alone.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from fluxcli.errors import TABLE, Code

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PACKAGE: Final = Path(__file__).parents[1] / "fluxcli"


class Message(NamedTuple):
    """One place that makes an error. `is_text`: the message is written there as text."""

    code: str
    message: str
    hint: str
    place: str
    is_text: bool

    @property
    def status(self) -> str:
        """The exit status of the code, where that is named at the place."""
        return str(int(TABLE[Code(self.code)].status)) if self.code in set(Code) else "-"


def messages() -> Iterator[Message]:
    """Yield the errors of the package, file by file."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for scope in ast.walk(tree):
            if isinstance(scope, ast.FunctionDef):
                yield from _made_in(scope, path.relative_to(PACKAGE.parent).as_posix())


def _made_in(function: ast.FunctionDef, path: str) -> Iterator[Message]:
    written = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    ]
    for node in ast.walk(function):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id != "FluxError" or len(node.args) < len(("code", "message")):
            continue
        code, message = node.args[:2]
        hint = next((one.value for one in node.keywords if one.arg == "hint"), None)
        message = _assigned(message, written)
        hint = None if hint is None else _assigned(hint, written)
        yield Message(
            code=_code(code),
            message=_shown(message),
            hint="" if hint is None else _shown(hint),
            place=f"{path}:{node.lineno}",
            is_text=isinstance(message, ast.JoinedStr) or _is_text(message),
        )


def _assigned(node: ast.expr, written: Sequence[ast.Assign]) -> ast.expr:
    """Return what was last assigned to a name before it is used; other expressions as they are."""
    if not isinstance(node, ast.Name):
        return node
    values = [
        (one.lineno, one.value)
        for one in written
        if ast.unparse(one.targets[0]) == node.id and one.lineno < node.lineno
    ]
    return max(values, key=lambda value: value[0])[1] if values else node


def _code(node: ast.expr) -> str:
    return (
        Code[node.attr].value
        if isinstance(node, ast.Attribute) and node.attr in Code.__members__
        else ast.unparse(node)
    )


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _shown(node: ast.expr) -> str:
    """Return a text as a user would read it, with `{…}` where something is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_shown, node.values))
    if isinstance(node, ast.FormattedValue):
        return f"{{{ast.unparse(node.value)}}}"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _shown(node.left) + _shown(node.right)
    return f"{{{ast.unparse(node)}}}"


def main() -> None:
    """Print the table, by status and code."""
    rows = sorted(messages(), key=lambda one: (one.status.zfill(3), one.code, one.place))
    for row in rows:
        sys.stdout.write(f"{row.status:>3} {row.code}  ({row.place})\n")
        sys.stdout.write(f"    error: {row.message}\n")
        if row.hint:
            sys.stdout.write(f"    hint:  {row.hint}\n")


if __name__ == "__main__":
    main()
