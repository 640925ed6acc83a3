"""The records of the lock: what was requested, and what was made. All are frozen.

Times are seconds since the epoch (float, UTC; the file keeps whole seconds), sizes bytes,
widths and heights pixels, hashes sha256 in hex.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fluxcli.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fluxcli.files.image_check import Inspected
    from fluxcli.task_types import Picture

_OWN_HOSTS: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedRequest:
    """One request and its state.

    `hash` is its fingerprint and `made_from` its short form (see `fingerprint`). `input` is
    the edited image as the manifest writes it, `input_sha256` the hash of its bytes (None for a
    URL). `ref` is the journal's name for the submission; `task_id` is None while it is unknown
    whether it was accepted, and for images that were never requested. `landing` is the sha256 of
    the image that is about to be moved to its output. `origin` is the address of the service,
    `api` its wire format. `reroll`: requested again on purpose. `error` is the code with which
    the service ended the task for good. `sandbox`: the service identified itself as a sandbox, so
    that nothing was paid.
    """

    hash: str
    made_from: str
    model: str
    submitted_at: float
    input: str | None = None
    input_sha256: str | None = None
    ref: str | None = None
    task_id: str | None = None
    landing: str | None = None
    origin: str | None = None
    api: str | None = None
    reroll: bool = False
    error: str | None = None
    sandbox: bool = False

    @property
    def is_free(self) -> bool:
        """Whether a sandbox of this machine took it; what is in doubt counts as paid."""
        return self.sandbox and (self.origin is None or is_own(self.origin))

    @property
    def is_paid(self) -> bool:
        """Whether a service was, or may have been, paid for it.

        A service of this machine whose answer is not known may be a sandbox: it is asked again.
        """
        if self.task_id is None:
            return self.ref is not None and not is_own(self.origin)
        return not self.is_free


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedImage:
    """An image that is, or was, at `output`, and its request.

    `output` is relative to the project's folder, with `/`. `sha256` is the hash of the file,
    `original_sha256` the hash of what the service delivered: dependents are stale when that
    changes. They differ for an image that was processed and then adopted. `adopted` files were
    put there by a person and confirmed with `assets adopt`.
    """

    request: LockedRequest
    output: str
    sha256: str
    original_sha256: str
    bytes: int
    width: int
    height: int
    format: str
    created_at: float
    adopted: bool = False


def locked_image(
    facts: Picture | Inspected,
    request: LockedRequest,
    output: str,
    *,
    created_at: float,
    original: str | None = None,
    adopted: bool = False,
) -> LockedImage:
    """Return the record of the file at `output`; `original` is its hash as it was delivered."""
    return LockedImage(
        request=request,
        output=output,
        sha256=facts.sha256,
        original_sha256=original or facts.sha256,
        bytes=facts.bytes,
        width=facts.width,
        height=facts.height,
        format=facts.format,
        created_at=created_at,
        adopted=adopted,
    )


@dataclass(frozen=True, slots=True)
class LockEntry:
    """What the lock knows of one asset.

    `made` is its image, `pending` the submission whose image is not there yet, `history` earlier
    submissions that are replaced but may still be collected, oldest first. `rivals` are the
    images of two branches that both made the asset, until a person picks one.
    """

    made: LockedImage | None = None
    pending: LockedRequest | None = None
    history: tuple[LockedRequest, ...] = ()
    rivals: tuple[LockedImage, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known."""
        return self == _EMPTY

    @property
    def changed_at(self) -> float:
        """When it last changed."""
        made = self.made.created_at if self.made else 0.0
        return max(made, self.pending.submitted_at if self.pending else 0.0)

    def submissions(self) -> tuple[LockedRequest, ...]:
        """Return every submission that may have been paid for, the newest first."""
        made = (self.made.request,) if self.made else ()
        pending = (self.pending,) if self.pending else ()
        rivals = tuple(one.request for one in self.rivals)
        return (*pending, *made, *rivals, *reversed(self.history))


_EMPTY = LockEntry()


def is_own(origin: str | None) -> bool:
    """Whether the service at an address runs on this machine."""
    from urllib.parse import urlsplit

    try:
        return urlsplit(origin or "").hostname in _OWN_HOSTS
    except ValueError:
        return False


def same_submission(first: LockedRequest, second: LockedRequest) -> bool:
    """Whether two records are about one submission."""
    if first.task_id is not None and second.task_id is not None:
        return first.task_id == second.task_id
    return first.ref is not None and first.ref == second.ref


def with_history(entry: LockEntry, *replaced: LockedRequest | None) -> tuple[LockedRequest, ...]:
    """Return an entry's history with the submissions that are replaced now.

    A request that was never submitted is not kept.
    """
    history = list(entry.history)
    for one in replaced:
        if one is None or (one.task_id is None and one.ref is None and one.error is None):
            continue
        if not any(same_submission(one, known) for known in history):
            history.append(one)
    return tuple(history)


def has_paid(entries: Mapping[str, LockEntry]) -> bool:
    """Whether a submission of a lock is, or may be, paid for.

    Everything that a sandbox did not take counts, even through a proxy on this machine.
    """
    return any(one.is_paid for entry in entries.values() for one in entry.submissions())
