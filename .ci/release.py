"""Check that a tag, the package's version and the changelog agree; print the release notes.

Usage: python3 .ci/release.py vX.Y.Z
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main(tag: str, root: Path = ROOT) -> str:
    """Return the changelog's text of the tagged version.

    Raises:
        SystemExit: something does not agree, with the reason.
    """
    source = (root / "fluxcli" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    version = found[1] if found else "?"
    if tag != f"v{version}":
        raise SystemExit(f"error: the tag is `{tag}`, but fluxcli/__init__.py has {version}")
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |^\[|\Z)"
    section = re.search(heading, changelog, re.MULTILINE | re.DOTALL)
    if section is None:
        raise SystemExit(f"error: CHANGELOG.md has no `## [{version}] - YYYY-MM-DD`")
    notes = section[1].strip()
    if not notes:
        raise SystemExit(f"error: CHANGELOG.md says nothing about {version}")
    return notes


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
