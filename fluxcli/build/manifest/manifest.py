"""Reads a manifest's file into checked assets, table by table.

Rules about several assets (names, outputs, the graph of edits) are checked in `expand`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from fluxcli.build.manifest.asset import ANYTHING, Accept, Manifest
from fluxcli.build.manifest.asset_paths import output_folder
from fluxcli.build.manifest.expand import Declaration, Declarations, resolve
from fluxcli.build.manifest.includes import load
from fluxcli.build.manifest.interpolation import resolved, written
from fluxcli.build.manifest.manifest_fields import (
    ACCEPT,
    ASSET,
    NAME,
    REQUEST,
    TABLES,
    TOP,
    VARIABLE,
    VARIABLE_VALUE,
)
from fluxcli.build.manifest.member_reader import MEMBER_TABLES, MemberReader
from fluxcli.build.manifest.problems import ProblemList
from fluxcli.build.manifest.search import DEFAULT_NAME, INIT, missing
from fluxcli.build.manifest.value_types import Word
from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError
from fluxcli.system.shell_syntax import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fluxcli.build.manifest.includes import ManifestFile
    from fluxcli.build.manifest.manifest_fields import FieldSpec
    from fluxcli.build.manifest.problems import FileProblems
    from fluxcli.tomltext import Toml

_NAME: Final = Word(NAME, "a name of letters, digits and `.`, `_`, `-`, at most 100")
_VARIABLE: Final = Word(VARIABLE, "a name of letters, digits and `_`, not beginning with a digit")


def read(path: Path, *, shown: str | None = None) -> Manifest:
    """Read and check the manifest at `path` (absolute) and all that it includes.

    `shown` stands for the path in messages.

    Raises:
        FluxError: MANIFEST_INVALID, or a `ProblemsError` with every problem, each with its
            file, line and column.
    """
    try:
        return _check(path, shown or path.name, None)
    except FileNotFoundError:
        name = shown or str(path)
        if name == DEFAULT_NAME:
            raise missing() from None
        hint = f"{INIT} {quote(name)}"
        raise FluxError(Code.MANIFEST_INVALID, f"there is no `{name}`", hint=hint) from None


def parse(text: str, path: Path) -> Manifest:
    """Check the text that is, or will be, at `path` (absolute).

    Raises:
        FluxError: as `read` does.
    """
    return _check(path, path.name, text.encode())


def _check(path: Path, shown: str, text: bytes | None) -> Manifest:
    problems = ProblemList()
    files = load(path, shown, text, problems)
    parts: list[Declarations] = []
    for file in files:
        above = {} if file.parent is None else parts[file.parent].variables
        parts.append(_ManifestReader(file.toml, file.problems).declarations(file, above))
    assets = resolve(parts, path.parent, problems)
    problems.raise_if_any()
    return Manifest(
        path=path,
        output_dir=parts[0].output_dir,
        assets=assets,
        files=tuple(file.toml.path for file in files),
    )


@dataclass(frozen=True, slots=True)
class _ManifestReader:
    """Reads the entries of each table as far as they can be read."""

    toml: Toml
    problems: FileProblems

    def declarations(self, file: ManifestFile, above: Mapping[str, str]) -> Declarations:
        """Return what the file declares; `above` are the variables of the file that includes it."""
        top = {key: value for key, value in self.toml.values.items() if key not in TABLES}
        values = self._entries((), top, TOP, "entry", also=TABLES)
        if "version" not in top:
            place = self.toml.value("version")
            self.problems.add(place, "`version` is missing", "version = 1")
        return Declarations(
            file=file,
            output_dir=self.problems.attempt(
                lambda: output_folder(str(values.get("output_dir", ".")), file.folder),
                "output_dir",
                otherwise=".",
            ),
            defaults=self._entries(
                ("defaults",), self._table("defaults"), REQUEST, "request field"
            ),
            variables=self._variables(above),
            assets=tuple(self._declarations(has_more="include" in top)),
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

    def _variables(self, above: Mapping[str, str]) -> Mapping[str, str]:
        """Return the file's own variables and, where it has none of that name, those above it."""
        texts = {}
        for name, raw in self._table("vars").items():
            if not self._is_named(_VARIABLE, "vars", name):
                continue
            with self.problems.reading("vars", name):
                texts[name] = written(VARIABLE_VALUE.read(raw))
        done, wrong = resolved(texts, above)
        for name, bad in wrong.items():
            with self.problems.reading("vars", name):
                raise bad
        return {**above, **done}

    def _declarations(self, *, has_more: bool) -> Iterator[Declaration]:
        table = self._table("assets")
        if not table and "assets" not in self.toml.values and not has_more:
            self.problems.add(self.toml.key("assets"), "there are no assets", f"see `{INIT}`")
        for name in table:
            if self._is_named(_NAME, "assets", name):
                yield self._declaration(name, self._table("assets", name))

    def _declaration(self, name: str, table: Mapping[str, object]) -> Declaration:
        trail = ("assets", name)
        values = self._entries(trail, table, ASSET, "entry", also=MEMBER_TABLES)
        if "prompt" not in table and "prompt_file" not in table:
            self.problems.add(
                self.toml.key(*trail), f"`{name}` has no prompt", 'prompt = "a lighthouse at dawn"'
            )
        if "prompt" in table and "prompt_file" in table:
            place = self.toml.key(*trail, "prompt_file")
            self.problems.add(
                place, f"`{name}` has `prompt` and `prompt_file`", "remove one of them"
            )
        return Declaration(
            name=name,
            values=values,
            members=MemberReader(self.toml, self.problems, trail).members(table),
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

    def _is_named(self, form: Word, *trail: str) -> bool:
        try:
            form.read(trail[-1])
        except ValueError as bad:
            self.problems.add(self.toml.key(*trail), f"`{trail[-1]}`: {bad}")
            return False
        return True
