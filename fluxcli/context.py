"""What a run consists of: streams, environment, clock, settings, and what is made from them.

Journal, client and output are made when they are first used, and their modules imported then, so
that `--help` never imports the network. Tests make a context of their own.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from fluxcli.clock import Clock, SystemClock
from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError
from fluxcli.prices_and_limits import KEY_PAGE, SANDBOX_URL
from fluxcli.settings.folders import NOWHERE, check_usable
from fluxcli.settings.key import VARIABLES, WEBHOOK_VARIABLE
from fluxcli.settings.settings import Settings
from fluxcli.signals import Interrupts
from fluxcli.system import disk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fluxcli.client.client import Service
    from fluxcli.client.origins import OriginCache
    from fluxcli.client.transport import Transport
    from fluxcli.journal.day_limit import DailyCap
    from fluxcli.journal.journal import Journal
    from fluxcli.output.output import Output
    from fluxcli.sandbox.service import SandboxService
    from fluxcli.tasks.run_options import TaskServices

SANDBOX_SECONDS: Final = 1.0
SANDBOX_CREDITS: Final = 100_000.0
"""The sandbox's account is never empty by itself; `--fault submit:402` rehearses that."""

_UPLOADS: Final = "https://upload.sandbox.invalid"


@dataclass(eq=False, repr=False)
class Context:
    """The environment of a run, and what a command reads, calls and prints with.

    `stdin`, `stdout` and `stderr` are None where the shell has closed them. `flags` maps settings'
    names to the values of flags; `status` is the exit status if no error is raised.
    """

    env: Mapping[str, str]
    stdin: TextIO | None
    stdout: TextIO | None
    stderr: TextIO | None
    cwd: Path
    clock: Clock = field(default_factory=SystemClock)
    flags: dict[str, object] = field(default_factory=dict)
    status: int = 0
    records_nothing: bool = False
    """Whether this run only shows what it would do, so that it needs no state folder."""
    _closing: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def of_process(cls) -> Context:
        """Return the context of this process."""
        try:
            cwd = Path.cwd()
        except OSError:
            # The working folder was removed; only relative paths need it.
            cwd = Path(os.environ.get("PWD", "/"))
        return cls(dict(os.environ), sys.stdin, sys.stdout, sys.stderr, cwd)

    def configure(self, **flags: object) -> None:
        """Set settings by flags, before any of them is used; None leaves a setting as it is."""
        self.flags.update({name: value for name, value in flags.items() if value is not None})
        for made in ("settings", "output"):
            self.__dict__.pop(made, None)

    @cached_property
    def settings(self) -> Settings:
        """The settings, the flags included."""
        return Settings(self.env, flags=self.flags)

    @cached_property
    def interrupts(self) -> Interrupts:
        """The signals; a second one restores the terminal and ends the process."""
        return Interrupts(at_once=self._restore_terminal)

    # Output.

    @cached_property
    def output(self) -> Output:
        """What prints, by the settings."""
        settings = self.settings
        return self._make_output(
            json=settings.flag("json"),
            quiet=settings.flag("quiet"),
            verbose=settings.flag("verbose"),
            color=settings.text("color") or "auto",
            no_input=settings.flag("no_input"),
            bell=settings.flag("bell"),
            # From the environment or the config file it is there for the next command, too.
            flag="--sandbox" if settings.value("sandbox").origin == "--sandbox" else "",
        )

    def plain_output(self, *, json: bool) -> Output:
        """Return an output that does not depend on the settings, to report what is wrong there."""
        return self._make_output(json=json)

    def _make_output(
        self,
        *,
        json: bool,
        quiet: bool = False,
        verbose: bool = False,
        color: str = "auto",
        no_input: bool = False,
        bell: bool = False,
        flag: str = "",
    ) -> Output:
        from fluxcli.output.output import Output

        return Output(
            stdin=self.stdin,
            stdout=self.stdout,
            stderr=self.stderr,
            env=self.env,
            clock=self.clock,
            json=json,
            quiet=quiet,
            verbose=verbose,
            color=color,  # type: ignore[arg-type] # its parser knows no other words
            no_input=no_input,
            bell=bell,
            flag=flag,
            secrets=self.secrets,
            interrupted=lambda: self.interrupts.number is not None,
            prices=self.prices,
        )

    def secrets(self) -> Sequence[str]:
        """Return what must never be printed: every key in the environment, and those in use."""
        names = (*VARIABLES, WEBHOOK_VARIABLE)
        found = [self.env[name] for name in names if self.env.get(name, "").strip()]
        used = [None if self.__dict__.get("sandbox") else self.__dict__.get("_key")]
        used.append(self.__dict__.get("webhook_key"))
        return [*found, *filter(None, used)]

    def warnings(self) -> list[str]:
        """Return the warnings that are printed at the end of a run."""
        damaged = self.journal.damaged if "journal" in self.__dict__ else {}
        rows = [f"row `{ref}` of the journal was skipped: {why}" for ref, why in damaged.items()]
        return [*self.settings.warnings, *rows]

    # The service, or the sandbox in its place.

    @cached_property
    def sandbox(self) -> bool:
        """Whether this run uses the sandbox instead of the service."""
        return self.settings.flag("sandbox")

    @cached_property
    def base_url(self) -> str:
        """The address of the service."""
        return SANDBOX_URL if self.sandbox else self.settings.text("base_url") or ""

    @cached_property
    def _key(self) -> str:
        if self.sandbox:
            return "sandbox"
        key = self.settings.api_key()
        if key is None:
            raise FluxError(
                Code.AUTH_MISSING_KEY,
                f"no API key is set; make one at {KEY_PAGE}",
                hint="fluxcli config set api_key  (or try `--sandbox`, which needs none)",
            )
        return key.reveal()

    @cached_property
    def webhook_key(self) -> str | None:
        """The key that signs callbacks; None if none is set."""
        key = self.settings.secret("webhook_hmac_key")
        return None if key is None else key.reveal()

    @cached_property
    def transport(self) -> Transport:
        """The connections to the service, or to the sandbox in this process."""
        from fluxcli.client.transport import Transport

        trace = self.output.trace if self.settings.flag("debug") else None
        if not self.sandbox:
            return Transport(env=self.env, trace=trace)
        from fluxcli.sandbox.in_process import SandboxTransport

        return Transport(
            env=self.env, transport=SandboxTransport(self.sandbox_service), trace=trace
        )

    @cached_property
    def service(self) -> Service:
        """The client of the service."""
        from fluxcli.client.client import Service

        uploads = _UPLOADS if self.sandbox else self.settings.text("upload_url") or ""
        return Service(
            transport=self.transport,
            key=lambda: self._key,
            base_url=self.base_url,
            upload_url=uploads,
            api=self.settings.text("api") or "auto",
            memory=self.origin_cache,
        )

    @cached_property
    def origin_cache(self) -> OriginCache | None:
        """What is remembered of the service; None for the sandbox, and without a cache folder."""
        from fluxcli.client.origins import OriginCache

        if self.sandbox:
            return None
        try:
            folder = self.settings.cache_dir
        except FluxError:
            return None
        return OriginCache(folder / "origins.json", self.base_url, wall=self.clock.wall)

    def prices(self) -> dict[str, float]:
        """Return the credits for one image by model: stated by the service, else built in."""
        from fluxcli.client.origins import known_prices

        return known_prices(self.origin_cache)

    @cached_property
    def sandbox_service(self) -> SandboxService:
        """The sandbox in this process; its tasks are kept between runs."""
        return self.open_sandbox()

    def open_sandbox(
        self, *, seconds: float | None = None, faults: Sequence[str] = ()
    ) -> SandboxService:
        """Return the sandbox of this machine, set up by the environment and the arguments.

        Raises:
            FluxError: ENVIRONMENT_INVALID, if it cannot be set up.
        """
        from fluxcli.sandbox.service import SandboxService

        try:
            if seconds is None:
                seconds = float(self.env.get("FLUXCLI_SANDBOX_SECONDS") or SANDBOX_SECONDS)
            from_env = self.env.get("FLUXCLI_SANDBOX_FAULTS", "").replace(",", " ").split()
            folder = self.sandbox_folder
            disk.make_folders(folder, mode=disk.PRIVATE)
            return SandboxService(
                store=folder / "sandbox.sqlite3",
                wall=self.clock.wall,
                sleep=self.clock.sleep,
                seconds=seconds,
                faults=[*from_env, *faults],
                credits=SANDBOX_CREDITS,
                api_url=SANDBOX_URL,
                upload_url=_UPLOADS,
                webhook_key=self.webhook_key or "",
            )
        except (ValueError, OSError) as error:
            message = f"the sandbox cannot be set up: {error}"
            raise FluxError(
                Code.ENVIRONMENT_INVALID, message, hint="fluxcli sandbox --help"
            ) from None

    # The journal, and what tasks are made with.

    @cached_property
    def state_folder(self) -> Path:
        """The folder of the journal.

        The sandbox, and a run that records nothing, need none that can be written to.

        Raises:
            FluxError: it cannot be used; the hint names `FLUXCLI_STATE_DIR`.
        """
        if self.sandbox and not self.records_nothing:
            return self.sandbox_folder
        try:
            folder = self.settings.state_dir
            check_usable(folder, "state")
        except FluxError:
            if self.records_nothing:
                return NOWHERE / "state"
            raise
        return folder

    @cached_property
    def sandbox_folder(self) -> Path:
        """The folder of the sandbox's tasks: the state folder, else a temporary one.

        Raises:
            OSError: there is none at all.
        """
        try:
            folder = self.settings.state_dir
            check_usable(folder, "state")
        except FluxError as error:
            import tempfile

            made = tempfile.TemporaryDirectory(prefix="fluxcli-", ignore_cleanup_errors=True)
            self._closing.callback(made.cleanup)
            self.output.note(f"{error.message}; the sandbox forgets its tasks when this run ends")
            return Path(made.name)
        return folder

    @cached_property
    def journal(self) -> Journal:
        """The record of this machine's tasks."""
        from fluxcli.journal.journal import Journal

        return Journal(
            self.state_folder,
            clock=self.clock,
            sandbox=self.sandbox,
            origin=self.base_url,
            history_limit=self.settings.number("history_limit"),
            cap=self._daily_cap,
        )

    def _daily_cap(self) -> DailyCap | None:
        """Return the most that may be spent in a day; None if the user has set no limit."""
        from fluxcli.journal.day_limit import DailyCap

        most = self.settings.number("max_credits_per_day")
        return None if most is None else DailyCap(most, self.prices())

    @cached_property
    def task_services(self) -> TaskServices:
        """Client, journal and clock, for tasks.

        Raises:
            FluxError: the key is missing, or the network's configuration is wrong.
        """
        from fluxcli.tasks.run_options import TaskServices

        self.service.prepare()
        return TaskServices(
            service=self.service,
            journal=self.journal,
            clock=self.clock,
            account=self.service.account,
        )

    # The end.

    def _restore_terminal(self) -> None:
        if "output" in self.__dict__:
            self.output.restore_terminal()

    def close(self) -> None:
        """Close what was opened."""
        # A signal may have interrupted the display while it was being cleared.
        self._restore_terminal()
        for opened in ("journal", "sandbox_service"):
            if opened in self.__dict__:
                getattr(self, opened).close()
        # After a signal a thread may still wait for an answer; the process's end closes its socket.
        if "transport" in self.__dict__ and self.interrupts.number is None:
            self.transport.close()
        self._closing.close()
