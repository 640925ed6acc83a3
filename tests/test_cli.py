"""Commands, flags and usage errors, and every way in which a run can end."""

from __future__ import annotations

import errno
import io
import os
import sqlite3
from typing import TYPE_CHECKING

import pytest

from fluxcli import __version__
from fluxcli.cli import main
from fluxcli.context import Context
from tests.worlds import KEY, Stream, written

if TYPE_CHECKING:
    from pathlib import Path

    from tests.worlds import World

COMMANDS = (
    "generate",
    "edit",
    "status",
    "download",
    "config",
    "build",
    "assets",
    "credits",
    "sandbox",
)


class TestHelp:
    @pytest.mark.parametrize("words", [(), ("--help",), ("-h",)])
    def test_it_names_every_command(self, world: World, words: tuple[str, ...]) -> None:
        """Without arguments the help is printed to stdout; the status is 0."""
        ran = world.run(*words)
        assert (ran.status, ran.err) == (0, "")
        for command in COMMANDS:
            assert f"\n  {command} " in ran.out.decode()

    @pytest.mark.parametrize("command", COMMANDS)
    @pytest.mark.parametrize("flag", ["-h", "--help"])
    def test_of_each_command(self, world: World, command: str, flag: str) -> None:
        ran = world.run(command, flag)
        assert ran.status == 0
        assert any(line.startswith(f"Usage: fluxcli {command} ") for line in ran.lines)

    def test_the_version(self, world: World) -> None:
        assert world.run("--version").lines == [f"fluxcli {__version__}"]

    def test_it_needs_no_sound_config(self, world: World) -> None:
        config = world.root / "config" / "config.toml"
        config.parent.mkdir()
        config.write_text("broken [")
        assert world.run("--help").status == 0
        assert world.run("generate", "--help").status == 0


class TestUsage:
    @pytest.mark.parametrize(
        ("words", "message", "hint"),
        [
            (["generat", "x"], "no such command `generat`", "fluxcli generate x"),
            (["-q", "GENERATE", "x"], "no such command", "fluxcli -q generate x"),
            (["xyzzy"], "no such command `xyzzy`", "fluxcli --help"),
            (["generate", "x", "--cuont", "3"], "`--cuont`", "fluxcli generate x --count 3"),
            (
                ["generate", "x", "--aspect_ratio=1:1"],
                "no such flag `--aspect_ratio`",
                "fluxcli generate x --aspect-ratio=1:1",
            ),
            (["edit", "--agressive"], "no such flag `--agressive`", "fluxcli edit --help"),
            (["generate", "-x"], "no such flag `-x`", "fluxcli generate --help"),
            (["--sandbx", "credits"], "no such flag `--sandbx`", "fluxcli --sandbox credits"),
            (["config", "sett", "x"], "no such command `sett`", "fluxcli config set x"),
            (["assets", "pik", "x"], "no such command `pik`", "fluxcli assets pick x"),
            (["config"], "no command is named: expected one of path", "fluxcli config --help"),
            (["--sandbox"], "no command is named: expected one of generate", "fluxcli --help"),
            (["generate", "a", "b"], "more than one argument", 'fluxcli generate "a b"'),
            (["credits", "now"], "unexpected argument `now`", "fluxcli credits --help"),
            (
                ["generate", "a", "-n", "three"],
                "`--count` is `three`: expected a whole number",
                "fluxcli generate a -n 1",
            ),
            (["generate", "a", "-o"], "`-o` needs a value", "fluxcli generate --help"),
            (
                ["status", "--limit", "0"],
                "`--limit` is `0`: expected a whole number of 1 or more",
                "fluxcli status --limit 20",
            ),
            (
                ["sandbox", "--port", "99999"],
                "from 0 to 65535",
                "fluxcli sandbox --port 8787",
            ),
            (["status", "--state", "save"], "expected one of", None),
            (["generate", "a", "--json=yes"], "does not take a value", None),
            (["edit"], "missing argument `IMAGE`", "fluxcli edit --help"),
        ],
    )
    def test_what_is_wrong_and_what_was_meant(
        self, world: World, words: list[str], message: str, hint: str | None
    ) -> None:
        """Refused in one line, with the nearest name, and the command that prints the help."""
        ran = world.run(*words)
        assert (ran.status, ran.out) == (2, b"")
        first, *rest = ran.err.splitlines()
        assert first.startswith("error: ")
        assert message.lower() in first.lower()
        assert len(rest) == 1
        assert rest[0].startswith(("hint: fluxcli ", "hint: --"))
        assert hint is None or rest == [f"hint: {hint}"]

    @pytest.mark.parametrize(
        "words",
        [
            ["generate", "--json", "--bogus"],
            ["--json", "bogus"],
            ["bogus", "--json"],
            ["config", "bogus", "--json"],
            ["generate", "x", "-n", "three", "--json"],
        ],
    )
    def test_a_script_reads_it_as_an_object(self, world: World, words: list[str]) -> None:
        """JSON is printed even if the command line could not be parsed."""
        ran = world.run(*words)
        assert (ran.status, ran.code) == (2, "usage")
        assert ran.record["error"]["retryable"] is False
        assert ran.err.startswith("error: ")

    def test_by_the_environment_too(self, world: World) -> None:
        assert world.run("bogus", env={"FLUXCLI_JSON": "1"}).code == "usage"

    def test_what_stands_after_two_dashes_asks_for_nothing(self, world: World) -> None:
        assert world.run("credits", "--", "--json").out == b""


class TestFlagsOnBothSides:
    @pytest.mark.parametrize(
        "words",
        [
            ["--json", "--sandbox", "credits"],
            ["credits", "--json", "--sandbox"],
            ["--sandbox", "credits", "--json"],
            ["--json", "credits", "--sandbox"],
        ],
    )
    def test_the_common_ones(self, world: World, words: list[str]) -> None:
        assert world.run(*words).record["sandbox"] is True

    @pytest.mark.parametrize(
        "words",
        [
            ["generate", "--dry-run", "a fox", "--json", "-a", "1:1"],
            ["generate", "-a", "1:1", "--json", "--dry-run", "a fox"],
            ["generate", "a fox", "-a=1:1", "--json", "--dry-run"],
            ["generate", "--json", "--dry-run", "-a1:1", "--", "a fox"],
        ],
    )
    def test_before_and_after_the_arguments(self, world: World, words: list[str]) -> None:
        if "-a=1:1" in words:
            words[words.index("-a=1:1")] = "--aspect-ratio=1:1"
        request = world.run(*words).record["request"]
        assert (request["prompt"], request["aspect_ratio"]) == ("a fox", "1:1")

    def test_a_prompt_that_begins_with_a_dash(self, world: World) -> None:
        ran = world.run("generate", "--dry-run", "--json", "-p", "--sandbox")
        assert ran.record["request"]["prompt"] == "--sandbox"

    def test_a_flag_outranks_the_environment(self, world: World) -> None:
        ran = world.run("credits", "--color", "never", "--sandbox", env={"FLUXCLI_COLOR": "pink"})
        assert ran.status == 0

    @pytest.mark.parametrize("flag", ["--color=pink", "--color="])
    def test_a_bad_colour(self, world: World, flag: str) -> None:
        ran = world.run("credits", flag, "--sandbox", "--json")
        assert (ran.status, ran.code) == (2, "usage")


class TestBrokenSettings:
    @pytest.fixture
    def config(self, world: World) -> Path:
        """A config file that is not TOML."""
        path = world.root / "config" / "config.toml"
        path.parent.mkdir()
        path.write_text('timeout = "5m"\nbase_url = \n')
        return path

    @pytest.mark.parametrize("words", [["credits"], ["status"], ["generate", "x"]])
    def test_a_config_file_names_line_and_column(
        self, world: World, config: Path, words: list[str]
    ) -> None:
        before = config.read_bytes()
        ran = world.run(*words, "--json")
        assert (ran.status, ran.code) == (2, "config_invalid")
        assert f"{config}:2:12" in ran.err
        assert config.read_bytes() == before

    def test_json_by_the_environment_outlives_it(self, world: World, config: Path) -> None:
        assert config.exists()
        assert world.run("credits", env={"FLUXCLI_JSON": "1"}).code == "config_invalid"

    @pytest.mark.parametrize("name", ["JSON", "SANDBOX", "QUIET", "TIMEOUT"])
    def test_a_variable(self, world: World, name: str) -> None:
        ran = world.run("generate", "x", env={f"FLUXCLI_{name}": "perhaps"})
        assert ran.status == 2
        assert f"`FLUXCLI_{name}` is `perhaps`" in ran.err

    def test_an_unknown_name_is_a_warning(self, world: World) -> None:
        """An older fluxcli works with the file of a newer one."""
        path = world.root / "config" / "config.toml"
        path.parent.mkdir()
        path.write_text("timout = 5\n")
        ran = world.run("credits", "--sandbox")
        assert ran.status == 0
        assert "warning: " in ran.err
        assert "did you mean `timeout`?" in ran.err

    @pytest.mark.parametrize("value", ["submit", "submit:nothing", "a:b", "poll:500x0"])
    def test_a_fault_that_is_none(self, world: World, value: str) -> None:
        ran = world.run("credits", "--sandbox", "--json", env={"FLUXCLI_SANDBOX_FAULTS": value})
        assert (ran.status, ran.code) == (2, "environment_invalid")

    def test_the_key_is_never_sent_over_plain_http(self, world: World) -> None:
        world.ask("http://example.com")
        ran = world.run("credits", "--json")
        assert (ran.status, ran.code) == (2, "config_invalid")


class Unwritable(Stream):
    """A stream whose device is full, or whose reader is gone."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.buffered = _Failing(number)

    @property
    def buffer(self) -> io.BytesIO:
        """The bytes below, which fail."""
        return self.buffered


class _Failing(io.BytesIO):
    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def write(self, _data: object) -> int:
        raise OSError(self._number, os.strerror(self._number))


def ended(world: World, *words: str, **streams: object) -> tuple[int, str]:
    """Run with streams of one's own; return the status and what stderr got."""
    usual = {"stdin": Stream(), "stdout": Stream(), "stderr": Stream()}
    chosen = usual | streams
    context = Context(env=world.env, cwd=world.cwd, clock=world.clock, **chosen)  # type: ignore[arg-type] # streams, by name
    return main(words, context), written(chosen["stderr"]).decode()


class TestStreams:
    def test_closed_ones_are_not_a_failure(self, world: World) -> None:
        """`>&- 2>&-`: the picture is saved all the same."""
        words = ("generate", "a fox", "-o", "fox.jpg", "--sandbox")
        assert ended(world, *words, stdin=None, stdout=None, stderr=None) == (0, "")
        assert (world.cwd / "fox.jpg").exists()

    def test_a_closed_stdout_takes_no_image(self, world: World) -> None:
        words = ("generate", "a fox", "-o", "-", "--sandbox")
        status, err = ended(world, *words, stdout=None)
        assert status == 2
        assert "stdout is closed" in err

    def test_a_reader_that_exits_does_not_stop_paid_work(self, world: World) -> None:
        words = ("generate", "a fox", "-n", "3", "-o", "fox.jpg", "--sandbox")
        status, err = ended(world, *words, stdout=Unwritable(errno.EPIPE))
        assert status == 0
        assert "Traceback" not in err
        assert len(list(world.cwd.iterdir())) == 3

    def test_a_reader_that_goes_away_in_the_middle_of_an_image(self, world: World) -> None:
        words = ("generate", "a fox", "-o", "-", "--sandbox")
        status, err = ended(world, *words, stdout=Unwritable(errno.EPIPE))
        assert status == 6
        assert "hint: fluxcli download --unsaved" in err

    @pytest.mark.parametrize("json", [[], ["--json"]])
    def test_a_full_device_is_reported(self, world: World, json: list[str]) -> None:
        """The output is lost, but the image is saved."""
        words = ("generate", "a fox", "-o", "fox.jpg", "--sandbox", *json)
        status, err = ended(world, *words, stdout=Unwritable(errno.ENOSPC))
        assert status == 1
        assert "cannot write to stdout: no space left on device" in err
        assert "Traceback" not in err
        assert (world.cwd / "fox.jpg").exists()

    def test_an_error_that_cannot_be_written_is_still_its_status(self, world: World) -> None:
        status, err = ended(world, "bogus", "--json", stdout=Unwritable(errno.ENOSPC))
        assert status == 2
        assert "no such command" in err

    def test_a_stderr_without_a_reader(self, world: World) -> None:
        words = ("generate", "a fox", "-o", "fox.jpg", "--sandbox")
        assert ended(world, *words, stderr=Unwritable(errno.EPIPE))[0] == 0


def without_clock(world: World, error: Exception) -> Context:
    """Return the context of a run whose clock raises `error` at every use."""

    class Failing:
        def __getattr__(self, name: str) -> object:
            raise error

    return Context(
        env=world.env,
        stdin=Stream(),
        stdout=Stream(),
        stderr=Stream(),
        cwd=world.cwd,
        clock=Failing(),  # type: ignore[arg-type] # on purpose
    )


class TestABug:
    def test_is_reported_in_one_line_and_without_its_data(self, world: World) -> None:
        """An exception of the clock is a bug, and reported as one."""
        context = without_clock(world, ZeroDivisionError(f"secret {KEY}"))
        assert main(["status", "--sandbox", "--json"], context) == 1
        err = written(context.stderr).decode()
        assert err.startswith(f"error: a bug in fluxcli {__version__}: ZeroDivisionError at ")
        assert "Traceback" not in err
        assert KEY not in err + written(context.stdout).decode()
        assert '"code": "internal"' in written(context.stdout).decode()


class TestASystemThatFails:
    @pytest.mark.parametrize(
        ("error", "message"),
        [
            (ModuleNotFoundError("No module named 'rich.live'"), "cannot be loaded: No module"),
            (PermissionError(errno.EACCES, "Permission denied"), "refused a call: permission"),
        ],
    )
    def test_is_not_reported_as_a_bug(self, world: World, error: Exception, message: str) -> None:
        context = without_clock(world, error)
        assert main(["status", "--sandbox"], context) == 1
        err = written(context.stderr).decode()
        assert message in err
        assert "a bug" not in err
        assert "`fluxcli status --sandbox` shows what is paid for" in err


class TestTheKey:
    def test_it_is_nowhere_to_be_read(self, world: World) -> None:
        """Neither in the output nor in any file, with any error."""
        world.ask("http://127.0.0.1:9")
        for words in (
            ["generate", f"draw {KEY}", "--debug", "-v", "--json"],
            ["credits", "--debug"],
            ["config", "list"],
            ["config", "check", "--json"],
            ["status", KEY],
        ):
            ran = world.run(*words)
            assert KEY not in ran.err
            assert KEY.encode() not in ran.out
        with sqlite3.connect(world.state / "journal.sqlite3") as db:
            dump = "\n".join(db.iterdump())
        db.close()
        assert "Bearer" not in dump


def test_reading_creates_nothing(world: World) -> None:
    """Commands that only read create nothing on a new machine."""
    for words in (
        ["status"],
        ["status", "--offline", "--json"],
        ["config", "list"],
        ["config", "path"],
        ["config", "get", "timeout"],
        ["generate", "x", "--dry-run"],
        ["download", "--unsaved"],
    ):
        assert world.run(*words).status == 0
    assert [entry.name for entry in world.root.iterdir()] == ["work"]
