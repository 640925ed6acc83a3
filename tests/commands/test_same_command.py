"""The same command pays once, however it is written and whenever it is run again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxcli.cli import main
from tests.commands.balance import spent
from tests.commands.echoes import input_image
from tests.worlds import Stream, SwiftClock, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.worlds import Ran

pytestmark = pytest.mark.usefixtures("wire_format")
"""Everything here holds in both wire formats."""


STATUS_OF_FAULT = {"download:503x9999": 6, "poll:500x9999": 4, "submit:reset": 11}


def faulty(box: World, faults: str, *arguments: str) -> Ran:
    """Run a command while the service has faults."""
    return box.run(*arguments, env={"FLUXCLI_SANDBOX_FAULTS": faults})


class TestOutputSpelling:
    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("x.png", "./x.png"),
            ("x.png", "sub/../x.png"),
            ("x.png", "new/../x.png"),
            ("x.png", "link/x.png"),
            ("link/new/x.png", "new/x.png"),
            ("new/a/x.png", "new/a/../a/./x.png"),
            ("x.png", "{prompt}.png"),
            ("new/", "./new/"),
            ("new/", "link/new/"),
            (".", "./"),
            (".", "link"),
            ("sub", "sub/"),
            ("sub", "link/sub/../sub"),
            ("{id}.png", "link/{id}.png"),
            ("{date}.png", "sub/../{date}.png"),
        ],
    )
    @pytest.mark.parametrize("turned", [False, True])
    def test_spellings_of_one_path_are_one_command(
        self,
        box: World,
        first: str,
        second: str,
        turned: bool,  # noqa: FBT001 - a parameter
    ) -> None:
        (box.cwd / "sub").mkdir()
        (box.cwd / "link").symlink_to(box.cwd)
        if turned:
            first, second = second, first
        name = "x" if "prompt" in first + second else "a fox"
        kind = ["--output-format", "png"]
        task = box.run("generate", name, "-o", first, *kind, "--no-wait").lines
        assert box.run("generate", name, "-o", second, *kind, "--no-wait").lines == task
        assert spent(box) == 5

    @pytest.mark.parametrize("spelling", [".", "./", "{prompt}-{id}.{ext}"])
    def test_the_working_folder_is_the_default(self, box: World, spelling: str) -> None:
        task = box.run("generate", "a fox", "--no-wait").lines
        assert box.run("generate", "a fox", "-o", spelling, "--no-wait").lines == task

    @pytest.mark.parametrize("other", ["y.png", "sub/x.png", "sub/", "{id}.png", "-", "{n}.png"])
    def test_another_path_is_another_command(self, box: World, other: str) -> None:
        kind = ["--output-format", "png"]
        box.run("generate", "a fox", "-o", "x.png", *kind, "--no-wait")
        box.run("generate", "a fox", "-o", other, *kind, "--no-wait")
        assert spent(box) == 10


class TestLast:
    """`@last` is resolved when the run begins; a rerun edits the same image."""

    EDIT = ("edit", "@last", "make it night", "-o", "night.png")

    @pytest.fixture(autouse=True)
    def _first(self, box: World) -> None:
        box.run("generate", "a fox", "-o", "fox.png")

    @pytest.mark.parametrize("faults", STATUS_OF_FAULT)
    def test_an_unfinished_edit_is_resumed(self, box: World, faults: str) -> None:
        for _ in range(4):
            assert faulty(box, faults, *self.EDIT).status == STATUS_OF_FAULT[faults]
        assert spent(box) == 10

    @pytest.mark.parametrize("faults", ["download:503x9999", "poll:500x9999"])
    def test_an_edit_is_finished_when_the_faults_have_ended(self, box: World, faults: str) -> None:
        faulty(box, faults, *self.EDIT)
        ran = box.run(*self.EDIT)
        assert (ran.status, ran.lines) == (0, [str(box.cwd / "night.png")])
        assert box.run(*self.EDIT).status == 0
        assert spent(box) == 10

    def test_with_no_wait_a_rerun_has_the_same_task(self, box: World) -> None:
        first = box.run(*self.EDIT, "--no-wait").lines
        assert box.run(*self.EDIT, "--no-wait").lines == first
        assert box.run(*self.EDIT, "--timeout", "1").status == 4
        assert spent(box) == 10

    def test_an_image_made_in_between_does_not_change_what_last_means(self, box: World) -> None:
        task = box.run(*self.EDIT, "--no-wait").lines
        box.run("generate", "a dog", "-o", "dog.png")
        assert box.run(*self.EDIT, "--no-wait").lines == task
        assert box.run(*self.EDIT).status == 0
        assert spent(box) == 15

    def test_a_refused_edit_of_several_is_made_from_the_same_image(self, box: World) -> None:
        """From the image that the others were made from."""
        faulty(box, "submit:402@2", *self.EDIT, "-n", "2")
        box.run("generate", "a dog", "-o", "dog.png")
        assert box.run(*self.EDIT, "-n", "2").status == 0
        tasks = box.run("status", "--offline", "--json").records
        assert len([task for task in tasks if task["mode"] == "edit"]) >= 2
        assert len(inputs(box)) == 1
        assert spent(box) == 20

    def test_after_a_refusal_last_is_resolved_again(self, box: World) -> None:
        """Nothing of the earlier run can be resumed."""
        assert faulty(box, "submit:402", *self.EDIT).status == 7
        url = box.run("generate", "a dog", "-o", "dog.png", "--json").record["url"]
        assert box.run(*self.EDIT).status == 0
        assert inputs(box) == {url}

    def test_a_finished_edit_of_an_older_image_is_not_reused(self, box: World) -> None:
        assert box.run(*self.EDIT).status == 0
        box.run("generate", "a dog", "-o", "dog.png")
        assert box.run(*self.EDIT, "--json").code == "would_overwrite"
        assert spent(box) == 15

    def test_several_finished_edits_are_not_charged_again(self, box: World) -> None:
        assert box.run(*self.EDIT, "-n", "3").status == 0
        ran = box.run(*self.EDIT, "-n", "3")
        assert (ran.status, len(ran.lines)) == (0, 3)
        assert spent(box) == 20

    def test_a_missing_edit_of_several_has_their_input(self, box: World) -> None:
        """`@last` is by then an image of that command."""
        box.run(*self.EDIT, "-n", "3")
        (box.cwd / "night-2.png").unlink()
        assert box.run(*self.EDIT, "-n", "3").status == 0
        assert len(inputs(box)) == 1
        assert spent(box) == 25

    @pytest.mark.parametrize("flag", ["--new", "--force"])
    def test_one_more_edit_is_made_from_the_same_input(self, box: World, flag: str) -> None:
        box.run(*self.EDIT)
        assert box.run(*self.EDIT, flag).status == 0
        assert len(inputs(box)) == 1
        assert spent(box) == 15

    def test_with_new_an_unfinished_edit_is_made_from_its_input(self, box: World) -> None:
        assert box.run(*self.EDIT, "--timeout", "1").status == 4
        assert box.run(*self.EDIT, "--new").status == 0
        assert len(inputs(box)) == 1

    def test_with_the_default_name_each_edit_is_made_from_the_one_before(self, box: World) -> None:
        for _ in range(3):
            assert box.run("edit", "@last", "more contrast").status == 0
        assert len(inputs(box)) == 3
        assert spent(box) == 20

    @pytest.mark.parametrize("length", [8, 12, 32])
    def test_a_prefix_means_its_task(self, box: World, length: int) -> None:
        task_id = box.run("generate", "a cat", "--json").record["task_id"]
        edit = ("make it night", "-o", "n.png", "--no-wait")
        first = box.run("edit", f"@{task_id}", *edit).lines
        assert box.run("edit", f"@{task_id[:length]}", *edit).lines == first
        assert spent(box) == 15

    def test_a_task_by_id_and_as_last_is_one_command(self, box: World) -> None:
        task_id = box.run("generate", "a cat", "--json").record["task_id"]
        first = box.run(*self.EDIT, "--no-wait").lines
        again = box.run("edit", f"@{task_id}", *self.EDIT[2:], "--no-wait").lines
        assert again == first

    def test_an_edit_is_resumed_when_its_input_is_gone(self, box: World) -> None:
        task_id = box.run("generate", "a cat", "-o", "cat.png", "--json").record["task_id"]
        edit = ("edit", f"@{task_id}", "make it night", "-o", "n.png")
        assert faulty(box, "download:503x9999", *edit).status == 6
        box.clock.sleep(13.5 * 86400)
        (box.cwd / "cat.png").unlink()
        assert box.run(*edit).status == 0
        assert box.run(*edit).status == 0
        assert spent(box) == 15


def inputs(box: World) -> set[str]:
    """Return the URLs of the images that edits were made from."""
    with closing(sqlite3.connect(box.state / "sandbox.sqlite3")) as book:
        rows = book.execute("SELECT params FROM tasks").fetchall()
    return {url for url in (input_image(text) for (text,) in rows) if url}


class TestDone:
    """A command whose image exists at its fixed output is not charged again."""

    MAKE = ("generate", "a fox", "-o", "k.png")

    def test_the_rerun_prints_the_path_and_pays_nothing(self, box: World) -> None:
        task_id = box.run(*self.MAKE, "--json").record["task_id"]
        for spelling in ("k.png", "./k.png", "{prompt}/../k.png"):
            ran = box.run("generate", "a fox", "-o", spelling)
            assert (ran.status, len(ran.lines)) == (0, 1)
            assert (box.cwd / "k.png").samefile(ran.lines[0])
            assert f"already made (task {task_id}); --new makes another" in ran.err
        assert spent(box) == 5

    def test_json_has_the_record_of_the_image(self, box: World) -> None:
        made = box.run(*self.MAKE, "--json").record
        assert box.run(*self.MAKE, "--json").record == made

    def test_neither_key_nor_network_is_needed(self, world: World) -> None:
        world.run(*self.MAKE, "--sandbox")
        del world.env["FLUXCLI_API_KEY"]
        ran = world.run(*self.MAKE, "--sandbox", env={"FLUXCLI_SANDBOX_FAULTS": "submit:401"})
        assert ran.status == 0

    def test_a_dry_run_estimates_nothing(self, box: World) -> None:
        box.run(*self.MAKE)
        record = box.run(*self.MAKE, "--dry-run", "--json").record
        assert record["estimated_credits"] == 0

    @pytest.mark.parametrize("data", [b"precious", b""])
    def test_another_file_is_refused_before_spending(self, box: World, data: bytes) -> None:
        box.run(*self.MAKE)
        (box.cwd / "k.png").write_bytes(data)
        assert box.run(*self.MAKE, "--json").code == "would_overwrite"
        assert (box.cwd / "k.png").read_bytes() == data
        assert spent(box) == 5

    def test_the_image_of_another_request_is_refused(self, box: World) -> None:
        box.run(*self.MAKE)
        for change in (["-m", "max"], ["-a", "1:1"]):
            assert box.run(*self.MAKE, *change).status == 2
        assert box.run("generate", "a dog", "-o", "k.png").status == 2
        assert spent(box) == 5

    def test_a_removed_image_is_made_again(self, box: World) -> None:
        box.run(*self.MAKE)
        (box.cwd / "k.png").unlink()
        assert box.run(*self.MAKE).status == 0
        assert spent(box) == 10

    def test_new_pays_and_keeps_the_earlier_image(self, box: World) -> None:
        box.run(*self.MAKE)
        old = (box.cwd / "k.png").read_bytes()
        ran = box.run(*self.MAKE, "--new")
        assert (ran.status, ran.lines) == (0, [str(box.cwd / "k-1.png")])
        assert (box.cwd / "k.png").read_bytes() == old
        assert box.run(*self.MAKE).status == 0
        assert spent(box) == 10

    def test_force_pays_and_replaces(self, box: World) -> None:
        box.run(*self.MAKE)
        assert box.run(*self.MAKE, "--force").lines == [str(box.cwd / "k.png")]
        assert spent(box) == 10

    def test_force_resumes_an_unfinished_run(self, box: World) -> None:
        assert box.run(*self.MAKE, "--timeout", "1").status == 4
        assert box.run(*self.MAKE, "--force").status == 0
        assert spent(box) == 5

    def test_only_the_missing_image_of_several_is_paid_for(self, box: World) -> None:
        several = (*self.MAKE, "-n", "3")
        box.run(*several)
        kept = (box.cwd / "k-1.png").read_bytes()
        (box.cwd / "k-2.png").unlink()
        for _ in range(2):
            ran = box.run(*several)
            paths = sorted(ran.lines)
            assert (ran.status, paths) == (0, [str(box.cwd / f"k-{n}.png") for n in (1, 2, 3)])
        assert (box.cwd / "k-1.png").read_bytes() == kept
        assert spent(box) == 20

    def test_an_interrupted_run_for_a_missing_image_is_resumed(self, box: World) -> None:
        several = (*self.MAKE, "-n", "3")
        box.run(*several)
        (box.cwd / "k-2.png").unlink()
        assert box.run(*several, "--timeout", "1").status != 0
        assert box.run(*several).status == 0
        assert spent(box) == 20

    @pytest.mark.parametrize("output", [None, "{id}.png", "sub/"])
    def test_a_name_with_the_id_is_a_new_image_each_time(
        self, box: World, output: str | None
    ) -> None:
        where = [] if output is None else ["-o", output]
        paths = {box.run("generate", "a fox", *where).lines[0] for _ in range(2)}
        assert len(paths) == 2
        assert spent(box) == 10

    def test_an_image_on_stdout_is_made_each_time(self, box: World) -> None:
        for _ in range(2):
            assert box.run("generate", "a fox", "-o", "-").out
        assert spent(box) == 10

    def test_an_image_saved_elsewhere_does_not_count(self, box: World) -> None:
        task_id = box.run(*self.MAKE, "--json").record["task_id"]
        assert box.run("download", task_id, "-o", "copy.png").status == 0
        assert box.run(*self.MAKE).lines == [str(box.cwd / "k.png")]
        (box.cwd / "k.png").unlink()
        box.run(*self.MAKE)
        assert spent(box) == 10


class TestDoneOtherwise:
    """Other ways in which the image of the command came to its output."""

    MAKE = ("generate", "a fox", "-o", "k.png")

    def test_the_image_was_saved_by_download(self, box: World) -> None:
        (task_id,) = box.run(*self.MAKE, "--no-wait").lines
        assert box.run("download", task_id).lines == [str(box.cwd / "k.png")]
        assert box.run(*self.MAKE).lines == [str(box.cwd / "k.png")]
        assert spent(box) == 5

    def test_the_output_is_a_link_to_a_file(self, box: World) -> None:
        (box.cwd / "sub").mkdir()
        (box.cwd / "k.png").symlink_to(box.cwd / "sub" / "real.png")
        assert box.run(*self.MAKE).status == 0
        assert box.run(*self.MAKE).status == 0
        assert box.run("generate", "a fox", "-o", "sub/real.png").status == 0
        assert spent(box) == 5

    def test_the_image_was_saved_beside_another_file(self, box: World) -> None:
        """It appeared while the image was made."""
        assert box.run(*self.MAKE, "--timeout", "1").status == 4
        (box.cwd / "k.png").write_bytes(b"precious")
        for _ in range(2):
            ran = box.run(*self.MAKE)
            assert (ran.status, ran.lines) == (0, [str(box.cwd / "k-1.png")])
        assert spent(box) == 5

    @pytest.mark.parametrize("seconds", [-30 * 86400.0, -5.0, 5.0, 400 * 86400.0])
    def test_the_clock_was_changed(self, box: World, seconds: float) -> None:
        assert box.run(*self.MAKE).status == 0
        box.clock = SwiftClock(box.clock.wall() + seconds)
        assert box.run(*self.MAKE).status == 0
        assert spent(box) == 5

    def test_save_as_declares_the_image_once(self, box: World) -> None:
        for _ in range(3):
            ran = box.run(*self.MAKE, "--save-as", "fox")
            assert (ran.status, ran.lines) == (0, [str(box.cwd / "k.png")])
        assert (box.cwd / "assets.toml").read_text().count("fox]") == 1
        assert spent(box) == 5

    def test_no_wait_prints_the_id_of_the_image(self, box: World) -> None:
        ids = box.run(*self.MAKE, "--no-wait").lines
        box.run(*self.MAKE)
        assert box.run(*self.MAKE, "--no-wait").lines == ids

    @pytest.mark.parametrize("failure", ["submit:402", "submit:moderated"])
    def test_a_later_run_with_new_was_refused(self, box: World, failure: str) -> None:
        assert box.run(*self.MAKE).status == 0
        assert faulty(box, failure, *self.MAKE, "--new").status in {7, 8}
        before = spent(box)
        assert box.run(*self.MAKE).lines == [str(box.cwd / "k.png")]
        assert spent(box) == before


class TestSavedElsewhere:
    """An image saved elsewhere by `download -o` does not finish the command."""

    MAKE = ("generate", "a fox", "-o", "k.png")

    @pytest.mark.parametrize("first", [("--no-wait",), ("--timeout", "1s")])
    def test_the_command_saves_its_image_at_no_cost(
        self, box: World, first: tuple[str, ...]
    ) -> None:
        box.run(*self.MAKE, *first)
        assert box.run("download", "@last", "-o", "other.png").status == 0
        for _ in range(2):
            assert box.run(*self.MAKE).lines == [str(box.cwd / "k.png")]
        assert (box.cwd / "k.png").read_bytes() == (box.cwd / "other.png").read_bytes()
        assert spent(box) == 5

    @pytest.mark.parametrize(
        "make",
        [
            MAKE,
            (*MAKE, "-n", "2"),
            ("edit", "@last", "make it night", "-o", "k.png"),
            ("generate", "--again", "@last", "-o", "k.png"),
            ("generate", "--prompts", "list.txt", "-o", "k-{n}.png"),
            ("generate", "--prompts", "list.jsonl"),
        ],
    )
    def test_a_command_that_does_not_wait_leaves_it_unfinished(
        self, box: World, make: tuple[str, ...]
    ) -> None:
        (box.cwd / "list.txt").write_text("a fox\na hen\n")
        (box.cwd / "list.jsonl").write_text('{"prompt": "a fox", "output": "k.png"}\n')
        box.run("generate", "a cat", "-o", "cat.png")
        ids = box.run(*make, "--no-wait").lines
        before = spent(box)
        for number, name in enumerate(ids):
            box.run("download", name, "-o", f"other-{number}.png")
        for _ in range(3):
            ran = box.run(*make, "--no-wait")
            assert (ran.status, spent(box)) == (0, before), ran.err
        for _ in range(2):
            ran = box.run(*make)
            assert (ran.status, spent(box)) == (0, before), ran.err
        assert len({line for line in ran.lines if (box.cwd / line).exists()}) == len(ids)
        # The lines of a list have no place of their own.
        own = {"k.png", "k-1.png", "k-2.png"} & {path.name for path in box.cwd.iterdir()}
        assert own or "list.txt" in make

    def test_the_same_after_an_unknown_submission(self, box: World) -> None:
        assert faulty(box, "submit:reset", *self.MAKE).status == 11
        with closing(sqlite3.connect(box.state / "sandbox.sqlite3")) as db:
            ((task_id,),) = db.execute("SELECT id FROM tasks").fetchall()
        (ref,) = (record["ref"] for record in box.run("status", "--offline", "--json").records)
        assert box.run("download", task_id, "-o", "other.png").status == 0
        assert box.run("status", ref, "--settle", task_id[:10]).status == 0
        assert box.run(*self.MAKE).status == 0
        assert (box.cwd / "k.png").exists()
        assert spent(box) == 5

    def test_one_of_two_images_was_saved_elsewhere(self, box: World) -> None:
        both = (*self.MAKE, "-n", "2")
        ids = box.run(*both, "--no-wait").lines
        assert box.run("download", ids[0], "-o", "other.png").status == 0
        assert box.run("download", "--unsaved").status == 0
        assert box.run(*both).status == 0
        names = {path.name for path in box.cwd.glob("*.png")}
        # Either of them may be accepted first.
        assert names - {"other-1.png", "other-2.png"} == {"k-1.png", "k-2.png"}
        assert len(names) == 3
        assert spent(box) == 10

    def test_a_default_name_saved_to_another_folder_finishes_the_command(self, box: World) -> None:
        """The default name means a new image each time."""
        box.run("generate", "a fox", "--no-wait")
        assert box.run("download", "@last", "-o", "all/").status == 0
        assert box.run("generate", "a fox").status == 0
        assert spent(box) == 10


SPELLINGS = ("k.png", "./k.png", "sub/../k.png", "link/k.png", "link/sub/../k.png")
FAULTS = ("", "download:503x9999", "poll:500x9999", "submit:455x9999", "download:truncate")


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    edit=st.booleans(),
    tries=st.lists(
        st.tuples(
            st.sampled_from(SPELLINGS),
            st.sampled_from(FAULTS),
            st.sampled_from(((), ("--force",), ("--no-wait",), ("--timeout", "1"))),
            st.sampled_from((0.0, 3600.0, 86400.0)),
        ),
        min_size=1,
        max_size=6,
    ),
)
def test_random_reruns_of_one_command_pay_once(
    edit: bool,  # noqa: FBT001 - drawn
    tries: list[tuple[str, str, tuple[str, ...], float]],
) -> None:
    """Any spelling, fault, flag and pause until it is done: one charge and one image."""
    with TemporaryDirectory() as folder:
        box = World(Path(folder).resolve())
        box.env |= {"FLUXCLI_SANDBOX": "1", "FLUXCLI_SANDBOX_SECONDS": "8"}
        (box.cwd / "sub").mkdir()
        (box.cwd / "link").symlink_to(box.cwd)
        base = 0
        command: tuple[str, ...] = ("generate", "a fox")
        if edit:
            assert box.run("generate", "a cat", "-o", "cat.png").status == 0
            command, base = ("edit", "@last", "make it night"), 5
        done = False
        for spelling, faults, flags, pause in tries:
            kept = () if done else flags
            ran = faulty(box, faults, *command, "-o", spelling, *kept)
            done = done or (ran.status == 0 and (box.cwd / "k.png").exists())
            box.clock.sleep(pause)
        assert box.run(*command, "-o", "k.png").status == 0
        assert spent(box) == base + 5
        assert box.run("download", "--unsaved").lines == []


class InterruptingTerminal(Stream):
    """A terminal on which something happens before each answer is typed."""

    def __init__(self, before: Callable[[], object]) -> None:
        super().__init__(b"y\n", terminal=True)
        self._before = before

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override] # of a text stream
        """Call the action, then return the answer."""
        self._before()
        return super().readline(size)


def run_with_question(box: World, other: Callable[[], object], *arguments: str) -> int:
    """Run a command whose question is answered after an action."""
    context = box.context(terminal=True)
    context.stdin = InterruptingTerminal(other)
    return int(main(arguments, context))


class TestDuringQuestion:
    """What was checked before a question is checked again after it."""

    MANY = ("generate", "a fox", "-m", "max", "-n", "11")

    @pytest.mark.parametrize("output", ["k.png", "{prompt}-{id}.png", "all/"])
    def test_another_process_finished_the_command(self, box: World, output: str) -> None:
        make = (*self.MANY, "-o", output)
        other = lambda: box.run(*make, "--yes")  # noqa: E731 - short
        assert run_with_question(box, other, *make) == 0
        assert spent(box) == 110

    def test_another_process_was_interrupted(self, box: World) -> None:
        make = (*self.MANY, "-o", "k.png")
        other = lambda: box.run(*make, "--yes", "--timeout", "1")  # noqa: E731 - short
        assert run_with_question(box, other, *make) == 0
        assert spent(box) == 110

    def test_a_file_appeared(self, box: World) -> None:
        place = box.cwd / "k-2.png"
        other = lambda: place.write_bytes(b"precious")  # noqa: E731 - short
        assert run_with_question(box, other, *self.MANY, "-o", "k.png") == 2
        assert place.read_bytes() == b"precious"
        assert spent(box) == 0

    def test_new_pays_nevertheless(self, box: World) -> None:
        make = (*self.MANY, "-o", "{id}.png")
        other = lambda: box.run(*make, "--yes")  # noqa: E731 - short
        assert run_with_question(box, other, *make, "--new") == 0
        assert spent(box) == 220

    def test_no_run_stays_open(self, box: World) -> None:
        """The same command with the default name then makes new images."""
        other = lambda: box.run(*self.MANY, "--yes")  # noqa: E731 - short
        run_with_question(box, other, *self.MANY)
        box.run(*self.MANY, "--yes")
        assert spent(box) == 220
