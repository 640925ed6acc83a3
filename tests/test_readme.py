"""The README: its commands work unchanged, and its table has every exit status."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from tests.worlds import World

_ROOT: Final = Path(__file__).parents[1]
_README: Final = (_ROOT / "README.md").read_text(encoding="utf-8")
_SECONDS: Final = 60
_LINES: Final = 250
"""Longer explanations are topics of `fluxcli help`."""


def _block(heading: str) -> list[str]:
    """Return the commands of the first block of shell below `heading`."""
    section = _README.partition(f"## {heading}")[2]
    lines = section.partition("```sh\n")[2].partition("```")[0].splitlines()
    return [line.partition("  #")[0].rstrip() for line in lines if line.strip()]


def _run(world: World, script: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in the sandbox, whose images take no time; `fluxcli` is the program."""
    program = f'fluxcli() {{ {sys.executable} -m fluxcli "$@"; }}; '
    return subprocess.run(
        ["bash", "-c", f"set -e -o pipefail; {program}{script}"],
        cwd=world.cwd,
        env=world.env
        | {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(_ROOT),
            "FLUXCLI_SANDBOX": "1",
            "FLUXCLI_SANDBOX_SECONDS": "0.1",
            "FLUXCLI_INTERVAL": "0.2",
        },
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def test_the_commands_of_the_terminal_work_in_their_order(world: World) -> None:
    for command in _block("In a terminal"):
        ran = _run(world, command)
        assert ran.returncode == 0, f"{command}: {ran.stderr}"

    assert (world.cwd / "lighthouse.png").exists()
    assert len(list((world.cwd / "cubes").iterdir())) == 4


def test_the_commands_of_scripts_work_in_their_order(world: World) -> None:
    (world.cwd / "prompts.txt").write_text("a red fox\na blue fox\n", encoding="utf-8")
    commands = [
        command
        for command in _block("In scripts")
        if "jq " not in command or shutil.which("jq") is not None
    ]

    ran = _run(world, "\n".join(commands))

    assert ran.returncode == 0, ran.stderr
    assert (world.cwd / "cat.png").exists()
    assert (world.cwd / "cat.jpg").read_bytes().startswith(b"\xff\xd8")
    assert len(list((world.cwd / "out").iterdir())) == 2


def test_the_commands_of_builds_work_in_their_order(world: World) -> None:
    for command in _block("Build: images as a product of the repository"):
        # Without a terminal there is no prompt for consent.
        ran = _run(world, f"{command} --yes" if command == "fluxcli build" else command)
        assert ran.returncode == 0, f"{command}: {ran.stderr}"


def test_the_manifest_that_it_shows_is_accepted(world: World) -> None:
    manifest = _README.partition("```toml\n")[2].partition("```")[0]
    (world.cwd / "assets.toml").write_text(manifest, encoding="utf-8")

    ran = world.run("build", "--plan", "--json")

    assert ran.status == 0, ran.err
    assert {asset["name"] for asset in ran.record["assets"]} >= {"hero", "hero-night"}


def test_its_table_has_every_exit_status() -> None:
    first = re.findall(r"^\| ([\d, ]+) \|", _README, re.MULTILINE)
    shown = {int(number) for cell in first for number in cell.split(",")}
    assert shown >= {*range(12), 129, 130, 143}


def test_it_fits_a_front_page() -> None:
    assert len(_README.splitlines()) < _LINES


@pytest.mark.parametrize("place", sorted(set(re.findall(r"\]\(([^)#:]+)\)", _README))))
def test_a_link_into_the_repository_leads_somewhere(place: str) -> None:
    assert (_ROOT / place).exists()
