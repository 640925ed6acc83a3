"""`max_credits_per_day`: a cap on all runs of this machine in one local day."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from fluxcli.cli import main
from fluxcli.errors import Code, FluxError
from fluxcli.journal.day_limit import DailyCap
from fluxcli.journal.journal import Journal
from fluxcli.task_types import State
from tests.commands.balance import spent
from tests.journal.samples import request

if TYPE_CHECKING:
    from pathlib import Path

    from fluxcli.journal.runs import Run
    from tests.worlds import SwiftClock, World

DAY = 86400.0
CAP = "FLUXCLI_MAX_CREDITS_PER_DAY"
MANIFEST = "version = 1\n" + "".join(f"[assets.a{n}]\nprompt = 'a fox {n}'\n" for n in range(4))


def capped(box: World, credits: int) -> World:  # noqa: A002 - the unit
    box.env[CAP] = str(credits)
    return box


def test_a_run_that_would_exceed_it_is_refused_before_anything_is_sent(box: World) -> None:
    capped(box, 12)
    for name in ("a", "b"):
        assert box.run("generate", f"a fox {name}", "-o", f"{name}.png").status == 0
    ran = box.run("generate", "a fox c", "-o", "c.png", "--json")
    assert (ran.status, ran.code) == (7, "over_budget")
    assert "10 of 12 are spent today; nothing was sent" in ran.err
    assert spent(box) == 10
    assert box.run("generate", "a fox a", "-o", "a.png").status == 0, "what is made costs nothing"


@pytest.mark.parametrize("flags", [("--yes",), ("--max-credits", "1000"), ("--new",), ("--force",)])
def test_no_flag_raises_the_limit(box: World, flags: tuple[str, ...]) -> None:
    capped(box, 7)
    assert box.run("generate", "a fox", "-o", "a.png").status == 0
    assert box.run("generate", "a dog", "-o", "b.png", *flags).status == 7
    assert box.run("generate", "a fox", "-n", "2", *flags).status == 7
    assert spent(box) == 5


@pytest.mark.parametrize(("stored", "variable", "holds"), [(5, 100, 5), (100, 5, 5), (5, None, 5)])
def test_the_lower_of_config_and_environment_holds(
    box: World, stored: int, variable: int | None, holds: int
) -> None:
    box.run("config", "set", "max_credits_per_day", str(stored))
    if variable is not None:
        capped(box, variable)
    assert box.run("config", "get", "max_credits_per_day").lines == [str(holds)]
    assert box.run("generate", "a fox", "-o", "a.png").status == 0
    assert box.run("generate", "a dog", "-o", "b.png").status == 7


@pytest.mark.parametrize("value", ["-1", "many", "5.5"])
def test_an_invalid_value_stops_only_commands_that_pay(box: World, value: str) -> None:
    box.env[CAP] = value
    assert box.run("generate", "a fox").status == 2
    assert spent(box) == 0
    assert box.run("status", "--offline").status == 0


def test_zero_allows_nothing(box: World) -> None:
    capped(box, 0)
    assert box.run("generate", "a fox").status == 7
    assert box.run("status", "--json").lines == []


def test_the_limit_counts_by_local_day(box: World) -> None:
    capped(box, 5)
    assert box.run("generate", "a fox", "-o", "a.png").status == 0
    assert box.run("generate", "a dog", "-o", "b.png").status == 7
    box.clock.sleep(DAY)
    assert box.run("generate", "a dog", "-o", "b.png").status == 0


@pytest.mark.parametrize("step", [-DAY, -14 * DAY, 3600.0])
def test_a_clock_that_is_set_back_allows_no_more(box: World, step: float) -> None:
    capped(box, 5)
    assert box.run("generate", "a fox", "-o", "a.png").status == 0
    box.clock.step(step)
    assert box.run("generate", "a dog", "-o", "b.png").status == 7


def test_charges_dated_in_the_future_do_not_count_for_ever(box: World) -> None:
    capped(box, 5)
    box.clock.step(3650 * DAY)
    assert box.run("generate", "a fox", "-o", "a.png").status == 0
    box.clock.step(-3650 * DAY)
    assert box.run("generate", "a dog", "-o", "b.png").status == 7
    box.env[CAP] = "10"
    assert box.run("generate", "a dog", "-o", "b.png").status == 0
    box.clock.sleep(DAY)
    box.env[CAP] = "5"
    assert box.run("generate", "an owl", "-o", "c.png").status == 0


@pytest.mark.parametrize(
    ("prompt", "fault"),
    [("a [fails] fox", ""), ("a [moderated] fox", ""), ("a fox", "submit:402")],
)
def test_refused_and_refunded_submissions_do_not_count(box: World, prompt: str, fault: str) -> None:
    capped(box, 5)
    ran = box.run("generate", prompt, "-o", "a.png", env={"FLUXCLI_SANDBOX_FAULTS": fault})
    assert ran.status in {7, 8}
    assert box.run("generate", "a dog", "-o", "b.png").status == 0


def test_unknown_submissions_count(box: World) -> None:
    capped(box, 5)
    lost = box.run(
        "generate", "a fox", "-o", "a.png", env={"FLUXCLI_SANDBOX_FAULTS": "submit:drop"}
    )
    assert lost.status == 11
    assert box.run("generate", "a dog", "-o", "b.png").status == 7
    (ref,) = (record["ref"] for record in box.run("status", "--offline", "--json").records)
    assert box.run("status", ref, "--settle", "not-charged").status == 0
    assert box.run("generate", "a dog", "-o", "b.png").status == 0


def test_resuming_a_paid_task_is_never_refused(box: World) -> None:
    capped(box, 5)
    assert box.run("generate", "a fox", "-o", "a.png", "--no-wait").status == 0
    capped(box, 0)
    assert box.run("generate", "a fox", "-o", "a.png").status == 0
    assert box.run("download", "--unsaved").status == 0


def test_a_prompt_list_over_the_limit_is_refused_as_a_whole(box: World) -> None:
    capped(box, 12)
    (box.cwd / "list.txt").write_text("a fox\na dog\nan owl\n")
    assert box.run("generate", "--prompts", "list.txt", "-o", "x.png").status == 7
    assert spent(box) == 0


def test_a_build_submits_what_the_limit_allows(box: World) -> None:
    capped(box, 12)
    (box.cwd / "assets.toml").write_text(MANIFEST)
    ran = box.run("build", "--yes", "--max-credits", "100")
    assert ran.status in {7, 9}
    assert "2 not submitted: over the credit limit" in ran.err
    assert spent(box) == 10
    box.clock.sleep(DAY)
    assert box.run("build", "--yes").status == 0
    assert spent(box) == 20


def test_candidates_over_the_limit_are_refused_as_a_whole(box: World) -> None:
    capped(box, 12)
    (box.cwd / "assets.toml").write_text(MANIFEST)
    assert box.run("build", "a1", "--candidates", "3", "--yes").status == 7
    assert spent(box) == 0


class TestConcurrency:
    """Processes that each passed the check cannot exceed the limit together."""

    def journal(self, folder: Path, clock: SwiftClock) -> Journal:
        return Journal(
            folder, clock=clock, sandbox=False, cap=lambda: DailyCap(12, {"flux-kontext-pro": 5.0})
        )

    def test_the_third_of_three_submissions_is_refused(self, world: World) -> None:
        journals = [self.journal(world.state, world.clock) for _ in range(3)]
        for journal in journals:
            journal.day_limit.check(5)
        for number, journal in enumerate(journals):
            run = journal.open_run(f"f{number}", new=False)
            task = journal.begin(run, request(), source=None, output="/x.png")
            if number < 2:
                journal.sending(task.ref, request())
                continue
            with pytest.raises(FluxError) as caught:
                journal.sending(task.ref, request())
            assert caught.value.code is Code.OVER_BUDGET
            journal.release(run)
            assert journal.get(task.ref).state is State.REFUSED, "it was never sent"
        for journal in journals:
            journal.close()

    def test_many_processes_stay_within_the_limit(self, world: World) -> None:
        admitted: list[str] = []

        def work(number: int) -> None:
            journal = self.journal(world.state, world.clock)
            run = journal.open_run(f"f{number}", new=False)
            task = journal.begin(run, request(), source=None, output="/x.png")
            try:
                journal.sending(task.ref, request())
            except FluxError:
                pass
            else:
                admitted.append(task.ref)
            journal.release(run)
            journal.close()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(admitted) == 2

    def test_a_submission_refused_by_the_limit_at_the_last_moment_is_status_7(
        self, box: World
    ) -> None:
        """The limit is checked again in the transaction before the first byte is sent."""
        capped(box, 7)
        context = box.context()
        open_run = context.journal.open_run

        def overtaken(*arguments: Any, **options: Any) -> Run:
            box.run("generate", "a dog", "-o", "dog.png")
            return open_run(*arguments, **options)

        context.journal.open_run = overtaken  # type: ignore[method-assign]
        assert main(["generate", "a fox", "-o", "fox.png"], context) == 7
        assert (box.cwd / "dog.png").exists()
        assert spent(box) == 5


def test_a_sandbox_counts_for_itself(world: World) -> None:
    world.env |= {CAP: "5", "FLUXCLI_SANDBOX_SECONDS": "0"}
    assert world.run("generate", "a fox", "--sandbox").status == 0
    assert world.run("generate", "a dog", "--sandbox").status == 7
    world.ask("http://127.0.0.1:9")
    ran = world.run("generate", "a dog", "--timeout", "1s")
    assert ran.status == 5, "the service was asked: nothing of it was spent"
