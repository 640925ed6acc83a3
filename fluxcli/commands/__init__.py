"""The commands, one module each: parse, call one function of a lower layer, report its result."""

from __future__ import annotations

from typing import Final

COMMANDS: Final = (
    "generate", "edit", "status", "download", "build", "assets", "credits", "sandbox", "callback",
    "config", "completion", "help",
)  # fmt: skip
"""The commands, each a function or a `group` of its name in a module of its name."""

TOPICS: Final = {
    "exit-codes": "exit statuses and error codes",
    "environment": "settings and environment variables",
    "json": "the documents of `--json`",
    "templates": "names of output files",
    "money": "what is charged, and what never is twice",
    "manifest": "assets.toml and its lock",
    "agents": "the skill file for agents and scripts",
}
"""The topics of `fluxcli help`, each with its subject."""
