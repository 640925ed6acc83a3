"""Mistyped command lines send nothing, and the hint is the command that was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from fluxcli.commands import COMMANDS

if TYPE_CHECKING:
    from tests.worlds import World


@pytest.fixture(autouse=True)
def _images(box: World) -> None:
    for name in ("cube.png", "b.png"):
        Image.new("RGB", (300, 300), "teal").save(box.cwd / name)
    (box.cwd / "words.txt").write_text("a fox")
    (box.cwd / "bare").write_bytes((box.cwd / "cube.png").read_bytes())


def refused(box: World, words: tuple[str, ...], hint: str) -> None:
    ran = box.run(*words)
    assert (ran.status, ran.out) == (2, b"")
    assert f"hint: {hint}" in ran.err.splitlines()
    assert "no task" in box.run("status").err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("generate", "help"), "fluxcli generate --help"),
        (("generate", " Help "), "fluxcli generate --help"),
        (("generate", "VERSION"), "fluxcli --version"),
        (("generate", "generate"), "fluxcli generate --help"),
        (("generate", "--", "status"), "fluxcli status --help"),
        (("edit", "cube.png", "help"), "fluxcli edit --help"),
        (("edit", "help"), "fluxcli edit --help"),
        (("generate", "cube.png"), 'fluxcli edit cube.png "PROMPT"'),
        (("generate", "./bare", "-n", "2"), 'fluxcli edit ./bare "PROMPT"'),
        (("edit", "cube.png", "b.png"), 'fluxcli edit cube.png "PROMPT"'),
        (("generate", "--", "-red cube"), 'fluxcli generate -p "-red cube"'),
        (("edit", "cube.png", "--", "-red"), "fluxcli edit cube.png -p -red"),
        (("edit", "make it $5", "cube.png"), "fluxcli edit cube.png 'make it $5'"),
        (("edit", "make it blue", "@last"), 'fluxcli edit @last "make it blue"'),
        (("edit", "make it blue", "absent.png"), 'fluxcli edit absent.png "make it blue"'),
        (("edit", "blue", "HTTPS://a.example/b"), "fluxcli edit HTTPS://a.example/b blue"),
        (("generate", "a", "red", "cube"), 'fluxcli generate "a red cube"'),
        (
            ("generate", "a", "-n", "2", "red", "--json", "-o", "x y.png"),
            'fluxcli generate "a red" -n 2 --json -o "x y.png"',
        ),
        (("edit", "cube.png", "make", "it", "blue"), 'fluxcli edit cube.png "make it blue"'),
        (("edit", "make", "it", "blue", "cube.png"), 'fluxcli edit cube.png "make it blue"'),
        (("cube.png",), 'fluxcli edit cube.png "PROMPT"'),
        (("a red cube",), 'fluxcli generate "a red cube"'),
        (("generate", "make it red", "cube.png"), 'fluxcli edit cube.png "make it red"'),
        (("generate", "cube.png", "red", "-n", "2"), "fluxcli edit cube.png red -n 2"),
        (("generate", "~/cube.png"), 'fluxcli edit "~/cube.png" "PROMPT"'),
        (("generate", "absent.JPG"), 'fluxcli edit absent.JPG "PROMPT"'),
        (("generate", "https://a.example/b"), 'fluxcli edit https://a.example/b "PROMPT"'),
        (("generate", "@last"), 'fluxcli edit @last "PROMPT"'),
        (("generate", "words.txt"), "fluxcli generate --prompt-file words.txt"),
        (("edit", "cube.png", "@last"), "fluxcli edit --help"),
        (("generate", "- a red cube"), 'fluxcli generate -p "- a red cube"'),
        (("edit", "cube.png", "--red, please"), 'fluxcli edit cube.png -p "--red, please"'),
        (("generate", "-p", "a", "red", "cube"), 'fluxcli generate -p "a red cube"'),
        (("generate", "--prompt", "a", "cat"), 'fluxcli generate -p "a cat"'),
        (("edit", "cube.png", "-p", "a", "b", "c"), 'fluxcli edit cube.png -p "a b c"'),
        (("edit", "-p", "make", "it", "red", "cube.png"), 'fluxcli edit cube.png -p "make it red"'),
        (("edit", "", "red"), 'fluxcli edit photo.jpg "make it night"'),
        (("generate", "red", "--image", "cube.png"), "fluxcli edit cube.png red"),
        (("status", "a red cube"), 'fluxcli status --search "a red cube"'),
        (("download", "cube.png"), "fluxcli status cube.png"),
        (("download", "https://a.example/b"), "fluxcli status"),
        (("download", "--unsaved", "abcd"), "fluxcli download --unsaved"),
        (("credits", "30d"), "fluxcli credits --since 30d"),
        (("sandbox", "start"), "fluxcli sandbox"),
        (("generate", "a", "-m", "ultra"), "fluxcli generate a --model pro"),
        (("generate", "a", "-n", "0"), "fluxcli generate a --count 1"),
    ],
)
def test_a_slip_sends_nothing_and_names_the_command(
    box: World, words: tuple[str, ...], hint: str
) -> None:
    if "--json" not in words:
        refused(box, words, hint)
        return
    ran = box.run(*words)
    assert (ran.status, ran.record["error"]["hint"]) == (2, hint)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_name_of_any_command_is_refused_as_a_prompt(box: World, command: str) -> None:
    assert box.run("generate", command.upper()).status == 2
    assert "no task" in box.run("status").err


@pytest.mark.parametrize(
    "text", ["help", "cube.png", "-red cube", "--json", "@last", "absent.png", "words.txt"]
)
def test_the_prompt_flag_takes_any_text(box: World, text: str) -> None:
    ran = box.run("generate", "-p", text, "-o", "out.jpg")
    assert (ran.status, ran.lines) == (0, [str(box.cwd / "out.jpg")])


@pytest.mark.parametrize("other", [("a fox",), ("--prompt-file", "p.txt")])
def test_a_prompt_from_two_sources_is_refused(box: World, other: tuple[str, ...]) -> None:
    (box.cwd / "p.txt").write_text("a fox")
    ran = box.run("generate", "-p", "a cat", *other)
    assert (ran.status, "give one of them" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("login",), "fluxcli config set api_key"),
        (("history",), "fluxcli status"),
        (("cancel", "@last"), "a submitted task cannot be cancelled; `fluxcli status` shows it"),
        (("doctor",), "fluxcli config check"),
        (("explain", "hero"), "fluxcli assets explain hero"),
        (("exit-codes",), "fluxcli help exit-codes"),
        (("completions", "fish"), "fluxcli completion fish"),
        (("generate", "a", "--output-dir", "x"), "fluxcli generate a --output x/"),
        (("credits", "--no-color"), "fluxcli credits --color never"),
        (("List", "--json=x"), "fluxcli status"),
        (("wait", "abcd"), "fluxcli status abcd --wait"),
        (("logs", "abcd"), "fluxcli status abcd"),
        (("resume", "abcd", "efgh"), "fluxcli download abcd efgh"),
        (("resume",), "fluxcli download --unsaved"),
        (("balance",), "fluxcli credits"),
        (("create", "a cat"), 'fluxcli generate "a cat"'),
        (("create", "a", "red", "cat"), 'fluxcli generate "a red cat"'),
        (("create",), 'fluxcli generate "PROMPT"'),
        (("img2img", "cube.png"), 'fluxcli edit cube.png "PROMPT"'),
        (("upload", "cube.png", "make it red"), 'fluxcli edit cube.png "make it red"'),
        (("cube.png", "make it red", "--no-input"), 'fluxcli edit cube.png "make it red"'),
        (("search", "red", "fox"), 'fluxcli status --search "red fox"'),
        (("open", "abcd", "efgh"), "fluxcli download abcd efgh --open"),
        (("set", "model", "max"), "fluxcli config set model max"),
        (("unset", "model"), "fluxcli config unset model"),
        (("watch",), "fluxcli status @last --wait"),
        (("generate", "a", "--out", "x.png"), "fluxcli generate a --output x.png"),
        (("generate", "a", "--format=png"), "fluxcli generate a --output-format png"),
    ],
)
def test_words_of_other_tools_are_answered(box: World, words: tuple[str, ...], hint: str) -> None:
    refused(box, words, hint)


@pytest.mark.parametrize("flag", ["--size", "--width", "--height", "--ratio"])
def test_flags_for_sizes_get_the_aspect_ratio(box: World, flag: str) -> None:
    ran = box.run("generate", "a", flag, "512")
    line = "fluxcli generate a --aspect-ratio 1:1"
    assert ran.status == 2
    alone = flag in {"--width", "--height"}
    assert f"hint: {'--aspect-ratio 16:9' if alone else line}" in ran.err
    assert "Possible" not in ran.err


@pytest.mark.parametrize("flag", ["--seed", "--negative-prompt", "--steps"])
def test_flags_that_the_service_lacks_are_explained(box: World, flag: str) -> None:
    ran = box.run("generate", "a", flag, "5")
    assert (ran.status, "hint: the service takes n" in ran.err) == (2, True)
