"""The name that an image gets where `-o` gives none."""

from __future__ import annotations

from typing import Final

DEFAULT_NAME: Final = "{prompt}-{id}.{ext}"
"""A template; `name_template.MEANINGS` explains its placeholders."""
