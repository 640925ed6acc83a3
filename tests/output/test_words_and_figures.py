"""Text as it is printed: escaped for a terminal, shortened to a width; figures with units."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcli.output import text
from fluxcli.output.text import with_flag

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain, accented é, 灯台, 🎉", "plain, accented é, 灯台, 🎉"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\nb\rc\td", r"a\nb\rc\td"),
        ("\x7f\x9b31m", r"\x7f\x9b31m"),
        ("abc\u202egnp.exe", r"abc\u202egnp.exe"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("line\u2028end\u2029", r"line\u2028end\u2029"),
        ("lone\ud800\udcff", r"lone\ud800\udcff"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("no-break\xa0space, private \ue000", "no-break\xa0space, private \ue000"),
    ],
)
def test_control_characters_are_escaped(raw: str, shown: str) -> None:
    assert text.visible(raw) == shown


def test_kept_characters_are_not_escaped() -> None:
    assert text.visible("a\nb\x1b", keep="\n") == "a\nb\\x1b"


@given(ANY_TEXT)
def test_no_control_character_ever_remains(raw: str) -> None:
    """For any input, no control, format, surrogate or separator comes out."""
    shown = text.visible(raw)
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(ANY_TEXT, st.integers(0, 40))
def test_a_shortened_text_fits(raw: str, width: int) -> None:
    shown = text.visible(raw)
    assert text.cells(text.shorten(shown, width)) <= width


@pytest.mark.parametrize(
    ("long", "width", "short"),
    [
        ("lighthouse", 10, "lighthouse"),
        ("lighthouse", 9, "lighthou…"),
        ("a lighthouse", 3, "a…"),
        ("灯台の夜明け", 6, "灯台…"),
        ("灯台の夜明け", 5, "灯台…"),
        ("❤\ufe0f", 1, "❤"),
        ("a\ufe00b\ufe0f", 9, "ab"),
        ("lighthouse", 1, "…"),
        ("lighthouse", 0, ""),
    ],
)
def test_long_text_is_shortened_by_width_not_by_length(long: str, width: int, short: str) -> None:
    """A wide character counts twice; there is no blank before the ellipsis."""
    assert text.shorten(long, width) == short


def test_where_the_ellipsis_does_not_fit_there_are_dots() -> None:
    assert text.shorten("lighthouse", 2, ellipsis="...") == ".."


def test_padding_counts_the_width() -> None:
    assert text.pad("灯台", 6) == "灯台  "
    assert text.pad("7", 3, right=True) == "  7"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 s"),
        (0.9, "0 s"),
        (8, "8 s"),
        (59.9, "59 s"),
        (60, "1 m 00 s"),
        (65, "1 m 05 s"),
        (3599, "59 m 59 s"),
        (3600, "1 h 00 m"),
        (7500, "2 h 05 m"),
    ],
)
def test_durations_have_one_or_two_units(seconds: float, words: str) -> None:
    assert text.duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 m ago"),
        (3599, "59 m ago"),
        (3600, "1 h ago"),
        (86_399, "23 h ago"),
        (86_400, "1 d ago"),
        (2e5, "2 d ago"),
    ],
)
def test_ages_have_one_unit(seconds: float, words: str) -> None:
    assert text.age(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (70, "70 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_500, "999.5 kB"),
        (999_960, "1.0 MB"),
        (1_234_567, "1.2 MB"),
        (5e9, "5.0 GB"),
    ],
)
def test_sizes_have_decimal_units(count: float, words: str) -> None:
    assert text.size(count) == words


@pytest.mark.parametrize(
    ("amount", "words"),
    [(0, "0 credits"), (1, "1 credit"), (5.0, "5 credits"), (12.5, "12.5 credits")],
)
def test_credits_are_singular_only_for_one(amount: float, words: str) -> None:
    assert text.credits(amount) == words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fluxcli status", "fluxcli status --sandbox"),
        ("fluxcli download ID -o x.png", "fluxcli download ID -o x.png --sandbox"),
        ("fluxcli assets pick hero ID", "fluxcli assets pick hero ID --sandbox"),
        ("fluxcli build --sandbox --yes", "fluxcli build --sandbox --yes"),
        ("fluxcli build --yes  (asks)", "fluxcli build --yes --sandbox  (asks)"),
        (
            "fluxcli status R --settle T, or --new",
            "fluxcli status R --settle T --sandbox, or --new",
        ),
        ("run `fluxcli status R` or `--new`", "run `fluxcli status R --sandbox` or `--new`"),
        ("fluxcli config set api_key", "fluxcli config set api_key"),
        (
            "fluxcli status @last, then `fluxcli build`",
            "fluxcli status @last --sandbox, then `fluxcli build --sandbox`",
        ),
        ("run the same command again", "run the same command again"),
    ],
)
def test_a_flag_is_added_to_the_commands_of_a_hint(text: str, expected: str) -> None:
    assert with_flag(text, "--sandbox") == expected
