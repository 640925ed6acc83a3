"""Reruns of unfinished commands, spelled differently or after a change of files: the charges."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.commands.balance import spent
from tests.commands.test_clock_and_origin import only_task

if TYPE_CHECKING:
    from tests.worlds import Ran, World

pytestmark = pytest.mark.usefixtures("wire_format")
"""Everything here holds in both wire formats."""

PRICE: Final = 5
MAKE: Final = ("generate", "a fox", "-o", "k.png")
UNFINISHED: Final = {"download:503x9999": 6, "poll:500x9999": 4, "submit:reset": 11}


def faulty(box: World, faults: str, *words: str) -> Ran:
    """Run a command while the service has faults."""
    return box.run(*words, env={"FLUXCLI_SANDBOX_FAULTS": f"{faults} models:tiers"})


class TestTaskNames:
    """What `@last` or an id means does not change while the command is unfinished."""

    @pytest.fixture(autouse=True)
    def first(self, box: World) -> str:
        """The task id of an existing image."""
        return str(box.run("generate", "a fox", "-o", "fox.png", "--json").record["task_id"])

    @pytest.mark.parametrize("faults", UNFINISHED)
    @pytest.mark.parametrize("length", [4, 9, 32])
    def test_an_edit_by_id_is_resumed_under_any_spelling_of_the_id(
        self, box: World, first: str, faults: str, length: int
    ) -> None:
        edit = ("make it night", "-o", "night.png")
        statuses = [
            faulty(box, faults, "edit", f"@{name}", *edit).status
            for name in (first, first[:length], first)
        ]
        assert statuses == [UNFINISHED[faults]] * 3
        assert spent(box) == 2 * PRICE

    @pytest.mark.parametrize("faults", UNFINISHED)
    def test_again_last_is_resumed(self, box: World, faults: str) -> None:
        again = ("generate", "--again", "@last", "-m", "max", "-o", "again.png")
        for _ in range(3):
            assert faulty(box, faults, *again).status == UNFINISHED[faults]
        assert spent(box) == 3 * PRICE

    def test_a_finished_again_of_last_is_not_charged_again(self, box: World) -> None:
        again = ("generate", "--again", "@last", "-m", "max", "-o", "again.png")
        for _ in range(3):
            assert box.run(*again).lines == [str(box.cwd / "again.png")]
        assert spent(box) == 3 * PRICE

    @pytest.mark.parametrize("other", ["download", "status"])
    def test_another_command_may_use_the_unfinished_edit(self, box: World, other: str) -> None:
        """`@last` is the unfinished edit there; this command is not affected."""
        edit = ("edit", "@last", "make it night", "-o", "night.png")
        assert faulty(box, "poll:500x9999", *edit).status == 4
        assert box.run(other, "@last").status == 0
        for _ in range(2):
            assert box.run(*edit).lines == [str(box.cwd / "night.png")]
        assert spent(box) == 2 * PRICE

    def test_an_edit_of_the_unfinished_edit_waits_for_it(self, box: World, first: str) -> None:
        (second,) = box.run("edit", f"@{first}", "make it night", "--no-wait").lines
        day = ("edit", "@last", "make it day", "-o", "day.png")
        # The loop of a script ends by itself.
        ended = [box.run(*day, "--timeout", "3").status for _ in range(6)]
        assert ended[0] == 4
        assert ended[-1] == 0
        assert spent(box) == 3 * PRICE
        (made,) = (one for one in box.run("status", "--json").records if one["prompt"][8:] == "day")
        assert made["input"] == f"task:{second}"


class TestSettle:
    """`--settle` accepts an id as it is pasted, and refuses the id of another submission."""

    @pytest.fixture
    def ref(self, box: World) -> str:
        """A submission of unknown outcome."""
        ran = faulty(box, "submit:reset", *MAKE, "--json")
        assert ran.status == 11
        return str(ran.record["error"]["ref"])

    @pytest.mark.parametrize("pasted", [" {}", "{}\n", "\t{} \r\n", "@{}", "'{}'", "`{}`", '"{}"'])
    def test_blanks_and_quotes_around_the_id_do_not_matter(
        self, box: World, ref: str, pasted: str
    ) -> None:
        outcome = pasted.format(only_task(box))
        assert box.run("status", ref, "--settle", outcome).status == 0
        assert box.run(*MAKE).status == 0
        assert spent(box) == PRICE

    @pytest.mark.parametrize("outcome", ["Not-Charged", " not_charged", "NOT CHARGED\n"])
    def test_not_charged_is_accepted_in_any_case(self, box: World, ref: str, outcome: str) -> None:
        assert box.run("status", ref, "--settle", outcome).status == 0
        assert box.run("status", ref, "--offline", "--json").record["state"] == "refused"
        assert "settled by hand" in box.run("status", ref, "--offline").out.decode()

    @pytest.mark.parametrize(
        "outcome",
        [
            "",
            " ",
            "@last",
            "charged",
            "https://kie.ai/logs",
            "0123456789abcdef0123456789abcdef",
            "task\x1b[31m",
        ],
    )
    def test_an_id_of_no_task_is_refused(self, box: World, ref: str, outcome: str) -> None:
        assert box.run("status", ref, "--settle", outcome).status in {2, 8}
        assert box.run(*MAKE).status == 11
        assert spent(box) == PRICE

    @pytest.mark.parametrize("prompt", ["a fox", "a dog"])
    def test_the_id_of_another_command_is_refused(self, box: World, ref: str, prompt: str) -> None:
        (other,) = box.run("generate", prompt, "-o", "other.png", "--no-wait").lines
        ran = box.run("status", ref, "--settle", other)
        assert ran.status == 2
        assert box.run(*MAKE).status == 11
        assert spent(box) == 2 * PRICE

    def test_the_beginning_of_an_id_is_completed_or_refused(self, box: World, ref: str) -> None:
        """The service does not know incomplete ids."""
        assert box.run("status", ref, "--settle", only_task(box)[:12]).status in {2, 8}
        assert box.run(*MAKE).status == 11

    def test_a_submission_can_be_settled_once(self, box: World, ref: str) -> None:
        task_id = only_task(box)
        for _ in range(3):
            assert box.run("status", ref, "--settle", task_id).status == 0
        assert box.run("status", ref, "--settle", "not-charged").status == 2
        assert box.run(*MAKE).status == 0
        assert spent(box) == PRICE


class TestSpelling:
    """One output is one command, however its path is written."""

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("k.png", ".//k.png"),
            ("k.png", "k.png  "),
            ("k.png", "k.png\r"),
            ("k.png", "{root}//work///k.png"),
            ("k.png", "/{root}/work/k.png"),
            ("k.png", "~/k.png"),
            ("k.png", "a/b/../../k.png"),
            ("k.png", "there/k.png"),
            ("a/k.png", "there/a/k.png"),
            ("kk/", "kk"),
            ("kk/", "kk//"),
            ("kk", "kk/{{prompt}}-{{id}}.{{ext}}"),
            ("{{model}}.png", "flux-kontext-pro.png"),
            ("k-{{n}}.png", "k-1.png"),
        ],
    )
    @pytest.mark.parametrize("turned", [False, True])
    def test_spellings_of_an_output_are_one_command(
        self,
        box: World,
        monkeypatch: pytest.MonkeyPatch,
        first: str,
        second: str,
        *,
        turned: bool,
    ) -> None:
        monkeypatch.setenv("HOME", str(box.cwd))
        (box.cwd / "kk").mkdir()
        (box.root / "there").symlink_to(box.cwd)
        (box.cwd / "there").symlink_to(box.root / "there")
        kind = ["--output-format", "png"]
        names = [name.format(root=box.root) for name in (first, second)]
        if turned:
            names.reverse()
        one, other = (
            box.run("generate", "a fox", "-o", name, *kind, "--no-wait").lines for name in names
        )
        assert one == other
        assert spent(box) == PRICE

    @pytest.mark.parametrize(
        ("words", "env", "stdin"),
        [
            (("-p", "a fox"), {}, b""),
            (("--prompt-file", "prompt.txt"), {}, b""),
            (("-",), {}, b"a fox\r\n"),
            (("a fox", "-m", "pro", "-a", "16:9", "--output-format", "png"), {}, b""),
            (("a fox", "-n", "1", "--safety-tolerance", "2", "--enable-translation"), {}, b""),
            (("a fox", "--force", "-y", "--interval", "2", "--max-credits", "50"), {}, b""),
            (("a fox", "--metadata", "sidecar", "--json", "-v", "--skip-existing"), {}, b""),
            (("a fox", "--timeout", "0", "--preview", "--open", "--no-input"), {}, b""),
            (("a fox",), {"FLUXCLI_MODEL": "flux-kontext-pro", "FLUXCLI_API": "auto"}, b""),
            (("--", "a fox"), {"FLUXCLI_ASPECT_RATIO": "16:9", "NO_COLOR": "1"}, b""),
        ],
    )
    def test_spellings_of_a_request_are_one_command(
        self, box: World, words: tuple[str, ...], env: dict[str, str], stdin: bytes
    ) -> None:
        """The prompt from any source, fields at their defaults, and flags without effect."""
        (box.cwd / "prompt.txt").write_text("a fox\n")
        (task_id,) = box.run(*MAKE, "--no-wait").lines
        first, *rest = words
        flags = ("-o", "k.png", "--no-wait")
        command = ("generate", *flags, first, *rest)
        ran = box.run(*command, env=env, stdin=stdin)
        assert ran.status == 0, ran
        assert task_id in ran.out.decode()
        assert spent(box) == PRICE

    def test_a_command_is_recognised_from_another_working_folder(self, box: World) -> None:
        (one,) = box.run(*MAKE, "--no-wait").lines
        box.cwd = box.cwd / "below"
        box.cwd.mkdir()
        assert box.run("generate", "a fox", "-o", "../k.png", "--no-wait").lines == [one]
        assert box.run("generate", "a fox", "-o", "k.png", "--no-wait").lines != [one]
        assert spent(box) == 2 * PRICE

    @pytest.mark.parametrize("change", ["hard link", "copy", "mode", "time"])
    def test_an_image_that_was_linked_copied_or_touched_is_recognised(
        self, box: World, change: str
    ) -> None:
        assert box.run(*MAKE).status == 0
        place = box.cwd / "k.png"
        data = place.read_bytes()
        match change:
            case "hard link":
                os.link(place, box.cwd / "other.png")
            case "copy":
                place.unlink()
                place.write_bytes(data)
            case "mode":
                place.chmod(0o444)
            case _:
                os.utime(place, (0, 0))
        assert box.run(*MAKE).lines == [str(place)]
        assert spent(box) == PRICE

    @pytest.mark.parametrize("form", ["NFC", "NFD"])
    def test_a_decomposed_name_is_recognised(self, box: World, form: str) -> None:
        name = unicodedata.normalize(form, "Füchse-é.png")  # type: ignore[arg-type] # a form
        for _ in range(2):
            assert box.run("generate", "a fox", "-o", name).lines == [str(box.cwd / name)]
        assert spent(box) == PRICE

    @pytest.mark.parametrize("is_one", [True, False])
    def test_a_name_in_another_case_follows_the_file_system(
        self, box: World, monkeypatch: pytest.MonkeyPatch, *, is_one: bool
    ) -> None:
        """It is the same command only where both names are the same file."""
        lstat = Path.lstat

        def folded(path: Path) -> os.stat_result:
            return lstat(path if path.exists() else path.with_name(path.name.swapcase()))

        with monkeypatch.context() as patch:
            if is_one:
                patch.setattr(Path, "lstat", folded)
            for name in ("k.png", "K.PNG", "k.Png"):
                box.run("generate", "a fox", "-o", name, "--no-wait")
        assert spent(box) == (PRICE if is_one else 3 * PRICE)

    @pytest.mark.parametrize(
        "address",
        [
            "https://API.kie.ai",
            "https://api.kie.ai/",
            "https://api.kie.ai:443",
            "HTTPS://Api.Kie.Ai.:0443//",
        ],
    )
    def test_spellings_of_the_service_s_address_are_one_service(
        self, world: World, address: str
    ) -> None:
        """Nothing is sent; only the journal is read."""
        plain = world.run("config", "get", "base_url").lines
        assert world.run("config", "get", "base_url", env={"FLUXCLI_BASE_URL": address}).lines == (
            plain
        )


class TestChangedFolders:
    """The output's folder is removed or replaced while the image is made."""

    OUTPUT: Final = ("generate", "a fox", "-o", "out/k.png")

    def begin(self, box: World) -> Path:
        """Submit a task, and return the folder of its image."""
        assert box.run(*self.OUTPUT, "--timeout", "1").status == 4
        folder = box.cwd / "out"
        folder.mkdir(exist_ok=True)
        return folder

    def test_a_removed_folder_is_created_again(self, box: World) -> None:
        self.begin(box).rmdir()
        assert box.run(*self.OUTPUT).lines == [str(box.cwd / "out/k.png")]
        assert spent(box) == PRICE

    @pytest.mark.parametrize("collect", [OUTPUT, ("download", "--unsaved")])
    def test_a_folder_that_became_a_file_is_status_6_until_it_is_removed(
        self, box: World, collect: tuple[str, ...]
    ) -> None:
        folder = self.begin(box)
        folder.rmdir()
        folder.write_text("a file")
        ran = box.run(*collect)
        assert ran.status in {6, 9}
        assert "hint: fluxcli download --unsaved" in ran.err
        folder.unlink()
        assert box.run(*collect).status == 0
        assert (box.cwd / "out/k.png").exists()
        assert spent(box) == PRICE

    @pytest.mark.parametrize("collect", [OUTPUT, ("download", "--unsaved")])
    def test_an_output_that_became_a_folder_is_status_6(
        self, box: World, collect: tuple[str, ...]
    ) -> None:
        place = self.begin(box) / "k.png"
        place.mkdir()
        ran = box.run(*collect)
        assert (ran.status, "already" in ran.err or "download" in ran.err) == (6, True)
        place.rmdir()
        assert box.run(*collect).lines == [str(place)]
        assert spent(box) == PRICE

    @pytest.mark.parametrize("then", ["removed", "a file", "there"])
    def test_a_removed_folder_with_default_names_is_still_the_same_command(
        self, box: World, then: str
    ) -> None:
        """`-o shots` means a folder only if it exists."""
        folder = box.cwd / "shots"
        folder.mkdir()
        shots = ("generate", "a fox", "-o", "shots")
        (task_id,) = box.run(*shots, "--no-wait").lines
        if then != "there":
            folder.rmdir()
        if then == "a file":
            folder.write_text("mine")
            assert box.run(*shots).status == 6
            folder.unlink()
        (path,) = box.run(*shots).lines
        assert path.startswith(f"{folder}/a-fox-{task_id[:8]}")
        assert spent(box) == PRICE

    def test_a_folder_created_under_the_output_s_name_keeps_the_command(self, box: World) -> None:
        shot = ("generate", "a fox", "-o", "shot")
        box.run(*shot, "--no-wait")
        (box.cwd / "shot").mkdir()
        assert box.run(*shot).status == 6
        (box.cwd / "shot").rmdir()
        assert box.run(*shot).lines == [str(box.cwd / "shot")]
        assert spent(box) == PRICE

    def test_paid_tasks_are_named_where_the_others_cannot_be_made(self, box: World) -> None:
        two = ("generate", "a fox", "-n", "2", "-o", "k.png")
        ran = faulty(box, "submit:402@2", *two, "--timeout", "1", "--json")
        (task_id,) = {record["error"]["task_id"] for record in ran.records} - {None}
        missing = next(n for n in (1, 2) if ran.records[n - 1]["error"]["task_id"] is None)
        for n in (1, 2):
            (box.cwd / f"k-{n}.png").write_text("mine")
        refused = box.run(*two, "--json")
        assert refused.status == 2, missing
        assert f"task `{task_id}` is already paid and not saved" in refused.err
        assert f"fluxcli download {task_id}" in refused.record["error"]["hint"]
        assert spent(box) == PRICE

    def test_a_moved_working_folder_is_another_output(self, box: World) -> None:
        """`download` saves the paid image to its own output."""
        assert box.run(*MAKE, "--timeout", "1").status == 4
        old = box.cwd
        box.cwd = box.root / "elsewhere"
        old.rename(box.cwd)
        assert box.run("download", "--unsaved").lines == [str(old / "k.png")]
        assert spent(box) == PRICE
