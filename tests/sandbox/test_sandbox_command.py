"""`fluxcli sandbox` and `--sandbox`: the same sandbox, as a process and inside the command."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import fluxcli
from fluxcli.journal.lookup import where_listed
from fluxcli.sandbox import faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.worlds import World

ROOT = Path(fluxcli.__file__).parent.parent


@contextmanager
def served(world: World, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """Run the server as a process; yield the variables that it prints."""
    command = [sys.executable, "-m", "fluxcli", "sandbox", "-q", "--port", "0", *arguments]
    env = {**os.environ, **world.env, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    ) as running:
        try:
            assert running.stdout is not None
            result = [running.stdout.readline().strip() for _ in range(3)]
            pairs = [line.removeprefix("export ").partition("=") for line in result]
            yield running, {name: value for name, _, value in pairs}
        finally:
            running.kill()


def ledger(url: str) -> Any:
    command = ["curl", "-sS", "--noproxy", "*", "--max-time", "10", f"{url}/sandbox/ledger"]
    ran = subprocess.run(command, capture_output=True, check=True, timeout=30)
    return json.loads(ran.stdout)


def test_a_served_sandbox_can_be_used_from_another_shell(world: World) -> None:
    """The exported variables are all that a pipeline needs; Ctrl-C ends it with 130."""
    with served(world, "--seconds", "0", "--fault", "download:truncate") as (running, exported):
        assert exported.keys() == {*("FLUXCLI_BASE_URL", "FLUXCLI_UPLOAD_URL", "FLUXCLI_API_KEY")}
        ran = world.run("generate", "a [cat] on a [/open] mat", "-o", "cat.png", env=exported)
        assert (ran.status, ran.lines) == (0, [str(world.cwd / "cat.png")]), ran.err
        ledger_found = ledger(exported["FLUXCLI_BASE_URL"])
        assert [charge["prompt"] for charge in ledger_found["charges"]] == [
            "a [cat] on a [/open] mat"
        ]
        assert (ledger_found["tasks"], ledger_found["leaks"]) == (1, 0)
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 130
        assert running.stderr is not None
        assert "error" not in running.stderr.read()


@pytest.mark.parametrize("port", ["8787", "9000"])
def test_print_env_prints_the_variables_without_serving(world: World, port: str) -> None:
    ran = world.run("sandbox", "--print-env", *(["--port", port] if port != "8787" else []))
    assert ran.lines == [
        f"export FLUXCLI_BASE_URL=http://127.0.0.1:{port}",
        f"export FLUXCLI_UPLOAD_URL=http://127.0.0.1:{port}",
        "export FLUXCLI_API_KEY=sandbox",
    ]


def test_print_env_refuses_port_0(world: World) -> None:
    assert world.run("sandbox", "--print-env", "--port", "0").status == 2


def test_the_help_names_every_place_and_fault(world: World) -> None:
    words = set(
        world.run("sandbox", "--help")
        .out.decode()
        .replace(".", " ")
        .replace(",", " ")
        .replace(":", " ")
        .replace(";", " ")
        .split()
    )
    named = {kind for place in faults.PLACES for kind in faults.faults_at(place)}
    assert named | set(faults.PLACES) <= words


def test_a_restarted_sandbox_keeps_its_tasks_and_counts_faults_from_one(world: World) -> None:
    for number in (1, 2):
        with served(world, "--fault", "credits:455") as (_, exported):
            ran = world.run("credits", "--json", env=exported)
            assert ran.code == "maintenance"
            assert world.run("credits", env=exported).status == 0
            world.run("generate", str(number), "--no-wait", env=exported)
            assert ledger(exported["FLUXCLI_BASE_URL"])["tasks"] == number


def test_a_port_that_is_taken_is_reported(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = world.run("sandbox", "--port", port)
    assert ran.status == 2
    assert f"port {port}" in ran.err
    assert "fluxcli sandbox --port 0" in ran.err


@pytest.mark.parametrize(
    ("arguments", "env", "says"),
    [
        (["sandbox", "--fault", "submit:explode"], {}, "`submit` has no fault `explode`"),
        (["credits", "--sandbox"], {"FLUXCLI_SANDBOX_FAULTS": "pay:500"}, "`submit`, `poll`"),
        (["credits", "--sandbox"], {"FLUXCLI_SANDBOX_SECONDS": "soon"}, "soon"),
    ],
)
def test_an_invalid_fault_or_duration_is_a_usage_error(
    world: World, arguments: list[str], env: dict[str, str], says: str
) -> None:
    ran = world.run(*arguments, env=env)
    assert ran.status == 2
    assert says in ran.err


def test_sandbox_works_without_a_key(world: World) -> None:
    """Nothing but `--sandbox` is needed; tasks and balance are kept between runs."""
    del world.env["FLUXCLI_API_KEY"]
    for count in (1, 2):
        ran = world.run("generate", "a cat", "--sandbox", "--json", "--new", "-n", "1")
        assert ran.record["state"] == "saved"
        assert world.run("credits", "--sandbox").lines == [f"{100_000 - 5 * count}"]


@pytest.mark.parametrize("is_served", [True, False])
def test_a_lost_answer_of_the_sandbox_is_found_in_its_own_list(
    world: World, *, is_served: bool
) -> None:
    """No hint about a task of the sandbox names the paid service's page."""
    with served(world, "--seconds", "0", "--fault", "submit:reset") as (_, exported):
        flag = [] if is_served else ["--sandbox"]
        env = exported if is_served else {"FLUXCLI_SANDBOX_FAULTS": "submit:reset"}
        make = ["generate", "a fox\tand a hen", "-o", "k.png", *flag]
        # The first error, and the one of the same command run again.
        errors = [world.run(*make, env=env) for _ in range(2)]
        assert [ran.status for ran in errors] == [11, 11]
        ref = world.run("status", "--offline", "--json", *flag, env=env).records[0]["ref"]
        world.run("generate", "a cat", "--no-wait", *flag, env=env)
        for ran in errors:
            assert "kie.ai/logs" not in ran.err
            named = f"curl {env.get('FLUXCLI_BASE_URL')}/sandbox/ledger"
            assert f"`{named if is_served else 'fluxcli sandbox --ledger'}`" in ran.err
        listed = world.run("sandbox", "--ledger").lines
        found = [line.split("  ") for line in listed if "fox" in line]
        assert [words[1:] for words in found] == [["5", r"a fox\tand a hen"]]
        (charge, _) = world.run("sandbox", "--ledger", "--json").records
        assert charge["id"] == found[0][0]
        settled = world.run("status", ref, "--settle", charge["id"], *flag, env=env)
        assert settled.status == 0
        assert world.run(*make, env=env).status == 0


def test_the_ledger_of_an_unused_sandbox_is_empty(world: World) -> None:
    ran = world.run("sandbox", "--ledger")
    assert (ran.status, ran.out) == (0, b"")


@pytest.mark.parametrize(
    ("origin", "named"),
    [
        ("https://api.kie.ai", "at https://kie.ai/logs"),
        ("https://gateway.example", "in the logs of https://gateway.example"),
    ],
)
def test_a_hint_names_the_list_of_the_service_that_may_have_been_paid(
    origin: str, named: str
) -> None:
    assert where_listed(origin) == named
