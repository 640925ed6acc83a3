"""One user, one machine, one account: any commands in any order, with everything going wrong.

A Hypothesis state machine. The service keeps its own books (`OddService`); the model knows how
many images the user has asked for. After each command: no more charges than images, no charge
denied, every charged image saved or named.
"""

from __future__ import annotations

import collections
import hashlib
import io
import json
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
import warnings
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hypothesis import HealthCheck, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from PIL import Image

from fluxcli.cli import main
from tests.reliability.figures import Figure
from tests.reliability.odd_service import ODDITIES, Oddity, OddService
from tests.worlds import Ran, Stream, World, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from _typeshed import ReadableBuffer

    from tests.reliability.figures import Size

EARLIER: Final = Path(__file__).parents[1] / "data" / "journal_v2" / "journal.sqlite3"
TRIES: Final = 9
DAY: Final = 86400.0
STEPS: Final = (-3650 * DAY, -14 * DAY, -3600.0, -4.0, 4.0, 3600.0, 14 * DAY, 3650 * DAY)
PACKAGES: Final = ("journal", "tasks", "files", "requests", "client", "commands")
OURS: Final = tuple(f"{os.sep}fluxcli{os.sep}{name}{os.sep}" for name in PACKAGES)
DENIALS: Final = ("nothing was sent", "nothing was charged", "nothing was accepted")
EXAMPLES: Final = 1000
LONG: Final = 30
"""How many steps an example of the long form has."""

TALLY: Final[collections.Counter[str]] = collections.Counter()
"""What was done, for the table."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One command that the user runs again and again; its prompt is its name.

    `places` are the images' paths in the working folder; none if the name is left open.
    """

    name: str
    words: tuple[str, ...]
    output: str | None = None
    count: int = 1
    model: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[str, ...]:
        """Where its images lie, below the working folder."""
        if self.output is None:
            return ()
        if self.count == 1:
            return (self.output,)
        stem, _, ending = self.output.rpartition(".")
        return tuple(f"{stem}-{n}.{ending}" for n in range(1, self.count + 1))

    @property
    def has_input(self) -> bool:
        """Whether it edits the user's own file."""
        return "in.png" in self.words


SLOTS: Final = (
    Slot("fox", ("generate", "fox"), "k.png"),
    Slot("dog", ("generate", "dog")),
    Slot("owls", ("generate", "owls", "-n", "2"), "pair.png", 2),
    Slot("night", ("edit", "@last", "night"), "night.png"),
    Slot("bright", ("edit", "in.png", "bright"), "bright.png"),
    Slot("dim", ("edit", "in.png", "dim")),
)
CROWD: Final = Slot("crowd", ("generate", "crowd", "-m", "max", "-n", "11"), "crowd.png", 11)
SPELLINGS: Final = ("{}", "./{}", "sub/../{}", "link/{}", "link/sub/../{}", "{cwd}/{}")
FLAGS: Final = (
    (),
    ("--no-wait",),
    ("--timeout", "1s"),
    ("--json",),
    ("--new",),
    ("--force",),
    ("--skip-existing",),
    ("--api", "jobs"),
)


@dataclass(slots=True)
class Asked:
    """How many images of a slot the user has asked for, and whether that was answered."""

    images: int = 0
    is_done: bool = False
    hashes: dict[str, str] = field(default_factory=dict)
    """The images at the slot's places when it was done."""


class Watched(io.BytesIO):
    """What is behind a stderr: lets something happen as soon as a text is printed."""

    def __init__(self, trigger: bytes, action: Callable[[], object]) -> None:
        super().__init__()
        self._trigger = trigger
        self._action: Callable[[], object] | None = action

    def write(self, data: ReadableBuffer, /) -> int:
        """Write, then act if it is time to."""
        count = super().write(data)
        if self._action is not None and self._trigger in bytes(data):
            action, self._action = self._action, None
            TALLY["interleaved"] += 1
            action()
        return count


class Typist(Stream):
    """A terminal whose user does something else before the answer is typed."""

    def __init__(self, action: Callable[[], object]) -> None:
        super().__init__(b"y\n", terminal=True)
        self._action = action

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override] # of a text stream
        """Do the other thing, then type the answer."""
        self._action()
        return super().readline(size)


class UserMachine(RuleBasedStateMachine):
    """The user's machine. Each rule is something that a user, or the world, does."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="flux-")).resolve()
        self.world = World(self.root)
        self.world.env["FLUXCLI_INTERVAL"] = "1"
        self.service = OddService(self.root / "service.sqlite3", self.world.clock)
        self.asked: dict[tuple[str, int], Asked] = collections.defaultdict(Asked)
        self.version = 0
        self.inside: list[str] = []
        self.removed: set[str] = set()
        TALLY["examples"] += 1

    @initialize()
    def furnish(self) -> None:
        (self.world.cwd / "sub").mkdir()
        (self.world.cwd / "link").symlink_to(self.world.cwd)
        self.draw_input()

    # -- what happens -------------------------------------------------------------------

    @rule(
        slot=st.sampled_from(SLOTS),
        spelling=st.sampled_from(SPELLINGS),
        flags=st.sampled_from(FLAGS),
        odd=st.lists(
            st.tuples(st.sampled_from(ODDITIES), st.sampled_from((1, 1, 2, 1000))), max_size=2
        ),
    )
    def command(
        self, slot: Slot, spelling: str, flags: tuple[str, ...], odd: list[tuple[Oddity, int]]
    ) -> None:
        """Run a command while the service answers oddly."""
        self.service.odd = [[*pair] for pair in odd]
        self.make(slot, spelling, flags)
        self.service.odd = []

    @rule(
        slot=st.sampled_from(SLOTS),
        spelling=st.sampled_from(SPELLINGS),
        at=st.integers(1, 4000),
        odd=st.lists(st.tuples(st.sampled_from(ODDITIES), st.just(1)), max_size=1),
    )
    def killed_command(
        self, slot: Slot, spelling: str, at: int, odd: list[tuple[Oddity, int]]
    ) -> None:
        """Kill the process at one of its function calls."""
        self.service.odd = [[*pair] for pair in odd]
        self.make(slot, spelling, (), kill_at=at)
        self.service.odd = []

    @rule(
        slot=st.sampled_from(SLOTS),
        other=st.sampled_from(SLOTS),
        spelling=st.sampled_from(SPELLINGS),
    )
    def two_at_once(self, slot: Slot, other: Slot, spelling: str) -> None:
        """Run another command, perhaps the same, once the first was accepted."""
        self.make(slot, "{}", (), during=lambda: self.make(other, spelling, ()))

    @rule(slot=st.sampled_from(SLOTS), step=st.sampled_from(STEPS), back=st.booleans())
    def clock_changes_meanwhile(self, slot: Slot, step: float, *, back: bool) -> None:
        """Change the clock while an image is made."""
        self.make(slot, "{}", (), during=lambda: self.world.clock.step(step))
        if back:
            self.world.clock.step(-step)

    @rule(slot=st.sampled_from([slot for slot in SLOTS if slot.places]))
    def file_appears_meanwhile(self, slot: Slot) -> None:
        """Let another program write to the image's place while it is made."""
        path = self.world.cwd / slot.places[0]
        self.make(slot, "{}", (), during=lambda: path.write_bytes(b"precious"))
        self.removed.add(slot.places[0])
        if path.exists() and path.read_bytes() == b"precious":
            path.unlink()

    @precondition(lambda self: not self.asked["crowd", 0].images)
    @rule(same=st.booleans())
    def two_at_the_question(self, *, same: bool) -> None:
        """Let another process do the same, or write a file, while this one asks for consent."""
        path = self.world.cwd / CROWD.places[4]

        def other() -> None:
            if same:
                self.make(CROWD, "./{}", ("--yes",))
            else:
                path.write_bytes(b"precious")

        self.make(CROWD, "{}", (), typed=other)
        if not same:
            assert path.read_bytes() == b"precious", "a file of the user's was replaced"
            path.unlink()

    @rule(step=st.sampled_from(STEPS))
    def clock_changes(self, step: float) -> None:
        """Set the clock forward or back."""
        self.world.clock.step(step)

    @rule(hours=st.sampled_from((0.01, 1.0, 30.0)))
    def time_passes(self, hours: float) -> None:
        """Wait."""
        self.world.clock.sleep(hours * 3600)

    @rule(place=st.sampled_from([place for slot in SLOTS for place in slot.places]))
    def remove(self, place: str) -> None:
        """Remove an image."""
        (self.world.cwd / place).unlink(missing_ok=True)
        self.removed.add(place)

    @rule(
        place=st.sampled_from([place for slot in SLOTS for place in slot.places]),
        edited=st.booleans(),
    )
    def change(self, place: str, *, edited: bool) -> None:
        """Edit an image by hand, or put another file into its place."""
        path = self.world.cwd / place
        path.write_bytes(path.read_bytes() + b"edited" if edited and path.exists() else b"mine")
        self.removed.add(place)

    @rule()
    def draw_input(self) -> None:
        """Change the input of two of the edits."""
        self.version += 1
        Image.new("RGB", (64, 48), (self.version % 256, 90, 90)).save(self.world.cwd / "in.png")

    @rule(odd=st.lists(st.tuples(st.sampled_from(ODDITIES), st.sampled_from((1, 1000)))))
    def collect(self, odd: list[tuple[Oddity, int]]) -> None:
        """Save everything that is paid for."""
        self.service.odd = [[*pair] for pair in odd]
        ran = self.run("download", "--unsaved")
        self.service.odd = []
        assert ran.status in {0, 3, 4, 6, 8, 9, 11}, ran
        self.look_at_everything()

    @rule(number=st.integers(0, 30), word=st.sampled_from(("status", "download")))
    def look_up(self, number: int, word: str) -> None:
        """Ask for one task by its id, one of which this machine may not know."""
        ids = [charge.id for charge in self.service.charges()]
        if ids:
            before = self.charges()
            ran = self.run(word, ids[number % len(ids)])
            assert ran.status in {0, 2, 4, 5, 8}, ran
            assert self.charges() == before
            self.look_at_everything()

    @rule()
    def settle(self) -> None:
        """Settle what is unknown, by what the service's logs show."""
        for record in self.unknown():
            self.settled(record)
        self.look_at_everything()

    @rule()
    def upgrade(self) -> None:
        """Let the journal be one that an earlier version wrote."""
        path = self.world.state / "journal.sqlite3"
        if not path.exists():
            return
        earlier = path.with_name("earlier.sqlite3")
        shutil.copy(EARLIER, earlier)
        with closing(sqlite3.connect(earlier)) as db:
            db.execute("ATTACH ? AS now", (str(path),))
            for table in ("runs", "tasks", "uploads"):
                columns = ", ".join(
                    row[1] for row in db.execute(f"PRAGMA main.table_info({table})")
                )
                db.execute(f"DELETE FROM main.{table}")  # noqa: S608 - ours
                insert = f"INSERT INTO {table} SELECT {columns} FROM now.{table}"  # noqa: S608 - ours
                db.execute(insert)
            db.commit()
        for old in self.world.state.glob("journal.*"):
            old.unlink()
        earlier.rename(path)
        self.look_at_everything()

    # -- running commands ---------------------------------------------------------------

    def make(
        self,
        slot: Slot,
        spelling: str,
        flags: tuple[str, ...],
        *,
        kill_at: int = 0,
        during: Callable[[], object] | None = None,
        typed: Callable[[], object] | None = None,
    ) -> Ran | None:
        """Run a slot's command; judge what it did and said. None if it was killed."""
        asked = self.asked_of(slot)
        nested = bool(self.inside)
        if slot.name not in self.inside:
            self.allow(slot, asked, flags)
        was_done, asked.is_done = asked.is_done, False
        words = [*slot.words, *flags]
        if slot.output is not None:
            place = spelling.replace("{cwd}", str(self.world.cwd)).replace("{}", slot.output)
            words += ["-o", place]
        before = self.charges()
        self.inside.append(slot.name)
        if kill_at:
            ran = self.run_killed(kill_at, *words)
        else:
            ran = self.run(*words, during=during, typed=typed)
        self.inside.pop()
        note(f"{words} -> {ran.status if ran else 'killed'}")
        if not nested and ran is not None:
            alone = during is None and typed is None
            self.judge(slot, ran, before, alone=alone)
        if ran is not None and ran.status == 0 and "--no-wait" not in flags:
            self.done(slot, asked)
        elif was_done and self.charges() == before:
            # Nothing was begun: what was done before stays so.
            asked.is_done = True
        if not nested:
            self.look_at_everything()
        TALLY[f"status {ran.status}" if ran else "killed"] += 1
        return ran

    def asked_of(self, slot: Slot) -> Asked:
        """Return what the model knows of a slot; another input makes it another command."""
        return self.asked[slot.name, self.version if slot.has_input else 0]

    def allow(self, slot: Slot, asked: Asked, flags: Sequence[str]) -> None:
        """Count how many images the user asks for with this command."""
        charged = self.charged(slot) - sum(
            other.images
            for (name, _), other in self.asked.items()
            if name == slot.name and other is not asked
        )
        if not asked.images:
            asked.images = slot.count
        elif "--new" in flags:
            asked.images += slot.count
        elif asked.is_done:
            again = [
                place for place in slot.places if self.hash_of(place) != asked.hashes.get(place)
            ]
            more = len(again) if slot.places and "--force" not in flags else slot.count
            asked.images = max(charged, 0) + more

    def done(self, slot: Slot, asked: Asked) -> None:
        """Note that a command was answered, and what lies at its places."""
        asked.is_done = True
        asked.hashes = {
            place: found for place in slot.places if (found := self.hash_of(place)) is not None
        }

    def run(
        self,
        *words: str,
        during: Callable[[], object] | None = None,
        typed: Callable[[], object] | None = None,
    ) -> Ran:
        """Run one command line in this process."""
        TALLY["commands"] += 1
        context = self.world.context(terminal=typed is not None)
        context.__dict__["transport"] = self.service.transport()
        if during is not None:
            context.stderr = Stream(memory=Watched(b"accepted", during))
        if typed is not None:
            context.stdin = Typist(typed)
        with redirect_stdout(context.stdout), redirect_stderr(context.stderr):
            status = int(main(words, context))
        ran = Ran(status, written(context.stdout), written(context.stderr).decode())
        assert "Traceback" not in ran.err, ran.err
        assert "a bug in fluxcli" not in ran.err, ran.err
        assert status in range(12), ran
        return ran

    def run_killed(self, kill_at: int, *words: str) -> Ran | None:
        """Run one command line in a process of its own, and kill it at one of its calls."""
        odd = self.service.odd
        receiving, sending = os.pipe()
        with warnings.catch_warnings():
            # Python warns of threads; the other one of a test process only waits.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            try:
                self.service = OddService(self.root / "service.sqlite3", self.world.clock)
                self.service.odd = odd
                with _killed_at(kill_at):
                    ran = self.run(*words)
                text = [ran.status, ran.out.decode(errors="replace"), ran.err]
                os.write(sending, json.dumps(text).encode())
            finally:
                os._exit(0)
        os.close(sending)
        with os.fdopen(receiving, "rb") as pipe:
            answer = pipe.read()
        os.waitpid(child, 0)
        self.world.clock.sleep(100.0)
        if not answer:
            return None
        status, out, err = json.loads(answer)
        return Ran(status, out.encode(), err)

    # -- judging ------------------------------------------------------------------------

    def judge(self, slot: Slot, ran: Ran, before: set[str], *, alone: bool) -> None:
        """Judge what one command said by what it was charged for."""
        new = self.charges() - before
        texts = ran.err + ran.out.decode(errors="replace")
        if ran.status in {2, 5, 7, 10} and alone:
            assert not new, f"status {ran.status} after a charge: {texts}"
        if new and alone:
            assert not any(text in texts for text in DENIALS), f"a charge denied: {texts}"
        if ran.status != 0 and alone:
            known = {record["task_id"] for record in self.records()}
            for one in new:
                named = one in texts or (one not in known and "--settle" in texts)
                assert named, f"`{one}` is charged and not named: status {ran.status}, {texts}"
        if ran.status == 11:
            assert "--settle" in texts, texts
        if ran.status == 0 and slot.places:
            for line in ran.lines:
                if line.startswith("/"):
                    assert Path(line).exists(), f"`{line}` was printed and is not there"

    def look_at_everything(self) -> None:
        """Check the books: charges against what was asked for, and against the journal."""
        if self.inside:
            return
        by_prompt = collections.Counter(charge.prompt for charge in self.service.charges())
        for slot in (*SLOTS, CROWD):
            most = sum(one.images for (name, _), one in self.asked.items() if name == slot.name)
            paid = by_prompt[slot.name]
            assert paid <= most, f"`{slot.name}`: {paid} images paid for, {most} asked for"
        records = self.records()
        known = {record["task_id"]: record for record in records}
        unknown = collections.Counter(
            record["prompt"] for record in records if record["state"] == "unknown"
        )
        for charge in self.service.charges():
            record = known.get(charge.id)
            if record is None:
                unknown[charge.prompt] -= 1
                assert unknown[charge.prompt] >= 0, f"`{charge.id}` is charged and lost"
                continue
            assert record["state"] in {"running", "succeeded", "saved"}, record
            assert record["estimated_credits"] == charge.credits
        self.note_what_was_saved(known)

    def note_what_was_saved(self, known: dict[str, dict[str, Any]]) -> None:
        """Note the slots whose images were all saved, by any command."""
        for slot in (*SLOTS, CROWD):
            ids = [charge.id for charge in self.service.charges() if charge.prompt == slot.name]
            saved = [one for one in ids if known.get(one, {}).get("state") == "saved"]
            for (name, _), asked in self.asked.items():
                if name == slot.name and not asked.is_done and len(saved) == asked.images:
                    self.done(slot, asked)

    def charges(self) -> set[str]:
        """Return the ids of all tasks that are charged."""
        return {charge.id for charge in self.service.charges()}

    def charged(self, slot: Slot) -> int:
        """Return how many images of a slot are charged."""
        return sum(charge.prompt == slot.name for charge in self.service.charges())

    def records(self) -> list[dict[str, Any]]:
        """Return all tasks as `status` reports them from the journal alone."""
        ran = self.run("status", "--all", "--offline", "--json")
        assert ran.status == 0, ran
        return ran.records

    def unknown(self) -> list[dict[str, Any]]:
        """Return the submissions of unknown outcome."""
        return [record for record in self.records() if record["state"] == "unknown"]

    def settled(self, record: dict[str, Any]) -> None:
        """Settle one submission as a person would: by the service's logs."""
        known = {other["task_id"] for other in self.records()}
        found = [
            charge.id
            for charge in self.service.charges()
            if charge.prompt == record["prompt"] and charge.id not in known
        ]
        outcome = found[0] if found else "not-charged"
        ran = self.run("status", record["ref"], "--settle", outcome)
        if ran.status == 2 and "echo differs" in ran.err and len(found) > 1:
            ran = self.run("status", record["ref"], "--settle", found[1])
        assert ran.status == 0, f"cannot be settled: {ran.err}"

    def hash_of(self, place: str) -> str | None:
        """Return the hash of the file at a place; None if there is none."""
        path = self.world.cwd / place
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None

    # -- the end ------------------------------------------------------------------------

    def teardown(self) -> None:
        """Let all be well again: each command ends, everything paid for is saved."""
        try:
            if (self.world.cwd / "sub").exists():
                self.finish()
        finally:
            self.service.close()
            shutil.rmtree(self.root)

    def finish(self) -> None:
        """Settle what is unknown and run each command until it is done."""
        self.service.odd = []
        self.world.clock.sleep(3600.0)
        self.settle()
        for (name, version), asked in list(self.asked.items()):
            slot = next(one for one in (*SLOTS, CROWD) if one.name == name)
            if asked.is_done or not asked.images or (slot.has_input and version != self.version):
                continue
            self.loop(slot)
        assert self.run("download", "--unsaved").status == 0
        self.look_at_everything()
        assert self.run("download", "--unsaved").lines == [], "still unsaved"
        for record in self.records():
            assert record["state"] in {"saved", "refused"}, record

    def loop(self, slot: Slot) -> None:
        """Run a command as `until … do` does; a file in the way is removed by its user."""
        statuses = []
        for _ in range(TRIES):
            ran = self.make(slot, "{}", ("--yes",))
            assert ran is not None
            statuses.append(ran.status)
            if ran.status == 0 or "there is no task yet" in ran.err:
                return
            if ran.status == 2:
                for place in slot.places:
                    (self.world.cwd / place).unlink(missing_ok=True)
            self.world.clock.sleep(60.0)
        raise AssertionError(f"{slot.name} never ends: {statuses}")


@contextmanager
def _killed_at(number: int) -> Iterator[None]:
    """Kill this process at the call of this number, counted over the calls of our functions."""
    left = number

    def count(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal left
        if event == "call" and any(part in frame.f_code.co_filename for part in OURS):
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(count)
    sys.setprofile(count)
    yield
    sys.setprofile(None)
    threading.setprofile(None)


def sized(examples: int, steps: int) -> settings:
    """Return the settings for so many examples of so many steps, the same ones each time."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def user(size: Size) -> Figure:
    """Let users do anything in any order, for so many examples by this seed."""
    figure = Figure("any commands, faults, clocks, kills in any order", "0 paid twice, 0 lost")
    TALLY.clear()
    try:
        run_state_machine_as_test(
            seed(size.seed)(UserMachine),
            settings=settings(
                sized(max(1, EXAMPLES // size.step), LONG),
                derandomize=False,
                report_multiple_bugs=False,
            ),
        )
    except AssertionError as error:
        figure.fail("\n".join([str(error), *getattr(error, "__notes__", [])])[:4000])
    figure.trials = TALLY.pop("examples", 0)
    figure.found.update(TALLY)
    return figure
