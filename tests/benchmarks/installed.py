"""The program and its peers as a user has them: each installed in an environment of its own.

They are kept in a cache folder, `FLUXCLI_BENCHMARKS` or the platform's; peers are installed
when first asked for, the program anew each time.
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
    return _installed("fluxcli", str(ROOT), anew=True)


def peers() -> dict[str, str]:
    """Return the peers' commands by their names, installed if need be."""
    return {word: str(_installed(name, name) / word) for name, word in PEERS.items()}


def _installed(name: str, what: str, *, anew: bool = False) -> Path:
    place = _cache() / name
    bin_ = place / "bin"
    fresh = not (place / "installed").exists()
    if fresh:
        _python("-m", "venv", "--clear", "--without-pip", str(place))
    if fresh or anew:
        more = () if fresh else ("--force-reinstall", "--no-deps")
        _python("-m", "pip", "--python", str(bin_ / "python"), "install", "-q", *more, what)
        (place / "installed").touch()
    return bin_


def _cache() -> Path:
    named = os.environ.get("FLUXCLI_BENCHMARKS")
    return Path(named) if named else user_cache_path("fluxcli-benchmarks", appauthor=False)


def _python(*words: str) -> None:
    said = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    if said.returncode:
        raise RuntimeError(f"{' '.join(words)}: {said.stderr.strip()}")
