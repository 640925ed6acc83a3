"""One run's world: streams, environment, clock, settings, and what is made from them.

Everything heavy is imported and made here when it is first asked for, and nowhere else, so
that `--help` never pays for the network. Tests hand in a world of their own.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from fluxcli.catalog import CREDITS, KEY_PAGE, SANDBOX_URL
from fluxcli.clock import Clock, SystemClock
from fluxcli.errors import Code, FluxError, reason_of
from fluxcli.filelock import make_private
from fluxcli.settings.key import VARIABLES
from fluxcli.settings.settings import Settings
from fluxcli.signals import Interrupts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fluxcli.catalog import Mode
    from fluxcli.client.client import Service
    from fluxcli.client.origins import OriginCache
    from fluxcli.client.transport import Transport
    from fluxcli.files.output_path import OutputTarget
    from fluxcli.journal.journal import Journal
    from fluxcli.models import Task
    from fluxcli.output.output import Output
    from fluxcli.requests.resolve import ResolvedRequest
    from fluxcli.sandbox.server import Served
    from fluxcli.sandbox.service import SandboxService
    from fluxcli.tasks.history import History
    from fluxcli.tasks.run_options import Existing, TaskServices
    from fluxcli.tasks.task_runner import TaskRunner

SANDBOX_SECONDS: Final = 1.0
SANDBOX_CREDITS: Final = 100_000.0
"""The stand-in's account never runs dry by itself; `--fault submit:402` rehearses that."""

_UPLOADS: Final = "https://upload.sandbox.invalid"


@dataclass(eq=False, repr=False)
class Context:
    """What a command works with. `stdin`, `stdout`, `stderr` may be None: closed by the shell."""

    env: Mapping[str, str]
    stdin: TextIO | None
    stdout: TextIO | None
    stderr: TextIO | None
    cwd: Path
    clock: Clock = field(default_factory=SystemClock)
    flags: dict[str, object] = field(default_factory=dict)
    status: int = 0

    @classmethod
    def of_process(cls) -> Context:
        """Return the world of this process."""
        try:
            cwd = Path.cwd()
        except OSError:
            # The folder was removed under our feet; only relative paths will miss it.
            cwd = Path(os.environ.get("PWD", "/"))
        return cls(dict(os.environ), sys.stdin, sys.stdout, sys.stderr, cwd)

    def configure(self, **flags: object) -> None:
        """Take over what flags said, by settings' names; None says nothing."""
        self.flags.update({name: value for name, value in flags.items() if value is not None})
        for made in ("settings", "output"):
            self.__dict__.pop(made, None)

    @cached_property
    def interrupts(self) -> Interrupts:
        """The signals; a second one gives the terminal back and ends the process."""
        return Interrupts(at_once=self._restore_terminal)

    def _restore_terminal(self) -> None:
        if "output" in self.__dict__:
            self.output.restore_terminal()

    @cached_property
    def settings(self) -> Settings:
        """The settings, the flags included."""
        return Settings(self.env, flags=self.flags)

    @cached_property
    def output(self) -> Output:
        """The one mouth of the program."""
        from fluxcli.output.output import Output

        settings = self.settings
        return Output(
            stdin=self.stdin,
            stdout=self.stdout,
            stderr=self.stderr,
            env=self.env,
            clock=self.clock,
            json=settings.flag("json"),
            quiet=settings.flag("quiet"),
            verbose=settings.flag("verbose"),
            color=settings.text("color") or "auto",  # type: ignore[arg-type] # its parser knows no other words
            no_input=settings.flag("no_input"),
            secrets=self.secrets,
            interrupted=lambda: self.interrupts.number is not None,
        )

    def plain_output(self, *, json: bool) -> Output:
        """Return a mouth that works even if the settings are what is broken."""
        from fluxcli.output.output import Output

        return Output(
            stdin=self.stdin,
            stdout=self.stdout,
            stderr=self.stderr,
            env=self.env,
            clock=self.clock,
            json=json,
            secrets=self.secrets,
        )

    def secrets(self) -> Sequence[str]:
        """Return what must never be printed: every key in sight."""
        found = [self.env[name] for name in VARIABLES if self.env.get(name, "").strip()]
        held = None if self.__dict__.get("sandbox") else self.__dict__.get("_key")
        return [*found, *([held] if held else [])]

    # -- the service, or its stand-in ---------------------------------------------------

    @cached_property
    def sandbox(self) -> bool:
        """Whether this run works against the stand-in service."""
        return self.settings.flag("sandbox")

    @cached_property
    def sandbox_service(self) -> SandboxService:
        """The stand-in service inside this process; its tasks are kept between runs."""
        return self._make_stand_in(seconds=None, faults=())

    def _make_stand_in(self, *, seconds: float | None, faults: Sequence[str]) -> SandboxService:
        from fluxcli.sandbox.service import SandboxService

        try:
            if seconds is None:
                seconds = float(self.env.get("FLUXCLI_SANDBOX_SECONDS") or SANDBOX_SECONDS)
            asked = self.env.get("FLUXCLI_SANDBOX_FAULTS", "").replace(",", " ").split()
            folder = self.settings.state_dir
            make_private(folder)
            return SandboxService(
                store=folder / "sandbox.sqlite3",
                wall=self.clock.wall,
                sleep=self.clock.sleep,
                seconds=seconds,
                faults=[*asked, *faults],
                credits=SANDBOX_CREDITS,
                api_url=SANDBOX_URL,
                upload_url=_UPLOADS,
                webhook_key=self.env.get("FLUXCLI_WEBHOOK_HMAC_KEY", ""),
            )
        except (ValueError, OSError) as error:
            message = f"the sandbox cannot be set up: {error}"
            raise FluxError(
                Code.ENVIRONMENT_INVALID, message, hint="fluxcli sandbox --help"
            ) from None

    @contextmanager
    def serving(self, *, port: int, seconds: float, faults: Sequence[str]) -> Iterator[Served]:
        """Serve the stand-in on a loopback port; 0 finds a free one.

        Raises:
            FluxError: the port is taken, or the stand-in cannot be set up.
        """
        from fluxcli.sandbox.server import serve

        with ExitStack() as stack:
            sandbox_service = self._make_stand_in(seconds=seconds, faults=faults)
            stack.callback(sandbox_service.close)
            sandbox_service.reset_fault_counts()
            try:
                served = stack.enter_context(serve(sandbox_service, port=port))
            except OSError as error:
                message = f"port {port} cannot be had: {reason_of(error)}"
                raise FluxError(
                    Code.ENVIRONMENT_INVALID, message, hint="fluxcli sandbox --port 0"
                ) from None
            yield served

    @cached_property
    def base_url(self) -> str:
        """The address of the service that is asked."""
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
    def transport(self) -> Transport:
        """The way to the service, or to its stand-in."""
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
        """The service."""
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
        """What was learnt about the service; None for the stand-in, and without a folder."""
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
        stated = self.origin_cache.prices() if self.origin_cache is not None else {}
        return {model: stated.get(model, float(price)) for model, price in CREDITS.items()}

    def warnings(self) -> list[str]:
        """Return what a run is to warn of at its end."""
        damaged = self.journal.damaged if "journal" in self.__dict__ else {}
        rows = [f"row `{ref}` of the journal was skipped: {why}" for ref, why in damaged.items()]
        return [*self.settings.warnings, *rows]

    # -- the rest -----------------------------------------------------------------------

    @cached_property
    def journal(self) -> Journal:
        """The record of this machine's tasks."""
        from fluxcli.journal.journal import Journal

        return Journal(
            self.settings.state_dir,
            clock=self.clock,
            sandbox=self.sandbox,
            origin=self.base_url,
        )

    @cached_property
    def tools(self) -> TaskServices:
        """What pictures are made with; raises at once if the key or the network's set-up is bad."""
        import hashlib

        from fluxcli.tasks.run_options import TaskServices

        self.service.prepare()
        name = f"{self.base_url}\0{self._key}".encode()
        account = "sandbox" if self.sandbox else hashlib.blake2s(name, digest_size=8).hexdigest()
        return TaskServices(
            service=self.service, journal=self.journal, clock=self.clock, account=account
        )

    def order(
        self,
        mode: Mode,
        *,
        prompt: str | None,
        prompt_file: str | None,
        image: str | None,
        count: int,
        force: bool,
        skip_existing: bool,
    ) -> ResolvedRequest:
        """Resolve and judge what was asked for."""
        from fluxcli.requests.inputs import RawRequest, RequestEnvironment
        from fluxcli.requests.resolve import take

        asked = RawRequest(
            mode=mode,
            prompt=prompt,
            prompt_file=prompt_file,
            image=image,
            count=count,
            force=force,
            skip_existing=skip_existing,
        )
        around = RequestEnvironment(
            settings=self.settings,
            cwd=self.cwd,
            origin=self.base_url,
            now=self.clock.wall(),
            read_text=self.output.read_stdin,
            read_bytes=self.output.read_stdin_bytes,
            find=self.journal.find,
            unfinished=self.journal.unfinished,
            history=self.journal.of_fingerprint,
            prices=self.prices(),
        )
        return take(asked, around)

    def runner(
        self,
        *,
        timeout: float | None = None,
        wait: bool = True,
        save: bool = True,
        existing: Existing = "beside",
    ) -> TaskRunner:
        """Return what makes and collects pictures, by the settings' times unless told otherwise."""
        from fluxcli.files.output_path import parse_target
        from fluxcli.tasks.run_options import RunOptions
        from fluxcli.tasks.task_runner import TaskRunner

        terms = RunOptions(
            timeout=self.settings.seconds("timeout") or 0.0 if timeout is None else timeout,
            interval=self.settings.seconds("interval"),
            deliver=self.output.answer_bytes,
            wait=wait,
            save=save,
            existing=existing,
        )
        return TaskRunner(self.tools, terms, self.interrupts, parse_target(None, cwd=self.cwd))

    def history(self, *, wait: bool = False) -> History:
        """Return what looks at tasks again; with `wait`, until they are final."""
        from fluxcli.tasks.history import History

        runner = self.runner(timeout=None if wait else 0.0, save=False)
        return History(runner, self.cwd)

    def target(self, tasks: Sequence[Task]) -> OutputTarget | None:
        """Return where `-o` wants these tasks' pictures; None: each where it was meant to go.

        Raises:
            FluxError: they cannot all go there.
        """
        from fluxcli.requests.destination import destination

        text = self.flags.get("output")
        target = None if text is None else destination(str(text), cwd=self.cwd, tasks=tasks)
        if target is not None and target.kind == "stdout":
            self.check_stdout()
        return target

    def check_stdout(self, *, bytes_wanted: bool = True) -> None:
        """Make sure that stdout is free for a picture, and with `bytes_wanted` fit for it.

        Raises:
            FluxError: it is not.
        """
        if self.output.json:
            raise FluxError(
                Code.USAGE, "`-o -` and `--json` both want stdout", hint="-o picture.jpg --json"
            )
        if bytes_wanted:
            self.output.check_bytes()

    def close(self) -> None:
        """Let go of what was opened."""
        if "output" in self.__dict__:
            # A signal may have broken in while the display was being taken away.
            self.output.restore_terminal()
        if "journal" in self.__dict__:
            self.journal.close()
        if "sandbox_service" in self.__dict__:
            self.sandbox_service.close()
        # After a signal, somebody may still be talking; the end of the process hangs up for him.
        if "transport" in self.__dict__ and self.interrupts.number is None:
            self.transport.close()
