"""From declarations to assets: matrices spread out, names filled in, defaults applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from fluxcli.build.manifest import asset_paths as places
from fluxcli.build.manifest import dependencies as graph
from fluxcli.build.manifest import matrix
from fluxcli.build.manifest.asset import Accept, Asset, EditSource
from fluxcli.build.manifest.interpolation import filled, safe, written
from fluxcli.build.manifest.manifest_fields import REQUEST
from fluxcli.catalog import DEFAULT_RATIO, ENDINGS, EXTENSION, PRO, TOLERANCE
from fluxcli.models import Request
from fluxcli.settings.parsers import BadValueError, parse_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fluxcli.build.manifest.problems import Problems
    from fluxcli.catalog import Mode
    from fluxcli.tomltext import Toml

_FALLBACK: Final[Mapping[str, object]] = {
    "model": PRO,
    "aspect_ratio": None,
    "output_format": "jpeg",
    "safety_tolerance": 2,
}
_DEFAULT_OUTPUT: Final = "{name}.{ext}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One asset's declaration, its entries read, nothing filled in yet."""

    name: str
    values: Mapping[str, object]
    matrix: Mapping[str, tuple[object, ...]]
    accept: Accept


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A manifest as it was read. `variables` are filled into each other already."""

    folder: Path
    output_dir: str
    defaults: Mapping[str, object]
    variables: Mapping[str, str]
    drafts: tuple[Draft, ...]


def resolve(sheet: Sheet, toml: Toml, problems: Problems) -> tuple[Asset, ...]:
    """Return the assets of a sheet, parents first; problems are noted."""
    total = sum(matrix.size(draft.matrix) for draft in sheet.drafts)
    if total > matrix.LIMIT:
        said = f"these are {total} assets; a manifest takes {matrix.LIMIT}"
        problems.add(toml.key("assets"), said, "split it into several files")
        return ()
    found: dict[str, Asset] = {}
    for draft in sheet.drafts:
        for asset in _Member(sheet, draft, toml, problems).assets():
            if asset.name in found:
                place = toml.key("assets", draft.name, "matrix")
                problems.add(place, f"two members are called `{asset.name}`")
            found[asset.name] = asset
    assets = tuple(found.values())
    places.check(assets, sheet.folder, toml, problems)
    return graph.check(assets, toml, problems)


def _mode(draft: Draft) -> Mode:
    return "edit" if "edit" in draft.values else "generate"


@dataclass(frozen=True, slots=True)
class _Member:
    """Makes the assets of one declaration."""

    sheet: Sheet
    draft: Draft
    toml: Toml
    problems: Problems

    def assets(self) -> Iterator[Asset]:
        axes = self._request_axes()
        for values in matrix.members(self.draft.matrix):
            yield self._asset(values, {name: axes[name][values[name]] for name in axes})

    def _request_axes(self) -> dict[str, dict[object, object]]:
        """Read the axes that are fields of the request: what is written, and what it means."""
        return {
            name: {value: self._axis_value(name, number) for number, value in enumerate(values)}
            for name, values in self.draft.matrix.items()
            if name in REQUEST
        }

    def _axis_value(self, name: str, number: int) -> object:
        if name in self.draft.values:
            place = self.toml.key(*self._trail(name))
            self.problems.add(place, f"`{name}` is set here and in the matrix")
        return self.problems.tried(
            lambda: REQUEST[name].kind.read(self.draft.matrix[name][number]),
            *self._trail("matrix", name, number),
            otherwise=_FALLBACK.get(name),
        )

    def _asset(self, member: Mapping[str, object], fields: Mapping[str, object]) -> Asset:
        draft = self.draft
        name = matrix.member_name(draft.name, member)
        texts = {key: written(value) for key, value in member.items()}
        names = {**self.sheet.variables, **texts}
        request = self._request(names, fields)
        stem = "-".join([draft.name, *map(safe, texts.values())])
        output = self._output(names, stem, request.output_format)
        return Asset(
            name=name,
            request=request,
            output=output,
            source=self.toml,
            original=self._original(names),
            tags=cast("tuple[str, ...]", draft.values.get("tags", ())),
            rev=cast("int", draft.values.get("rev", 1)),
            accept=draft.accept,
            frozen=bool(draft.values.get("frozen", False)),
            member=texts,
        )

    def _request(self, names: Mapping[str, str], fields: Mapping[str, object]) -> Request:
        mode = _mode(self.draft)
        defaults = dict(self.sheet.defaults)
        fallback = dict(_FALLBACK)
        if mode == "edit":
            # As on the command line: an edit keeps its input's ratio unless it says otherwise.
            defaults.pop("aspect_ratio", None)
        else:
            fallback["aspect_ratio"] = DEFAULT_RATIO
        own = {key: self.draft.values[key] for key in REQUEST if key in self.draft.values}
        values: dict[str, Any] = {**fallback, **defaults, **own, **fields}
        values["output_format"] = self._format(values, fields)
        values["prompt"] = self._text("prompt", names) or "-"
        if "watermark" in own:
            values["watermark"] = self._text("watermark", names)
        self._check_tolerance(mode, values["safety_tolerance"])
        return Request(mode=mode, **values)

    def _check_tolerance(self, mode: Mode, tolerance: int) -> None:
        highest = TOLERANCE[mode]
        if tolerance <= highest:
            return
        own = "safety_tolerance" in self.draft.values
        trail = self._trail("safety_tolerance" if own else "edit")
        origin = "" if own else ", which `[defaults]` or the matrix sets,"
        said = f"`safety_tolerance` {tolerance}{origin} is too high: an edit takes 0 to {highest}"
        self.problems.add(self.toml.value(*trail), said, f"safety_tolerance = {highest}")

    def _format(self, values: Mapping[str, Any], fields: Mapping[str, object]) -> str:
        """Return the format: the asset's own, else by its output's ending, else the default."""
        chosen = str(values["output_format"])
        template = str(self.draft.values.get("output", ""))
        ending = next((end for end in ENDINGS if template.lower().endswith(end)), None)
        if ending is None:
            return chosen
        own = "output_format" in self.draft.values or "output_format" in fields
        if own and ENDINGS[ending] != chosen:
            said = f"`output_format` {chosen} and the output's ending `{ending}` clash"
            place = self.toml.value(*self._trail("output"))
            self.problems.add(place, said, "end it in `.{ext}`")
        return ENDINGS[ending]

    def _output(self, names: Mapping[str, str], stem: str, form: str) -> str:
        ext = EXTENSION[form]
        path = f"{stem}.{ext}"
        if "output" in self.draft.values:
            pieces = {"name": stem, "ext": ext}
            pieces |= {key: safe(value) for key, value in names.items()}
            path = self._text("output", pieces) or path
        return self.problems.tried(
            lambda: places.below(self.sheet.output_dir, path),
            *self._trail("output"),
            otherwise=stem,
        )

    def _original(self, names: Mapping[str, str]) -> EditSource | None:
        text = self._text("edit", names)
        if text is None:
            return None
        if text.startswith("@"):
            return EditSource("asset", text[1:])
        if not text.lower().startswith(("http://", "https://")):
            return EditSource("file", text)
        try:
            return EditSource("url", parse_url(text))
        except BadValueError as bad:
            self.problems.add(self.toml.value(*self._trail("edit")), f"`edit`: {bad.expected}")
            return None

    def _text(self, key: str, names: Mapping[str, str]) -> str | None:
        """Return an entry's text with its names filled in."""
        text = self.draft.values.get(key)
        if text is None:
            return None

        def made() -> str | None:
            whole = filled(str(text), names)
            if not whole.strip():
                raise BadValueError("with its names filled in nothing is left")
            return whole

        return self.problems.tried(made, *self._trail(key), otherwise=None)

    def _trail(self, *keys: str | int) -> tuple[str | int, ...]:
        return ("assets", self.draft.name, *keys)
