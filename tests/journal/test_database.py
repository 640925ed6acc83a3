"""The journal's file: made when something is written, private, and refused if it is another's."""

from __future__ import annotations

import re
import sqlite3
import stat
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fluxcli.errors import Code, FluxError
from fluxcli.filelock import FileLock
from fluxcli.journal.database import VERSION, Database
from fluxcli.journal.journal import Journal
from tests.journal.samples import accepted, picture, request
from tests.worlds import SwiftClock

if TYPE_CHECKING:
    from pathlib import Path


def test_reading_creates_nothing(journal: Journal, folder: Path) -> None:
    """Reading a missing journal creates nothing."""
    assert journal.recent(None) == journal.unsaved() == journal.unsettled() == []
    assert journal.find("e730") is None
    assert journal.unfinished("f") is None
    assert journal.uploads.find("a", "b") is None
    journal.close()
    assert not folder.parent.exists()


def test_the_file_and_its_folder_are_private(journal: Journal, folder: Path) -> None:
    accepted(journal, "e730")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in folder.glob("journal.sqlite3*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_was_written_is_there_for_the_next_process(
    journal: Journal, folder: Path, clock: SwiftClock
) -> None:
    task = accepted(journal, "e730")
    journal.close()
    other = Journal(folder, clock=clock, sandbox=False)
    assert other.find("e730") == task
    other.close()


def test_a_later_schema_is_refused(journal: Journal, folder: Path) -> None:
    """An older fluxcli neither reads nor changes what it does not understand."""
    folder.mkdir(parents=True)
    with sqlite3.connect(folder / "journal.sqlite3") as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    before = (folder / "journal.sqlite3").read_bytes()
    for look in (lambda: journal.recent(None), lambda: journal.open_run("f", new=False)):
        with pytest.raises(FluxError, match="written by a later fluxcli") as caught:
            look()
        assert (caught.value.code, caught.value.status) == (Code.JOURNAL, 1)
        assert caught.value.hint == "pip install --upgrade fluxcli"
    assert (folder / "journal.sqlite3").read_bytes()[100:] == before[100:]


@pytest.mark.parametrize("content", [b"not a database" * 100, b"\0" * 5000])
def test_a_file_that_is_not_a_journal_is_refused(
    journal: Journal, folder: Path, content: bytes
) -> None:
    folder.mkdir(parents=True)
    (folder / "journal.sqlite3").write_bytes(content)
    with pytest.raises(FluxError) as caught:
        journal.recent(None)
    assert caught.value.code is Code.JOURNAL
    assert str(folder / "journal.sqlite3") in caught.value.message
    assert (folder / "journal.sqlite3").read_bytes() == content


def test_a_folder_that_cannot_be_made(tmp_path: Path, clock: SwiftClock) -> None:
    (tmp_path / "file").touch()
    journal = Journal(tmp_path / "file" / "state", clock=clock, sandbox=False)
    with pytest.raises(FluxError) as caught:
        journal.open_run("f", new=False)
    assert caught.value.code is Code.JOURNAL
    assert f"the journal `{tmp_path / 'file' / 'state'}`" in caught.value.message
    assert "FLUXCLI_STATE_DIR" in (caught.value.hint or "")


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = Database(tmp_path / "journal.sqlite3")
    statement = "INSERT INTO submissions (account, pid, started_at) VALUES ('a', 1, 1)"
    with pytest.raises(RuntimeError), store.writing() as db:
        _fail_after(db, statement)
    assert store.rows("SELECT * FROM submissions") == []
    store.close()


def _fail_after(db: sqlite3.Connection, statement: str) -> None:
    db.execute(statement)
    raise RuntimeError


def test_what_fails_is_reported_though_its_end_fails_as_well(tmp_path: Path) -> None:
    store = Database(tmp_path / "journal.sqlite3")
    with pytest.raises(RuntimeError), store.writing() as db:
        _fail_after(db, "ROLLBACK")
    store.close()


def test_what_sqlite_says_is_translated(tmp_path: Path) -> None:
    store = Database(tmp_path / "journal.sqlite3")
    err = f"the journal `{tmp_path / 'journal.sqlite3'}` cannot be used: no such table: nowhere"
    with pytest.raises(FluxError, match=re.escape(err)), store.writing() as db:
        db.execute("DELETE FROM nowhere")
    with pytest.raises(FluxError, match=re.escape(err)):
        store.rows("SELECT * FROM nowhere")
    store.close()


def test_many_may_open_a_new_journal_at_once(tmp_path: Path, clock: SwiftClock) -> None:
    """As `xargs -P 20` does on the first day: no process finds it locked or incomplete."""
    gate = threading.Barrier(12)
    errors: list[Exception] = []

    def enter(number: int) -> None:
        journal = Journal(tmp_path / "state", clock=clock, sandbox=False)
        gate.wait(10)
        try:
            accepted(journal, f"task{number}", f"f{number}")
        except Exception as error:  # noqa: BLE001 - reported below
            errors.append(error)
        finally:
            journal.close()

    threads = [threading.Thread(target=enter, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    journal = Journal(tmp_path / "state", clock=clock, sandbox=False)
    assert errors == []
    assert len(journal.recent(None)) == 12
    journal.close()


def test_what_another_process_made_meanwhile_is_taken_as_it_is(tmp_path: Path) -> None:
    """Who waited to make the schema may find that it is made."""
    path = tmp_path / "journal.sqlite3"
    path.touch()
    store = Database(path)
    found: list[int] = []
    looker = threading.Thread(
        target=lambda: found.extend(row[0] for row in store.rows("PRAGMA user_version"))
    )
    with FileLock(tmp_path / "locks" / "journal.lock"):
        looker.start()
        looker.join(0.05)
        assert found == []
        with closing(sqlite3.connect(path)) as db:
            db.execute(f"PRAGMA user_version = {VERSION}")
    looker.join(10)
    store.close()
    assert found == [VERSION]


class TestUploads:
    def test_an_upload_is_found_again_for_20_hours(
        self, journal: Journal, clock: SwiftClock
    ) -> None:
        journal.uploads.keep("account", "sha", "https://h/x")
        assert journal.uploads.find("account", "sha") == "https://h/x"
        clock.sleep(20 * 3600 - 1)
        assert journal.uploads.find("account", "sha") == "https://h/x"
        clock.sleep(1)
        assert journal.uploads.find("account", "sha") is None

    def test_by_other_bytes_or_another_account_it_is_not(self, journal: Journal) -> None:
        journal.uploads.keep("account", "sha", "https://h/x")
        assert journal.uploads.find("account", "ahs") is None
        assert journal.uploads.find("other", "sha") is None

    def test_a_new_upload_takes_the_place_of_the_old(
        self, journal: Journal, clock: SwiftClock
    ) -> None:
        journal.uploads.keep("account", "sha", "https://h/x")
        clock.sleep(21 * 3600)
        journal.uploads.keep("account", "sha", "https://h/y")
        assert journal.uploads.find("account", "sha") == "https://h/y"

    def test_an_upload_from_the_future_is_not_trusted(self, folder: Path) -> None:
        """The clock was set back since: its age is unknown."""
        late = Journal(folder, clock=SwiftClock(2e9), sandbox=False)
        late.uploads.keep("account", "sha", "https://h/x")
        late.close()
        early = Journal(folder, clock=SwiftClock(1.9e9), sandbox=False)
        assert early.uploads.find("account", "sha") is None
        early.close()


def test_records_about_money_are_synced_to_the_disk(journal: Journal) -> None:
    """A submission, its id and its landing are synced; what can be asked again is not."""
    run = journal.open_run("f", new=False)
    err: list[str] = []
    connection = journal._store._connection
    assert connection is not None
    connection.set_trace_callback(err.append)

    def levels() -> list[str]:
        found = [text.rpartition(" ")[2] for text in err if "synchronous" in text]
        err.clear()
        return found

    ref = journal.begin(run, request(), source=None, output="-").ref
    journal.submission_limiter.acquire("account")
    assert levels() == ["NORMAL", "NORMAL"]
    journal.sending(ref, request())
    journal.accepted(ref, "e730")
    assert levels() == ["FULL", "FULL"]
    journal.succeeded(ref, url="https://h.invalid/1.png", completed_at=1.0, seconds=8.0)
    assert levels() == ["NORMAL"]
    journal.landing(ref, picture())
    assert levels() == ["FULL"]
    journal.saved(ref, picture())
    journal.close_run(run)
    journal.release(run)
    journal.release(journal.open_run("g", new=False))
    assert levels() == ["NORMAL", "NORMAL", "NORMAL"]
    journal.submission_limiter.answered(1)
    journal.submission_limiter.release(1)
    journal.submission_limiter.saturate("account", 1.0)
    assert levels() == ["NORMAL", "NORMAL", "NORMAL"]
    journal.uploads.keep("account", "sha", "https://h.invalid/x")
    journal.refused(ref, FluxError(Code.REJECTED, "no"))
    journal.unknown(ref, "reset")
    journal.failed(ref, FluxError(Code.MODERATED, "flagged"))
    assert levels() == ["FULL", "FULL", "FULL", "FULL"]
