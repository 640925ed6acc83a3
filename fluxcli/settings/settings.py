"""Each setting's value in this run, and where it came from.

The places are read in order (flag, environment, preset, config file, default) when a setting is
first needed, so a broken config file stops only commands that need it. The environment is passed
in, never the process's own. A variable or an entry with empty text counts as not set.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError
from fluxcli.prices_and_limits import MODELS
from fluxcli.settings import file, folders, key
from fluxcli.settings.parsers import BadValueError
from fluxcli.settings.presets import Preset, preset_named
from fluxcli.settings.setting_table import (
    PRESETS,
    PROMPT_MARK,
    SETTINGS,
    STORED,
    STYLE,
    Setting,
    Value,
    find,
    preset_entry,
    storable,
    suggestion,
    written,
)
from fluxcli.system.shell_syntax import join, quote, set_variable, unset_variable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CONFIG_FILE: Final = "config file"
DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True)
class Resolved:
    """A value and its origin: a flag, a variable's name, `config file` or `default`.

    `explicit`: it was typed for this very image, by a flag or in a line of a prompt list.
    """

    value: Value
    origin: str
    explicit: bool = False

    @property
    def given(self) -> bool:
        """Whether the user set it somewhere."""
        return self.origin != DEFAULT


@dataclass(frozen=True, slots=True)
class Layer:
    """Values from one place, by the names of settings; `origin` names the place in messages."""

    origin: str
    values: Mapping[str, object]


class Settings:
    """All settings of one run. `flags` maps settings' names to values of flags; None: not given.

    Every method that returns a value raises `FluxError` (`config_invalid`, for a flag
    `usage`) if the deciding place has an invalid one: a weaker place never replaces it.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        *,
        flags: Mapping[str, object] | None = None,
        line: Layer | None = None,
        earlier: Layer | None = None,
    ) -> None:
        self._env = env
        self._flags = dict(flags or {})
        self._line = line
        self._earlier = earlier

    def with_line(self, line: Layer) -> Settings:
        """Return these settings for one line of a prompt list, which outranks the flags."""
        made = Settings(self._env, flags=self._flags, line=line, earlier=self._earlier)
        # The file is read once for all lines.
        made.__dict__["document"] = self.document
        return made

    def with_earlier(self, earlier: Layer) -> Settings:
        """Return these settings on top of an earlier task's request: only flags change it."""
        return Settings(self._env, flags=self._flags, line=self._line, earlier=earlier)

    def value(self, name: str) -> Resolved:
        """Return the value of the setting `name`, and its origin. Durations are float seconds."""
        setting = SETTINGS.get(name) or find(name)
        if setting.lowest:
            return self._lowest(setting)
        return (
            self._of_line(setting)
            or self._flag(setting)
            or self._of_earlier(setting)
            or self._variable(setting)
            or self._of_preset(setting)
            or self._stored(setting)
            or Resolved(setting.default, DEFAULT)
        )

    def style(self, prompt: str) -> str:
        """Return the prompt in the style of the chosen preset, or as it is.

        Raises:
            FluxError: the preset does not exist, or its style has no `{prompt}`.
        """
        preset = self.preset
        if preset is None or STYLE not in preset.values:
            return prompt
        style = self._preset_value(preset, f"{preset.name}.{STYLE}", preset.values[STYLE])
        return str(style.value).replace(PROMPT_MARK, prompt)

    @cached_property
    def preset(self) -> Preset | None:
        """The chosen preset; None if none is chosen.

        Raises:
            FluxError: there is none of that name.
        """
        chosen = self.value("preset")
        if chosen.value is None:
            return None
        return preset_named(str(chosen.value), self.document, explicit=chosen.explicit)

    def text(self, name: str) -> str | None:
        """Return the value of a setting that is text."""
        value = self.value(name).value
        return None if value is None else str(value)

    def seconds(self, name: str) -> float | None:
        """Return the value of a duration, in seconds; `math.inf` is for ever."""
        return self._numeric(name)

    def number(self, name: str) -> int | None:
        """Return the value of a setting that is a whole number."""
        value = self._numeric(name)
        return None if value is None else int(value)

    def flag(self, name: str) -> bool:
        """Return the value of a setting that is yes or no."""
        return bool(self.value(name).value)

    def api_key(self) -> key.Secret | None:
        """Return the key, from the strongest place that has one."""
        return self.secret("api_key")

    def secret(self, name: str) -> key.Secret | None:
        """Return the value of a setting that is secret; None if it is not set."""
        value = self.value(name).value
        return value if isinstance(value, key.Secret) else None

    def problems(self) -> list[FluxError]:
        """Return everything that is wrong with the settings, each once."""
        found: dict[str, FluxError] = {}
        entries = self._preset_entries() if self._is_readable() else []
        for name in (*SETTINGS, *entries):
            try:
                self.value(name)
            except FluxError as error:
                found.setdefault(error.message, error)
        return list(found.values())

    def store(self, name: str, value: Value) -> bool:
        """Write a value to the config file, or remove the entry `name` if it is None.

        Returns whether comments in the file were lost on the way.

        Raises:
            FluxError: the file is broken, or cannot be written.
        """
        lossy = file.change(self.config_path, name, storable(value), locks=self.state_dir)
        self.forget()
        return lossy

    def forget(self) -> None:
        """Read the config file again when it is next needed: it may have changed."""
        self.__dict__.pop("document", None)
        self.__dict__.pop("preset", None)

    @property
    def config_path(self) -> Path:
        """The config file, whether it exists or not."""
        return folders.config_file(self._env)

    @property
    def state_dir(self) -> Path:
        """The folder for what must be kept, whether it exists or not."""
        return folders.folder(self._env, "state")

    @property
    def cache_dir(self) -> Path:
        """The folder for what may be deleted, whether it exists or not."""
        return folders.folder(self._env, "cache")

    @cached_property
    def document(self) -> file.Document:
        """The config file as it was when first needed; without a home folder, there is none."""
        try:
            path = self.config_path
        except FluxError:
            return file.Document(folders.NOWHERE)
        return file.read(path)

    @property
    def warnings(self) -> list[str]:
        """What the user should know about the config file, if it has been read: unknown names.

        Commands that spend nothing work all the same; `check_known` is for those that do.
        """
        if "document" not in self.__dict__:
            return []
        unknown = [
            name
            for name, _ in self.document.entries()
            if name not in STORED and preset_entry(name) is None
        ]
        return [self._unknown(name) for name in unknown]

    def check_known(self) -> None:
        """Check, before anything is paid for, that no entry of the config file is unknown.

        It may be a misspelt limit, or a request field that a later version knows. Entries of
        presets count only if the preset is chosen.

        Raises:
            FluxError: CONFIG_INVALID: one is.
        """
        chosen = f"{self.preset.name}." if self.preset else "-"
        for name, _ in self.document.entries():
            is_preset = name.startswith(f"{PRESETS}.") and not name.startswith(chosen)
            if name in SETTINGS or is_preset or preset_entry(name) is not None:
                continue
            near = suggestion(name)
            meant = f" ({near})" if near else ""
            raise FluxError(
                Code.CONFIG_INVALID,
                f"`{self.document.place(name)}`: no setting is called `{name}`{meant}, "
                "or it was written by a later fluxcli; upgrade",
                hint=f"fluxcli config unset {quote(name)}",
            )

    def _unknown(self, name: str) -> str:
        place = self.document.place(name)
        if name in SETTINGS:
            return f"`{place}`: `{name}` cannot be set in the config file"
        hint = suggestion(name)
        return f"`{place}`: no setting is called `{name}`" + (f"; {hint}" if hint else "")

    def _preset_entries(self) -> list[str]:
        """Return the names of all entries of presets, in the file's order."""
        found = (preset_entry(name) for name, _ in self.document.entries())
        return [entry.name for entry in found if entry is not None]

    def _is_readable(self) -> bool:
        try:
            return bool(self.document)
        except FluxError:
            return False

    def _of_earlier(self, setting: Setting) -> Resolved | None:
        """Return the earlier task's value, unless a preset was chosen by flag to change it."""
        earlier = self._earlier
        if earlier is None or setting.name not in earlier.values:
            return None
        flagged = self.preset is not None and self.preset.explicit
        if flagged and (changed := self._of_preset(setting)) is not None:
            return changed
        raw = earlier.values[setting.name]
        try:
            return Resolved(None if raw is None else setting.parse(raw), earlier.origin)
        except BadValueError as bad:
            message = f"{earlier.origin}: {bad.about(setting.name, raw)}"
            raise FluxError(Code.INVALID_REQUEST, message, hint=setting.flag) from None

    def _of_preset(self, setting: Setting) -> Resolved | None:
        """Return a request field's value in the chosen preset."""
        mode, _, field = setting.name.rpartition(".")
        if mode not in file.TABLES or self.preset is None or field not in self.preset.values:
            return None
        raw = self.preset.values[field]
        return None if raw == "" else self._preset_value(self.preset, setting.name, raw)

    def _preset_value(self, preset: Preset, name: str, raw: object) -> Resolved:
        """Read an entry of a preset as the setting `name` is read."""
        entry = f"{preset.name}.{name.rpartition('.')[2]}"
        setting = SETTINGS.get(name) or find(name)
        try:
            return Resolved(setting.parse(raw), f"preset `{preset.name.partition('.')[2]}`")
        except BadValueError as bad:
            text = f"`{self.document.place(entry)}`: {bad.about(entry, raw)}"
            near = join([entry, bad.nearest]) if bad.nearest else entry
            mend = f"fluxcli config {'set' if bad.nearest else 'unset'} {near}"
            raise FluxError(Code.CONFIG_INVALID, text, hint=mend) from None

    def _of_line(self, setting: Setting) -> Resolved | None:
        raw = self._line.values.get(setting.name) if self._line else None
        if raw is None or self._line is None:
            return None
        field = setting.name.rpartition(".")[2]
        try:
            return Resolved(setting.parse(raw), self._line.origin, explicit=True)
        except BadValueError as bad:
            near = f'"{field}": "{bad.nearest}"' if bad.nearest else None
            message = f"`{self._line.origin}`: {bad.about(field, raw)}"
            raise FluxError(Code.INVALID_REQUEST, message, hint=near) from None

    def _flag(self, setting: Setting) -> Resolved | None:
        raw = self._flags.get(setting.name)
        if raw is None:
            return None
        origin = setting.flag if raw is not False else f"--no-{setting.flag[2:]}"
        try:
            return Resolved(setting.parse(raw), origin, explicit=True)
        except BadValueError as bad:
            usual = written(setting.default)
            # `pro` rather than the full name of the model.
            short = next((word for word, full in MODELS.items() if full == usual), usual)
            usable = bad.nearest or short
            mend = f"{setting.flag} {quote(usable)}" if usable else None
            raise FluxError(Code.USAGE, bad.about(origin, raw), hint=mend) from None

    def _lowest(self, setting: Setting) -> Resolved:
        """Return the lowest value: a limit that is set in one place is not raised in another."""
        found = [one for one in (self._variable(setting), self._stored(setting)) if one is not None]
        values = {one: one.value for one in found if isinstance(one.value, int)}
        return min(values, key=values.__getitem__, default=Resolved(setting.default, DEFAULT))

    def _variable(self, setting: Setting) -> Resolved | None:
        for name in setting.variables:
            if raw := self._env.get(name):
                return Resolved(_from_variable(setting, name, raw), name)
        if setting.name == "api_key" and (secret := key.key_file(self._env)):
            return Resolved(secret, key.FILE_VARIABLE)
        return None

    def _stored(self, setting: Setting) -> Resolved | None:
        raw = dict(self.document.entries()).get(setting.name) if setting.stored else None
        if raw is None or raw == "":
            return None
        try:
            return Resolved(setting.parse(raw), CONFIG_FILE)
        except BadValueError as bad:
            verb = "unset" if bad.nearest is None else "set"
            mend = ["fluxcli", "config", verb, setting.name, *filter(None, [bad.nearest])]
            text = f"`{self.document.place(setting.name)}`: {bad.about(setting.name, raw)}"
            raise FluxError(Code.CONFIG_INVALID, text, hint=join(mend)) from None

    def _numeric(self, name: str) -> float | None:
        value = self.value(name).value
        return value if isinstance(value, int | float) else None


def check(setting: Setting, text: str) -> Value:
    """Read a value that is to be kept in the config file.

    Raises:
        FluxError: it cannot be used; the hint is the command with the nearest one that can.
    """
    try:
        return setting.parse(text)
    except BadValueError as bad:
        near = bad.nearest
        mend = f"fluxcli config set {setting.name} {quote(near)}" if near else None
        raise FluxError(Code.USAGE, bad.about(setting.name, text), hint=mend) from None


def _from_variable(setting: Setting, name: str, raw: str) -> Value:
    try:
        return setting.parse(raw)
    except BadValueError as bad:
        mend = set_variable(name, bad.nearest) if bad.nearest else unset_variable(name)
        raise FluxError(Code.CONFIG_INVALID, bad.about(name, raw), hint=mend) from None
