"""Runs CI configurations unchanged: every job has its own folder, home and clone.

Knows as much of GitHub's workflow language as the examples use, and refuses anything else.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fluxcli.sandbox.server import serve
from fluxcli.sandbox.service import SandboxService
from tests.worlds import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT: Final = Path(__file__).parents[3]
EXAMPLES: Final = ROOT / ".github" / "examples"
_EXPRESSION: Final = re.compile(r"\$\{\{ (.*?) \}\}")
_TIMEOUT: Final = 120


@dataclass
class Account:
    """The service that all machines pay at, and its address."""

    service: SandboxService
    url: str

    @property
    def charges(self) -> int:
        """How many images were paid for."""
        return len(self.service.charges())


@contextmanager
def account(seconds: float = 0.1) -> Iterator[Account]:
    """Serve a stand-in on loopback ports; an image takes `seconds`."""
    service = SandboxService(store=None, wall=time.time, sleep=time.sleep, seconds=seconds)
    try:
        with serve(service) as served:
            yield Account(service, served.api_url)
    finally:
        service.close()


class StepError(Exception):
    """A step of a job failed; the message is what it printed."""


@dataclass
class Machine:
    """One simulated machine: a folder for its jobs, a home, `fluxcli` on its path."""

    folder: Path
    account: Account
    env: dict[str, str] = field(default_factory=dict)
    log: str = ""

    def __post_init__(self) -> None:
        """Make the folders and the programs."""
        self.home = self.folder / "home"
        self.work = self.folder / "work"
        programs = self.folder / "bin"
        for one in (self.home, programs):
            one.mkdir(parents=True)
        fluxcli = f'#!/bin/sh\nexec "{sys.executable}" -m fluxcli "$@"\n'
        for name, text in (("fluxcli", fluxcli), ("pipx", "#!/bin/sh\n"), ("pip", "#!/bin/sh\n")):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        self.env = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_EDITOR": "true",
            "FLUXCLI_BASE_URL": self.account.url,
            "FLUXCLI_UPLOAD_URL": self.account.url,
            "FLUXCLI_INTERVAL": "0.2",
        } | self.env

    def shell(self, script: str, *, until: Callable[[], bool] | None = None) -> str:
        """Run a script as GitHub does; with `until`, interrupt it once that holds.

        Raises:
            StepError: it failed.
        """
        process = subprocess.Popen(
            ["bash", "-eo", "pipefail", "-c", script],
            cwd=self.work,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        if until is not None:
            deadline = time.monotonic() + _TIMEOUT
            while process.poll() is None and not until() and time.monotonic() < deadline:
                time.sleep(0.02)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
        try:
            printed, _ = process.communicate(timeout=_TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        self.log += printed
        if process.returncode:
            raise StepError(f"{script}\nstatus {process.returncode}\n{printed}")
        return printed


@dataclass
class Remote:
    """A bare repository, and what a person does in a clone of it."""

    folder: Path
    account: Account

    def __post_init__(self) -> None:
        """Make the repository and the person's clone, with an empty first commit."""
        self.bare = self.folder / "remote.git"
        self.person = Machine(self.folder / "person", self.account)
        self._git("init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))
        self._git("clone", "--quiet", str(self.bare), str(self.person.work))
        self.person.shell("git config user.name a; git config user.email a@example.com")
        self.person.shell("git checkout -q -b main; fluxcli assets init; rm assets.toml")
        self.person.shell("git add -A; git commit -qm begin; git push -q origin main")

    def push(self, files: dict[str, str]) -> None:
        """Commit files on top of what is there, and push them."""
        self.person.shell("git pull -q --rebase origin main")
        for name, text in files.items():
            (self.person.work / name).write_text(text)
        self.person.shell("git add -A; git commit -qm change; git push -q origin main")

    def clone(self, name: str) -> Path:
        """Return a new clone of the repository."""
        place = self.folder / name
        self._git("clone", "--quiet", str(self.bare), str(place))
        return place

    def check(self, name: str) -> str:
        """Run `build --check` in a new clone on a machine that has no key and no journal."""
        machine = Machine(self.folder / name, self.account)
        self._git("clone", "--quiet", str(self.bare), str(machine.work))
        return machine.shell("fluxcli build --check")

    def head(self) -> str:
        """Return the newest commit of main."""
        return self._git("-C", str(self.bare), "rev-parse", "main").strip()

    @staticmethod
    def _git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], check=True, capture_output=True, text=True)
        return done.stdout


@dataclass
class GitHub:
    """Runs the jobs of a workflow; caches and artifacts are kept here."""

    remote: Remote
    workflow: dict[str, Any]
    account: Account
    folder: Path
    fork: bool = False
    runs: int = 0
    caches: dict[str, Path] = field(default_factory=dict)

    def run(
        self,
        event: str = "push",
        *,
        cancel: Callable[[], bool] | None = None,
        before_push: Callable[[], None] | None = None,
    ) -> dict[str, str]:
        """Run all jobs for an event; return how each ended: `success`, `failure`, `skipped`.

        `cancel` interrupts the step that builds once it holds; `before_push` is called before
        the step that pushes.
        """
        self.runs += 1
        (self.folder / f"artifacts-{self.runs}").mkdir(parents=True)
        ended: dict[str, str] = {}
        for name, job in self.workflow["jobs"].items():
            needed = job.get("needs")
            if not self._holds(job.get("if", ""), event, failed=ended.get(needed) == "failure"):
                ended[name] = "skipped"
                continue
            shards = job.get("strategy", {}).get("matrix", {}).get("shard", [None])
            results = [self._job(name, shard, event, cancel, before_push) for shard in shards]
            ended[name] = "success" if all(results) else "failure"
        return ended

    def _job(
        self,
        name: str,
        shard: int | None,
        event: str,
        cancel: Callable[[], bool] | None,
        before_push: Callable[[], None] | None,
    ) -> bool:
        job = self.workflow["jobs"][name]
        machine = Machine(self.folder / f"run-{self.runs}-{name}-{shard}", self.account)
        variables = {
            "secrets.FLUXCLI_API_KEY": "" if self.fork else KEY,
            "github.ref_name": "main",
            "github.run_id": str(self.runs),
            "github.run_attempt": "1",
            "matrix.shard": str(shard),
        }
        machine.env |= {"GITHUB_REF_NAME": "main", "GITHUB_ACTIONS": "true"}
        machine.env |= {"GITHUB_ENV": str(machine.folder / "env")}
        machine.env |= {"GITHUB_STEP_SUMMARY": str(machine.folder / "summary.md")}
        machine.env |= {key: filled(text, variables) for key, text in job.get("env", {}).items()}
        failed = False
        for step in job["steps"]:
            if not self._holds(step.get("if", ""), event, failed=failed):
                continue
            try:
                if "uses" in step:
                    self._action(step, machine, variables)
                    continue
                script = filled(step["run"], variables)
                if "git push" in script and before_push is not None:
                    before_push()
                machine.shell(script, until=cancel if "fluxcli build" in script else None)
                self._take_env(machine)
            except StepError as error:
                machine.log += str(error)
                failed = True
            cancel = cancel if not failed else None
        self.log = machine.log
        return not failed

    def _holds(self, condition: str, event: str, *, failed: bool) -> bool:
        terms = [term.strip() for term in condition.split("&&") if term.strip()]
        known = {
            "always()": True,
            "github.event_name == 'push'": event == "push",
            "github.event_name == 'pull_request'": event == "pull_request",
            "!github.event.repository.fork": not self.fork,
        }
        return all(known[term] for term in terms) and (not failed or "always()" in terms)

    def _take_env(self, machine: Machine) -> None:
        file = Path(machine.env["GITHUB_ENV"])
        for line in file.read_text().splitlines() if file.exists() else ():
            key, _, value = line.partition("=")
            machine.env[key] = value

    def _action(self, step: dict[str, Any], machine: Machine, variables: dict[str, str]) -> None:
        action = step["uses"].partition("@")[0]
        given = {key: filled(str(one), variables) for key, one in step.get("with", {}).items()}
        artifacts = self.folder / f"artifacts-{self.runs}"
        match action:
            case "actions/checkout":
                Remote._git("clone", "--quiet", str(self.remote.bare), str(machine.work))
            case "actions/cache/restore":
                found = [
                    key for key in self.caches if key.startswith(given["restore-keys"].strip())
                ]
                if found:
                    shutil.copytree(self.caches[found[-1]], self._path(machine, given["path"]))
            case "actions/cache/save":
                place = self.folder / "caches" / given["key"]
                source = self._path(machine, given["path"])
                if source.exists():
                    shutil.copytree(source, place)
                    self.caches[given["key"]] = place
            case "actions/upload-artifact":
                source = self._path(machine, given["path"])
                place = artifacts / given["name"]
                if source.is_dir():
                    shutil.copytree(source, place)
                else:
                    place.mkdir()
                    shutil.copy(source, place)
            case "actions/download-artifact":
                for one in sorted(artifacts.glob(given["pattern"])):
                    shutil.copytree(one, machine.work, dirs_exist_ok=True)
            case _:
                raise AssertionError(f"unknown action {action}")

    @staticmethod
    def _path(machine: Machine, text: str) -> Path:
        if text.startswith("~/"):
            return machine.home / text[2:]
        return machine.work / text


def filled(text: str, variables: dict[str, str]) -> str:
    """Return text with every `${{ … }}` replaced; an unknown one is an error."""
    return _EXPRESSION.sub(lambda found: variables[found[1]], text)
