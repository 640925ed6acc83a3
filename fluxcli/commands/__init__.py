"""One file per word that the user types: parse, call one thing below, hand over what came back."""

from __future__ import annotations

from typing import Final

COMMANDS: Final = (
    "generate", "edit", "status", "download", "build", "assets", "credits", "sandbox", "callback",
    "config", "completion", "help",
)  # fmt: skip
"""The commands, each a function or a `group` of its name in a module of its name."""
