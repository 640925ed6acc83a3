"""An unusable state folder: an error that names it, or none where it is not needed."""

from __future__ import annotations

import errno
import os
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from fluxcli import filelock

if TYPE_CHECKING:
    from tests.worlds import World

MANIFEST = "version = 1\n[assets.hero]\nprompt = 'a fox'\n"
ROOT = Path(__file__).parents[2]
NEEDY = [
    ("generate", "a fox"),
    ("edit", "in.png", "a fox"),
    ("status",),
    ("status", "abcdef"),
    ("status", "--offline"),
    ("status", "--html", "page.html"),
    ("download", "--unsaved"),
    ("download", "abcdef"),
    ("credits", "--since", "1d"),
    ("build", "--yes"),
    ("config", "set", "timeout", "90"),
    ("config", "check"),
]
CONTENT = [
    ("generate", "a fox", "--dry-run"),
    ("edit", "in.png", "a fox", "--dry-run"),
    ("generate", "a fox", "-o", "fox.png", "--sandbox"),
    ("edit", "in.png", "a fox", "-o", "fox.png", "--sandbox"),
    ("status", "--sandbox"),
    ("download", "--unsaved", "--sandbox"),
    ("credits", "--sandbox"),
    ("build", "--plan"),
    ("build", "--yes", "--sandbox"),
    ("config", "path"),
    ("config", "list"),
]


@pytest.fixture
def homeless(world: World) -> World:
    """A machine whose state folder cannot be created: a file has its name."""
    (world.root / "file").touch()
    world.env["FLUXCLI_STATE_DIR"] = str(world.root / "file" / "state")
    (world.cwd / "assets.toml").write_text(MANIFEST)
    Image.new("RGB", (64, 48)).save(world.cwd / "in.png")
    return world


@pytest.mark.parametrize("words", NEEDY, ids=" ".join)
def test_a_command_that_needs_one_names_the_variable(
    homeless: World, words: tuple[str, ...]
) -> None:
    homeless.ask("http://127.0.0.1:9")
    ran = homeless.run(*words)
    assert ran.status == (5 if words == ("config", "check") else 2)
    assert "FLUXCLI_STATE_DIR" in ran.err
    assert "bug" not in ran.err
    assert not list(homeless.cwd.glob("*.jpg"))


@pytest.mark.parametrize("words", CONTENT, ids=" ".join)
def test_a_command_that_needs_no_state_works(homeless: World, words: tuple[str, ...]) -> None:
    ran = homeless.run(*words, env={"FLUXCLI_SANDBOX_SECONDS": "0"})
    assert ran.status == 0, ran.err


def test_build_check_needs_no_state(homeless: World) -> None:
    assert homeless.run("build", "--check").status == 10


@pytest.mark.parametrize("words", [NEEDY[0], NEEDY[2], NEEDY[6]], ids=" ".join)
def test_a_machine_without_a_home_folder(
    world: World, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in containers that run with a user id without an account."""
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)
    for name in ("HOME", "FLUXCLI_STATE_DIR", "FLUXCLI_CONFIG", "FLUXCLI_CACHE_DIR"):
        del world.env[name]
    ran = world.run(*words)
    assert ran.status == 2
    assert "set `HOME` or `FLUXCLI_STATE_DIR`" in ran.err
    assert world.run("generate", "a fox", "--dry-run").status == 0
    sandbox = world.run("generate", "a fox", "--sandbox")
    assert sandbox.status == 0
    assert "forgets its tasks" in sandbox.err


def test_a_journal_that_cannot_be_used_is_not_treated_as_empty(homeless: World) -> None:
    """A plan warns that paid images may be shown as new."""
    sealed = homeless.root / "sealed"
    sealed.mkdir()
    (sealed / "journal.sqlite3").mkdir()
    homeless.env["FLUXCLI_STATE_DIR"] = str(sealed)
    ran = homeless.run("status")
    assert ran.status == 1
    assert "cannot be used" in ran.err
    (homeless.cwd / "assets.toml").write_text('version = 1\n[assets.fox]\nprompt = "a fox"\n')
    for mode, status in (("--plan", 0), ("--check", 10)):
        ran = homeless.run("build", mode)
        assert ran.status == status
        assert ran.err.count("so tasks recorded there are not considered") == 1


class TestConfigCheck:
    """`config check` tries what a run needs, and leaves nothing behind."""

    def test_a_folder_without_locks_is_reported(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(_handle: int, **_options: bool) -> bool:
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        monkeypatch.setattr(filelock, "lock", refuse)
        ran = world.run("config", "check", "--sandbox")
        assert ran.status == 1
        assert "failed   state folder" in ran.out.decode()
        assert "it cannot lock files: no locks available" in ran.out.decode()
        assert "FLUXCLI_STATE_DIR" in ran.err

    def test_a_full_disk_is_reported(self, world: World) -> None:
        """Simulated by a limit on the size of files."""
        done = subprocess.run(
            [sys.executable, "-m", "fluxcli", "config", "check", "--json"],
            env=world.env | {"PYTHONPATH": str(ROOT), "FLUXCLI_BASE_URL": "http://127.0.0.1:9"},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert '"check": "state folder", "ok": false' in done.stdout
        assert "cannot be written to: file too large" in done.stdout
        assert "Traceback" not in done.stderr

    def test_nothing_is_left_behind(self, world: World) -> None:
        world.state.mkdir()
        world.run("config", "check", "--sandbox")
        assert {path.name for path in world.state.iterdir()} <= {"sandbox.sqlite3"}

    def test_a_file_in_place_of_the_journal_is_reported(self, world: World) -> None:
        world.state.mkdir()
        (world.state / "journal.sqlite3").write_bytes(b"no database" * 999)
        ran = world.run("config", "check", "--sandbox")
        assert ran.status == 1
        assert "failed   journal" in ran.out.decode()
        assert "file is not a database" in ran.out.decode()
        assert "move it away" in ran.err
        paying = world.run("generate", "a fox", "-o", "k.png", "--sandbox")
        assert paying.status == 1
        assert "may be paid for that it does not show" in paying.err

    @pytest.mark.parametrize("damage", ["pages", "an index"])
    def test_a_damaged_index_is_reported(self, world: World, damage: str) -> None:
        """An index without some rows hides paid tasks, though each row can be read."""
        for number in range(9):
            words = ("generate", f"a fox {number}", "-o", f"{number}.png", "--no-wait")
            assert world.run(*words, "--sandbox").status == 0
        journal = world.state / "journal.sqlite3"
        with closing(sqlite3.connect(journal)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            if damage == "an index":
                db.execute("PRAGMA writable_schema = ON")
                index = "CREATE INDEX runs_fingerprint ON runs (run)"
                found = ("runs_fingerprint",)
                db.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (index, *found))
                db.commit()
        if damage == "pages":
            data = bytearray(journal.read_bytes())
            data[4096:] = bytes(byte ^ 0x5A for byte in data[4096:])
            journal.write_bytes(data)
        ran = world.run("config", "check", "--sandbox")
        assert ran.status == 1
        assert "failed   journal" in ran.out.decode()
        assert "is damaged" in ran.out.decode()
        assert "fluxcli download TASKID" in ran.err
