"""Uploads that the service still keeps, so that the same bytes are not sent twice.

The service keeps an upload for 24 h. Its age is known by the clock only; where the
clock disagrees with the order of the uploads, it was changed, and no age is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fluxcli.prices_and_limits import UPLOAD_REUSE_HOURS

if TYPE_CHECKING:
    from fluxcli.clock import Clock
    from fluxcli.journal.database import Database


_KEPT_SECONDS: Final = UPLOAD_REUSE_HOURS * 3600.0
_ADJUSTED_SECONDS: Final = 1.0
"""By how much a clock that is kept right may go back."""


class Uploads:
    """The uploads of all accounts, by the hash of their bytes."""

    def __init__(self, store: Database, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def find(self, account: str, sha256: str) -> str | None:
        """Return the URL of an upload of the same bytes that the service still keeps."""
        now = self._clock.wall()
        rows = self._store.rows(
            "SELECT url FROM uploads WHERE account = ? AND sha256 = ?"
            " AND uploaded_at > ? AND uploaded_at <= ? AND NOT EXISTS (SELECT 1 FROM tasks"
            " WHERE tasks.rowid > uploads.after AND (tasks.created_at < uploaded_at - ?"
            " OR tasks.created_at > uploaded_at + ?))",
            account,
            sha256,
            now - _KEPT_SECONDS,
            now + _ADJUSTED_SECONDS,
            _ADJUSTED_SECONDS,
            _KEPT_SECONDS,
        )
        return str(rows[0]["url"]) if rows else None

    def keep(self, account: str, sha256: str, url: str) -> None:
        """Record an upload, to be used again while the service keeps it."""
        with self._store.writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO uploads (account, sha256, url, uploaded_at, after)"
                " VALUES (?, ?, ?, ?, (SELECT IFNULL(MAX(rowid), 0) FROM tasks))",
                (account, sha256, url, self._clock.wall()),
            )
