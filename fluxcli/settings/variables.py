"""The environment variables that are read beside those of settings, and what each is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fluxcli.settings.parsers import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PREFIX: Final = "FLUXCLI_"

OTHER_VARIABLES: Final = {
    "FLUXCLI_API_KEY_FILE": "a file with the API key, as Docker and Kubernetes secrets have it",
    "FLUXCLI_CONFIG": "the config file",
    "FLUXCLI_STATE_DIR": "the folder of the journal",
    "FLUXCLI_CACHE_DIR": "the folder of caches",
    "FLUXCLI_SANDBOX_SECONDS": "how long an image takes in the sandbox",
    "FLUXCLI_SANDBOX_FAULTS": "faults of the sandbox, as `fluxcli sandbox --fault` takes them",
    "HTTPS_PROXY": "the proxy; also HTTP_PROXY and ALL_PROXY",
    "NO_PROXY": "hosts, networks and domains that are reached without the proxy",
    "SSL_CERT_FILE": "a file of certificate authorities; also REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR": "folders of certificate authorities",
    "NO_COLOR": "no colours; FORCE_COLOR: always",
    "COLUMNS": "the width of help pages and tables",
    "CI": "set: no questions, and no live display",
    "VISUAL": "the editor of `fluxcli config edit`; else EDITOR",
}


def unused_variables(env: Iterable[str]) -> Iterator[str]:
    """Yield a warning for each variable that begins with `FLUXCLI_` and sets nothing."""
    from fluxcli.settings.setting_table import SETTINGS

    known = {name for setting in SETTINGS.values() for name in setting.variables} | {
        *OTHER_VARIABLES
    }
    for name in sorted(env):
        if not name.startswith(_PREFIX) or name in known:
            continue
        near = nearest(name.removeprefix(_PREFIX), [one.removeprefix(_PREFIX) for one in known])
        yield f"`{name}` sets nothing" + (f"; did you mean `{_PREFIX}{near}`?" if near else "")
