"""Uploads that still live at the service, so that the same bytes are not sent twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.catalog import UPLOAD_REUSE_HOURS

if TYPE_CHECKING:
    from fluxcli.clock import Clock
    from fluxcli.journal.database import Database


class Uploads:
    """The uploads of all accounts, by the hash of their bytes."""

    def __init__(self, store: Database, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def find(self, account: str, sha256: str) -> str | None:
        """Return the URL of an upload of the same bytes that still lives."""
        now = self._clock.wall()
        rows = self._store.rows(
            "SELECT url FROM uploads WHERE account = ? AND sha256 = ?"
            " AND uploaded_at > ? AND uploaded_at <= ?",
            account,
            sha256,
            now - UPLOAD_REUSE_HOURS * 3600,
            now,
        )
        return str(rows[0]["url"]) if rows else None

    def keep(self, account: str, sha256: str, url: str) -> None:
        """Record an upload, to be used again while it lives."""
        with self._store.writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO uploads (account, sha256, url, uploaded_at)"
                " VALUES (?, ?, ?, ?)",
                (account, sha256, url, self._clock.wall()),
            )
