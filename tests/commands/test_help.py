"""Help pages, topics, the JSON document and the skill file, as users and agents read them."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jsonschema
import pytest

import fluxcli
from fluxcli.commands import TOPICS
from fluxcli.completion.program import GROUPS, program
from fluxcli.errors import STATUSES, TABLE, Status
from fluxcli.settings.setting_table import SETTINGS

if TYPE_CHECKING:
    from fluxcli.completion.program import Command
    from tests.worlds import World

SKILL: Final = Path(fluxcli.__file__).parent / ".agents/skills/fluxcli"
_COMMANDS: Final = list(program().all())
_WIDTHS: Final = (40, 60, 80, 120, 200)
_PAGES: Final = [
    *([*one.words.split(), "--help"] for one in _COMMANDS),
    *(["help", topic] for topic in TOPICS if topic != "agents"),
]

each_command = pytest.mark.parametrize("command", _COMMANDS, ids=lambda one: one.path)


def _page(world: World, *words: str, columns: int = 80) -> list[str]:
    ran = world.run(*words, env={"COLUMNS": str(columns)})
    assert (ran.status, ran.err) == (0, "")
    return ran.lines


def _unbroken(lines: list[str]) -> str:
    """Return a page as one line of text, without indents."""
    return " ".join(line.strip() for line in lines)


class TestPages:
    @each_command
    def test_a_page_begins_with_one_line_and_examples(self, world: World, command: Command) -> None:
        lines = _page(world, *command.words.split(), "--help")
        assert lines[:3] == [command.help, "", "Examples:"] or len(command.help) > 80
        shown = [line.strip() for line in lines if line.strip() in command.examples]
        assert tuple(shown) == command.examples

    @each_command
    def test_help_and_the_help_flag_print_the_same_page(
        self, world: World, command: Command
    ) -> None:
        words = command.words.split()
        page = _page(world, *words, "--help")
        assert _page(world, "help", *words) == page
        assert _page(world, *words, "-h") == page

    @pytest.mark.parametrize("columns", _WIDTHS)
    @pytest.mark.parametrize("words", _PAGES, ids=" ".join)
    def test_pages_fit_the_terminal(self, world: World, words: list[str], columns: int) -> None:
        """Only examples and the contents of files may have longer lines."""
        lines = _page(world, *words, columns=columns)
        kept = {example for one in _COMMANDS for example in one.examples}
        long = [line for line in lines if len(line) > columns and line.strip() not in kept]
        assert not [line for line in long if not line.startswith("  fluxcli ")]
        assert not [line for line in lines if line != line.rstrip()]

    @pytest.mark.parametrize("columns", _WIDTHS)
    @each_command
    def test_no_word_is_cut_or_broken_at_a_hyphen(
        self, world: World, command: Command, columns: int
    ) -> None:
        lines = _page(world, *command.words.split(), "--help", columns=columns)
        text = _unbroken(lines)
        assert "..." not in text.replace("]...", "").replace("ASSET...", "").replace("LOCK...", "")
        words = {word.strip(",") for line in lines for word in line.split()}
        for flag in command.flags:
            assert set(flag.names) <= words
            assert flag.help in text
        for below in command.commands:
            assert below.help in text

    @each_command
    def test_flags_are_grouped(self, world: World, command: Command) -> None:
        lines = _page(world, *command.words.split(), "--help")
        headings = [line[:-1] for line in lines if line.endswith(":") and line[0] != " "]
        groups = [one for one in headings if one in {"Flags", *GROUPS}]
        assert groups == [one for one in ("Flags", *GROUPS) if one in groups]
        assert groups[-1] == "General"

    def test_generate_has_every_group(self, world: World) -> None:
        lines = _page(world, "generate", "--help")
        assert [line[:-1] for line in lines if line[:-1] in GROUPS] == list(GROUPS)

    @each_command
    def test_a_page_ends_with_statuses_and_related_topics(
        self, world: World, command: Command
    ) -> None:
        text = _unbroken(_page(world, *command.words.split(), "--help"))
        for number in command.statuses:
            assert f"{number} " in text
            assert STATUSES[number].meaning in text
        assert set(command.see) <= set(TOPICS)
        assert text.rpartition("Read on: ")[2].startswith("fluxcli ")

    @each_command
    def test_every_flag_and_argument_is_explained(self, command: Command) -> None:
        texts = [flag.help for flag in command.flags] + [one.help for one in command.arguments]
        assert all(len(text) > 5 and not text.endswith(".") for text in texts)

    def test_every_page_and_topic_is_different(self, world: World) -> None:
        pages = {tuple(_page(world, *words)) for words in _PAGES}
        assert len(pages) == len(_PAGES)


class TestTopics:
    def test_exit_codes_have_every_status_and_code(self, world: World) -> None:
        text = _unbroken(_page(world, "help", "exit-codes"))
        for number, info in STATUSES.items():
            assert f"{number} " in text
            assert info.meaning in text
        for code, row in TABLE.items():
            assert f"{code.value} " in text
            assert row.meaning in text

    def test_environment_has_every_setting_and_variable(self, world: World) -> None:
        text = _unbroken(_page(world, "help", "environment"))
        for setting in SETTINGS.values():
            assert setting.help in text
            assert all(variable in text for variable in setting.variables)

    def test_agents_prints_the_skill_file(self, world: World) -> None:
        assert world.run("help", "agents").out == (SKILL / "SKILL.md").read_bytes()

    @pytest.mark.parametrize("topic", TOPICS)
    def test_topics_are_printed_with_a_broken_config(self, world: World, topic: str) -> None:
        config = world.root / "config" / "config.toml"
        config.parent.mkdir()
        config.write_text("broken [")
        assert world.run("help", topic).status == 0

    @pytest.mark.parametrize(
        ("words", "hint"),
        [
            (["generat"], "hint: fluxcli help generate"),
            (["exit-code"], "hint: fluxcli help exit-codes"),
            (["exitcodes"], "hint: fluxcli help exit-codes"),
            (["config", "sett"], "hint: fluxcli help config"),
            (["config", "set", "generate.model"], "hint: fluxcli help config"),
            (["xyzzy"], "hint: fluxcli help"),
            (["generate\nMake an image"], "hint: fluxcli help"),
        ],
    )
    def test_an_unknown_topic_suggests_the_nearest(
        self, world: World, words: list[str], hint: str
    ) -> None:
        ran = world.run("help", *words)
        assert (ran.status, ran.out) == (2, b"")
        assert hint in ran.err


def _document(world: World) -> dict[str, Any]:
    ran = world.run("help", "--json")
    assert (ran.status, ran.err) == (0, "")
    return ran.record


class TestJson:
    def test_the_document_has_these_entries(self, world: World) -> None:
        document = _document(world)
        assert list(document) == [
            *("fluxcli", "commands", "exit_statuses", "error_codes", "settings", "schemas")
        ]
        assert document["fluxcli"] == fluxcli.__version__
        entries: dict[str, list[str]] = {
            "commands": ["name", "summary", "usage", "examples", "arguments", "flags"],
            "exit_statuses": ["status", "meaning", "charged", "next"],
            "error_codes": ["code", "status", "meaning", "retryable"],
            "settings": ["name", "environment", "default", "help"],
        }
        for name, keys in entries.items():
            assert all(list(entry) == keys for entry in document[name])
        for command in document["commands"]:
            for argument in command["arguments"]:
                assert list(argument) == ["name", "required", "help"]
            for flag in command["flags"]:
                keys = ["names", "value", "values", "default", "setting", "group", "help"]
                assert list(flag) == keys

    def test_the_document_has_every_command_and_topic(self, world: World) -> None:
        document = _document(world)
        assert [one["name"] for one in document["commands"]] == [one.words for one in _COMMANDS]
        assert {one["code"] for one in document["error_codes"]} == {code.value for code in TABLE}
        statuses = {one["status"] for one in document["exit_statuses"]}
        assert statuses == {*Status, 129, 130, 143}
        assert [one["name"] for one in document["settings"]] == list(SETTINGS)
        for command, found in zip(_COMMANDS, document["commands"], strict=True):
            names = {name for flag in found["flags"] for name in flag["names"]}
            assert names == {name for flag in command.flags for name in flag.names}

    def test_flags_name_their_values_and_settings(self, world: World) -> None:
        commands = {one["name"]: one for one in _document(world)["commands"]}
        flags = {flag["names"][-1]: flag for flag in commands["generate"]["flags"]}
        assert flags["--model"] == {
            "names": ["-m", "--model"],
            "value": "pro|max",
            "values": ["pro", "max"],
            "default": None,
            "setting": "generate.model",
            "group": "Image",
            "help": flags["--model"]["help"],
        }
        assert flags["--count"]["default"] == 1
        assert flags["--timeout"]["setting"] == "timeout"
        assert flags["--force"]["value"] is None

    def test_the_document_of_one_command(self, world: World) -> None:
        whole = {one["name"]: one for one in _document(world)["commands"]}
        assert world.run("help", "config", "set", "--json").record == whole["config set"]
        assert world.run("--json", "help", "edit").record == whole["edit"]
        assert world.run("help", "generat", "--json").code == "usage"

    def test_the_schemas_are_valid(self, world: World) -> None:
        schemas = _document(world)["schemas"]
        assert set(schemas) >= {"image", "error", "plan", "build", "credits", "callback"}
        for schema in schemas.values():
            jsonschema.Draft202012Validator.check_schema(schema)

    @pytest.mark.parametrize(
        ("schema", "words"),
        [
            ("image", ["generate", "a fox", "-o", "fox.jpg"]),
            ("image", ["generate", "a fox", "--no-wait"]),
            ("image", ["edit", "@last", "make it night"]),
            ("image", ["status"]),
            ("image", ["status", "@last"]),
            ("image", ["download", "@last", "-o", "again.png"]),
            ("error", ["generate", "a fox", "--model", "maxx"]),
            ("error", ["status", "ffff0000ffff0000"]),
            ("error", ["nosuch"]),
            ("dry_run", ["generate", "a fox", "--dry-run"]),
            ("plan", ["build", "--plan"]),
            ("plan", ["build", "--check"]),
            ("build", ["build", "--yes"]),
            ("credits", ["credits"]),
            ("credits", ["credits", "--since", "30d"]),
        ],
        ids=lambda value: value if isinstance(value, str) else " ".join(value),
    )
    def test_every_document_is_valid_by_its_schema(
        self, world: World, schema: str, words: list[str]
    ) -> None:
        world.run("assets", "init")
        world.run("generate", "a cat", "--sandbox", "-o", "cat.png")
        validator = jsonschema.Draft202012Validator(_document(world)["schemas"][schema])
        records = world.run(*words, "--sandbox", "--json").records
        assert records
        for record in records:
            validator.validate(record)


class TestSkill:
    def test_the_skill_follows_the_published_rules(self) -> None:
        """agentskills.io: front matter with name and description; the folder has its name."""
        text = (SKILL / "SKILL.md").read_text(encoding="utf-8")
        _, front, body = text.split("---\n", 2)
        entries = dict(line.split(": ", 1) for line in front.splitlines())
        assert set(entries) <= {"name", "description", "license", "compatibility", "metadata"}
        assert entries["name"] == SKILL.name
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", entries["name"])
        assert 0 < len(entries["description"]) <= 1024
        assert 0 < len(entries["compatibility"]) <= 500
        assert len(body.splitlines()) < 500

    def test_the_reference_validator_accepts_the_skill(self) -> None:
        skills_ref = pytest.importorskip("skills_ref", reason="pip install skills-ref")
        assert skills_ref.validate(SKILL) == []

    def test_the_skill_names_every_status_and_existing_flags_only(self) -> None:
        text = (SKILL / "SKILL.md").read_text(encoding="utf-8")
        cells = re.findall(r"^\| ([\d, ]+) \|", text, re.MULTILINE)
        assert {int(number) for cell in cells for number in cell.split(",")} == set(STATUSES)
        known = {name for one in _COMMANDS for flag in one.flags for name in flag.names}
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= known

    def test_the_commands_of_the_skill_work(self, world: World) -> None:
        """In the sandbox: generate, edit, resume, download, a list of prompts."""
        (world.cwd / "prompts.txt").write_text("a fox\n", encoding="utf-8")
        text = world.run("help", "agents").out.decode()
        lines = re.findall(r"^fluxcli .*", text, re.MULTILINE)
        assert len(lines) >= 7
        known = {one["status"] for one in _document(world)["exit_statuses"]}
        task = ""
        for line in lines:
            words = _words(line.replace("TASK", task))
            ran = world.run(*words)
            assert ran.status in known
            assert ran.status == 0, (line, ran.err)
            for record in ran.records if "--json" in words else []:
                task = record.get("task_id") or task
                assert "error" not in record

    def test_the_first_command_of_the_skill_run_again_sends_nothing(self, world: World) -> None:
        text = world.run("help", "agents").out.decode()
        found = re.search(r"^(fluxcli generate .*--sandbox)$", text, re.MULTILINE)
        assert found
        first = world.run(*_words(found[1])).record
        again = world.run(*_words(found[1])).record
        assert (again["task_id"], again["path"]) == (first["task_id"], first["path"])

    def test_the_command_is_resumed_after_a_timeout_as_the_skill_describes(
        self, world: World
    ) -> None:
        """Status 4 asks for the same command again: one task is charged."""
        words = ["generate", "a boat", "-o", "boat.png", "--json", "--sandbox"]
        slow = {"FLUXCLI_SANDBOX_SECONDS": "3600"}
        early = world.run(*words, "--timeout", "1s", env=slow)
        table = {one["status"]: one for one in _document(world)["exit_statuses"]}
        assert early.status == 4
        assert "same command again" in table[4]["next"]
        world.clock.sleep(7200)
        late = world.run(*words, env=slow)
        assert late.status == 0
        assert late.record["task_id"] == early.record["error"]["task_id"]


def _words(line: str) -> list[str]:
    return shlex.split(line, comments=True)[1:]


def test_the_document_is_one_line_of_ascii(world: World) -> None:
    out = world.run("help", "--json").out
    assert out.isascii()
    assert out.count(b"\n") == 1
    assert json.loads(out)
