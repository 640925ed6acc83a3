"""Presets: request fields and a style that the config file keeps under a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError
from fluxcli.settings.parsers import nearest
from fluxcli.settings.setting_table import PRESETS
from fluxcli.system.shell_syntax import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fluxcli.settings.file import Document


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset: its table's `name`, its entries as they were written.

    `explicit`: chosen by the flag.
    """

    name: str
    values: Mapping[str, object]
    explicit: bool


def preset_named(name: str, document: Document, *, explicit: bool) -> Preset:
    """Return the preset `name` of a config file.

    Raises:
        FluxError: there is none; the hint offers the nearest.
    """
    known = document.tables(PRESETS)
    if name in known:
        values = {word.replace("-", "_"): value for word, value in known[name].items()}
        return Preset(f"{PRESETS}.{name}", values, explicit)
    listed = ", ".join(f"`{word}`" for word in known)
    near = nearest(name, known)
    made = f"fluxcli config set {quote(f'{PRESETS}.{name}.model')} max"
    raise FluxError(
        Code.USAGE if explicit else Code.CONFIG_INVALID,
        f"no preset is called `{name}`" + (f"; there are {listed}" if listed else ""),
        hint=f"--preset {quote(near)}" if near else made,
    )
