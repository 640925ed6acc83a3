"""One picture graduates: `generate --save-as NAME` declares in the manifest what was just made.

Judged before anything is spent; written after the picture is on the disk. The manifest's own
text is kept as it is, and a block is added to its end.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fluxcli.build.lock.entry import LockedImage, LockEntry
from fluxcli.build.lock.lock_file import LockFile, write
from fluxcli.build.manifest.asset import DEFAULT_NAME, Asset, Manifest
from fluxcli.build.manifest.asset_paths import is_inside
from fluxcli.build.manifest.manifest import parse
from fluxcli.build.steps import ask_of
from fluxcli.errors import Code, FluxError
from fluxcli.events import Finished
from fluxcli.files.templates import escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fluxcli.context import Context
    from fluxcli.events import Event
    from fluxcli.models import Picture, Task

_BEGINNING: Final = "version = 1\n"


@dataclass(frozen=True, slots=True)
class SaveAs:
    """A manifest that takes one more asset, called `name`."""

    context: Context
    name: str
    path: Path
    text: str

    @classmethod
    def prepare(cls, context: Context, name: str, folder: Path | None) -> SaveAs:
        """Judge whether a picture that goes to `folder` can be declared as `name`.

        Raises:
            FluxError: the manifest is wrong, the name is taken or none, or the place is outside.
        """
        path = context.cwd / DEFAULT_NAME
        text = path.read_text(encoding="utf-8") if path.exists() else _BEGINNING
        if folder is None or not is_inside(path.parent, folder):
            raise FluxError(
                Code.USAGE,
                f"`--save-as` declares what lies in the folder of `{DEFAULT_NAME}`, or below it",
                hint=f"-o {name}.png",
            )
        made = cls(context, name, path, text)
        if path.exists() and name in parse(text, path).by_name():
            raise FluxError(
                Code.USAGE,
                f"`{DEFAULT_NAME}` has an asset `{name}` already",
                hint=f"fluxcli build --explain {name}",
            )
        made._read(made._declared(prompt="-", output=f"{name}-{os.urandom(8).hex()}.png"))
        return made

    def seen(self, events: Iterable[Event | None]) -> Iterator[Event | None]:
        """Pass a run's events on, and declare the picture once it is on the disk."""
        for event in events:
            if isinstance(event, Finished):
                self.declare(event.task)
            yield event

    def declare(self, task: Task) -> None:
        """Add the asset to the manifest, and what was made to its lock.

        Raises:
            FluxError: the manifest or the lock cannot be written.
        """
        picture = task.picture
        if picture is None or picture.path is None:
            return
        block = self._block(task, picture.path)
        manifest = self._read(block)
        asset = manifest.by_name()[self.name]
        write(self.path, self._with(block).encode())
        LockFile.open(manifest.lock).record({self.name: self._entry(asset, task, picture)})
        self.context.output.note(f"declared as `{self.name}` in `{self.path}`")

    def _block(self, task: Task, path: Path) -> str:
        """Write the asset down with whatever the manifest's defaults would not give it."""
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
        asked = ask_of(asset, None, now=task.created_at, sandbox=task.sandbox)
        return LockEntry(
            LockedImage(
                ask=replace(asked, task_id=task.task_id),
                output=asset.output,
                sha256=picture.sha256,
                bytes=picture.bytes,
                width=picture.width,
                height=picture.height,
                format=picture.format,
                made_at=task.completed_at or task.created_at,
            )
        )

    def _with(self, block: str) -> str:
        return f"{self.text.rstrip()}\n\n{block}"

    def _read(self, block: str) -> Manifest:
        return parse(self._with(block), self.path)
