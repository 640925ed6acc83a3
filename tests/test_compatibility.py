"""Versions side by side: files of earlier versions are read, those of later ones are refused.

The two-version tests run this tree as the earlier version and a copy with one more request field
(`seed`) as the later one, on one journal, against one served sandbox.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
import pytest

import fluxcli
from fluxcli.settings.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.worlds import World

DATA: Final = Path(__file__).parent / "data"
EARLIER: Final = Path(fluxcli.__file__).parent.parent
UPGRADE: Final = "written by a later fluxcli"
COMMAND: Final = ("generate", "a fox", "-o", "fox.png")

SEED_ROW: Final = """    RequestField(
        "seed", "seed", "seed", "whole", None, "the seed", metavar="N",
        highest={"generate": 9, "edit": 9}, scheme=2,
    ),
)


def named("""


def balance(world: World, **env: str) -> float:
    """Return the sandbox's balance; prices are not asked for."""
    record = world.run("credits", "--sandbox", "--json", env=env).record
    return float(record["credits"])


# Files of earlier versions.


def test_the_config_of_86ffdaa_is_read(world: World) -> None:
    old = DATA / "version_86ffdaa" / "config.toml"
    settings = Settings({"FLUXCLI_CONFIG": str(old)})
    assert settings.problems() == []
    assert settings.warnings == []
    settings.check_known()
    assert settings.seconds("timeout") == 1200.0
    assert settings.text("generate.model") == "flux-kontext-max"
    assert settings.number("edit.safety_tolerance") == 1
    ran = world.run("config", "list", env={"FLUXCLI_CONFIG": str(old)})
    assert (ran.status, ran.err) == (0, "")


def test_the_lock_of_86ffdaa_is_refused_and_the_hint_keeps_its_images(world: World) -> None:
    for name in ("assets.toml", "assets.lock"):
        shutil.copy(DATA / "version_86ffdaa" / name, world.cwd / name)
    shutil.copy(DATA / "lock_v2" / "hero.png", world.cwd / "hero.png")
    shutil.copy(DATA / "lock_v2" / "night.png", world.cwd / "night.png")
    for words in (("build", "--plan"), ("build", "--check"), ("build", "--yes")):
        ran = world.run(*words)
        assert ran.status == 2
        assert "is a TOML lock" in ran.err
        assert "hint: mv assets.lock assets.lock.old" in ran.err
    (world.cwd / "assets.lock").rename(world.cwd / "assets.lock.old")
    assert world.run("assets", "adopt", "*").status == 0
    assert world.run("build", "--check").status == 0


def test_a_lock_of_version_2_needs_no_work(world: World) -> None:
    for path in (DATA / "lock_v2").iterdir():
        shutil.copy(path, world.cwd / path.name)
    ran = world.run("build", "--check")
    assert (ran.status, ran.err) == (0, ran.err)
    before = (world.cwd / "assets.lock").read_bytes()
    assert world.run("build", "--yes", env={"FLUXCLI_API_KEY": ""}).status == 0
    assert (world.cwd / "assets.lock").read_bytes() == before


# Files of later versions.


def write_config(world: World, text: str) -> Path:
    path = Path(world.env["FLUXCLI_CONFIG"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_config_of_a_later_version_stops_every_command_that_needs_it(world: World) -> None:
    path = write_config(world, "version = 2\ntimeout = [1, 2]\n")
    for words in (
        (*COMMAND, "--sandbox"),
        ("build", "--sandbox"),
        ("config", "list"),
        ("config", "check"),
        ("config", "set", "timeout", "5m"),
    ):
        ran = world.run(*words)
        assert ran.status == 2, words
        assert f"`{path}:1`: {UPGRADE} (version 2); upgrade" in ran.err + ran.out.decode()
        assert "pip install --upgrade fluxcli" in ran.err + ran.out.decode()
    assert path.read_text() == "version = 2\ntimeout = [1, 2]\n"
    assert world.run("config", "path").status == 0


@pytest.mark.parametrize("text", ["version = 0", 'version = "1"', "version = true", "version = []"])
def test_a_version_that_is_none_is_an_error(world: World, text: str) -> None:
    write_config(world, text + "\n")
    ran = world.run("config", "list")
    assert ran.status == 2
    assert "expected `version = 1`" in ran.err


def test_a_config_may_state_its_version(world: World) -> None:
    write_config(world, 'version = 1\ntimeout = "5m"\n')
    assert world.run("config", "set", "interval", "5s").status == 0
    ran = world.run("config", "list")
    assert (ran.status, ran.err) == (0, "")
    assert world.run("config", "get", "timeout").out == b"5m\n"


@pytest.mark.parametrize(
    "text", ["[generate]\nseed = 7\n", "max_credits_per_week = 5\n", '[generate]\nmodle = "max"\n']
)
def test_an_unknown_entry_of_the_config_stops_what_would_pay_and_nothing_else(
    world: World, text: str
) -> None:
    """It may be a limit or a request field: without it, the wrong image would be paid for."""
    before = balance(world)
    (world.cwd / "assets.toml").write_text('version = 1\n[assets.a]\nprompt = "a"\n')
    write_config(world, text)
    for words in (COMMAND, ("edit", "http://h.invalid/x.png", "x"), ("build", "--yes")):
        ran = world.run(*words, "--sandbox")
        assert ran.status == 2, (words, ran.err)
        assert "no setting is called" in ran.err
        assert f"{UPGRADE}; upgrade" in ran.err
        assert "hint: fluxcli config unset" in ran.err
    for words in (("status", "--sandbox"), ("build", "--plan", "--sandbox"), ("config", "list")):
        assert world.run(*words).status == 0, words
    assert "no setting is called" in world.run("config", "list").err
    assert balance(world) == before
    name = next(
        word.strip("`,") for word in ran.err.split() if word.startswith("`") and ":" not in word
    )
    assert world.run("config", "unset", name).status == 0
    assert world.run(*COMMAND, "--sandbox").status == 0


def test_an_unknown_entry_of_a_preset_counts_if_the_preset_is_chosen(world: World) -> None:
    write_config(world, '[presets.a]\nmodel = "max"\n[presets.b]\nseed = 7\n')
    words = (*COMMAND, "--sandbox", "--dry-run")
    assert world.run(*words).status == 0
    assert world.run(*words, "--preset", "a").status == 0
    ran = world.run(*words, "--preset", "b")
    assert ran.status == 2
    assert f"{UPGRADE}; upgrade" in ran.err


# Two versions on one machine.


@dataclass
class Machine:
    """Two versions, one journal, one working folder, and a served sandbox."""

    root: Path
    url: str
    later: Path
    env: dict[str, str] = field(default_factory=dict)

    def run(self, tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of one of the trees; a traceback fails the test."""
        ran = subprocess.run(
            [sys.executable, "-m", "fluxcli", *words],
            cwd=self.root,
            env=self.env | {"PYTHONPATH": str(tree)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in ran.stderr
        assert "a bug in fluxcli" not in ran.stderr
        return ran

    @property
    def charges(self) -> int:
        """How many submissions the sandbox charged."""
        return len(httpx.get(f"{self.url}/sandbox/ledger").json()["charges"])

    def refused(self, tree: Path, *words: str, status: int) -> None:
        """Check that a command ends with the advice to upgrade and charges nothing."""
        before = self.charges
        ran = self.run(tree, *words)
        assert ran.returncode == status, ran.stderr
        assert f"{UPGRADE}" in ran.stderr
        assert "upgrade" in ran.stderr
        assert self.charges == before


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with one more optional request field."""
    root = tmp_path_factory.mktemp("later")
    tree = root / "fluxcli"
    shutil.copytree(EARLIER / "fluxcli", tree, ignore=shutil.ignore_patterns("__pycache__"))
    table = (tree / "fields.py").read_text()
    assert table.count("\n)\n\n\ndef named(") == 1
    (tree / "fields.py").write_text(table.replace("\n)\n\n\ndef named(", f"\n{SEED_ROW}"))
    types = (tree / "task_types.py").read_text()
    (tree / "task_types.py").write_text(
        types.replace("    input_image: str", "    seed: int | None = None\n    input_image: str")
    )
    return root


@contextmanager
def _served(env: dict[str, str]) -> Iterator[str]:
    command = [sys.executable, "-m", "fluxcli", "sandbox", "-q", "--port", "0", "--seconds", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=env | {"PYTHONPATH": str(EARLIER)}
    ) as running:
        assert running.stdout is not None
        try:
            yield running.stdout.readline().strip().partition("=")[2]
        finally:
            running.kill()


@pytest.fixture
def machine(tmp_path: Path, later: Path) -> Iterator[Machine]:
    """A machine on which both versions work."""
    env = {
        "HOME": str(tmp_path / "home"),
        "PATH": "/usr/bin:/bin",
        "NO_PROXY": "*",
        "FLUXCLI_CONFIG": str(tmp_path / "config.toml"),
        "FLUXCLI_CACHE_DIR": str(tmp_path / "cache"),
        "FLUXCLI_API_KEY": "any-key-of-the-sandbox",
        "FLUXCLI_INTERVAL": "1s",
    }
    with _served(env | {"FLUXCLI_STATE_DIR": str(tmp_path / "served")}) as url:
        env |= {"FLUXCLI_STATE_DIR": str(tmp_path / "state")}
        env |= {"FLUXCLI_BASE_URL": url, "FLUXCLI_UPLOAD_URL": url}
        (tmp_path / "work").mkdir()
        yield Machine(tmp_path / "work", url, later, env)


@pytest.mark.parametrize("first_is_later", [False, True])
def test_the_other_version_resumes_an_unfinished_run(
    machine: Machine, *, first_is_later: bool
) -> None:
    """A field at its default does not make another command of it."""
    trees = (EARLIER, machine.later)
    first, second = reversed(trees) if first_is_later else trees
    assert machine.run(first, *COMMAND, "--no-wait").returncode == 0
    ran = machine.run(second, *COMMAND)
    assert ran.returncode == 0, ran.stderr
    assert (machine.root / "fox.png").exists()
    assert machine.charges == 1
    for tree in trees:
        assert "already made" in machine.run(tree, *COMMAND).stderr
    assert machine.charges == 1


def test_the_earlier_version_refuses_a_row_with_a_field_of_the_later_one(
    machine: Machine,
) -> None:
    assert machine.run(machine.later, *COMMAND, "--seed", "7", "--no-wait").returncode == 0
    for words in (
        ("status", "--offline"),
        ("status", "@last"),
        ("download", "--unsaved"),
        ("edit", "@last", "make it night"),
    ):
        machine.refused(EARLIER, *words, status=1)
    ran = machine.run(machine.later, *COMMAND, "--seed", "7")
    assert ran.returncode == 0, ran.stderr
    assert machine.charges == 1


def test_the_earlier_version_does_not_pay_without_a_field_that_the_later_one_configured(
    machine: Machine,
) -> None:
    assert machine.run(machine.later, "config", "set", "generate.seed", "7").returncode == 0
    machine.refused(EARLIER, *COMMAND, status=2)
    assert machine.run(machine.later, *COMMAND).returncode == 0
    assert machine.charges == 1


def test_both_versions_build_by_one_lock(machine: Machine) -> None:
    manifest = machine.root / "assets.toml"
    manifest.write_text('version = 1\n[assets.a]\nprompt = "a"\n[assets.b]\nprompt = "b"\n')
    assert machine.run(EARLIER, "build", "a", "--yes").returncode == 0
    assert machine.run(machine.later, "build", "--yes").returncode == 0
    assert machine.charges == 2
    for tree in (EARLIER, machine.later):
        assert machine.run(tree, "build", "--check").returncode == 0
    manifest.write_text(manifest.read_text() + "seed = 7\n")
    ran = machine.run(EARLIER, "build", "--yes")
    assert ran.returncode == 2
    assert "`seed`" in ran.stderr
    assert machine.charges == 2
    assert machine.run(machine.later, "build", "--yes").returncode == 0
    assert machine.charges == 3
    assert machine.run(machine.later, "build", "--check").returncode == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('{"fluxcli-lock": 2}', '{"fluxcli-lock": 3}'),
        ('"hash": "1:', '"hash": "2:'),
        ('"format": "png"', '"format": "jxl"'),
        ('{"asset": ', '{"agreed": true, "asset": '),
    ],
)
def test_the_lock_of_a_later_version_is_refused_and_left_as_it_is(
    world: World, old: str, new: str
) -> None:
    for path in (DATA / "lock_v2").iterdir():
        shutil.copy(path, world.cwd / path.name)
    lock = world.cwd / "assets.lock"
    lock.write_text(lock.read_text().replace(old, new))
    before = lock.read_bytes()
    for words in (
        ("build", "--plan"),
        ("build", "--check"),
        ("build", "--yes"),
        ("assets", "adopt", "*"),
        ("assets", "prune", "--yes"),
        ("assets", "explain", "hero"),
    ):
        ran = world.run(*words)
        assert ran.status == 2, words
        assert UPGRADE in ran.err
        assert "hint: pip install --upgrade fluxcli" in ran.err
    assert lock.read_bytes() == before
