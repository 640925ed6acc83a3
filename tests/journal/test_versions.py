"""Versions live together: older journals are read, later ones are refused, damage stays local."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fluxcli.errors import Code, FluxError
from fluxcli.journal.database import VERSION
from fluxcli.journal.journal import Journal
from fluxcli.journal.rows import request_text
from fluxcli.task_types import State
from tests.journal.samples import accepted, begun, request

if TYPE_CHECKING:
    from tests.worlds import SwiftClock, World

OLD = Path(__file__).parents[1] / "data" / "journal_v2" / "journal.sqlite3"
UNFINISHED = 2


def change(folder: Path, statement: str, *values: object) -> None:
    """Change the journal's file directly."""
    with closing(sqlite3.connect(folder / "journal.sqlite3")) as db:
        db.execute(statement, values)
        db.commit()


def test_a_stored_journal_of_86ffdaa_is_read_whole(folder: Path, clock: SwiftClock) -> None:
    folder.mkdir(parents=True)
    shutil.copy(OLD, folder / "journal.sqlite3")
    with closing(Journal(folder, clock=clock, sandbox=True)) as journal:
        states = [task.state.value for task in reversed(journal.recent(None))]
        assert states == [
            *["saved"] * 3,
            *["unknown"] * 2,
            *("succeeded", "failed", "refused", "failed"),
        ]
        assert [task.request.prompt for task in journal.unsaved()] == ["a slow fox"]
        assert len(journal.unsettled()) == UNFINISHED
        assert journal.check() == {}
    with closing(sqlite3.connect(folder / "journal.sqlite3")) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_a_migration_keeps_a_copy_of_the_file_before(folder: Path, clock: SwiftClock) -> None:
    folder.mkdir(parents=True)
    shutil.copy(OLD, folder / "journal.sqlite3")
    with closing(Journal(folder, clock=clock, sandbox=True)) as journal:
        journal.recent(None)
    with closing(sqlite3.connect(folder / "journal.v2.sqlite3")) as copy:
        assert copy.execute("PRAGMA user_version").fetchone() == (2,)
        assert copy.execute("SELECT COUNT(*) FROM tasks").fetchone() == (9,)


def test_a_migration_that_fails_changes_nothing(folder: Path, clock: SwiftClock) -> None:
    folder.mkdir(parents=True)
    shutil.copy(OLD, folder / "journal.sqlite3")
    change(folder, "CREATE TABLE tasks_timed (x)")
    with (
        closing(Journal(folder, clock=clock, sandbox=True)) as journal,
        pytest.raises(FluxError) as caught,
    ):
        journal.recent(None)
    assert caught.value.code is Code.JOURNAL
    with closing(sqlite3.connect(folder / "journal.sqlite3")) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (2,)
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        assert {"turns", "tasks_recent"} <= tables


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tasks SET state = 'paused'",
        "UPDATE tasks SET wire = 'batch'",
        "UPDATE tasks SET output = '/images/{seed}.png'",
        "UPDATE tasks SET output = 'bucket:a.png'",
        "UPDATE tasks SET request = json_set(request, '$.seed', 7)",
        "UPDATE tasks SET request = json_set(request, '$.mode', 'video')",
        "UPDATE tasks SET request = json_set(request, '$.model', 'flux-kontext-ultra')",
        "UPDATE tasks SET request = json_set(request, '$.aspect_ratio', '2:1')",
        "UPDATE tasks SET request = json_set(request, '$.output_format', 'avif')",
        f"PRAGMA user_version = {VERSION + 1}",
    ],
)
def test_a_row_of_a_later_version_stops_every_command_and_nothing_is_paid(
    world: World, statement: str
) -> None:
    command = ("generate", "a fox", "-o", "a.png", "--sandbox", "--no-wait")
    assert world.run(*command).status == 0
    before = world.run("credits", "--sandbox", "--json").record["credits"]
    change(world.state, statement)
    for words in (command, ("status", "--sandbox", "--offline"), ("download", "--unsaved")):
        ran = world.run(*words, env={"FLUXCLI_SANDBOX": "1"})
        assert ran.status == 1
        assert "was written by a later fluxcli; upgrade" in ran.err
        assert "hint: pip install --upgrade fluxcli" in ran.err
    assert world.run("credits", "--sandbox", "--json").record["credits"] == before


@pytest.mark.parametrize("mode", ["--plan", "--check"])
def test_a_plan_is_not_made_without_a_journal_of_a_later_version(world: World, mode: str) -> None:
    """It would show as new what may be paid for."""
    world.env["FLUXCLI_SANDBOX"] = "1"
    assert world.run("generate", "a fox", "--no-wait").status == 0
    (world.cwd / "assets.toml").write_text('version = 1\n[assets.fox]\nprompt = "a fox"\n')
    change(world.state, f"PRAGMA user_version = {VERSION + 1}")
    ran = world.run("build", mode)
    assert ran.status == 1
    assert "was written by a later fluxcli; upgrade" in ran.err


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE runs SET fingerprint = x'ff00'",
        "UPDATE runs SET closed_at = 'long ago'",
        "UPDATE runs SET sandbox = 'yes'",
        "DELETE FROM runs",
    ],
)
@pytest.mark.parametrize("output", ["a.png", "{id}.png"])
def test_a_request_whose_unfinished_run_is_damaged_is_not_paid_again(
    world: World, statement: str, output: str
) -> None:
    world.env["FLUXCLI_SANDBOX"] = "1"
    command = ("generate", "a fox", "-o", output)
    (task_id,) = world.run(*command, "--no-wait").lines
    before = world.run("credits", "--json").record["credits"]
    change(world.state, statement)
    ran = world.run(*command)
    assert (ran.status, f"hint: fluxcli download {task_id}" in ran.err) == (1, True)
    assert world.run("config", "check").err.count("download TASKID") == 1
    assert world.run("credits", "--json").record["credits"] == before
    assert world.run("generate", "a cat", "-o", "cat.png").status == 0
    assert world.run("download", task_id).status == 0
    # What is saved is no reason to refuse a command any more.
    assert world.run(*command, "--new", "--force").status == 0


def test_a_request_is_stored_without_its_defaults() -> None:
    """An older version then reads a row that uses no field of a later one."""
    stored = json.loads(request_text(request()))
    assert "watermark" not in stored
    assert "enable_translation" not in stored
    assert json.loads(request_text(request(upload_cn=True)))["upload_cn"] is True


DAMAGE = [
    ("request", "{"),
    ("request", "[]"),
    ("request", '{"mode": "generate"}'),
    ("request", json.dumps(asdict(request()) | {"mode": 1})),
    ("created_at", "yesterday"),
    ("n", "one"),
    ("output", b"\xff"),
    ("output", ""),
    ("output", "a\0b.png"),
    ("task_id", b"\xff"),
    ("seconds", "long"),
]


@pytest.mark.parametrize(("column", "value"), DAMAGE)
def test_a_damaged_row_is_skipped_and_breaks_no_other(
    journal: Journal, folder: Path, column: str, value: object
) -> None:
    accepted(journal, "aaaa1111", "f")
    bad = accepted(journal, "bbbb2222", "g")
    accepted(journal, "cccc3333", "h")
    change(folder, f"UPDATE tasks SET {column} = ? WHERE ref = ?", value, bad.ref)  # noqa: S608 - a column's name
    assert [task.task_id for task in journal.unsaved()] == ["aaaa1111", "cccc3333"]
    assert [task.task_id for task in journal.recent(None)] == ["cccc3333", "aaaa1111"]
    assert journal.open_run("f", new=False).tasks[1].task_id == "aaaa1111"
    assert set(journal.damaged) == set(journal.check()) == {bad.ref}
    with pytest.raises(FluxError, match="nothing was sent") as caught:
        journal.open_run("g", new=False)
    assert caught.value.status == 1


def test_a_damaged_row_is_a_warning_of_status(world: World) -> None:
    for name in ("a", "b"):
        world.run("generate", name, "-o", f"{name}.png", "--sandbox", "--no-wait")
    change(world.state, "UPDATE tasks SET request = 'x' WHERE request LIKE '%\"a\"%'")
    for words in (("status", "--sandbox"), ("download", "--unsaved", "--sandbox")):
        ran = world.run(*words)
        assert (ran.status, ran.err.count("of the journal was skipped")) == (0, 1)
    assert (world.cwd / "b.png").exists()


@pytest.mark.parametrize("step", [5, -5, 14 * 86400, -14 * 86400, 315_360_000, -315_360_000])
def test_the_order_of_tasks_is_not_the_clocks(folder: Path, clock: SwiftClock, step: float) -> None:
    with closing(Journal(folder, clock=clock, sandbox=False)) as journal:
        accepted(journal, "aaaa1111", "f")
    clock.step(step)
    with closing(Journal(folder, clock=clock, sandbox=False)) as journal:
        accepted(journal, "bbbb2222", "g")
        clock.step(-2 * step)
        run = journal.open_run("h", new=False)
        last = begun(journal, run)
        journal.accepted(last.ref, "cccc3333")
        journal.release(run)
        ids = ["cccc3333", "bbbb2222", "aaaa1111"]
        assert [task.task_id for task in journal.recent(None)] == ids
        found = journal.find("@last")
        assert found is not None
        assert (found.task_id, found.state) == ("cccc3333", State.RUNNING)
        for fingerprint in "fgh":
            assert journal.open_run(fingerprint, new=False).tasks


def test_a_partly_migrated_journal_is_migrated(folder: Path, clock: SwiftClock) -> None:
    folder.mkdir(parents=True)
    shutil.copy(OLD, folder / "journal.sqlite3")
    change(folder, "ALTER TABLE tasks ADD COLUMN wire TEXT")
    with closing(Journal(folder, clock=clock, sandbox=True)) as journal:
        assert [task.request.prompt for task in journal.unsaved()] == ["a slow fox"]


def test_config_check_reports_a_damaged_row_once(world: World) -> None:
    world.run("generate", "a", "-o", "a.png", "--sandbox", "--no-wait")
    change(world.state, "UPDATE tasks SET request = 'x'")
    ran = world.run("config", "check", "--sandbox")
    assert ran.status == 1
    assert (ran.out.decode() + ran.err).count("its request is not a JSON object") == 1


@pytest.mark.parametrize("step", [21 * 3600, -3600, 14 * 86400, -315_360_000])
def test_an_upload_is_reused_only_while_no_later_task_contradicts_its_age(
    journal: Journal, clock: SwiftClock, step: float
) -> None:
    """The clock was changed, a task was recorded, and the clock was changed back."""
    accepted(journal, "aaaa1111", "f")
    journal.uploads.keep("account", "sha", "https://h.invalid/x")
    clock.step(60)
    accepted(journal, "bbbb2222", "g")
    assert journal.uploads.find("account", "sha") == "https://h.invalid/x"
    clock.step(step)
    accepted(journal, "cccc3333", "h")
    clock.step(-step)
    assert journal.uploads.find("account", "sha") is None
    journal.uploads.keep("account", "sha", "https://h.invalid/y")
    assert journal.uploads.find("account", "sha") == "https://h.invalid/y"
