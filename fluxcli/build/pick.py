"""`assets pick`: a candidate, a task's image or a file becomes the asset's image. Needs no key."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fluxcli.build.hashes import sha256_of
from fluxcli.build.lock.entry import LockEntry, locked_image, same_submission, with_history
from fluxcli.build.lock.lock_file import LockFile, guarded_hash, write
from fluxcli.build.maintenance import identity_of
from fluxcli.build.manifest.asset_paths import is_inside
from fluxcli.build.steps import locked_request
from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError, reason_of
from fluxcli.files.filename import plain, portability_problem
from fluxcli.files.image_check import inspect_file
from fluxcli.journal.lookup import PREFIX_LENGTH
from fluxcli.system import disk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fluxcli.build.lock.entry import LockedRequest
    from fluxcli.build.manifest.asset import Asset, Manifest
    from fluxcli.build.project import TaskRecords
    from fluxcli.task_types import Task

_TASK_ID: Final = re.compile("[0-9A-Za-z_-]{16,64}")
"""The form of a task id from another machine: the service's ids have 32 characters."""


_PLAIN: Final = re.compile(r"[\w.+, =\[\]-]+")
"""A name that is a folder's name as it is."""

_SHEET: Final = "index.html"


@dataclass(frozen=True, slots=True)
class Picked:
    """The new image of an asset: its path, or None if `fluxcli build` downloads it."""

    name: str
    path: Path | None
    task_id: str | None


def pick(
    asset: Asset,
    choice: str,
    manifest: Manifest,
    lock: LockFile,
    *,
    records: TaskRecords,
    cwd: Path,
    now: float,
) -> Picked:
    """Make a candidate's number, a task or a file the asset's image.

    `records` are this machine's tasks. The replaced file stays among the candidates.
    A task whose image is not on this machine is collected by the next build, at no cost.

    Raises:
        FluxError: USAGE: no such candidate, task or file, or no image.
    """
    entry = lock.get(asset.name) or LockEntry()
    identity = identity_of(asset, manifest, lock, {})
    folder = candidates_folder(manifest, asset)
    task_id, file = _candidate(choice, folder) or _elsewhere(choice, entry, records.find, cwd)
    if task_id is None and file is None:
        raise FluxError(
            Code.USAGE,
            f"`{choice}` is not a candidate, a task or a file; candidates are in `{folder}`",
            hint=manifest.command("build", asset.name, "--candidates", "4"),
        )
    request = locked_request(asset, identity, now=now)
    request = _submitted(request, task_id, entry, records)
    if file is None:
        return _of_task(asset, request, manifest, lock)
    try:
        found = inspect_file(file)
    except OSError as error:
        raise FluxError(Code.INPUT_UNREADABLE, f"`{file}`: {reason_of(error)}") from error
    if found.format != asset.request.output_format:
        message = f"`{file}` is {found.format}, not {asset.request.output_format}"
        raise FluxError(Code.USAGE, message, hint="give `output` the ending of the image's format")
    _put_aside(manifest, asset, entry, folder)
    path = manifest.place(asset)
    check_inside(manifest, path)
    try:
        disk.make_folders(path.parent)
    except OSError as error:
        raise _unwritable(path.parent, error) from error
    write(path, file.read_bytes())
    image = locked_image(found, request, asset.output, created_at=now, adopted=task_id is None)
    history = with_history(entry, *_images(entry), entry.pending)
    history = tuple(one for one in history if not same_submission(one, request))
    lock.record({asset.name: LockEntry(image, None, history)})
    return Picked(asset.name, path, task_id)


def _of_task(asset: Asset, request: LockedRequest, manifest: Manifest, lock: LockFile) -> Picked:
    """Record the task of `request` as the asset's; its image is a rival on disk, or collected."""
    entry, task_id = lock.get(asset.name) or LockEntry(), request.task_id
    rival = next((one for one in entry.rivals if one.request.task_id == task_id), None)
    if rival is not None and guarded_hash(manifest.root, rival.output) == rival.sha256:
        kept = with_history(entry, *(o.request for o in entry.rivals if o is not rival))
        lock.record({asset.name: LockEntry(rival, entry.pending, kept)})
        return Picked(asset.name, manifest.root / rival.output, task_id)
    history = with_history(entry, entry.pending, *_images(entry))
    rest = tuple(one for one in history if one.task_id != task_id)
    lock.record({asset.name: LockEntry(entry.made, request, rest)})
    return Picked(asset.name, None, task_id)


def _images(entry: LockEntry) -> list[LockedRequest]:
    """Return the requests of the asset's images: its own, and those of branches."""
    return [one.request for one in (entry.made, *entry.rivals) if one]


def _submitted(
    request: LockedRequest,
    task_id: str | None,
    entry: LockEntry,
    records: TaskRecords,
) -> LockedRequest:
    """Return a request with the task that was picked, and with what is known of its service."""
    if task_id is None:
        return request
    known = next((one for one in entry.submissions() if one.task_id == task_id), None)
    if known is not None:
        return replace(request, task_id=task_id, origin=known.origin, sandbox=known.sandbox)
    origin, is_sandbox = records.service_of(task_id) or (None, False)
    return replace(request, task_id=task_id, origin=origin, sandbox=is_sandbox)


def candidates_folder(manifest: Manifest, asset: Asset) -> Path:
    """Return where an asset's candidates lie: a folder of its own in `.candidates`.

    Raises:
        FluxError: OUTPUT_UNWRITABLE: a link leads out of the project.
    """
    name = asset.name.replace(":", "x")
    if not _PLAIN.fullmatch(name) or portability_problem(name):
        name = f"{plain(name)}-{hashlib.sha256(asset.name.encode()).hexdigest()[:8]}"
    folder = manifest.root / ".candidates" / name
    check_inside(manifest, folder, folder / _SHEET)
    return folder


def contact_sheet_path(folder: Path) -> Path:
    """Return the page that shows the candidates in a folder."""
    return folder / _SHEET


def check_inside(manifest: Manifest, *paths: Path) -> None:
    """Check that no link in a checkout leads what is written out of the project.

    Raises:
        FluxError: OUTPUT_UNWRITABLE.
    """
    for path in paths:
        if not is_inside(manifest.folder, path):
            raise FluxError(
                Code.OUTPUT_UNWRITABLE,
                f"`{path}` leads out of the project's folder by a link; nothing was sent",
                hint=manifest.command("build", "--plan"),
            )


def made_ready(folder: Path) -> None:
    """Make a folder for candidates, which git ignores."""
    disk.make_folders(folder)
    ignored = folder.parent / ".gitignore"
    if not os.path.lexists(ignored):
        ignored.write_text("*\n", encoding="utf-8")


def _candidate(choice: str, folder: Path) -> tuple[str | None, Path] | None:
    """Return the task and the file of the candidate with this number or task.

    Raises:
        FluxError: USAGE: several candidates have this number.
    """
    found = [
        (path.stem.partition("-")[2] or None, path)
        for number, path in candidate_files(folder)
        if choice in {str(number), path.stem.partition("-")[2]}
    ]
    if len(found) > 1:
        tasks = " and ".join(f"`{task_id}`" for task_id, _ in found)
        raise FluxError(Code.USAGE, f"`{choice}` is several candidates: name the task, {tasks}")
    return found[0] if found else None


def _elsewhere(
    choice: str, entry: LockEntry, find: Callable[[str], Task | None], cwd: Path
) -> tuple[str | None, Path | None]:
    """Return the task and the file that a choice names, each None if there is none.

    A task is known to the lock or to the journal, or has the form of an id from another machine.
    """
    if choice in {one.task_id for one in entry.submissions()}:
        return choice, None
    # A longer number may be the beginning of an id.
    is_number = choice.isdecimal() and len(choice) < PREFIX_LENGTH
    file = cwd / choice
    if file.is_file() and not is_number:
        return None, file
    task = None if is_number else find(choice)
    if task is None:
        return (choice if _TASK_ID.fullmatch(choice) else None), None
    picture = task.picture
    is_here = picture is not None and picture.path and sha256_of(picture.path) == picture.sha256
    return task.task_id, picture.path if picture is not None and is_here else None


def _put_aside(manifest: Manifest, asset: Asset, entry: LockEntry, folder: Path) -> None:
    """Copy the image that is about to be replaced to the candidates."""
    path = manifest.place(asset)
    if not path.is_file() or not is_inside(manifest.root, path):
        return
    try:
        made_ready(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    named = entry.made.request.task_id if entry.made else None
    number = next_number(folder)
    # On the disk before the output is replaced: this image was paid for, too.
    write(folder / f"{number}-{named or 'replaced'}{path.suffix}", path.read_bytes())


def next_number(folder: Path) -> int:
    """Return the number of the next candidate."""
    return 1 + max((number for number, _ in candidate_files(folder)), default=0)


def candidate_files(folder: Path) -> list[tuple[int, Path]]:
    """Return the candidates in a folder with their numbers, in order: `3-TASK.png` is the third."""
    parts = [(path.name.partition("-")[0], path) for path in folder.glob("*-*.*")]
    return sorted((int(number), path) for number, path in parts if number.isdecimal())


def _unwritable(folder: Path, error: OSError) -> FluxError:
    message = f"`{folder}` cannot be written to: {reason_of(error)}; nothing was changed"
    return FluxError(Code.OUTPUT_UNWRITABLE, message)
