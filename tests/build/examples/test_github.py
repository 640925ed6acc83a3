"""The workflows for GitHub: nothing is paid twice, nothing that was made is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.build.examples.ci import EXAMPLES, Account, GitHub, Remote, account

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

yaml: Any = pytest.importorskip("yaml")
HEAD = "version = 1\noutput_dir = 'images'\n"


def manifest(*names: str, word: str = "red") -> str:
    return HEAD + "".join(f"[assets.{name}]\nprompt = 'a {word} {name}'\n" for name in names)


@pytest.fixture
def service() -> Iterator[Account]:
    with account() as one:
        yield one


@pytest.fixture
def remote(tmp_path: Path, service: Account) -> Remote:
    return Remote(tmp_path, service)


def github(remote: Remote, name: str = "images.yml", *, fork: bool = False) -> GitHub:
    workflow = yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))
    folder = remote.folder / f"github-{name}-{fork}"
    return GitHub(remote, workflow, remote.account, folder, fork)


BOTH = pytest.mark.parametrize("name", ["images.yml", "images-sharded.yml"])
NAMES = ("anchor", "boat", "crane", "dock", "eel", "fish", "gull")


def images(folder: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in (folder / "images").iterdir()}


@BOTH
def test_what_is_changed_replaces_what_was_committed(remote: Remote, name: str) -> None:
    """Each machine hands on what it made, not what it has checked out."""
    hub = github(remote, name)
    remote.push({"assets.toml": manifest(*NAMES)})
    assert set(hub.run().values()) <= {"success", "skipped"}, hub.log
    old = images(remote.clone("old"))
    assert old.keys() == set(NAMES)
    remote.push({"assets.toml": manifest(*NAMES, word="blue")})
    assert set(hub.run().values()) <= {"success", "skipped"}, hub.log
    new = images(remote.clone("new"))
    assert [one for one in NAMES if new[one] == old[one]] == []
    assert remote.account.charges == 2 * len(NAMES)
    remote.check("check")
    clone = remote.clone("leftovers")
    assert not list(clone.glob("*.tar")) + list(clone.glob("assets.lock.*"))


@BOTH
def test_nothing_to_do_is_green_and_commits_nothing(remote: Remote, name: str) -> None:
    hub = github(remote, name)
    remote.push({"assets.toml": manifest("anchor")})
    hub.run()
    before = (remote.head(), remote.account.charges)
    assert set(hub.run().values()) <= {"success", "skipped"}, hub.log
    assert (remote.head(), remote.account.charges) == before


@BOTH
def test_two_pushes_pay_once_for_each_image(remote: Remote, name: str) -> None:
    """The paying jobs are one at a time, and each starts from the branch as it is then."""
    hub = github(remote, name)
    jobs = hub.workflow["jobs"].values()
    paying = [job for job in jobs if "FLUXCLI_API_KEY" in job.get("env", {})]
    groups = [job.get("concurrency", hub.workflow.get("concurrency")) for job in paying]
    assert all(one == {"group": "images", "cancel-in-progress": False} for one in groups)
    remote.push({"assets.toml": manifest("anchor", "boat")})
    remote.push({"assets.toml": manifest("anchor", "boat", "crane")})
    for _ in range(2):
        assert set(hub.run().values()) <= {"success", "skipped"}, hub.log
    assert remote.account.charges == 3


@BOTH
def test_a_rejected_push_is_rebased_and_what_came_meanwhile_is_made(
    remote: Remote, name: str
) -> None:
    hub = github(remote, name)
    remote.push({"assets.toml": manifest("anchor", "boat")})
    pushed: list[None] = []

    def interfere() -> None:
        if not pushed:
            pushed.append(None)
            remote.push({"assets.toml": manifest("anchor", "boat", "crane")})

    assert set(hub.run(before_push=interfere).values()) <= {"success", "skipped"}, hub.log
    assert pushed
    assert images(remote.clone("after")).keys() == {"anchor", "boat", "crane"}
    assert remote.account.charges == 3
    remote.check("check")


@pytest.mark.parametrize("delete_commit", [False, True], ids=["committed", "journal only"])
def test_a_cancelled_job_is_finished_by_the_next_one(
    remote: Remote, *, delete_commit: bool
) -> None:
    hub = github(remote)
    remote.push({"assets.toml": manifest(*NAMES)})
    if delete_commit:  # the machine is lost before it commits: only the journal's cache is left
        steps = hub.workflow["jobs"]["build"]["steps"]
        commit = steps.pop()
    assert hub.run(cancel=lambda: remote.account.charges >= 3)["build"] == "failure"
    assert 3 <= remote.account.charges <= len(NAMES)
    summary = (hub.folder / "run-1-build-None" / "summary.md").read_text(encoding="utf-8")
    assert "stopped by SIGINT" in summary
    spent = 5 * remote.account.charges
    assert f"an estimated {spent} credits spent" in summary
    assert "more if" not in summary, "every submission was answered"
    if delete_commit:
        steps.append(commit)
    assert hub.run()["build"] == "success", hub.log
    assert images(remote.clone("after")).keys() == set(NAMES)
    assert remote.account.charges == len(NAMES)
    remote.check("check")


@pytest.mark.parametrize("charges", [1, 3, 6])
@pytest.mark.parametrize("lost", [False, True], ids=["committed", "journals only"])
def test_a_cancelled_run_of_shards_is_finished_by_the_next_one(
    remote: Remote, charges: int, *, lost: bool
) -> None:
    """Every shard is interrupted on a machine of its own; nothing is paid for again."""
    hub = github(remote, "images-sharded.yml")
    remote.push({"assets.toml": manifest(*NAMES)})
    jobs = hub.workflow["jobs"]
    commit = jobs.pop("commit") if lost else None
    assert hub.run(cancel=lambda: remote.account.charges >= charges)["shard"] == "failure"
    assert charges <= remote.account.charges <= len(NAMES)
    if commit is not None:
        jobs["commit"] = commit
    assert set(hub.run().values()) == {"success"}, hub.log
    assert images(remote.clone("after")).keys() == set(NAMES)
    assert remote.account.charges == len(NAMES)
    remote.check("check")


@pytest.mark.parametrize("fork", [False, True])
def test_a_pull_request_is_green_with_work_to_do_and_costs_nothing(
    remote: Remote, *, fork: bool
) -> None:
    hub = github(remote, fork=fork)
    remote.push({"assets.toml": manifest("anchor")})
    ended = hub.run("pull_request")
    assert ended == {"plan": "success", "build": "skipped"}, hub.log
    assert "::warning file=assets.toml" in hub.log
    assert (hub.folder / "artifacts-1" / "images-report" / "index.html").exists()
    remote.push({"assets.toml": HEAD + "[assets.a]\nprompt = 'a {b}'\n"})
    assert hub.run("pull_request")["plan"] == "failure"
    assert "::error file=assets.toml,line=4" in hub.log
    assert (hub.folder / "artifacts-2" / "images-report" / "index.html").exists()
    assert remote.account.charges == 0


@BOTH
def test_a_fork_does_not_build(remote: Remote, name: str) -> None:
    hub = github(remote, name, fork=True)
    remote.push({"assets.toml": manifest("anchor")})
    assert set(hub.run().values()) == {"skipped"}
