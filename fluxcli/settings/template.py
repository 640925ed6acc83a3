"""The config file of a user who has none: every setting, commented out.

Pure: text made from the table of settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.settings.setting_table import SETTINGS, storable

if TYPE_CHECKING:
    from fluxcli.settings.setting_table import Setting

_HEAD = """\
# The settings of fluxcli. Flags and environment variables are stronger than this file.
# A setting counts once the `#` in front of it is gone; shown are the defaults.
"""

_PRESET = """\
# A preset has request fields and a style; `--preset night` uses this one.
# [presets.night]
# style = "{prompt}, at night, long exposure"
# aspect_ratio = "21:9"
"""


def template() -> str:
    """Return a config file with every setting that it may have, all commented out."""
    parts = [_HEAD]
    for table in ("", "generate", "edit"):
        own = [s for s in SETTINGS.values() if s.stored and s.name.rpartition(".")[0] == table]
        header = [f"[{table}]"] if table else []
        parts.append("\n".join(header + [_line(setting) for setting in own]) + "\n")
    return "\n".join([*parts, _PRESET])


def _line(setting: Setting) -> str:
    """Return a setting's line: its default in TOML, and what it is for."""
    value = storable(setting.default)
    shown = str(value).lower() if isinstance(value, int) else f'"{value or ""}"'
    return f"# {setting.name.rpartition('.')[2]} = {shown}  # {setting.help}"
