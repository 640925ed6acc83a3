"""A command pays once and finds its tasks with any clock and any service."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from fluxcli.sandbox.server import serve
from fluxcli.sandbox.service import SandboxService
from tests.commands.balance import BALANCE, spent
from tests.worlds import NOON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.worlds import World

STEPS = [5, -5, 14 * 86400, -14 * 86400, 315_360_000, -315_360_000]
DAY = 86400.0
MORE_STEPS = [
    step * sign for step in (5.0, 3600.0, DAY, 20 * DAY, 365 * DAY, 3650 * DAY) for sign in (1, -1)
]
EPOCH = -1_795_341_600.0  # the clock of the tests shows 1970 after this step
YEAR_2100 = 74 * 365 * DAY
PRICE = 5  # one image by the model `pro`, rounded up


@pytest.fixture
def service(world: World, tmp_path: Path) -> Iterator[SandboxService]:
    """A served sandbox with a correct clock of its own."""
    clock = world.clock
    made: list[SandboxService] = []

    def make(api: str, uploads: str, results: str) -> SandboxService:
        made.append(
            SandboxService(
                store=tmp_path / "served.sqlite3",
                wall=lambda: NOON + clock.monotonic(),
                sleep=clock.sleep,
                seconds=0.0,
                faults=(),
                credits=BALANCE,
                api_url=api,
                upload_url=uploads,
                result_url=results,
            )
        )
        return made[0]

    with serve(make) as served:
        world.ask(served.api_url, served.upload_url)
        yield made[0]
    made[0].close()


def charged(world: World) -> float:
    """Return what the served account has paid, in credits."""
    return BALANCE - float(world.run("credits", "--json").record["credits"])


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("first", [("--no-wait",), ("--timeout", "1s")])
def test_a_rerun_after_any_change_of_the_clock_pays_once(
    world: World, service: SandboxService, step: float, first: tuple[str, ...]
) -> None:
    del service
    command = ("generate", "a fox", "-o", "fox.png")
    assert world.run(*command, *first).status in {0, 4}
    one = charged(world)
    world.clock.step(step)
    assert world.run(*command, "--no-wait").status == 0
    world.clock.step(-2 * step)
    assert world.run(*command).status == 0
    assert (charged(world), one > 0) == (one, True)
    assert (world.cwd / "fox.png").exists()


STORY = [
    ("generate", "a fox", "-o", "fox.png", "--no-wait"),
    ("generate", "a fox", "-o", "./fox.png", "--timeout", "1s"),
    ("status", "@last"),
    ("generate", "a fox", "-o", "fox.png"),
    ("generate", "a fox", "-o", "fox.png"),
    ("edit", "@last", "make it night", "-o", "night.png", "--no-wait"),
    ("edit", "@last", "make it night", "-o", "night.png"),
    ("generate", "a dog", "-o", "dog.png", "--no-wait"),
    ("download", "--unsaved"),
    ("generate", "a dog", "-o", "dog.png"),
]


@pytest.mark.parametrize("lasts", [False, True])
@pytest.mark.parametrize("step", [*MORE_STEPS, EPOCH, EPOCH + 5, YEAR_2100])
def test_a_day_with_a_wrong_clock_at_any_command_costs_three_images(
    world: World, service: SandboxService, step: float, *, lasts: bool
) -> None:
    """It is wrong at one command, or from that command on."""
    del service
    one = 0.0
    for wrong in range(int(abs(step)) // 7 % 4, len(STORY), 4):
        begin = charged(world)
        for number, words in enumerate(STORY):
            if number == wrong:
                world.clock.step(step)
            named = [word.replace("a ", f"a {wrong} ", 1) for word in words]
            placed = [f"{wrong}/{word}" if word.endswith(".png") else word for word in named]
            assert world.run(*placed).status in ({0, 4} if "--timeout" in words else {0}), placed
            if number == wrong and not lasts:
                world.clock.step(-step)
        if lasts:
            world.clock.step(-step)
        one = one or charged(world) - begin
        assert charged(world) - begin == one
        files = {path.name for path in (world.cwd / str(wrong)).iterdir()}
        assert files == {"fox.png", "night.png", "dog.png"}
    assert one == 3 * charged_for_one(world)


def charged_for_one(world: World) -> float:
    """Return what the account pays for one more image."""
    before = charged(world)
    assert world.run("generate", "one more", "--no-wait").status == 0
    return charged(world) - before


ZONES = ["UTC", "Asia/Kolkata", "America/New_York", "right/UTC"]


@pytest.mark.parametrize("zone", ZONES)
def test_a_change_of_the_time_zone_changes_nothing(
    world: World, service: SandboxService, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    """The date in a default name differs there."""
    del service
    make = ("generate", "a fox", "-o", "{date}.png")
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Pacific/Kiritimati")
        time.tzset()
        (task_id,) = world.run(*make, "--no-wait").lines
        one = charged(world)
        world.clock.step(12 * 3600.0)
        patch.setenv("TZ", zone)
        time.tzset()
        assert world.run(*make, "--no-wait").lines == [task_id]
        assert world.run(*make).status == 0
    time.tzset()
    assert charged(world) == one


@pytest.mark.parametrize("step", STEPS)
def test_download_unsaved_saves_after_any_change_of_the_clock(
    world: World, service: SandboxService, step: float
) -> None:
    del service
    world.clock.step(step)
    assert world.run("generate", "a fox", "-o", "fox.png", "--no-wait").status == 0
    one = charged(world)
    world.clock.step(-step)
    assert world.run("download", "--unsaved").status == 0
    assert (world.cwd / "fox.png").exists()
    assert charged(world) == one


@pytest.mark.parametrize("step", STEPS)
def test_an_edit_of_an_earlier_result_works_with_any_clock(
    world: World, service: SandboxService, step: float
) -> None:
    """Its age by the local clock does not matter, and the saved file is not needed."""
    del service
    assert world.run("generate", "a fox", "-o", "fox.png").status == 0
    (world.cwd / "fox.png").unlink()
    one = charged(world)
    world.clock.step(step)
    command = ("edit", "@last", "make it night", "-o", "night.png")
    assert world.run(*command, "--no-wait").status == 0
    world.clock.step(-2 * step)
    assert world.run(*command).status == 0
    assert (world.cwd / "night.png").exists()
    assert charged(world) == 2 * one


@pytest.mark.parametrize("step", STEPS)
def test_status_reports_a_finished_image_as_unsaved_with_any_clock(
    world: World, service: SandboxService, step: float
) -> None:
    """It never reports one as expired by the local clock."""
    del service
    assert world.run("generate", "a fox", "-o", "fox.png", "--no-wait").status == 0
    world.clock.step(step)
    shown = world.run("status", "@last", "--wait").out.decode()
    listed = world.run("status", terminal=True, env={"COLUMNS": "200"}).out.decode()
    for text in (shown, listed):
        assert "succeeded" in text
        assert "2026-12-" in text, "the day until which the service keeps it"
        assert "gone" not in text
        assert "expired" not in text


def test_tasks_of_a_served_sandbox_are_marked_and_belong_to_it(
    world: World, service: SandboxService
) -> None:
    del service
    ran = world.run("generate", "a fox", "-o", "fox.png", "--json")
    assert ran.record["sandbox"] is True
    task_id, url = ran.record["task_id"], world.env["FLUXCLI_BASE_URL"]
    world.ask("https://service.invalid")
    for words in (("status", task_id), ("download", task_id), ("edit", f"@{task_id}", "night")):
        other = world.run(*words)
        assert other.status == 8
        assert f"belongs to the service at {url}" in other.err
        assert f"FLUXCLI_BASE_URL={url} fluxcli status {task_id}" in other.err
    assert world.run("edit", "@last", "night").status == 8
    assert f"1 task of the service at {url}" in world.run("status").err
    link = f"{url}/image.png"
    refused = world.run("edit", link, "make it night", "-o", "night.png")
    assert refused.status == 2
    assert "nothing was sent" in refused.err


def test_a_sandbox_task_does_not_count_as_paid(world: World) -> None:
    """Neither by its id nor as the last one."""
    world.run("generate", "a fox", "--sandbox", "--no-wait")
    assert "not saved: `fluxcli download --unsaved --sandbox`" in (
        world.run("download", "--unsaved").err
    )


@pytest.mark.parametrize("look", ["status", "download"])
def test_status_of_the_id_first_settles_an_unknown_submission(world: World, look: str) -> None:
    command = ("generate", "a fox", "-o", "fox.png", "--sandbox")
    lost = world.run(*command, "--json", env={"FLUXCLI_SANDBOX_FAULTS": "submit:reset"})
    assert lost.status == 11
    ref = lost.record["error"]["ref"]
    task_id = only_task(world)
    assert world.run(look, task_id, "--sandbox").status == 0
    assert world.run("status", ref, "--settle", task_id, "--sandbox").status == 0
    assert world.run(*command).status == 0
    assert (world.cwd / "fox.png").exists()
    assert (len(world.run("status", "--sandbox", "--json").records), spent(world)) == (1, PRICE)


def test_an_id_that_was_adopted_first_is_merged_by_settling(world: World) -> None:
    """Two submissions had the same request, so that the echo cannot decide."""
    ids: list[tuple[str, str]] = []
    for name in ("a.png", "b.png"):
        ran = world.run(
            *("generate", "a fox", "-o", name, "--sandbox", "--json"),
            env={"FLUXCLI_SANDBOX_FAULTS": "submit:resetx9"},
        )
        ids.append((ran.record["error"]["ref"], only_task(world, len(ids))))
    for _, task_id in ids:
        assert world.run("download", task_id, "--sandbox").status == 0
    for ref, task_id in ids:
        assert world.run("status", ref, "--settle", task_id, "--sandbox").status == 0
    for name in ("a.png", "b.png"):
        assert world.run("generate", "a fox", "-o", name, "--sandbox").status == 0
        assert (world.cwd / name).exists()
    assert spent(world) == 2 * PRICE


def only_task(world: World, number: int = 0) -> str:
    """Return the id of a task in the sandbox's own store."""
    with closing(sqlite3.connect(world.state / "sandbox.sqlite3")) as db:
        return str(db.execute("SELECT id FROM tasks ORDER BY rowid").fetchall()[number][0])


def test_without_a_thread_nothing_is_sent_and_no_bug_is_reported(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        ran = world.run("generate", "a fox", "-o", "fox.png", "--sandbox")
    assert ran.status == 1
    assert "nothing was sent" in ran.err
    assert "bug" not in ran.err
    assert spent(world) == 0


def test_without_a_file_handle_nothing_is_sent_and_no_bug_is_reported(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (8, 8)).save(world.cwd / "in.png")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr("fluxcli.sandbox.in_process.SandboxTransport.handle_request", refuse)
        ran = world.run("edit", "in.png", "make it night", "-o", "fox.png", "--sandbox")
    assert ran.status == 1
    assert "bug" not in ran.err
    assert spent(world) == 0
