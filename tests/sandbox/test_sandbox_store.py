"""The sandbox's store: kept between runs, shared by processes and threads."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from fluxcli.sandbox.account import SandboxAccount
from tests.sandbox import sandbox_client as urls
from tests.sandbox.sandbox_client import AS_JSON, new_client

if TYPE_CHECKING:
    from pathlib import Path

_SUBMITTER = """
import sys, time
from pathlib import Path
from fluxcli.sandbox.service import SandboxService
from fluxcli.sandbox.http_messages import HttpCall
one = SandboxService(store=Path(sys.argv[1]), wall=lambda: 1e9, sleep=time.sleep, credits=30)
headers = {"user-agent": "a", "authorization": f"Bearer {sys.argv[2]}",
           "content-type": "application/json"}
path = "/api/v1/flux/kontext/generate"
for _ in range(4):
    one.handle(HttpCall("POST", "api.sandbox.invalid", path, {}, headers, b'{"prompt":"a"}'))
one.close()
"""


def test_tasks_uploads_links_and_balance_are_kept_between_runs(tmp_path: Path) -> None:
    store = tmp_path / "book"
    with new_client(store=store) as client:
        record = client.finished("kept")
        link = record["response"]["resultImageUrl"]
        upload = client.upload(b"bytes")["data"]["downloadUrl"]
        again = client.post(urls.DOWNLOAD_URL, {"url": link})["data"]
        picture = client.fetch(link).body
    with new_client(store=store, credits=7) as client:
        client.now += 12
        assert client.record(record["taskId"]) == record
        assert client.fetch(link).body == picture
        assert client.fetch(again).body == picture
        assert client.fetch(upload).body == b"bytes"
        assert client.credits() == 995.0
        assert [charge.prompt for charge in client.sandbox_service.charges()] == ["kept"]


def test_links_have_the_port_of_the_current_run(tmp_path: Path) -> None:
    """A served sandbox has another port each time."""
    store = tmp_path / "book"
    with new_client(store=store) as client:
        task = client.finished()["taskId"]
    with new_client(store=store, result_url="http://127.0.0.1:9") as client:
        client.now += 20
        link = client.record(task)["response"]["resultImageUrl"]
        assert link == f"http://127.0.0.1:9/results/{task}.jpeg"
        assert client.fetch(link).status == 200


def test_without_a_store_nothing_is_kept() -> None:
    with new_client() as client:
        task = client.generate()
    with new_client() as client:
        assert client.get(f"{urls.RECORD}?taskId={task}")["code"] == 422


def test_the_submission_limit_is_shared_by_processes(tmp_path: Path) -> None:
    with new_client(store=tmp_path / "book") as one, new_client(store=tmp_path / "book") as other:
        for _ in range(10):
            one.generate()
            other.generate()
        for client in (one, other):
            assert client.post(urls.GENERATE, {"prompt": "a"})["code"] == 429


def test_threads_cannot_overspend_the_balance() -> None:
    """Twelve threads request eight images each; the balance allows ten in all."""

    def spend(number: int) -> int:
        headers = {**AS_JSON, "authorization": f"Bearer {number}"}
        answers = [client.call("POST", urls.GENERATE, b'{"prompt":"a"}', headers) for _ in range(8)]
        return sum(b'"code":200' in answer.body for answer in answers)

    with new_client(credits=50) as client, ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(spend, range(12))) == 10
        assert client.credits() == 0.0
        assert len(client.sandbox_service.charges()) == 10


def test_processes_share_one_balance(tmp_path: Path) -> None:
    """They create the store at the same time, and every charge is counted once."""
    store = tmp_path / "book"
    running = [
        subprocess.Popen([sys.executable, "-c", _SUBMITTER, str(store), str(number)])
        for number in range(3)
    ]
    assert [one.wait(60) for one in running] == [0, 0, 0]
    with new_client(store=store) as client:
        assert len(client.sandbox_service.charges()) == 6
        assert client.credits() == 0.0


def test_a_text_file_as_store_is_refused_and_kept(tmp_path: Path) -> None:
    store = tmp_path / "book"
    store.write_text("a letter, nothing to do with money, and long enough to be one" * 20)
    with pytest.raises(ValueError, match="remove it"):
        SandboxAccount(store, balance=1)
    assert store.read_text().startswith("a letter")


@pytest.mark.parametrize("statement", ["CREATE TABLE letters (x)", "PRAGMA user_version = 99"])
def test_another_database_as_store_is_refused(tmp_path: Path, statement: str) -> None:
    store = tmp_path / "book"
    base = sqlite3.connect(store)
    base.execute(statement)
    base.close()
    with pytest.raises(ValueError, match="not a sandbox store"):
        SandboxAccount(store, balance=1)


def test_a_store_that_cannot_be_opened_is_an_io_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot be opened"):
        SandboxAccount(tmp_path / "missing" / "book", balance=1)


def test_a_store_of_an_earlier_version_is_replaced(tmp_path: Path) -> None:
    store = tmp_path / "store"
    database = sqlite3.connect(store)
    database.execute("CREATE TABLE tasks (id TEXT, outcome TEXT)")
    database.execute("PRAGMA user_version = 1")
    database.close()
    with new_client(store=store) as client:
        client.generate()
        assert client.credits() == 995.0
