"""Commands and faults in any order, with the service's own books as the judge."""

from __future__ import annotations

import collections
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.reliability.aftermath import finish
from tests.reliability.fault_server import FaultServer
from tests.reliability.faults import BAD_RESULTS, ID_IN_RUINS, MURKY, REFUSALS
from tests.reliability.hostile import check
from tests.worlds import World

if TYPE_CHECKING:
    from tests.reliability.fault_server import Fault, Stage, When

SLOTS = st.sampled_from(["one", "two"])
PLACES: st.SearchStrategy[tuple[Stage, Fault, When]] = st.one_of(
    st.tuples(st.just("submit"), st.sampled_from(MURKY), st.sampled_from(["before", "after"])),
    st.tuples(st.just("submit"), st.sampled_from(REFUSALS), st.just("before")),
    st.tuples(st.just("submit"), st.sampled_from(ID_IN_RUINS), st.just("after")),
    st.tuples(st.just("poll"), st.sampled_from(MURKY), st.just("after")),
    st.tuples(st.just("result"), st.sampled_from(BAD_RESULTS), st.just("after")),
    st.tuples(st.just("relink"), st.sampled_from(MURKY), st.just("after")),
)


class Money(RuleBasedStateMachine):
    """Two requests, each for one file; each removed file allows one more paid image."""

    api = "kontext"

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="flux-"))
        self.server = FaultServer().__enter__()
        self.world = World(self.root, env={"FLUXCLI_API": self.api})
        self.world.ask(self.server.api_url)
        self.requested: set[str] = set()
        self.removed: collections.Counter[str] = collections.Counter()

    def arguments(self, slot: str) -> tuple[str, ...]:
        return ("generate", slot, "-o", f"{slot}.png", "--timeout", "90s")

    @rule(slot=SLOTS, place=PLACES, times=st.sampled_from([1, 2, 50]))
    def ask(self, slot: str, place: tuple[Stage, Fault, When], times: int) -> None:
        stage, fault, when = place
        self.server.strike(stage, fault, when=when, times=1 if stage == "submit" else times)
        ran = self.world.run(*self.arguments(slot))
        self.server.heal()
        self.requested.add(slot)
        assert not check(ran), ran
        if ran.status == 0:
            assert (self.world.cwd / f"{slot}.png").exists()

    @rule()
    def collect(self) -> None:
        assert not check(self.world.run("download", "--unsaved"))

    @rule()
    def look(self) -> None:
        assert self.world.run("status", "--json").status == 0

    @rule(slot=SLOTS)
    def remove(self, slot: str) -> None:
        path = self.world.cwd / f"{slot}.png"
        if path.exists():
            path.unlink()
            self.removed[slot] += 1

    @rule(hours=st.sampled_from([1.0, 30.0]))
    def wait(self, hours: float) -> None:
        self.world.clock.sleep(hours * 3600)

    @invariant()
    def nothing_is_paid_twice(self) -> None:
        for slot in self.requested:
            assert len(self.server.made_for(slot)) <= 1 + self.removed[slot]

    def teardown(self) -> None:
        try:
            for slot in self.requested:
                file = self.world.cwd / f"{slot}.png"
                after = finish(
                    self.world, self.server, self.arguments(slot), files=[file], prompt=slot
                )
                assert file.exists(), after
                assert len(self.server.made_for(slot)) == 1 + self.removed[slot], after
        finally:
            self.server.__exit__(None, None, None)
            shutil.rmtree(self.root)


class MoneyOverJobs(Money):
    """The same in the jobs API."""

    api = "jobs"


_SETTINGS = settings(
    max_examples=12,
    stateful_step_count=10,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestMoney = Money.TestCase
TestMoney.settings = _SETTINGS
TestMoneyOverJobs = MoneyOverJobs.TestCase
TestMoneyOverJobs.settings = _SETTINGS
