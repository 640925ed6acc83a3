"""Which wire format is used: the setting, the switch from one to the other, and what is refused."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from fluxcli.sandbox.server import serve
from fluxcli.sandbox.service import SandboxService

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.worlds import World

ANNOUNCED = "submitting through the jobs API instead"
PAUSED = "This+interface+is+temporarily+paused."


@contextmanager
def service(world: World, *faults: str) -> Iterator[SandboxService]:
    """Serve a sandbox whose images are done at once; this world's commands use it."""
    made = SandboxService(
        store=None, wall=world.clock.wall, sleep=time.sleep, seconds=0, faults=faults
    )
    with serve(made) as served:
        world.ask(served.api_url)
        yield made


@pytest.mark.parametrize(
    "words",
    [
        ("generate", "a fox", "--dry-run"),
        ("edit", "https://example.com/a.png", "night", "--dry-run"),
        ("status",),
        ("status", "--offline"),
        ("download", "--unsaved"),
        ("credits",),
        ("credits", "--since", "7d"),
        ("build", "--plan"),
        ("config", "list"),
        ("sandbox", "--print-env"),
        ("callback", "verify"),
    ],
)
def test_an_unknown_api_is_refused_by_every_command(world: World, words: tuple[str, ...]) -> None:
    ran = world.run(*words, "--api", "bogus")
    assert (ran.status, ran.out) == (2, b"")
    assert "`--api` is `bogus`: expected `auto`, `kontext` or `jobs`" in ran.err
    assert world.run("--api", "bogus", *words).status == 2


def test_an_unknown_api_in_the_environment_is_refused_before_a_dry_run(world: World) -> None:
    ran = world.run("generate", "a fox", "--dry-run", env={"FLUXCLI_API": "bogus"})
    assert (ran.status, ran.out) == (2, b"")


def test_auto_switches_once_and_remembers_it_for_a_day(world: World) -> None:
    with service(world, "kontext:gone") as made:
        first = world.run("generate", "a fox", "-o", "a.jpg")
        again = world.run("generate", "a cat", "-o", "b.jpg")
        world.clock.step(86_399 - world.clock.monotonic() + 1000)
        late = world.run("generate", "a dog", "-o", "c.jpg")
        world.clock.step(2)
        later = world.run("generate", "a bird", "-o", "d.jpg")
        assert [ran.status for ran in (first, again, late, later)] == [0] * 4
        assert [ANNOUNCED in ran.err for ran in (first, again, late, later)] == [
            *(True, False, False, True)
        ]
        assert len(made.charges()) == 4


def test_the_remembered_format_belongs_to_one_origin(world: World) -> None:
    with service(world, "kontext:gone"):
        assert ANNOUNCED in world.run("generate", "a fox", "-o", "a.jpg").err
    with service(world, "jobs:gone"):
        assert world.run("generate", "a cat", "-o", "b.jpg").status == 0


@pytest.mark.parametrize(
    ("faults", "api"),
    [
        (("kontext:gone",), "kontext"),
        (("jobs:gone",), "jobs"),
        (("kontext:gone", "jobs:gone"), "auto"),
        (("submit:http404x9",), "auto"),
        (("submit:505x9",), "auto"),
        (("submit:http505x9",), "jobs"),
    ],
)
def test_without_either_api_it_is_status_5_and_names_base_url(
    world: World, faults: tuple[str, ...], api: str
) -> None:
    with service(world, *faults) as made:
        ran = world.run("generate", "a fox", "-o", "a.jpg", "--api", api)
        assert (ran.status, made.charges()) == (5, [])
    assert "fluxcli config get base_url" in ran.err
    assert "nothing was charged" in ran.err


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("reset", 11),
        ("drop", 11),
        ("timeout", 11),
        ("html", 11),
        ("garbage", 11),
        ("500", 11),
        ("502", 11),
        ("503", 11),
        ("http500", 11),
        ("http503", 11),
        ("408", 11),
        ("501", 11),
        ("400", 8),
        ("422", 8),
        ("402", 7),
        ("433", 7),
        ("401", 3),
        ("455", 5),
        ("1010", 5),
    ],
)
def test_only_a_missing_path_leads_to_the_other_format(
    world: World, fault: str, status: int
) -> None:
    """With any other answer, `auto` does not try the other API and pays at most once."""
    world.env |= {"FLUXCLI_SANDBOX": "1", "FLUXCLI_SANDBOX_FAULTS": f"submit:{fault}x99"}
    ran = world.run("generate", "a fox", "-o", "a.jpg", "--debug")
    assert ran.status == status, ran.err
    assert "jobs" not in ran.err
    left = float(world.run("credits", env={"FLUXCLI_SANDBOX_FAULTS": ""}).lines[0])
    assert left >= 100_000 - 5


@pytest.mark.parametrize("api", ["auto", "kontext", "jobs"])
@pytest.mark.parametrize("code", ["422", "500", "501", "http503"])
def test_a_paused_interface_is_status_5_and_nothing_is_charged(
    world: World, api: str, code: str
) -> None:
    with service(world, f"submit:{code}={PAUSED}x99") as made:
        ran = world.run("generate", "a fox", "-o", "a.jpg", "--api", api)
        assert (ran.status, made.charges()) == (5, []), ran.err
    assert "This interface is temporarily paused." in ran.err


class TestMax:
    def test_jobs_refuses_max_before_anything_is_sent(self, world: World) -> None:
        with service(world) as made:
            ran = world.run("generate", "a fox", "-o", "a.jpg", "--api", "jobs", "-m", "max")
            assert (ran.status, made.charges()) == (2, [])

    def test_auto_without_the_kontext_path_is_status_8(self, world: World) -> None:
        with service(world, "kontext:gone") as made:
            ran = world.run("generate", "a fox", "-o", "a.jpg", "-m", "max")
            assert (ran.status, made.charges()) == (8, [])

    @pytest.mark.parametrize("api", ["jobs", "auto"])
    def test_max_can_be_requested_if_the_schema_has_the_tiers(self, world: World, api: str) -> None:
        with service(world, "kontext:gone", "models:tiers") as made:
            ran = world.run("generate", "a fox", "-o", "a.jpg", "-m", "max", "--api", api, "--json")
            assert (ran.status, ran.record["credits"]) == (0, 10.0)
            assert [charge.credits for charge in made.charges()] == [10.0]


class TestIds:
    @pytest.mark.parametrize("made_in", ["kontext", "jobs"])
    @pytest.mark.parametrize("api", ["auto", "kontext", "jobs"])
    def test_a_typed_id_is_read_in_both_formats(self, world: World, made_in: str, api: str) -> None:
        with service(world):
            (task_id,) = world.run("generate", "a fox", "--no-wait", "--api", made_in).lines
            for file in world.state.glob("journal.sqlite3*"):
                file.unlink()
            ran = world.run("download", task_id, "-o", "a.jpg", "--api", api)
            assert (ran.status, ran.lines) == (0, [str(world.cwd / "a.jpg")])

    @pytest.mark.parametrize("api", ["auto", "kontext", "jobs"])
    def test_an_id_that_neither_api_knows_is_not_found(self, world: World, api: str) -> None:
        with service(world):
            ran = world.run("download", "0123456789abcdef", "--api", api, "--json")
        assert (ran.status, ran.code) == (8, "task_not_found")

    @pytest.mark.parametrize("made_in", ["kontext", "jobs"])
    def test_an_id_of_another_origin_is_not_requested_here(
        self, world: World, made_in: str
    ) -> None:
        with service(world):
            (task_id,) = world.run("generate", "a fox", "--no-wait", "--api", made_in).lines
            origin = world.env["FLUXCLI_BASE_URL"]
        with service(world):
            ran = world.run("download", task_id, "--debug")
        assert (ran.status, task_id in ran.err) == (8, True)
        assert f"belongs to the service at {origin}" in ran.err
        assert "debug: >" not in ran.err

    @pytest.mark.parametrize(("first", "then"), [("kontext", "jobs"), ("jobs", "kontext")])
    def test_the_same_command_under_another_api_resumes(
        self, world: World, first: str, then: str
    ) -> None:
        with service(world) as made:
            world.run("generate", "a fox", "-o", "a.jpg", "--no-wait", "--api", first)
            ran = world.run("generate", "a fox", "-o", "a.jpg", "--api", then)
            assert (ran.status, len(made.charges())) == (0, 1)

    @pytest.mark.parametrize("api", ["kontext", "jobs"])
    def test_a_task_that_is_unknown_at_first_is_saved(self, world: World, api: str) -> None:
        """For 90 seconds the service answers that it does not exist."""
        world.env |= {"FLUXCLI_SANDBOX": "1", "FLUXCLI_SANDBOX_FAULTS": "submit:late"}
        ran = world.run("generate", "a fox", "-o", "a.jpg", "--api", api)
        assert (ran.status, ran.lines) == (0, [str(world.cwd / "a.jpg")])
        assert "does not know" not in ran.err

    @pytest.mark.parametrize("api", ["kontext", "jobs"])
    def test_a_task_that_stays_unknown_ends_with_status_4(self, world: World, api: str) -> None:
        world.env |= {"FLUXCLI_SANDBOX": "1", "FLUXCLI_SANDBOX_FAULTS": "poll:unknownx999"}
        ran = world.run("generate", "a fox", "-o", "a.jpg", "--api", api, "--timeout", "5m")
        assert ran.status == 4
        assert "already paid" in ran.err


class TestFailuresByCode:
    """The envelope's code 408 or 501 may report a failed task of the jobs API, or a failed read."""

    MAKE = ("generate", "a fox", "-o", "a.jpg", "--api", "jobs")

    @pytest.mark.parametrize("code", ["408", "501"])
    @pytest.mark.parametrize("times", [1, 3, 20])
    def test_for_some_seconds_it_is_a_failed_read(
        self, world: World, code: str, times: int
    ) -> None:
        fault = f"poll:{code}x{times}"
        world.env |= {"FLUXCLI_SANDBOX": "1", "FLUXCLI_SANDBOX_FAULTS": fault}
        ran = world.run(*self.MAKE)
        assert (ran.status, ran.lines) == (0, [str(world.cwd / "a.jpg")]), ran.err

    @pytest.mark.parametrize("code", ["408", "501"])
    def test_for_a_minute_it_is_a_failed_task(self, world: World, code: str) -> None:
        fault = f"poll:{code}x999"
        world.env |= {"FLUXCLI_SANDBOX": "1", "FLUXCLI_SANDBOX_FAULTS": fault}
        begun = world.clock.monotonic()
        ran = world.run(*self.MAKE, "--json")
        assert (ran.status, ran.code) == (8, "generation_failed")
        assert world.clock.monotonic() - begun >= 60


@pytest.mark.parametrize(
    "path", ["/api/v1", "/api/v1/", "/API/v1", "/api", "/gateway/api/v2", "/api/v1/flux/kontext"]
)
@pytest.mark.parametrize("words", [("generate", "a fox"), ("credits",), ("status", "abcdef")])
def test_an_address_with_a_path_is_refused_with_the_right_one(
    world: World, path: str, words: tuple[str, ...]
) -> None:
    with service(world):
        origin = world.env["FLUXCLI_BASE_URL"]
        world.env["FLUXCLI_BASE_URL"] = f"{origin}{path}"
        ran = world.run(*words)
    assert ran.status == 2
    kept = "/gateway" if "gateway" in path else ""
    assert f"hint: export FLUXCLI_BASE_URL={origin}{kept}\n" in ran.err


def test_an_address_with_the_path_is_refused_when_it_is_set(world: World) -> None:
    ran = world.run("config", "set", "base_url", "https://api.kie.ai/api/v1")
    assert ran.status == 2
    assert "fluxcli config set base_url https://api.kie.ai\n" in ran.err
