"""The words of the lock: what was asked for, what came of it. All frozen.

Times are seconds since the epoch (float, UTC; the file keeps whole seconds), sizes bytes,
widths and heights pixels, hashes sha256 in hex.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedRequest:
    """One request, as far as it got.

    `request` is its anchor and `made_from` what it was made from, in short (see `anchor`).
    `input` is the picture that was edited, as the manifest writes it, `input_sha256` its
    bytes' hash (None for a URL). `ref` is the journal's name for it; `task_id` None while
    nobody knows whether it was accepted, or where nothing was asked for. `landing` is the
    sha256 of the picture that is about to be put in its place.
    """

    request: str
    made_from: str
    model: str
    asked_at: float
    input: str | None = None
    input_sha256: str | None = None
    ref: str | None = None
    task_id: str | None = None
    landing: str | None = None
    sandbox: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedImage:
    """A picture that lies, or has lain, at `output`, and the request that it answers.

    `output` is relative to the manifest's folder, with `/`. `adopted` pictures were put there
    by hand and blessed.
    """

    ask: LockedRequest
    output: str
    sha256: str
    bytes: int
    width: int
    height: int
    format: str
    made_at: float
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class LockEntry:
    """One asset: what is there, and what is paid for and not there yet."""

    made: LockedImage | None = None
    pending: LockedRequest | None = None

    @property
    def changed_at(self) -> float:
        """When it last changed."""
        made = self.made.made_at if self.made else 0.0
        return max(made, self.pending.asked_at if self.pending else 0.0)
