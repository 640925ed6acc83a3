"""Hypothesis at the front door: hostile answers, configs and arguments, by the thousand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.reliability import hostile
from tests.reliability.fault_server import Answer, FaultServer, Stage
from tests.reliability.faults import sends
from tests.reliability.figures import Figure
from tests.reliability.pictures import png
from tests.reliability.strikes import room
from tests.worlds import SwiftClock, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.reliability.figures import Size


def hostile_answers(size: Size) -> Figure:
    """Let each endpoint answer anything at all."""
    figure = Figure("hostile answers", "0 tracebacks, 0 wrong successes")
    with FaultServer(ready_after=1) as server:

        def one(stage: Stage, answer: Answer | bytes) -> None:
            figure.trials += 1
            _answered(server, stage, answer)

        stages = st.sampled_from(hostile.STAGES)
        _explore(figure, size, size.examples, one, stages, hostile.ANSWERS | hostile.RAW)
    return figure


def _answered(server: FaultServer, stage: Stage, answer: Answer | bytes) -> None:
    server.heal()
    server.tasks.clear()
    fault = sends("raw", answer) if isinstance(answer, bytes) else hostile.answering(answer)
    server.strike(stage, fault, times=2)
    with room() as root:
        world = World(root, clock=SwiftClock())
        world.ask(server.api_url)
        if stage == "credits":
            ran = world.run("credits", "--json")
            wrong = hostile.check(ran)
        else:
            ran = world.run("generate", "a cat", "-o", "a.png", "--json", "--timeout", "60")
            wrong = hostile.check(ran)
            path = world.cwd / "a.png"
            kept = path.read_bytes() if path.exists() else None
            if hostile.wrong_success(ran, server, kept):
                wrong.append("a wrong success")
    assert not wrong, wrong


def hostile_configs(size: Size) -> Figure:
    """Let the config file hold anything, and the environment too."""
    figure = Figure("hostile configs and environments", "0 tracebacks")

    def one(config: bytes, env: dict[str, str], command: tuple[str, ...]) -> None:
        figure.trials += 1
        with room() as root:
            world = World(root, clock=SwiftClock())
            path = root / "config" / "config.toml"
            path.parent.mkdir()
            path.write_bytes(config)
            ran = world.run(*command, env=env)
            wrong = hostile.check(ran)
            if path.read_bytes() != config:
                wrong.append("the config file was changed")
        assert not wrong, wrong

    commands = st.sampled_from(
        [
            ("config", "list"),
            ("config", "list", "--json"),
            ("generate", "a cat", "--dry-run"),
            ("edit", "https://example.com/a.png", "a cat", "--dry-run", "--json"),
            ("status", "--offline"),
            ("config", "get", "timeout"),
        ]
    )
    _explore(figure, size, size.examples // 2, one, hostile.CONFIGS, hostile.ENVIRONMENTS, commands)
    return figure


def hostile_arguments(size: Size) -> Figure:
    """Let the command line be anything."""
    figure = Figure("hostile arguments", "0 tracebacks")
    with FaultServer(ready_after=1) as server:

        def one(arguments: list[str]) -> None:
            figure.trials += 1
            server.tasks.clear()
            with room() as root:
                world = World(root, clock=SwiftClock())
                world.ask(server.api_url)
                (world.cwd / "a.png").write_bytes(png("a"))
                wrong = hostile.check(world.run(*arguments))
            assert not wrong, wrong

        _explore(figure, size, size.examples // 4, one, hostile.ARGUMENTS)
    return figure


def _explore(
    figure: Figure,
    size: Size,
    examples: int,
    one: Callable[..., None],
    *strategies: st.SearchStrategy[Any],
) -> None:
    """Try a property on so many examples; a failure is shrunk and written down."""
    prepared = settings(
        max_examples=max(1, examples // size.step),
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    try:
        prepared(seed(size.seed)(given(*strategies)(one)))()
    except AssertionError as error:
        figure.found["failures"] += 1
        result = "; ".join(getattr(error, "__notes__", []))
        figure.fail(f"{error} {result}"[:1500])
