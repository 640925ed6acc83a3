"""`fluxcli status` on terminals: the list at every width, the card, filters, the page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from fluxcli.output.text import cells
from tests.commands.test_status import begin, lose_answer

if TYPE_CHECKING:
    from tests.worlds import World

pytestmark = pytest.mark.usefixtures("wire_format")
"""Everything here holds in both wire formats."""


HOSTILE = "<script>alert(1)</script> [/] \x1b[2J \u202e 灯台の夜明け"


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def machine(box: World) -> None:
    """A saved image, an edit of it, a failed, a running and an unknown task."""
    box.run("generate", "a fox in the snow, flat vector, two colours", "-o", "fox.jpg")
    box.run("edit", "@last", HOSTILE, "-o", "night.jpg")
    begin(box, "a [moderated] fox")
    box.clock.sleep(20)
    box.run("status")
    begin(box, "a running dog")
    lose_answer(box, "a lost cat")


@pytest.mark.parametrize("columns", [20, 40, 60, 80])
@pytest.mark.parametrize("color", ["never", "always"])
def test_the_list_fits_the_terminal(box: World, columns: int, color: str) -> None:
    machine(box)
    ran = box.run(
        "status", "--offline", "--color", color, terminal=True, env={"COLUMNS": str(columns)}
    )
    assert len(ran.lines) == 6
    assert max(cells(plain(line)) for line in ran.lines) < columns
    assert ("\x1b" in ran.out.decode()) == (color == "always")
    assert all(plain(line).isprintable() for line in ran.lines)
    if columns >= 40:
        states = {line.split()[1] for line in map(plain, ran.lines[1:])}
        assert states == {"saved", "failed", "running", "unknown"}


def test_in_a_pipe_ids_are_whole_and_without_colour(box: World) -> None:
    task_id = begin(box)
    ran = box.run("status", "--offline", "--color", "always", env={"COLUMNS": "40"})
    assert ran.lines[1].startswith(task_id)
    assert "\x1b" not in ran.out.decode()


def test_an_edit_names_its_parent(box: World) -> None:
    machine(box)
    parent = box.run("status", "--offline", "--json").records[-1]["task_id"]
    ran = box.run("status", "--offline", terminal=True, env={"COLUMNS": "80"})
    assert f"← {parent[:8]}" in ran.out.decode()


class TestCard:
    def test_the_card_has_request_input_parent_and_edits(self, box: World) -> None:
        machine(box)
        edit, original = box.run("status", "--offline", "--json").records[-2:]
        card = box.run("status", edit["task_id"]).out.decode()
        assert re.search(rf"^input +task:{original['task_id']}$", card, re.MULTILINE)
        assert re.search(rf"^edit of +{original['task_id']}$", card, re.MULTILINE)
        assert "night.jpg" in card
        assert edit["sha256"] in card
        assert f"edited in               {edit['task_id']}" in re.sub(
            r"(edited in) +",
            r"\1               ",
            box.run("status", original["task_id"]).out.decode(),
        )

    def test_the_card_ends_with_the_next_command(self, box: World) -> None:
        """Not with the command that was just typed."""
        machine(box)
        for record in box.run("status", "--offline", "--json").records:
            name = record["task_id"] or record["ref"]
            ran = box.run("status", name)
            command = ran.lines[-1].split(maxsplit=1)[1]
            assert command.startswith("fluxcli ")
            assert command != f"fluxcli status {name}"
            assert "hint: fluxcli status\n" not in ran.err

    def test_the_card_of_an_image_file_is_its_task_s(self, box: World) -> None:
        machine(box)
        fox = box.run("status", "--offline", "--json").records[-1]
        record = box.run("status", "fox.jpg", "--json").record
        assert record["task_id"] == fox["task_id"]
        (box.cwd / "other.jpg").write_bytes(b"other")
        ran = box.run("status", "other.jpg", "--json")
        assert (ran.status, ran.code) == (8, "task_not_found")


class TestNames:
    @pytest.mark.parametrize("command", ["status", "download"])
    def test_too_short_a_prefix_is_refused_with_the_minimum(self, box: World, command: str) -> None:
        begin(box)
        ran = box.run(command, "c4", "--json")
        assert (ran.status, ran.code) == (2, "usage")
        assert "give at least 4 characters" in ran.err

    def test_last_without_a_paid_task_is_an_error(self, box: World) -> None:
        task_id = begin(box, "a [moderated] fox")
        box.clock.sleep(20)
        box.run("status")
        ran = box.run("status", "@last")
        assert ran.status == 8
        assert "none of the 1 tasks of this machine succeeded" in ran.err
        assert f"hint: fluxcli status {task_id}" in ran.err


class TestFilters:
    def test_tasks_are_filtered_by_words_period_and_state(self, box: World) -> None:
        machine(box)

        def found(*flags: str) -> int:
            return len(box.run("status", "--offline", "--json", *flags).records)

        assert found("--search", "SNOW fox") == 1
        assert found("--state", "unsaved") == 1
        assert found("--state", "failed") == 1
        box.clock.sleep(3 * 86400)
        begin(box, "a new fox")
        assert found("--since", "1d") == 1
        assert found("--since", "7d", "--search", "fox") == 3

    @pytest.mark.parametrize("flags", [["--state", "lost"], ["--since", "soon"]])
    def test_an_invalid_filter_is_refused(self, box: World, flags: list[str]) -> None:
        assert box.run("status", "--offline", *flags).status == 2


def test_the_page_has_the_images_and_escapes_all_text(box: World) -> None:
    machine(box)
    ran = box.run("status", "--offline", "--html", "page.html")
    assert ran.lines == [str(box.cwd / "page.html")]
    text = (box.cwd / "page.html").read_text()
    assert text.count('src="data:image/') == 2
    assert "<script" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "&lt;script&gt;" in text


def test_a_sandbox_task_without_sandbox_names_the_flag(world: World) -> None:
    """Not a missing key, whichever name is used."""
    world.env.pop("FLUXCLI_API_KEY", None)
    made = world.run("generate", "a fox", "--sandbox", "--json", "-o", "fox.jpg").record
    named = f"task `{made['task_id']}` belongs to the sandbox, not to the service"
    hint = f"hint: fluxcli status {made['task_id']} --sandbox"
    for name in (made["task_id"], made["task_id"][:8], "fox.jpg"):
        ran = world.run("status", name)
        assert (ran.status, named in ran.err, hint in ran.err) == (8, True, True), ran.err
    for words in (["status", "@last"], ["download", "@last"], ["edit", "@last", "night"]):
        ran = world.run(*words)
        assert "there is no task yet of the service; 1 task of the sandbox" in ran.err
        assert "hint: fluxcli status --sandbox" in ran.err


def test_plain_status_mentions_the_sandbox(world: World) -> None:
    world.env["FLUXCLI_SANDBOX_SECONDS"] = "0"
    world.run("generate", "a fox", "--sandbox")
    assert "1 task of the sandbox: `fluxcli status --sandbox`" in world.run("status").err


def test_spending_needs_no_key_and_counts_charges(box: World) -> None:
    machine(box)
    record = box.run("credits", "--since", "30d", "--json").record
    assert (record["estimated_credits"], record["unknown"]) == (15, 1)
    assert record["days"][0]["images"] == 3
    box.clock.sleep(40 * 86400)
    assert box.run("credits", "--since", "30d", "--json").record["days"] == []


def test_filters_use_the_current_state(box: World) -> None:
    begin(box, "a fox")
    assert box.run("status", "--state", "running").lines[1].split()[1] == "running"
    box.clock.sleep(60)
    assert box.run("status", "--state", "succeeded", "--offline").lines == []
    assert box.run("status", "--state", "succeeded").lines[1].split()[1] == "succeeded"
    assert box.run("status", "--state", "running").err.splitlines()[0] == "no task matches"


def test_a_card_wraps_text_and_keeps_commands_on_one_line(box: World) -> None:
    box.run("generate", "a fox in the snow below a very old pine", "-o", "fox.jpg")
    ran = box.run("status", "@last", "--offline", terminal=True, env={"COLUMNS": "40"})
    lines = [plain(line) for line in ran.lines]
    (place,) = (number for number, line in enumerate(lines) if line.startswith("prompt   "))
    assert [line[20:] for line in lines[place : place + 3]] == [
        "a fox in the snow",
        "below a very old",
        "pine",
    ]
    (following,) = (line for line in lines if line.startswith("next"))
    assert re.fullmatch(r'next +fluxcli edit @[\da-f]{8} "what to change"', following)


def test_a_file_name_is_not_sent_to_the_service(box: World) -> None:
    ran = box.run("status", "missing.png")
    assert (ran.status, ran.err.splitlines()[0]) == (
        8,
        "error: there is no image file `missing.png`",
    )


def test_the_page_has_dates_and_not_ages(box: World) -> None:
    box.run("generate", "a fox", "-o", "fox.jpg")
    box.run("status", "--html", "g.html", "--offline")
    text = (box.cwd / "g.html").read_text()
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", text)
    assert not re.search(r"just now|\bago\b", text)
