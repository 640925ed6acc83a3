"""`generate --save-as NAME`: declares in the manifest what was just made.

Checked before anything is spent; written after the image is on the disk. The manifest is read
again under the lock beside it, so that two runs at once lose nothing; its own text is kept as it
is, and a block is added at its end.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fluxcli.build.lock.entry import LockEntry, has_paid, locked_image
from fluxcli.build.lock.lock_file import LockFile, write
from fluxcli.build.manifest.asset_paths import is_inside
from fluxcli.build.manifest.manifest import parse
from fluxcli.build.manifest.search import DEFAULT_NAME, resolved_link
from fluxcli.build.project import held, not_held
from fluxcli.build.steps import locked_request
from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError, Status, reason_of
from fluxcli.events import Finished
from fluxcli.filelock import FileLock
from fluxcli.files.name_template import escaped
from fluxcli.prices_and_limits import SANDBOX_URL
from fluxcli.system import disk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fluxcli.build.manifest.asset import Asset, Manifest
    from fluxcli.events import Event
    from fluxcli.task_types import Picture, Task

_BEGINNING: Final = "version = 1\n"


@dataclass(frozen=True, slots=True)
class SaveAs:
    """A manifest that takes one more asset, called `name`.

    `text` is the manifest's own, `origin` the address of the service that makes the image, and
    `note` prints what was done.
    """

    name: str
    path: Path
    text: str
    origin: str
    note: Callable[[str], None]

    @classmethod
    def is_declared(cls, cwd: Path, name: str) -> bool:
        """Return whether the manifest in the folder `cwd` has an asset called `name`."""
        path = cwd / DEFAULT_NAME
        return path.exists() and name in parse(_text(path), path).by_name()

    @classmethod
    def prepare(
        cls, name: str, folder: Path | None, *, cwd: Path, origin: str, note: Callable[[str], None]
    ) -> SaveAs:
        """Check whether an image that goes to `folder` can be declared as `name` in `cwd`.

        Raises:
            FluxError: the manifest is wrong, the name is taken or invalid, or the folder is
                outside.
        """
        path = resolved_link(cwd / DEFAULT_NAME)
        text = _text(path)
        if folder is None or not is_inside(path.parent, folder):
            raise FluxError(
                Code.USAGE,
                f"`--save-as` declares an image in the folder of `{DEFAULT_NAME}`, or below it",
                hint=f"-o {name}.png",
            )
        made = cls(name, path, text, origin, note)
        if path.exists() and name in parse(text, path).by_name():
            raise FluxError(
                Code.USAGE,
                f"`{DEFAULT_NAME}` has an asset `{name}` already",
                hint=f"fluxcli assets explain {name}",
            )
        manifest = made._read(
            made._declared(prompt="-", output=f"{name}-{os.urandom(8).hex()}.png")
        )
        made._check_lockable(manifest)
        return made

    def _check_lockable(self, manifest: Manifest) -> None:
        """Check, before anything is paid for, what declaring needs: the lock and its folder.

        Raises:
            FluxError: OUTPUT_UNWRITABLE or LOCK_INVALID.
        """
        LockFile.open(manifest.lock)
        busy = self._busy()
        try:
            with FileLock(busy) as mutex:
                mutex.release(remove=True)
        except OSError as error:
            raise not_held(manifest, busy, error) from error
        with _unless_busy(), held(manifest, manifest.lock):
            pass

    def _busy(self) -> Path:
        """Return the file by which the runs that change the manifest wait for each other."""
        return self.path.with_name(f".{self.path.name}.busy")

    def following(self, events: Iterable[Event | None]) -> Iterator[Event | None]:
        """Pass a run's events on, and declare the image once it is on the disk."""
        for event in events:
            if isinstance(event, Finished):
                self.declare(event.task)
            yield event

    def declare(self, task: Task) -> None:
        """Add the asset to the manifest, and what was made to its lock.

        Raises:
            FluxError: the manifest or the lock cannot be written, with status 1: the image is
                paid for and saved.
        """
        picture = task.picture
        if picture is None or picture.path is None:
            return
        try:
            self._declare(task, picture)
        except FluxError as error:
            raise _undeclared(error.code, error.message, error.hint, picture.path) from error
        except OSError as error:
            raise _undeclared(Code.DISK, reason_of(error), None, picture.path) from error
        self.note(f"declared as `{self.name}` in `{self.path}`")

    def _declare(self, task: Task, picture: Picture) -> None:
        with FileLock(self._busy()) as mutex:
            try:
                # Another run may have declared something since this one began.
                replace(self, text=_text(self.path)).write(task, picture)
            finally:
                mutex.release(remove=True)

    def write(self, task: Task, picture: Picture) -> None:
        """Add the asset to the text that was just read."""
        if picture.path is None:
            raise ValueError(picture)
        if self.path.exists() and self.name in parse(self.text, self.path).by_name():
            raise FluxError(
                Code.WOULD_OVERWRITE,
                f"another run has declared `{self.name}`",
                hint=f"fluxcli assets explain {self.name}",
            )
        block = self._block(task, picture.path)
        manifest = self._read(block)
        is_apart = task.sandbox and (
            self.origin == SANDBOX_URL or has_paid(LockFile.open(manifest.lock).entries())
        )
        manifest = replace(manifest, sandbox=is_apart)
        asset = manifest.by_name()[self.name]
        with held(manifest, manifest.lock, wait=True):
            lock = LockFile.open(manifest.lock)
            write(self.path, self._with(block).encode())
            if is_apart:
                # As `build` does with a sandbox's images.
                disk.make_folders(manifest.place(asset).parent)
                write(manifest.place(asset), picture.path.read_bytes())
            lock.record({self.name: self._entry(asset, task, picture)})

    def _block(self, task: Task, path: Path) -> str:
        """Return the asset's block, with every field that the defaults do not give."""
        head = self._read(self._declared(prompt="-"))
        home = self.path.parent / head.output_dir
        output = os.path.relpath(os.path.realpath(path), os.path.realpath(home))
        table = {
            "prompt": escaped(task.request.prompt),
            "output": escaped(Path(output).as_posix()),
        }
        wanted = asdict(task.request)
        found = asdict(self._read(self._declared(**table)).by_name()[self.name].request)
        missing = {
            key: value
            for key, value in wanted.items()
            if value != found[key] and key not in {"prompt", "input_image"} and value is not None
        }
        return self._declared(**table, **missing)

    def _declared(self, **fields: object) -> str:
        import tomli_w

        return tomli_w.dumps({"assets": {self.name: fields}})

    def _entry(self, asset: Asset, task: Task, picture: Picture) -> LockEntry:
        request = locked_request(asset, None, now=task.created_at)
        return LockEntry(
            locked_image(
                picture,
                replace(request, task_id=task.task_id, origin=self.origin, sandbox=task.sandbox),
                asset.output,
                created_at=task.completed_at or task.created_at,
            )
        )

    def _with(self, block: str) -> str:
        newline = "\r\n" if "\r\n" in self.text else "\n"
        return f"{self.text.rstrip()}{newline * 2}{block.replace(chr(10), newline)}"

    def _read(self, block: str) -> Manifest:
        return parse(self._with(block), self.path)


@contextmanager
def _unless_busy() -> Iterator[None]:
    """Let a build that runs now be no error: it is waited for when it matters."""
    try:
        yield
    except FluxError as error:
        if error.code is not Code.BUSY:
            raise


def _undeclared(code: Code, message: str, hint: str | None, path: Path) -> FluxError:
    """Return the error for an image that is paid for and saved, and not in the manifest."""
    reason = message.removesuffix("; nothing was sent, nothing was charged")
    again = "run the same command again: it declares the image at no cost"
    return FluxError(
        code,
        f"the image is saved as `{path}`, but not declared: {reason}",
        hint=f"{hint}; then {again}" if hint else again,
        status=Status.FAILURE,
    )


def _text(path: Path) -> str:
    """Return a manifest's text with its line ends as they are; the beginning of a new one.

    Raises:
        FluxError: MANIFEST_INVALID: it is not UTF-8 text, or not a file.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return _BEGINNING
    except UnicodeDecodeError as error:
        message = f"`{path}` is not UTF-8 text (byte {error.start})"
        raise FluxError(
            Code.MANIFEST_INVALID, message, hint="save it as UTF-8, then run the command again"
        ) from None
    except OSError as error:
        reason = reason_of(error)
        message = f"`{path}` cannot be read: {reason}"
        hint = "move it out of the way, then run the command again"
        raise FluxError(Code.MANIFEST_INVALID, message, hint=hint) from None
