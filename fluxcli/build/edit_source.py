"""The image that an asset is edited from: a file, a URL, or the image of another asset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.errors import Code, FluxError
from fluxcli.files.image_check import read_input
from fluxcli.tasks.run_options import Source

if TYPE_CHECKING:
    from fluxcli.build.lock.entry import LockedImage
    from fluxcli.build.lock.lock_file import LockFile
    from fluxcli.build.manifest.asset import Asset, Manifest


def source_of(asset: Asset, manifest: Manifest, lock: LockFile) -> tuple[Source | None, str | None]:
    """Return the image that an asset is edited from, as it is now, and its identity.

    Raises:
        FluxError: INPUT_UNREADABLE: it does not exist, or was edited by hand.
    """
    original = asset.original
    if original is None:
        return None, None
    if original.kind == "url":
        return Source(identity=original.text, url=original.text), original.text
    path, expected = manifest.input(asset), None
    identity = None
    if original.kind == "asset":
        made = _parents_image(original.text, lock)
        path, expected = manifest.root / made.output, made.sha256
        identity = made.original_sha256
    image = read_input(path or manifest.place(asset))
    if expected not in {None, image.sha256}:
        raise FluxError(
            Code.INPUT_UNREADABLE,
            f"`{original.text}` was edited by hand, so nothing is made from it",
            hint=manifest.command("assets adopt", original.text),
        )
    source = Source(identity=f"sha256:{image.sha256}", input=image)
    return source, identity or image.sha256


def _parents_image(name: str, lock: LockFile) -> LockedImage:
    entry = lock.get(name)
    if entry is None or entry.made is None:
        raise FluxError(Code.INPUT_UNREADABLE, f"`{name}`, to be edited, does not exist")
    return entry.made
