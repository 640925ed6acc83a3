"""Which proxy a URL is reached through, by the environment, as curl and Python decide it.

`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, the lower-case name first. An entry of
`NO_PROXY` is `*`, a host (its subdomains too), an address, or a network (`10.0.0.0/8`,
`fe80::/10`); addresses may be in brackets, and a port may follow.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fluxcli.errors import Code, FluxError
from fluxcli.system.shell_syntax import unset_variable

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEMES: Final = ("http", "https", "socks5", "socks5h")
_PORTED: Final = r"(\[[^\]]*\]|[^:\[\]]*):([0-9]{1,5})"


def proxy_for(url: str, env: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the proxy's URL and the variable that names it; None for a direct connection.

    Raises:
        FluxError: ENVIRONMENT_INVALID, naming the variable and the entry.
    """
    parts = urlsplit(url)
    found = _named(env, f"{parts.scheme}_proxy") or _named(env, "all_proxy")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if found is None or _is_excluded(parts.hostname or "", port, env):
        return None
    name, value = found
    proxy = value if "://" in value else f"http://{value}"
    try:
        target = urlsplit(proxy)
        usable = target.scheme.lower() in _SCHEMES and target.hostname and target.port != 0
    except ValueError:
        usable = False
    if not usable:
        shown = re.sub(r"//[^@/]*@", "//***@", value)
        raise _invalid(name, shown, f"is not a proxy: expected {', '.join(_SCHEMES)}")
    return proxy, name


def _named(env: Mapping[str, str], name: str) -> tuple[str, str] | None:
    """Return the variable and its value, the lower-case name first; an empty one is as if unset."""
    for variable in (name, name.upper()):
        if variable == "HTTP_PROXY" and "REQUEST_METHOD" in env:
            # In a CGI program a client could set it with a header.
            continue
        if value := env.get(variable, "").strip():
            return variable, value
    return None


def _is_excluded(host: str, port: int, env: Mapping[str, str]) -> bool:
    found = _named(env, "no_proxy")
    if found is None:
        return False
    name, value = found
    entries = [entry for entry in re.split(r"[,\s]+", value) if entry]
    # All of them are read, so that a bad one is reported for every host.
    matches = [_matches(entry, host, port, name) for entry in entries]
    return any(matches)


def _matches(entry: str, host: str, port: int, variable: str) -> bool:
    if entry == "*":
        return True
    plain = entry
    if ported := re.fullmatch(_PORTED, entry):
        plain = ported[1]
        if int(ported[2]) != port:
            return False
    address = _address(host)
    if "/" in plain:
        # `[fe80::]/10` and `[fe80::/10]` are both seen.
        network = _network(plain.replace("[", "").replace("]", ""), entry, variable)
        return address is not None and address in network
    if plain.startswith("[") != plain.endswith("]"):
        raise _invalid(variable, entry, "has only one bracket")
    excluded = _address(plain.strip("[]"))
    if excluded is not None or plain.startswith("["):
        if excluded is None:
            raise _invalid(variable, entry, "is not an address")
        return address == excluded
    suffix = plain.lstrip("*").strip(".").lower()
    name = host.rstrip(".").lower()
    return bool(suffix) and address is None and (name == suffix or name.endswith(f".{suffix}"))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _network(text: str, entry: str, variable: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise _invalid(variable, entry, "is not a network") from None


def _invalid(variable: str, entry: str, reason: str) -> FluxError:
    return FluxError(
        Code.ENVIRONMENT_INVALID,
        f"the variable `{variable}` holds `{entry}`, which {reason}",
        hint=unset_variable(variable),
    )
