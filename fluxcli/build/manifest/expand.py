"""Turns declarations into assets: expands matrices, fills in names, applies defaults."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any, Final, cast

from fluxcli.build.manifest import asset_paths as paths
from fluxcli.build.manifest import dependencies as graph
from fluxcli.build.manifest import matrix
from fluxcli.build.manifest.asset import Accept, Asset, EditSource
from fluxcli.build.manifest.interpolation import InterpolationError, filled, safe, written
from fluxcli.build.manifest.manifest_fields import REQUEST
from fluxcli.build.manifest.prompt_file import prompt_text
from fluxcli.dataclass import dataclass
from fluxcli.fields import DEFAULT_RATIO, ENDINGS, EXTENSION, TOLERANCE
from fluxcli.prices_and_limits import PRO
from fluxcli.settings.parsers import BadValueError, parse_url
from fluxcli.task_types import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from fluxcli.build.manifest.includes import ManifestFile
    from fluxcli.build.manifest.matrix import Member, Members
    from fluxcli.build.manifest.problems import FileProblems, ProblemList
    from fluxcli.task_types import Mode
    from fluxcli.tomltext import Trail

_FALLBACK: Final[Mapping[str, object]] = {
    "model": PRO,
    "aspect_ratio": None,
    "output_format": "jpeg",
    "safety_tolerance": 2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One table below `[assets]`, its entries read, names not filled in yet."""

    name: str
    values: Mapping[str, object]
    members: Members
    accept: Accept


@dataclass(frozen=True, slots=True, kw_only=True)
class Declarations:
    """One file as it was read. `variables` are filled into each other already."""

    file: ManifestFile
    output_dir: str
    defaults: Mapping[str, object]
    variables: Mapping[str, str]
    assets: tuple[Declaration, ...]


def resolve(
    parts: Iterable[Declarations], folder: Path, problems: ProblemList
) -> tuple[Asset, ...]:
    """Return the assets of all files, parents first; problems are noted.

    `folder` is the first file's.
    """
    parts = list(parts)
    total = sum(asset.members.size for part in parts for asset in part.assets)
    if total > matrix.LIMIT:
        message = f"these are {total} assets; a manifest has at most {matrix.LIMIT}"
        first = parts[0].file
        first.problems.add(first.toml.key("assets"), message, "split it into several manifests")
        return ()
    found: dict[str, Asset] = {}
    owners: dict[str, ManifestFile] = {}
    for part in parts:
        for declared in part.assets:
            owner = owners.setdefault(declared.name, part.file)
            if owner is not part.file:
                place = part.file.toml.key("assets", declared.name)
                message = f"`{declared.name}` is declared in `{owner.problems.shown}` as well"
                part.file.problems.add(place, message, "give one of them another name")
                continue
            for asset in AssetResolver(part, declared, folder).assets():
                if asset.name in found:
                    key = "each" if declared.members.each else "matrix"
                    place = part.file.toml.key("assets", declared.name, key)
                    part.file.problems.add(place, f"two members are called `{asset.name}`")
                found[asset.name] = asset
    assets = tuple(found.values())
    paths.check(assets, folder, problems)
    return graph.check(assets, problems)


@dataclass(frozen=True, slots=True)
class AssetResolver:
    """Makes the assets of one declaration. `folder` is the first manifest's."""

    part: Declarations
    declared: Declaration
    folder: Path

    @property
    def _problems(self) -> FileProblems:
        return self.part.file.problems

    def assets(self) -> Iterator[Asset]:
        """Yield the asset, or one for each member."""
        axes = self._request_axes()
        for member in self.declared.members.all():
            fields = {name: axes[name][member.values[name]] for name in axes}
            if member.index is not None:
                fields = {
                    name: self._member_value(name, raw, "each", member.index, name)
                    for name, raw in member.values.items()
                    if name in REQUEST
                }
            yield self._asset(member, fields)

    def _request_axes(self) -> dict[str, dict[object, object]]:
        """Read the axes that are fields of the request: what is written, and what it means."""
        return {
            name: {
                value: self._member_value(name, value, "matrix", name, number)
                for number, value in enumerate(values)
            }
            for name, values in self.declared.members.axes.items()
            if name in REQUEST
        }

    def _member_value(self, name: str, raw: object, *keys: str | int) -> object:
        if name in self.declared.values:
            place = self.part.file.toml.key(*self._trail(name))
            self._problems.add(place, f"`{name}` is set here and in `{keys[0]}`")
        return self._problems.attempt(
            lambda: REQUEST[name].kind.read(raw),
            *self._trail(*keys),
            otherwise=_FALLBACK.get(name),
        )

    def _asset(self, member: Member, fields: Mapping[str, object]) -> Asset:
        declared, file = self.declared, self.part.file
        texts = {key: written(value) for key, value in member.values.items()}
        names = {**self.part.variables, **texts}
        prompt_file = self._prompt_file(names)
        request, origins = self._request(names, fields, member, prompt_file)
        stem = "-".join([declared.name, *(safe(texts[key]) for key in member.naming)])
        output = self._output(names, stem, request.output_format)
        return Asset(
            name=member.name(declared.name),
            request=request,
            output=f"{file.prefix}{output}",
            source=file.toml,
            original=self._original(names),
            tags=cast("tuple[str, ...]", declared.values.get("tags", ())),
            rev=cast("int", declared.values.get("rev", 1)),
            accept=declared.accept,
            frozen=bool(declared.values.get("frozen", False)),
            member=texts,
            prompt_file=prompt_file,
            origins=origins,
        )

    def _request(
        self,
        names: Mapping[str, str],
        fields: Mapping[str, object],
        member: Member,
        prompt_file: str | None,
    ) -> tuple[Request, dict[str, Trail]]:
        """Return the request, and which entry of the file sets each of its fields."""
        declared = self.declared
        mode: Mode = "edit" if "edit" in declared.values else "generate"
        defaults = dict(self.part.defaults)
        fallback = dict(_FALLBACK)
        if mode == "edit":
            # As on the command line: an edit keeps its input's ratio unless it sets one.
            defaults.pop("aspect_ratio", None)
        else:
            fallback["aspect_ratio"] = DEFAULT_RATIO
        own = {key: declared.values[key] for key in REQUEST if key in declared.values}
        values: dict[str, Any] = {**fallback, **defaults, **own, **fields}
        origins: dict[str, Trail] = dict.fromkeys(values, ())
        origins |= {key: ("defaults", key) for key in defaults}
        origins |= {key: self._trail(key) for key in own}
        origins |= {key: self._member_trail(member, key) for key in fields}
        form = self._format(values, fields)
        if form != values["output_format"]:
            origins["output_format"] = self._trail("output")
        values["output_format"] = form
        if prompt_file is None:
            values["prompt"] = self._text("prompt", names) or "-"
        else:
            values["prompt"] = self._file_text(prompt_file, names) or "-"
        origins["prompt"] = self._trail("prompt" if prompt_file is None else "prompt_file")
        if "watermark" in own:
            values["watermark"] = self._text("watermark", names)
        self._check_tolerance(mode, values["safety_tolerance"])
        return Request(mode=mode, **values), origins

    def _member_trail(self, member: Member, key: str) -> Trail:
        if member.index is not None:
            return self._trail("each", member.index, key)
        return self._trail("matrix", key)

    def _prompt_file(self, names: Mapping[str, str]) -> str | None:
        """Return the path of the prompt's file relative to the first manifest's folder."""
        text = self._text("prompt_file", names)
        if text is None:
            return None

        def checked() -> str | None:
            if posixpath.isabs(text):
                raise BadValueError("expected a relative path")
            plain = paths.inside(posixpath.join(self.part.file.prefix, text))
            if not paths.is_inside(self.folder, self.folder / plain):
                raise BadValueError("it leads out of the manifest's folder")
            return plain

        return self._problems.attempt(checked, *self._trail("prompt_file"), otherwise=None)

    def _file_text(self, plain: str, names: Mapping[str, str]) -> str | None:
        """Return the text of a prompt's file with its names filled in."""
        trail = self._trail("prompt_file")
        above = posixpath.dirname(self.part.file.problems.shown)
        shown = posixpath.normpath(
            posixpath.join(above, posixpath.relpath(plain, self.part.file.prefix or "."))
        )
        try:
            text = prompt_text(self.folder / plain)
        except BadValueError as bad:
            toml = self.part.file.toml
            self._problems.add(toml.value(*trail), f"the prompt file `{plain}` {bad.expected}")
            return None
        try:
            return filled(text, names)
        except BadValueError as bad:
            where = shown
            if isinstance(bad, InterpolationError):
                line = text.count("\n", 0, bad.offset) + 1
                column = bad.offset - text.rfind("\n", 0, bad.offset)
                where = f"{shown}:{line}:{column}"
            near = f"did you mean `{bad.nearest}`?" if bad.nearest else None
            self._problems.add_elsewhere(trail, where, f"the prompt: {bad.expected}", near)
            return None

    def _check_tolerance(self, mode: Mode, tolerance: int) -> None:
        highest = TOLERANCE[mode]
        if tolerance <= highest:
            return
        own = "safety_tolerance" in self.declared.values
        trail = self._trail("safety_tolerance" if own else "edit")
        origin = "" if own else ", which `[defaults]` or a member sets,"
        message = (
            f"`safety_tolerance` {tolerance}{origin} is too high: an edit takes 0 to {highest}"
        )
        self._problems.add(
            self.part.file.toml.value(*trail), message, f"safety_tolerance = {highest}"
        )

    def _format(self, values: Mapping[str, Any], fields: Mapping[str, object]) -> str:
        """Return the format: the asset's own, else by its output's ending, else the default."""
        chosen = str(values["output_format"])
        template = str(self.declared.values.get("output", ""))
        ending = next((end for end in ENDINGS if template.lower().endswith(end)), None)
        if ending is None:
            return chosen
        own = "output_format" in self.declared.values or "output_format" in fields
        if own and ENDINGS[ending] != chosen:
            message = f"`output_format` {chosen} and the output's ending `{ending}` clash"
            place = self.part.file.toml.value(*self._trail("output"))
            self._problems.add(place, message, "end it in `.{ext}`")
        return ENDINGS[ending]

    def _output(self, names: Mapping[str, str], stem: str, form: str) -> str:
        ext = EXTENSION[form]
        path = f"{stem}.{ext}"
        if "output" in self.declared.values:
            pieces = {"name": stem, "ext": ext}
            pieces |= {key: safe(value) for key, value in names.items()}
            path = self._text("output", pieces) or path
        return self._problems.attempt(
            lambda: paths.below(self.part.output_dir, path),
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
            return EditSource("file", self._input_path(text))
        try:
            return EditSource("url", parse_url(text))
        except BadValueError as bad:
            self._problems.add(
                self.part.file.toml.value(*self._trail("edit")), f"`edit`: {bad.expected}"
            )
            return None

    def _input_path(self, text: str) -> str:
        """Return a file's path in its plain form, relative to the first manifest's folder."""
        plain = posixpath.normpath(posixpath.join(self.part.file.prefix, text))
        return f"./{plain}" if plain.startswith("@") else plain

    def _text(self, key: str, names: Mapping[str, str]) -> str | None:
        """Return an entry's text with its names filled in."""
        text = self.declared.values.get(key)
        if text is None:
            return None

        def interpolated() -> str | None:
            whole = filled(str(text), names)
            if not whole.strip():
                raise BadValueError("with its names filled in nothing is left")
            return whole

        return self._problems.attempt(interpolated, *self._trail(key), otherwise=None)

    def _trail(self, *keys: str | int) -> Trail:
        return ("assets", self.declared.name, *keys)
