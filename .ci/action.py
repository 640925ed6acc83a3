"""Run the steps of the GitHub Action in `.github/actions/build`, as GitHub's runner does.

Usage: python3 .ci/action.py PACKAGE

PACKAGE is what the action is to install: a wheel, or a folder. Steps that use other actions
(Python, the cache) are replaced by what this machine has.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ACTION = ROOT / ".github" / "actions" / "build" / "action.yml"
MANIFEST = 'version = 1\n[assets.hero]\nprompt = "A lighthouse"\n[assets.icon]\nprompt = "A key"\n'
DRIFT = 10
"""The status of `build --check` where there is work to do."""


def steps() -> list[dict[str, str]]:
    """Return the action's own steps: name, environment and script.

    Knows as much of YAML as the file uses, so that this needs no package.
    """
    text = ACTION.read_text(encoding="utf-8").partition("  steps:\n")[2]
    found = []
    for part in re.split(r"^    - ", text, flags=re.MULTILINE):
        script = re.search(r"^      run: \|\n((?: {8}.*\n|\n)+)", part, re.MULTILINE)
        if script:
            variables = re.findall(
                r"^        ([A-Z_]+): \$\{\{ inputs\.([a-z-]+) \}\}$", part, re.MULTILINE
            )
            found.append(
                dict(variables) | {"run": re.sub(r"^ {8}", "", script[1], flags=re.MULTILINE)}
            )
    return found


class Runner:
    """A job's machine in `folder`: its files for variables, paths and outputs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = folder / "work"
        self.work.mkdir()
        self.python = folder / "python"
        self.python.mkdir()
        # Alone in a folder: a fluxcli beside the interpreter is not the installed one.
        (self.python / "python").symlink_to(sys._base_executable)  # type: ignore[attr-defined] # noqa: SLF001
        (self.work / "assets.toml").write_text(MANIFEST)
        self.files = {name: folder / name.lower() for name in ("GITHUB_ENV", "GITHUB_PATH")}

    def job(self, inputs: dict[str, str]) -> dict[str, str]:
        """Run the action once; return its outputs, with what it printed as `log`."""
        values = {
            "package": "",
            "arguments": "--report github",
            "max-credits": "",
            "sandbox": "false",
        }
        values |= inputs
        output, summary = self.folder / "output", self.folder / "summary"
        log = ""
        for file in (*self.files.values(), output, summary):
            file.write_text("")
        for step in steps():
            paths = self.files["GITHUB_PATH"].read_text().split()
            made = dict(
                line.split("=", 1) for line in self.files["GITHUB_ENV"].read_text().splitlines()
            )
            env = {
                "PATH": os.pathsep.join([*paths, str(self.python), os.environ["PATH"]]),
                "HOME": str(self.folder),
                "GITHUB_ACTIONS": "true",
                "CI": "true",
                "GITHUB_ACTION_PATH": str(ACTION.parent),
                "GITHUB_OUTPUT": str(output),
                "GITHUB_STEP_SUMMARY": str(summary),
                "RUNNER_TEMP": str(self.folder / "temp"),
                "FLUXCLI_SANDBOX_SECONDS": "0.1",
                **{name: os.environ[name] for name in os.environ if name.startswith("PIP_")},
                **{name: str(file) for name, file in self.files.items()},
                **made,
                **{name: values[one] for name, one in step.items() if name != "run"},
            }
            ran = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                cwd=self.work,
                env=env,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            log += ran.stdout + ran.stderr
            if ran.returncode:
                break
        outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
        return outputs | {"log": log, "summary": summary.read_text()}


def check(holds: object, job: dict[str, str]) -> None:
    """End with what a job printed, unless the condition holds."""
    if not holds:
        raise SystemExit(f"failed: the action: {job}")


def main(package: str) -> None:
    """Plan, refuse to spend without consent, build, and find nothing more to do."""
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(Path(folder))
        common = {"package": package, "sandbox": "true"}
        job = runner.job(common | {"arguments": "--check"})
        check(job.get("status") == str(DRIFT), job)
        job = runner.job(common | {"arguments": "--yes\n--report github", "max-credits": "1"})
        check(job.get("status") == "7", job)
        job = runner.job(common | {"arguments": "hero; touch injected", "max-credits": "50"})
        check(job.get("status") == "2" and not (runner.work / "injected").exists(), job)
        job = runner.job(common | {"arguments": "--report github", "max-credits": "50"})
        check(job.get("status") == "0" and "hero" in job["summary"], job)
        job = runner.job(common | {"arguments": "--check"})
        check(job.get("status") == "0", job)
    print("the action works")


if __name__ == "__main__":
    main(*sys.argv[1:])
