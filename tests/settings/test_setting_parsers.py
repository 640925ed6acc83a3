"""Values as users write them: what is read, what is refused, and with what advice."""

from __future__ import annotations

import contextlib
import math
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcli.settings import parsers
from fluxcli.settings.key import Secret, parse_key
from fluxcli.settings.parsers import BadValueError
from fluxcli.settings.setting_table import write_duration


@pytest.mark.parametrize(
    ("raw", "seconds"),
    [
        ("90", 90.0),
        ("90s", 90.0),
        (" 15m ", 900.0),
        ("1h30m", 5400.0),
        ("1.5h", 5400.0),
        ("2M", 120.0),
        ("0.25", 0.25),
        (90, 90.0),
        (2.5, 2.5),
        ("0", math.inf),
        ("0s", math.inf),
        (0, math.inf),
    ],
)
def test_a_duration_is_seconds_and_zero_is_for_ever(raw: object, seconds: float) -> None:
    assert parsers.parse_duration(raw) == seconds
    assert isinstance(parsers.parse_duration(raw), float)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        " ",
        "m",
        "-5",
        "5x",
        "1m1h",
        "1 h",
        "1e3",
        "inf",
        "nan",
        "\u0663",
        "1_000",
        True,
        None,
        [],
    ],
)
def test_an_invalid_duration_is_refused(raw: object) -> None:
    with pytest.raises(BadValueError, match="expected a duration"):
        parsers.parse_duration(raw)


@pytest.mark.parametrize("raw", ["8761h", "9" * 400, math.inf])
def test_a_duration_has_a_highest_value(raw: object) -> None:
    """An absurd number must not quietly become "for ever"."""
    with pytest.raises(BadValueError):
        parsers.parse_duration(raw)


@given(st.integers(min_value=1, max_value=365 * 24 * 3600 * 1000).map(lambda n: n / 1000))
def test_a_written_duration_reads_back(seconds: float) -> None:
    assert parsers.parse_duration(write_duration(seconds)) == pytest.approx(seconds, abs=1e-6)


@given(st.text())
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    with contextlib.suppress(BadValueError):
        assert parsers.parse_duration(text) > 0


@pytest.mark.parametrize("raw", ["0", "soon", "", None])
def test_an_interval_has_an_end_and_a_length(raw: object) -> None:
    with pytest.raises(BadValueError, match="above zero"):
        parsers.parse_interval(raw)


def test_an_interval_may_be_short() -> None:
    assert parsers.parse_interval("0.5s") == 0.5


@pytest.mark.parametrize("raw", ["1", "true", "YES", " on ", True])
def test_words_for_yes(raw: object) -> None:
    assert parsers.parse_bool(raw) is True


@pytest.mark.parametrize("raw", ["0", "False", "no", "off", False])
def test_words_for_no(raw: object) -> None:
    assert parsers.parse_bool(raw) is False


@pytest.mark.parametrize(("raw", "near"), [("ture", "true"), ("2", None), (1, None), (None, None)])
def test_other_words_are_neither(raw: object, near: str | None) -> None:
    with pytest.raises(BadValueError) as caught:
        parsers.parse_bool(raw)
    assert caught.value.nearest == near


@pytest.mark.parametrize("raw", ["3", " 3 ", "+3", 3])
def test_a_whole_number_within_its_span(raw: object) -> None:
    assert parsers.whole(0, 6)(raw) == 3


@pytest.mark.parametrize(
    ("raw", "near"),
    [("7", "6"), (-1, "0"), ("3.0", None), (3.0, None), (True, None), ("\u0661", None), ("", None)],
)
def test_a_whole_number_outside_gets_the_nearest_inside(raw: object, near: str | None) -> None:
    with pytest.raises(BadValueError, match="from 0 to 6") as caught:
        parsers.whole(0, 6)(raw)
    assert caught.value.nearest == near


def test_a_span_may_be_open() -> None:
    assert parsers.whole(0)("1000000") == 1_000_000
    with pytest.raises(BadValueError, match="of 0 or more"):
        parsers.whole(0)("-1")


def test_a_choice_reads_any_case_and_offers_the_nearest() -> None:
    parse = parsers.choice({"pro": "P", "max": "M"}, shown=("pro", "max"))
    assert parse(" Pro ") == "P"
    with pytest.raises(BadValueError, match="expected `pro` or `max`") as caught:
        parse("prro")
    assert caught.value.nearest == "pro"
    with pytest.raises(BadValueError):
        parse(3)


@pytest.mark.parametrize("raw", ["", "  ", "\udc80", 5, None])
def test_text_must_not_be_blank(raw: object) -> None:
    with pytest.raises(BadValueError, match="expected text"):
        parsers.parse_text(raw)


@pytest.mark.parametrize(
    ("raw", "address"),
    [
        ("https://api.kie.ai", "https://api.kie.ai"),
        (" https://api.kie.ai/// ", "https://api.kie.ai"),
        ("HTTPS://a.example:8443/kie/", "https://a.example:8443/kie"),
        ("http://localhost:8000/", "http://localhost:8000"),
        ("http://LOCALHOST", "http://localhost"),
        ("http://localhost:80", "http://localhost"),
        ("https://API.Kie.AI.:443/", "https://api.kie.ai"),
        ("https://a.example:080", "https://a.example:80"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://127.250.3.4", "http://127.250.3.4"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_host_is_https_or_this_machine(raw: str, address: str) -> None:
    assert parsers.parse_host(raw) == address


@pytest.mark.parametrize("path", ["/api", "/api/v1", "/api/v1/", "/API/V2", "/api/v1/flux/kontext"])
@pytest.mark.parametrize("host", ["https://api.kie.ai", "https://a.example/gateway"])
def test_a_host_is_given_without_the_path_of_its_api(host: str, path: str) -> None:
    with pytest.raises(BadValueError) as caught:
        parsers.parse_host(host + path)
    assert caught.value.nearest == host
    assert parsers.parse_host(host) == host


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "api.kie.ai",
        "ftp://api.kie.ai",
        "https://",
        "https:///path",
        "https://a b.example",
        "https://a.example\\@b.example",
        "https://a.example:99999",
        "https://a.example:x",
        "https://[::1",
        "https://a.example\n",
        "https://a\n.example",
        "https://ä.example",
        7,
    ],
)
def test_an_invalid_address_is_refused(raw: object) -> None:
    if raw == "https://a.example\n":
        assert parsers.parse_host(raw) == "https://a.example"
        return
    with pytest.raises(BadValueError):
        parsers.parse_host(raw)


@pytest.mark.parametrize(
    "raw",
    [
        "http://api.kie.ai",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.999",
        "http://10.0.0.1/",
        "http://[::2]",
        "http://0.0.0.0",
    ],
)
def test_plain_http_is_for_this_machine_only(raw: str) -> None:
    """The key must not cross a network unencrypted; the advice is the same address in https."""
    with pytest.raises(BadValueError, match="expected `https`") as caught:
        parsers.parse_host(raw)
    assert caught.value.nearest == "https" + raw[4:].rstrip("/")


@pytest.mark.parametrize(
    "raw", ["https://me:hunter2@a.example", "https://a.example/?key=hunter2", "https://a.example#x"]
)
def test_what_an_address_may_hide_is_not_repeated(raw: str) -> None:
    with pytest.raises(BadValueError) as caught:
        parsers.parse_host(raw)
    assert caught.value.secret
    assert "hunter2" not in caught.value.expected


def test_a_callback_may_have_a_query_and_plain_http() -> None:
    raw = "http://hooks.example/flux?id=1"
    assert parsers.parse_url(raw) == raw


@given(st.text(alphabet=string.printable))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    for tail in (text, "https://" + text, "http://127.0.0.1" + text):
        try:
            address = parsers.parse_host(tail)
        except BadValueError:
            continue
        assert address == parsers.parse_host(address)
        assert "@" not in address.split("/")[2]


def test_a_key_loses_the_blanks_around_it() -> None:
    assert parse_key(" abc123\n").reveal() == "abc123"


@pytest.mark.parametrize(
    "raw", ["", " \n", "Bearer hunter2", "hun\nter2", "hünter2", "hunter2\x00", 5]
)
def test_a_key_that_no_header_can_carry_is_refused_unseen(raw: object) -> None:
    with pytest.raises(BadValueError) as caught:
        parse_key(raw)
    assert caught.value.secret
    assert "ter2" not in caught.value.expected


@given(st.text(alphabet=string.ascii_letters + string.digits, min_size=5))
def test_a_secret_never_shows_itself(text: str) -> None:
    secret = Secret(text)
    shown = f"{secret}{secret!r}{secret!s}{secret:>10}{[secret]}{{}}".format(secret)
    assert text not in shown
    assert secret == Secret(secret.reveal())
