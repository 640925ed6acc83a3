"""What is checked before anything is paid: values, limits, consent; and dry runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.balance import spent

if TYPE_CHECKING:
    from tests.worlds import World


pytestmark = pytest.mark.usefixtures("wire_format")
"""Everything here holds in both wire formats."""


class TestBadValues:
    """All invalid values are reported together before anything is paid."""

    @pytest.mark.parametrize(
        ("flags", "message", "hint"),
        [
            ("-m turbo", "expected `pro` or `max`", None),
            ("-m prro", "expected `pro` or `max`", "--model pro"),
            ("-a 16:10", "expected `21:9`", "--aspect-ratio 16:9"),
            ("-a 5:4", "expected `21:9`", "--aspect-ratio 4:3"),
            ("-a 1080x1920", "expected `21:9`", "--aspect-ratio 9:16"),
            ("-a wide", "expected `21:9`", None),
            ("--output-format webp", "expected `jpeg` or `png`", None),
            (
                "-o x.webp",
                "names a format that the service cannot make",
                "end it in `.jpg` or `.png`",
            ),
            ("-o x.jpg --output-format png", "clash", "--output-format jpeg"),
            ("--safety-tolerance 7", "from 0 to 6", "--safety-tolerance 6"),
            ("--safety-tolerance two", "expected a whole number", None),
            ("--callback-url example.com", "expected an address", None),
            ("--timeout soon", "expected a duration", None),
            ("--interval 0", "expected a duration above zero", None),
            ("-n 0", "1 to 100", "--count 1"),
            ("-n 101", "1 to 100", "--count 100"),
            ("-o {name}.png", "no placeholder `{name}`", None),
            ("-o a{.png", "a lone brace", None),
            ("-o file/x.png", "is not a folder", None),
            ("--max-credits lots", "expected a whole number", None),
        ],
    )
    def test_an_invalid_value_is_refused(
        self, box: World, flags: str, message: str, hint: str | None
    ) -> None:
        (box.cwd / "file").touch()
        ran = box.run("generate", "a fox", *flags.split())
        assert (ran.status, ran.out) == (2, b"")
        assert ran.err.startswith("error: ")
        assert message in ran.err
        if hint is not None and hint.startswith("--"):
            # The whole command, without the wrong value.
            line = next(line for line in ran.err.splitlines() if line.startswith("hint: "))
            assert line.startswith('hint: fluxcli generate "a fox" ')
            assert line.endswith(hint)
            assert flags.rsplit(maxsplit=1)[-1] not in line.split()
        elif hint is not None:
            assert f"hint: {hint}" in ran.err
        assert not (box.state / "journal.sqlite3").exists()

    def test_several_invalid_values_are_reported_together(self, box: World) -> None:
        (box.cwd / "fox.png").touch()
        flags = "-a 5:4 -m turbo --safety-tolerance 9 --timeout soon -o fox.png"
        ran = box.run("generate", "", *flags.split(), "--json")
        assert ran.status == 2
        errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
        assert len(errors) == 6
        for word in ("--aspect-ratio", "--model", "--safety-tolerance", "--timeout", "prompt"):
            assert word in ran.record["error"]["message"]
        assert "already exists" in ran.record["error"]["message"]

    def test_an_invalid_value_is_reported_once(self, box: World) -> None:
        ran = box.run("generate", "a fox", "--output-format", "webp", "-o", "x.jpg")
        assert ran.err.count("error: ") == 1

    def test_a_broken_config_is_reported_once(self, box: World) -> None:
        config = box.root / "config" / "config.toml"
        config.parent.mkdir()
        config.write_text("[generate\nmodel = 1\n")
        ran = box.run("generate", "a fox", "--color", "never", "--json")
        assert (ran.status, ran.code) == (2, "config_invalid")
        assert ran.err.count("error: ") == 1
        assert "config.toml:1" in ran.err
        assert config.read_text() == "[generate\nmodel = 1\n"


class TestDryRun:
    def test_a_dry_run_needs_no_key_and_creates_nothing(self, world: World) -> None:
        """Nor network."""
        del world.env["FLUXCLI_API_KEY"]
        world.ask("http://127.0.0.1:9")
        ran = world.run("generate", "a fox", "--dry-run", "-n", "3", "-o", "a/fox.png")
        assert ran.status == 0
        fields = [line.split(maxsplit=1) for line in ran.lines]
        assert ["prompt", "a fox"] in fields
        assert ["estimated_credits", "15"] in fields
        assert [text for name, text in fields if name == "output"] == [
            str(world.cwd / f"a/fox-{n}.png") for n in (1, 2, 3)
        ]
        assert [entry.name for entry in world.root.iterdir()] == ["work"]
        assert list(world.cwd.iterdir()) == []

    def test_json_prints_the_request(self, box: World) -> None:
        record = box.run("generate", "a fox", "--dry-run", "-m", "max", "--json").record
        later = ["input", "preset", "again", "metadata", "images", "unpaid"]
        assert list(record) == ["request", "outputs", "estimated_credits", *later]
        assert record["outputs"] == [str(box.cwd / "{prompt}-{id}.{ext}")]
        assert record["estimated_credits"] == 10

    def test_it_counts_the_images_even_where_one_path_stands_for_all(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-n", "30", "--dry-run")
        assert ["images", "30"] in [line.split() for line in ran.lines]
        box.run("generate", "-p", "a fox", "-n", "2", "-o", "{n}.png", "--no-wait")
        more = box.run("generate", "a fox", "-n", "2", "-o", "{n}.png", "--dry-run", "--json")
        assert (more.record["images"], more.record["unpaid"]) == (2, 0)

    def test_a_list_estimates_what_is_still_to_be_paid_line_by_line(self, box: World) -> None:
        (box.cwd / "list").write_text("a fox\n")
        make = ("generate", "--prompts", "list", "-o", "{n}.png")
        assert box.run(*make).status == 0
        (box.cwd / "list").write_text("a fox\na cat\n")
        records = box.run(*make, "--dry-run", "--json").records
        assert [(one["unpaid"], one["estimated_credits"]) for one in records] == [(0, 0), (1, 5)]

    def test_a_paid_task_is_not_estimated_again(self, box: World) -> None:
        box.run("generate", "a fox", "-o", "fox.png", "--no-wait")
        ran = box.run("generate", "a fox", "-o", "fox.png", "--dry-run", "--json")
        assert ran.record["estimated_credits"] == 0


class TestConsent:
    def test_a_run_over_the_cap_is_refused_before_anything_is_sent(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-n", "3", "--max-credits", "14", "--json")
        assert (ran.status, ran.code) == (7, "over_budget")
        assert ran.record["error"]["hint"] == (
            'fluxcli generate "a fox" -n 3 --json --max-credits 15'
        )
        assert not (box.state / "journal.sqlite3").exists()

    def test_a_run_within_the_cap_needs_no_consent(self, box: World) -> None:
        assert box.run("generate", "a fox", "-n", "3", "--max-credits", "15").status == 0
        assert spent(box) == 15

    def test_an_expensive_run_needs_consent(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-n", "21", "--json")
        assert (ran.status, ran.code) == (7, "no_consent")
        assert "105 credits" in ran.err
        assert "--max-credits 105" in ran.record["error"]["hint"]
        assert spent(box) == 0

    @pytest.mark.parametrize("consent", [("--yes",), ("-y",), ("--max-credits", "110")])
    def test_yes_gives_consent(self, box: World, consent: tuple[str, ...]) -> None:
        ran = box.run("generate", "a fox", "-m", "max", "-n", "11", "--no-wait", *consent)
        assert (ran.status, len(ran.lines)) == (0, 11)

    @pytest.mark.parametrize(("answer", "status"), [(b"y\n", 0), (b"\n", 7), (b"n\n", 7), (b"", 7)])
    def test_consent_is_asked_for_on_a_terminal(
        self, box: World, answer: bytes, status: int
    ) -> None:
        words = ("generate", "a fox", "-m", "max", "-n", "11", "--no-wait")
        ran = box.run(*words, stdin=answer, terminal=True)
        assert "spend an estimated 110 credits? [y/N]" in ran.err
        assert ran.status == status

    def test_a_hundred_credits_need_no_consent(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-m", "max", "-n", "10", "--no-wait")
        assert ran.status == 0

    def test_the_limit_of_submissions_is_kept(self, box: World) -> None:
        """Twenty in ten seconds; the others wait and report it."""
        began = box.clock.monotonic()
        ran = box.run("generate", "a fox", "-n", "25", "-o", "f/", "-y", "--json")
        assert (ran.status, len(ran.records)) == (0, 25), [r for r in ran.records if "error" in r]
        assert "waiting for a slot" in ran.err
        assert "too many calls" not in ran.err
        assert 10 <= box.clock.monotonic() - began <= 40

    def test_without_a_key_it_is_status_3(self, world: World) -> None:
        del world.env["FLUXCLI_API_KEY"]
        ran = world.run("generate", "a fox", "--json")
        assert (ran.status, ran.code) == (3, "auth_missing_key")
        assert "fluxcli config set api_key" in ran.err
        assert not world.state.exists()
