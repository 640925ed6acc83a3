"""The checks of `fluxcli config check`: each tries what a run needs, and names what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError, ProblemsError
from fluxcli.output.text import credits as in_words
from fluxcli.prices_and_limits import CREDITS, LOGS_PAGE, PRO
from fluxcli.settings import folders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fluxcli.context import Context
    from fluxcli.settings.settings import Settings

_API_KEY: Final = "api_key"
_SHOWN_ROWS: Final = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; `ok` None: it could not be run."""

    check: str
    ok: bool | None
    message: str
    error: FluxError | None = None

    @property
    def word(self) -> str:
        """The result in a word."""
        return "skipped" if self.ok is None else "ok" if self.ok else "failed"

    @property
    def hint(self) -> str | None:
        """The command that repairs it, unless that is `config check` itself."""
        hint = self.error.hint if self.error else None
        return None if hint and hint.startswith("fluxcli config check") else hint

    def record(self) -> dict[str, object]:
        """The object for scripts; `error` as in every failure, None if there is none."""
        from fluxcli.output.json_records import error_record

        error = error_record(self.error) if self.error else {"error": None}
        return {"check": self.check, "ok": self.ok, "message": self.message, **error}


def findings(context: Context) -> Iterator[Finding]:
    """Yield the result of each check; the network is used only if settings and key are right."""
    settings = context.settings
    first = [
        _find("config file", lambda: _config_file(settings)),
        _find("key", lambda: _key(context)),
    ]
    yield from first
    yield (state := _find("state folder", lambda: _state_folder(context)))
    if state.ok:
        yield _find("journal", lambda: _journal(context))
    else:
        yield Finding("journal", None, "not read: the failure above comes first")
    yield _find("cache folder", lambda: _cache_folder(settings))
    if all(finding.ok for finding in first):
        yield from _service(context)
    else:
        yield Finding("service", None, "not asked: the failures above come first")


def _find(name: str, attempt: Callable[[], str]) -> Finding:
    try:
        return Finding(name, ok=True, message=attempt())
    except FluxError as error:
        return Finding(name, ok=False, message=error.message, error=error)


def _config_file(settings: Settings) -> str:
    where = settings.config_path
    if problems := settings.problems():
        raise problems[0] if len(problems) == 1 else ProblemsError(problems)
    return str(where) if where.exists() else f"none at {where}"


def _key(context: Context) -> str:
    # It also checks proxies, certificates and addresses.
    context.service.prepare()
    if context.sandbox:
        return "the sandbox needs none"
    return f"from {context.settings.value(_API_KEY).origin}"


def _journal(context: Context) -> str:
    """Read every row of the journal."""
    damaged = context.journal.check()
    # Reported here, so that the run does not warn of them as well.
    rows = [f"row `{ref}`: {reason}" for ref, reason in damaged.items()]
    damaged.clear()
    if rows:
        raise FluxError(
            Code.JOURNAL,
            f"{len(rows)} damaged and skipped: {'; '.join(rows[:_SHOWN_ROWS])}",
            hint=f"find their tasks at {LOGS_PAGE}, then `fluxcli download TASKID`",
        )
    return "all rows can be read" if context.journal.exists else "none yet"


def _state_folder(context: Context) -> str:
    """Try free space, locks and a database where the journal is, or would be."""
    from fluxcli.journal.database import try_folder

    where = context.settings.state_dir
    folders.check_usable(where, "state")
    try_folder(where)
    return str(where)


def _cache_folder(settings: Settings) -> str:
    folders.check_usable(settings.cache_dir, "cache")
    return str(settings.cache_dir)


def _service(context: Context) -> Iterator[Finding]:
    """Read the balance, which needs both the network and the key."""
    balance = 0.0

    def read() -> str:
        nonlocal balance
        balance = context.service.credits()
        return f"{context.base_url} answers, and takes the key"

    yield (service := _find("service", read))
    if service.ok:
        yield _find("credits", lambda: _enough(balance))


def _enough(balance: float) -> str:
    if balance >= CREDITS[PRO]:
        return f"{in_words(balance)} left"
    raise FluxError(
        Code.CREDITS_INSUFFICIENT,
        f"{in_words(balance)} left, and an image takes about {CREDITS[PRO]}",
        hint="add credits to the account at https://kie.ai",
    )
