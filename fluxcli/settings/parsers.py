"""How a setting's value is read, whether it comes as text or as TOML already typed.

Each parser takes what was written and returns the value, or raises `BadValueError` with what was
expected. It does not know where the value came from; `settings` adds that. Patterns are compiled
when they are first needed, for a quick start.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from urllib.parse import SplitResult

FOREVER: Final = math.inf
"""The duration written `0`: no end."""

_WORDS: Final = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
_DURATION: Final = (
    r"(?:(?P<h>[0-9]+(?:\.[0-9]{1,3})?)h)?"
    r"(?:(?P<m>[0-9]+(?:\.[0-9]{1,3})?)m)?"
    r"(?:(?P<s>[0-9]+(?:\.[0-9]{1,3})?)s?)?"
)
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0}
_YEAR: Final = 365 * 24 * 3600.0
_SHAPE: Final = r"0*([1-9][0-9]{0,4}) *[:x×/] *0*([1-9][0-9]{0,4})"  # noqa: RUF001 - typed by people
_WHOLE: Final = r"[+-]?[0-9]{1,15}"
_AUTHORITY: Final = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?"
_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})"
_LOOPBACK: Final = rf"(?i:localhost|::1|127(?:\.{_OCTET}){{3}})"
_API_PATH: Final = r"(?i)/api(?:/v[0-9]+)?(?:/.*)?$"
_HIGHEST_PORT: Final = 65535
_LONGEST_SHOWN: Final = 60
_USUAL_PORTS: Final = {"https": 443, "http": 80}


class BadValueError(ValueError):
    """A value that cannot be used: `expected` describes valid ones, `nearest` is one of them."""

    def __init__(self, expected: str, *, nearest: str | None = None, secret: bool = False) -> None:
        super().__init__(expected)
        self.expected = expected
        self.nearest = nearest
        self.secret = secret
        """Whether the value may hold something that must not be shown."""

    def about(self, name: str, raw: object) -> str:
        """Return the message: what was written for `name`, unless secret, and what is expected."""
        if self.secret:
            return f"`{name}`: {self.expected}"
        shown = repr(raw)[1:-1] if isinstance(raw, str) else str(raw)
        if len(shown) > _LONGEST_SHOWN:
            shown = shown[:_LONGEST_SHOWN] + "…"
        return f"`{name}` is `{shown}`: {self.expected}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that `word` was most likely meant to be, if any is close."""
    import difflib

    return next(iter(difflib.get_close_matches(word, list(known), n=1)), None)


def nearest_ratio(word: str, known: Iterable[str]) -> str | None:
    """Return the known ratio whose shape is nearest: `16:10` is meant as `16:9`, not as `1:1`."""
    found = re.fullmatch(_SHAPE, word)
    if found is None:
        return None
    shape = math.log(float(found[1]) / float(found[2]))
    return min(known, key=lambda ratio: abs(shape - _shape_of(ratio)))


def _shape_of(ratio: str) -> float:
    width, _, height = ratio.partition(":")
    return math.log(int(width) / int(height))


def parse_text(raw: object) -> str:
    """Read text that is not blank; it is kept as it was written."""
    if not isinstance(raw, str):
        raise BadValueError("expected text")
    if not raw.strip():
        raise BadValueError("expected text that is not empty")
    try:
        raw.encode()
    except UnicodeEncodeError:
        raise BadValueError("expected text in UTF-8") from None
    return raw


def parse_bool(raw: object) -> bool:
    """Read yes or no: `1 0 true false yes no on off` in any case, or a TOML boolean."""
    if isinstance(raw, bool):
        return raw
    word = raw.strip().lower() if isinstance(raw, str) else ""
    if word not in _WORDS:
        raise BadValueError("expected `true` or `false`", nearest=nearest(word, ("true", "false")))
    return _WORDS[word]


def parse_duration(raw: object) -> float:
    """Read a duration as seconds: `90`, `90s`, `15m`, `1h30m`, `1.5h`; `0` is `FOREVER`.

    The result is always a float, a multiple of a thousandth.
    """
    text = str(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) else raw
    found = re.fullmatch(_DURATION, text.strip().lower()) if isinstance(text, str) else None
    parts = {unit: part for unit, part in found.groupdict().items() if part} if found else {}
    if not parts:
        raise BadValueError("expected a duration such as `90s`, `15m` or `1h30m`, or `0`")
    seconds = round(sum(float(part) * _UNITS[unit] for unit, part in parts.items()), 3)
    if seconds > _YEAR:
        raise BadValueError("expected at most a year; `0` means for ever", nearest="0")
    return seconds or FOREVER


def parse_interval(raw: object) -> float:
    """Read a polling interval as seconds; it is finite and not zero."""
    try:
        seconds = parse_duration(raw)
    except BadValueError:
        seconds = FOREVER
    if seconds == FOREVER:
        raise BadValueError("expected a duration above zero, such as `3s`")
    return seconds


def whole(lowest: int, highest: int | None = None) -> Callable[[object], int]:
    """Make a parser for whole numbers from `lowest` to `highest`, both included."""
    span = f"from {lowest} to {highest}" if highest is not None else f"of {lowest} or more"

    def parse(raw: object) -> int:
        text = str(raw) if isinstance(raw, int) and not isinstance(raw, bool) else raw
        if not isinstance(text, str) or not re.fullmatch(_WHOLE, text.strip()):
            raise BadValueError(f"expected a whole number {span}")
        number = int(text)
        within = max(lowest, number if highest is None else min(number, highest))
        if number != within:
            raise BadValueError(f"expected a whole number {span}", nearest=str(within))
        return number

    return parse


def choice(
    words: Mapping[str, str],
    *,
    shown: Iterable[str],
    near: Callable[[str, Iterable[str]], str | None] = nearest,
) -> Callable[[object], str]:
    """Make a parser for one of `words`, in any case; `shown` are those that messages list."""
    offered = [f"`{word}`" for word in shown]
    expected = f"expected {', '.join(offered[:-1])} or {offered[-1]}"

    def parse(raw: object) -> str:
        word = raw.strip().lower() if isinstance(raw, str) else ""
        if word not in words:
            raise BadValueError(expected, nearest=near(word, words))
        return words[word]

    return parse


def parse_host(raw: object) -> str:
    """Read the address of a service that is sent the key, in its one spelling.

    The host is in lower case, without a usual port, a final dot or a trailing slash: an
    unfinished command is found again by this address. Plain `http` is for this machine only,
    and the address may have no part that would end up in logs or change which host is meant, nor
    the path of an API, which calls add.
    """
    parts = _address(raw)
    authority = re.fullmatch(_AUTHORITY, parts.netloc)
    host = authority[1].lower().rstrip(".") if authority else ""
    if not host or authority is None or int((authority[2] or ":0")[1:]) > _HIGHEST_PORT:
        raise BadValueError("expected a host name, with a port at most")
    if parts.query or parts.fragment:
        raise BadValueError("expected an address without `?` and `#`", secret=True)
    if found := re.search(_API_PATH, parts.path):
        raise BadValueError(
            f"expected the address without the path `{found[0]}`",
            nearest=parts._replace(path=parts.path[: found.start()]).geturl(),
        )
    if parts.scheme == "http" and not re.fullmatch(_LOOPBACK, authority[1].strip("[]")):
        mended = parts._replace(scheme="https").geturl().rstrip("/")
        raise BadValueError(
            "expected `https`; plain `http` would show the key to everyone on the way",
            nearest=mended,
        )
    port = int((authority[2] or ":0")[1:])
    is_usual = port in {0, _USUAL_PORTS[parts.scheme]}
    return parts._replace(netloc=host if is_usual else f"{host}:{port}").geturl().rstrip("/")


def parse_url(raw: object) -> str:
    """Read the public address of something: `http` or `https`, of any host."""
    return _address(raw).geturl()


def _address(raw: object) -> SplitResult:
    """Take an absolute web address apart, refusing what parsers of addresses disagree on."""
    from urllib.parse import urlsplit

    text = parse_text(raw).strip()
    wrong = BadValueError("expected an address such as `https://example.com`")
    if not all(ch.isprintable() and ch not in ' \\"<>' for ch in text):
        raise wrong
    try:
        parts = urlsplit(text)
    except ValueError:
        raise wrong from None
    if parts.username is not None or parts.password is not None:
        raise BadValueError("expected an address without a name or password", secret=True)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise wrong
    return parts
