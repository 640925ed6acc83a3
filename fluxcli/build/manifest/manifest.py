"""A manifest from its file to checked assets: the entries are read here, table by table.

What the assets amount to together (names, places, the graph of edits) is judged next door.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from fluxcli import tomltext
from fluxcli.build.manifest import interpolation as wording
from fluxcli.build.manifest.asset import ANYTHING, Accept, Manifest
from fluxcli.build.manifest.asset_paths import output_folder
from fluxcli.build.manifest.expand import Draft, Sheet, resolve
from fluxcli.build.manifest.manifest_fields import (
    ACCEPT,
    ASSET,
    AXIS,
    NAME,
    NOT_IN_MATRIX,
    REQUEST,
    TABLES,
    TOP,
    VARIABLE,
    VARIABLE_VALUE,
)
from fluxcli.build.manifest.problems import Problems
from fluxcli.build.manifest.value_types import Word
from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fluxcli.build.manifest.manifest_fields import FieldSpec
    from fluxcli.tomltext import Toml

_NAME: Final = Word(NAME, "a name of letters, digits and `.`, `_`, `-`, at most 100")
_VARIABLE: Final = Word(VARIABLE, "a name of letters, digits and `_`, not beginning with a digit")
_INIT: Final = "fluxcli build --init"


def read(path: Path, *, shown: str | None = None) -> Manifest:
    """Read and check the manifest at `path` (absolute); `shown` stands for it in messages.

    Raises:
        FluxError: MANIFEST_INVALID, or a `ProblemsError` with every problem, each with its
            line and column.
    """
    try:
        toml = tomltext.read(path, Code.MANIFEST_INVALID)
    except FileNotFoundError:
        message = f"there is no `{shown or path}`"
        raise FluxError(Code.MANIFEST_INVALID, message, hint=_INIT) from None
    return check(toml, shown=shown)


def parse(text: str, path: Path) -> Manifest:
    """Check a text that stands, or is to stand, at `path` (absolute).

    Raises:
        FluxError: as `read` does.
    """
    return check(tomltext.parse(text.encode(), path, Code.MANIFEST_INVALID), shown=None)


def check(toml: Toml, *, shown: str | None = None) -> Manifest:
    """Check what a manifest says.

    Raises:
        FluxError: one problem, or a `ProblemsError` with all of them.
    """
    problems = Problems(toml, shown or Path(toml.path).name)
    sheet = _ManifestReader(toml, problems).sheet()
    assets = resolve(sheet, toml, problems)
    problems.raise_if_any()
    return Manifest(path=toml.path, output_dir=sheet.output_dir, assets=assets)


@dataclass(frozen=True, slots=True)
class _ManifestReader:
    """Reads the entries of each table as far as they can be read."""

    toml: Toml
    problems: Problems
    _seen: set[str] = field(default_factory=set)

    def sheet(self) -> Sheet:
        top = {key: value for key, value in self.toml.values.items() if key not in TABLES}
        values = self._entries((), top, TOP, "entry", also=TABLES)
        if "version" not in top:
            place = self.toml.value("version")
            self.problems.add(place, "`version` is missing", "version = 1")
        home = self.toml.path.parent
        return Sheet(
            folder=home,
            output_dir=self.problems.tried(
                lambda: output_folder(str(values.get("output_dir", ".")), home),
                "output_dir",
                otherwise=".",
            ),
            defaults=self._entries(
                ("defaults",), self._table("defaults"), REQUEST, "request field"
            ),
            variables=self._variables(),
            drafts=tuple(self._drafts()),
        )

    def _table(self, *trail: str) -> Mapping[str, object]:
        """Return the table at `trail`; an empty one if there is none."""
        value: object = self.toml.values
        for key in trail:
            value = cast("Mapping[str, object]", value).get(key, {})
            if not isinstance(value, dict):
                place = self.toml.value(*trail)
                self.problems.add(place, f"`{trail[-1]}`: expected a table")
                return {}
        return cast("Mapping[str, object]", value)

    def _entries(
        self,
        trail: tuple[str, ...],
        table: Mapping[str, object],
        known: Mapping[str, FieldSpec],
        what: str,
        *,
        also: tuple[str, ...] = (),
    ) -> dict[str, object]:
        """Read the known entries of a table; note the others, but for those in `also`."""
        values: dict[str, object] = {}
        for key, raw in table.items():
            if key in known:
                with self.problems.reading(*trail, key):
                    values[key] = known[key].kind.read(raw)
            elif key not in also:
                self.problems.unknown((*trail, key), (*known, *also), what)
        return values

    def _variables(self) -> Mapping[str, str]:
        texts = {}
        for name, raw in self._table("vars").items():
            if not self._is_named(_VARIABLE, "vars", name):
                continue
            with self.problems.reading("vars", name):
                texts[name] = wording.written(VARIABLE_VALUE.read(raw))
        done, wrong = wording.resolved(texts)
        for name, bad in wrong.items():
            with self.problems.reading("vars", name):
                raise bad
        return done

    def _drafts(self) -> Iterator[Draft]:
        table = self._table("assets")
        if not table and "assets" not in self.toml.values:
            self.problems.add(self.toml.key("assets"), "there are no assets", f"see `{_INIT}`")
        for name in table:
            if self._is_named(_NAME, "assets", name):
                yield self._draft(name, self._table("assets", name))

    def _draft(self, name: str, table: Mapping[str, object]) -> Draft:
        trail = ("assets", name)
        values = self._entries(trail, table, ASSET, "entry", also=("matrix", "accept"))
        if "prompt" not in table:
            self.problems.add(
                self.toml.key(*trail), f"`{name}` has no prompt", 'prompt = "a lighthouse at dawn"'
            )
        return Draft(
            name=name,
            values=values,
            matrix=self._matrix((*trail, "matrix")) if "matrix" in table else {},
            accept=self._accept((*trail, "accept")) if "accept" in table else ANYTHING,
        )

    def _accept(self, trail: tuple[str, ...]) -> Accept:
        values = cast("dict[str, int]", self._entries(trail, self._table(*trail), ACCEPT, "limit"))
        for side in ("kb", "width", "height"):
            least, most = values.get(f"min_{side}"), values.get(f"max_{side}")
            if least is not None and most is not None and least > most:
                place = self.toml.value(*trail, f"min_{side}")
                self.problems.add(place, f"`min_{side} = {least}` is over `max_{side} = {most}`")
        return Accept(**values)

    def _matrix(self, trail: tuple[str, ...]) -> Mapping[str, tuple[object, ...]]:
        """Read the axes of a matrix by the alphabet: in TOML, the order of keys says nothing."""
        axes: dict[str, tuple[object, ...]] = {}
        table = self._table(*trail)
        for name in sorted(table):
            if not self._is_named(_VARIABLE, *trail, name):
                continue
            if name in NOT_IN_MATRIX:
                said = f"`{name}` cannot be in a matrix"
                hint = "let a part of it vary: `matrix = { what = […] }` and `{what}` in the text"
                self.problems.add(self.toml.key(*trail, name), said, hint)
                continue
            with self.problems.reading(*trail, name):
                axes[name] = AXIS.read(table[name])
        return axes

    def _is_named(self, form: Word, *trail: str) -> bool:
        try:
            form.read(trail[-1])
        except ValueError as bad:
            self.problems.add(self.toml.key(*trail), f"`{trail[-1]}`: {bad}")
            return False
        return True
