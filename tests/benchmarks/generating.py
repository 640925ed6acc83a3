"""One picture from a service that answers at once: the program's own part of the wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fluxcli.tasks.poll_schedule import ENOUGH
from tests.benchmarks.running import run, side_by_side
from tests.benchmarks.service import Manner, served
from tests.benchmarks.startup import against_peers, versions
from tests.benchmarks.table import Figure, ratio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.bench import Bench

_BYTES: Final = 2_000_000
_CURLS: Final = """
auth='Authorization: Bearer '$FLUXCLI_API_KEY api={url}/api/v1/flux/kontext
json='Content-Type: application/json'
answer=$(curl -s -H "$auth" -H "$json" -d '{{"prompt":"a cat"}}' $api/generate)
id=${{answer##*taskId\\": \\"}}
record=$(curl -s -H "$auth" "$api/record-info?taskId=${{id%%\\"*}}")
result=${{record##*resultImageUrl\\": \\"}}
curl -s -o curl.jpg "${{result%%\\"*}}"
"""


def figures(bench: Bench) -> Iterator[Figure]:
    """Measure `generate` whole, beside three calls of curl that do as much.

    By then it has learnt that this service is quick, and asks at once.
    """
    with served(Manner(result=str(bench.result(_BYTES)))) as service:
        script = _CURLS.format(url=service.url)
        commands = {
            "bare": bench.bare,
            "floor": bench.command(str(bench.python), "-c", "import typer, httpx"),
            "curls": bench.command("sh", "-c", script),
            # Each picture is a new one: `--new` keeps the command from resuming.
            "generate": bench.flux(
                *("generate", "a cat", "--new", "-f", "-o", "flux.jpg"),
                url=service.url,
                state="generating",
            ),
            **versions(bench),
        }
        for _ in range(ENOUGH):
            run(commands["generate"])
        spent = side_by_side(commands, min(bench.rounds, 15))
    size = (bench.root / "curl.jpg").stat().st_size
    if size != (bench.root / "flux.jpg").stat().st_size:
        raise RuntimeError("curl and fluxcli fetched different results")
    name = "generate, instant, 2 MB"
    floor = "import typer, httpx ÷ bare Python"
    yield ratio(floor, spent["floor"], spent["bare"], None)
    cpus = spent["generate"].cpu, spent["floor"].cpu
    yield Figure(
        name=f"{name}: CPU ÷ import typer, httpx",
        value=cpus[0] / cpus[1],
        goal=1.12,
        basis=f"{cpus[0] * 1e3:.0f} ms ÷ {cpus[1] * 1e3:.0f} ms",
    )
    yield ratio(f"{name} ÷ bare Python", spent["generate"], spent["bare"], None)
    yield ratio(f"{name} ÷ three curls in a shell", spent["generate"], spent["curls"], None)
    yield against_peers(name, spent["generate"].wall, spent, bench.peers)
