"""The program and its peers as a user has them: each installed in an environment of its own.

They are kept in a cache folder, `FLUXCLI_BENCHMARKS` or the platform's; peers are installed
when first needed, the program again each time.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from platformdirs import user_cache_path

PEERS: Final = {
    "httpie": "http",
    "huggingface_hub": "hf",
    "comfy-cli": "comfy",
    "llm": "llm",
}
"""Packages that offer a command line for a service, and its name."""

ROOT: Final = Path(__file__).parents[2]


def program() -> Path:
    """Install the program from this repository; return the folder of its commands."""
    return _installed("fluxcli", str(ROOT), rebuild=True)


def peers() -> dict[str, str]:
    """Return the peers' commands by their names, installed if need be."""
    return {word: str(_installed(name, name) / word) for name, word in PEERS.items()}


def _installed(name: str, what: str, *, rebuild: bool = False) -> Path:
    place = _cache() / name
    fresh = not (place / "installed").exists()
    if fresh:
        _run(sys.executable, "-m", "venv", "--clear", "--without-pip", str(place))
    if fresh or rebuild:
        more = () if fresh else ("--force-reinstall", "--no-deps")
        python = str(place / "bin" / "python")
        _run(_installer(), "-m", "pip", "--python", python, "install", "-q", *more, what)
        (place / "installed").touch()
    return place / "bin"


def _installer() -> str:
    """Return a Python with a pip of today: older ones write commands that import `re`."""
    place = _cache() / "pip"
    python = place / "bin" / "python"
    if not (place / "installed").exists():
        _run(sys.executable, "-m", "venv", "--clear", str(place))
        _run(str(python), "-m", "pip", "install", "-q", "--upgrade", "pip")
        (place / "installed").touch()
    return str(python)


def _cache() -> Path:
    named = os.environ.get("FLUXCLI_BENCHMARKS")
    return Path(named) if named else user_cache_path("fluxcli-benchmarks", appauthor=False)


def _run(*words: str) -> None:
    message = subprocess.run(words, capture_output=True, text=True, check=False)
    if message.returncode:
        raise RuntimeError(f"{' '.join(words)}: {message.stderr.strip()}")
