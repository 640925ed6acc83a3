"""What `-o` means, and the names that pictures get."""

from __future__ import annotations

import os
import re
import string
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fluxcli.errors import Code, FluxError
from fluxcli.files import filename as components
from fluxcli.files import output_path
from fluxcli.files.default_name import DEFAULT_NAME
from fluxcli.files.output_path import (
    STDOUT,
    NameValues,
    OutputTarget,
    descriptor,
    format_of,
    known_paths,
    parse_target,
    resolve,
)
from fluxcli.files.quoting import quoted

CWD = Path("/somewhere/{odd}")
FACTS = NameValues(
    id="e730dcfe4e5d59332daf52c08a960085",
    prompt="A lighthouse at dawn",
    n=1,
    count=1,
    date="2026-09-30",
    model="flux-kontext-pro",
    ratio="16:9",
    ext="jpg",
)
ALIEN = st.text(st.characters(codec="utf-8"), max_size=200)


def parse(text: str | None) -> OutputTarget:
    return parse_target(text, cwd=CWD)


def name_of(text: str, facts: NameValues = FACTS) -> str:
    return str(resolve(parse(text), facts).relative_to(CWD))


def refusal(text: str) -> FluxError:
    with pytest.raises(FluxError) as caught:
        format_of(parse(text))
    assert caught.value.code is Code.INVALID_REQUEST
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        (None, "template", "a-lighthouse-at-dawn-e730dcfe4e5d59332daf52c08a960085.jpg"),
        ("a.png", "file", "a.png"),
        ("./deep//a.png", "file", "deep/a.png"),
        ("~a.png", "file", "~a.png"),
        ("a{{b}}.png", "file", "a{b}.png"),
        ("out/", "folder", "out/a-lighthouse-at-dawn-e730dcfe4e5d59332daf52c08a960085.jpg"),
        ("{{x}}/", "folder", "{x}/a-lighthouse-at-dawn-e730dcfe4e5d59332daf52c08a960085.jpg"),
        ("{date}/{id}.{ext}", "template", "2026-09-30/e730dcfe4e5d59332daf52c08a960085.jpg"),
        ("{model}-{ratio}-{n}.png", "template", "flux-kontext-pro-16x9-1.png"),
        ("{{{prompt}}}.png", "template", "{a-lighthouse-at-dawn}.png"),
        (
            "{date}/",
            "template",
            "2026-09-30/a-lighthouse-at-dawn-e730dcfe4e5d59332daf52c08a960085.jpg",
        ),
    ],
)
def test_what_the_flag_means(text: str | None, kind: str, name: str) -> None:
    """Each form has its kind; the journal's text of it means the same from any folder."""
    target = parse(text)
    assert target.kind == kind
    assert resolve(target, FACTS) == CWD / name
    assert OutputTarget.restore(target.stored()) == target


@pytest.mark.parametrize("text", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_every_name_of_stdout_is_stdout(text: str) -> None:
    """A redirected stdout is a file that must be written on, never replaced."""
    target = parse(text)
    assert target is STDOUT
    assert OutputTarget.restore(target.stored()) is STDOUT
    assert format_of(target) is None
    assert known_paths(target, FACTS) == []
    assert target.folder() is None
    with pytest.raises(ValueError, match="stdout"):
        resolve(target, FACTS)


def test_existing_folders(tmp_path: Path) -> None:
    """An existing folder is one with or without the slash, and its braces mean nothing."""
    odd = tmp_path / "{pictures}"
    odd.mkdir()
    for text in ("{pictures}", "{pictures}/", "{{pictures}}", str(odd)):
        target = parse_target(text, cwd=tmp_path)
        assert target == OutputTarget("folder", str(odd))
        assert OutputTarget.restore(target.stored()) == target
    assert parse_target(".", cwd=tmp_path) == OutputTarget("folder", str(tmp_path))
    assert parse_target("no/..", cwd=tmp_path).kind == "folder"


def test_home_is_expanded_where_it_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/{me}")
    assert parse("~/a.png") == OutputTarget("file", "/home/{me}/a.png")
    assert parse("~") == OutputTarget("file", "/home/{me}")
    assert resolve(parse("~/{n}.png"), FACTS) == Path("/home/{me}/1.png")
    assert parse("a/~/b.png") == OutputTarget("file", str(CWD / "a/~/b.png"))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("a\0b.png", "`/somewhere/{odd}/a\\x00b.png` contains a zero byte"),
        ("\udcff.png", "is not UTF-8"),
        ("a" * 256 + ".png", "longer than 255 bytes"),
        ("é" * 128 + "{n}", "longer than 255 bytes"),
        ("a/" * 2100 + "b.png", "longer than 4095 bytes"),
        ("{promt}.png", "no placeholder `{promt}` in an output; the nearest is `{prompt}`"),
        ("{ID}.png", "the nearest is `{id}`"),
        ("{}.png", "no placeholder `{}`"),
        ("{n:03}.png", "the nearest is `{n}`"),
        ("{\x1b]0;}.png", "`{\\x1b]0;}`"),
        ("{prompt", "a lone brace in the output `{prompt`"),
        ("a}b", "a lone brace"),
        ("a.webp", "ending `.webp` names a format that"),
        ("a.TXT", "ending `.txt` names a format that"),
        ("{prompt}.gif", "ending `.gif`"),
        ("{ext}.7z", "ending `.7z`"),
    ],
)
def test_refused_before_anything_is_spent(text: str, part: str) -> None:
    assert part in refusal(text).message


def test_a_folder_that_is_not_utf_8_is_refused() -> None:
    """The journal could not hold the path, and the picture would be lost to `download`."""
    with pytest.raises(FluxError, match="not UTF-8"):
        parse_target(None, cwd=Path("/bad\udcff"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.png", "png"),
        ("a.PNG", "png"),
        ("a.jpg", "jpeg"),
        ("a.b.jpeg", "jpeg"),
        ("{prompt}.png", "png"),
        ("{date}/.jpg", None),
        ("{prompt}.{ext}", None),
        ("{prompt}", None),
        ("{prompt}-x", None),
        ("pic", None),
        (".png", None),
        ("pic.", None),
        ("release-1.2", None),
        ("Mr. Smith", None),
        ("out/", None),
        ("/dev/null", None),
    ],
)
def test_the_ending_asks_for_a_format(text: str, expected: str | None) -> None:
    assert format_of(parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b.png", "a.b-2.png"),
        ("a", "a-2"),
        (".png", ".png-2"),
        ("{prompt}.{ext}", "a-lighthouse-at-dawn-2.jpg"),
        ("{date}", "2026-09-30-2"),
        ("{n}/a.png", "2/a.png"),
        ("{id}/a.png", "e730dcfe4e5d59332daf52c08a960085/a.png"),
    ],
)
def test_several_images_get_numbers(text: str, expected: str) -> None:
    """Numbers go before the ending, unless the template distinguishes the images itself."""
    assert name_of(text, replace(FACTS, n=2, count=3)) == expected


def test_a_number_makes_no_name_too_long() -> None:
    name = name_of("a" * 255, replace(FACTS, n=2, count=3))
    assert len(name) == 255
    assert name != "a" * 255


@pytest.mark.parametrize(
    ("name", "number"),
    [
        *(("/dev/stdin", 0), ("/dev/stdout", 1), ("/dev/stderr", 2)),
        *(("/dev/fd/3", 3), ("/proc/self/fd/12", 12), ("/dev/fd/x", None), ("/tmp/1", None)),  # noqa: S108 - only a name
    ],
)
def test_which_names_are_descriptors(name: str, number: int | None) -> None:
    assert descriptor(Path(name)) == number


def test_devices_take_all_images() -> None:
    paths = known_paths(parse("/dev/null"), replace(FACTS, count=2))
    assert paths == [Path("/dev/null"), Path("/dev/null")]


def test_paths_are_known_before_the_id_is() -> None:
    """Paths that need no id are all known; the others are not, and asking early is a bug."""
    facts = replace(FACTS, id=None, count=2)
    assert known_paths(parse("a.png"), facts) == [CWD / "a-1.png", CWD / "a-2.png"]
    assert known_paths(parse("{id}.png"), facts) is None
    assert known_paths(parse("out/"), facts) is None
    with pytest.raises(ValueError, match="id"):
        resolve(parse(None), facts)


@pytest.mark.parametrize(
    ("text", "folder"),
    [(None, ""), ("a/b.png", "a"), ("a/b/", "a/b"), ("a/{date}/b/{n}.png", "a"), ("{n}/a", "")],
)
def test_the_folder_known_beforehand(text: str | None, folder: str) -> None:
    assert parse(text).folder() == CWD / folder


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Don't  STOP: a\tfox/hen!", "dont-stop-a-fox-hen"),
        ("../../etc/passwd", "etc-passwd"),
        ("-rf .hidden", "rf-hidden"),
        ("İstanbul, ÇAY", "i̇stanbul-çay"),
        ("e\u0301te\u0301", "été"),
        ("灯台の夜明け", "灯台の夜明け"),
        ("a\u202egnp.exe\u200b\x1b[31m", "a-gnp-exe-31m"),
        ("\u0301\u0302 b", "b"),
        ("\u0301ab", "ab"),
        ("🦊!?", "picture"),
        ("", "picture"),
        ("CON", "_con"),
    ],
)
def test_words_of_a_prompt(prompt: str, expected: str) -> None:
    made = name_of("{prompt}.png", replace(FACTS, prompt=prompt))
    assert made == unicodedata.normalize("NFC", expected) + ".png"


def test_what_no_name_may_hold_becomes_a_dash() -> None:
    assert name_of("{id}.png", replace(FACTS, id="a/b:c d+e_f.g")) == "a-b-c-d+e_f.g.png"


def test_an_edit_keeps_its_inputs_ratio() -> None:
    assert name_of("{ratio}.png", replace(FACTS, ratio=None)) == "input.png"


def test_a_long_prompt_is_cut_after_a_word() -> None:
    """The id and the ending stay whole, and the words that fit stay whole too."""
    name = name_of("{prompt}-{id}.{ext}", replace(FACTS, prompt="lighthouse " * 30))
    assert name == "lighthouse-" * 7 + "e730dcfe4e5d59332daf52c08a960085.jpg"
    assert name_of("{prompt}.png", replace(FACTS, prompt="x" * 500)) == "x" * 116 + ".png"


def test_a_letter_keeps_its_marks_when_cut() -> None:
    """A character is never cut in two, not even one made of several code points."""
    name = name_of("{prompt}.png", replace(FACTS, prompt="x" * 114 + "q\u0323\u0323"))
    assert name == "x" * 114 + ".png"
    assert name_of("{prompt}.png", replace(FACTS, prompt="q" + "\u0323" * 99)) == "x.png"


def test_names_too_long_for_the_disk_end_in_a_digest() -> None:
    """Two pictures whose long names are cut still get two names."""
    made = {
        name_of("a" * 240 + "{id}{id}.png", replace(FACTS, id=f"task-{n}" * 20)) for n in range(2)
    }
    assert len(made) == 2
    assert all(len(name) <= 255 and name.endswith(".png") for name in made)


def test_a_name_that_is_not_utf_8_is_measured_and_cut_all_the_same() -> None:
    """A link may lead to a file of any name; only a name that is made up is cut."""
    odd = os.fsdecode(b"\xff" * 300)
    assert components.size(odd) == 300
    assert components.shortened(odd, 120) == "x"
    assert re.fullmatch("-[0-9a-f]{12}", components.portable(odd))


TEMPLATES = [
    DEFAULT_NAME,
    "{prompt}.png",
    "{id}",
    "{model}-{prompt}-{prompt}.{ext}",
    "{id}/{n}.jpg",
]


@given(template=st.sampled_from(TEMPLATES), prompt=ALIEN, identity=ALIEN, model=ALIEN)
def test_no_value_can_break_out_of_its_place(
    template: str, prompt: str, identity: str, model: str
) -> None:
    """Any value becomes a readable part of one name, within the limits."""
    facts = replace(FACTS, prompt=prompt, id=identity, model=model)
    made = resolve(parse(template), facts).relative_to(CWD)
    assert len(made.parts) == template.count("/") + 1
    for name in made.parts:
        assert name == unicodedata.normalize("NFC", name)
        assert name.isprintable()
        assert not set(name) & set('/\\:*?"<>| ')
        assert name[0] not in ".-"
        assert name[-1] not in ". "
        assert len(name.encode()) <= 255
    if "{model}" not in template and len(identity.encode()) <= 80:
        assert len(made.name.encode()) <= 120


@given(identity=st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=64))
def test_ids_stay_whole(identity: str) -> None:
    assume(identity == identity.strip("-_"))
    assert name_of("{id}.png", replace(FACTS, id=identity)).endswith(f"{identity}.png")


@given(text=ALIEN)
def test_what_is_stored_is_what_was_meant(text: str) -> None:
    """Any text is refused in words, or its stored form means the same."""
    try:
        target = parse(text)
    except FluxError:
        return
    assert OutputTarget.restore(target.stored()) == target
    assert target is STDOUT or os.path.isabs(target.text)  # noqa: PTH117 - of the text itself


def test_names_in_messages_show_what_they_hold() -> None:
    assert quoted("a\n\x1b[2J\u202e\udcff é") == "`a\\n\\x1b[2J\\u202e\\udcff é`"


def test_long_values_stay_different() -> None:
    """An id of a thousand characters is cut to a name's length, and another one to another."""
    one, other = (components.plain("x" * 1000 + end) for end in "ab")
    assert one != other
    assert components.size(one) == components.size(other) <= 100
    assert components.plain("y" * 100) == "y" * 100


@pytest.mark.parametrize(
    ("limit", "cut"),
    [
        (29, "a-lighthouse-at-dawn-in-a-fog"),
        (28, "a-lighthouse-at-dawn-in-a"),
        (25, "a-lighthouse-at-dawn-in-a"),
        (16, "a-lighthouse-at"),
        (1, "a-lighthouse-at"),
    ],
)
def test_words_are_cut_to_exactly_what_fits(limit: int, cut: str) -> None:
    assert components.shortened("a-lighthouse-at-dawn-in-a-fog", limit) == cut


@pytest.mark.parametrize("tail", ["\r", " ", " \t\r\n"])
def test_blanks_and_a_carriage_return_at_the_end_are_removed(tmp_path: Path, tail: str) -> None:
    assert parse_target(f"x.png{tail}", cwd=tmp_path) == parse_target("x.png", cwd=tmp_path)
    assert parse_target(f"-{tail}", cwd=tmp_path).kind == "stdout"


@pytest.mark.parametrize(
    "name",
    ["con.png", "q?.png", "a:b.png", "nul/x.png", "d./x.png", "aux/{id}.png", "{prompt}.", "CON/"],
)
def test_names_that_windows_cannot_hold_are_refused_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    parse_target(name, cwd=tmp_path)
    monkeypatch.setattr(output_path, "_IS_WINDOWS", True)
    with pytest.raises(FluxError, match="Windows") as caught:
        parse_target(name, cwd=tmp_path)
    assert caught.value.status == 2


@pytest.mark.parametrize("name", [None, "{prompt}-{id}.{ext}", "{n}", "x.png", "con-{n}.png", "d/"])
def test_names_that_windows_can_hold_are_accepted_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    expected = parse_target(name, cwd=tmp_path)
    monkeypatch.setattr(output_path, "_IS_WINDOWS", True)
    assert parse_target(name, cwd=tmp_path) == expected
