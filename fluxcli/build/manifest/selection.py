"""A part of the assets: by name or pattern, by tag, by shard. Pure."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from fluxcli.build.manifest.dependencies import lineage, root_of
from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError
from fluxcli.settings.parsers import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fluxcli.build.manifest.asset import Asset, Manifest

_SHARD: Final = re.compile(r"([0-9]{1,4})/([0-9]{1,4})")


@dataclass(frozen=True, slots=True)
class Shard:
    """The `number`-th of `count` parts; both count from 1."""

    number: int
    count: int

    def holds(self, root: str) -> bool:
        """Return whether the asset `root` and all that is made from it belong to this part."""
        digest = hashlib.sha256(root.encode()).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}-of-{self.count}"


@dataclass(frozen=True, slots=True)
class AssetSelection:
    """The selected assets of a command, and those of them that it names in full.

    The parents of a selected asset are selected too.
    """

    names: frozenset[str]
    named: frozenset[str]
    whole: bool


def parse_shard(text: str) -> Shard:
    """Read `K/N`.

    Raises:
        FluxError: USAGE.
    """
    found = _SHARD.fullmatch(text.strip())
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        message = f"`--shard {text}`: expected `K/N`, the K-th of N parts, K from 1 to N"
        raise FluxError(Code.USAGE, message, hint="--shard 1/4")
    return Shard(int(found[1]), int(found[2]))


def select(
    manifest: Manifest,
    patterns: Iterable[str] = (),
    *,
    tags: Iterable[str] = (),
    shard: Shard | None = None,
    parents: bool = True,
) -> AssetSelection:
    """Choose assets; without patterns and tags, all (of the shard).

    A pattern is a name, the name of a whole matrix, or has `*` and `?` in it; brackets are
    plain. An asset is chosen by any of the patterns or tags; without `parents`, what it is made
    from is not.

    Raises:
        FluxError: USAGE: nothing has such a name or tag.
    """
    patterns, tags, assets = list(patterns), list(tags), manifest.by_name()
    chosen = set() if patterns or tags else set(assets)
    for pattern in patterns:
        chosen |= _matching(pattern, assets)
    for tag in tags:
        chosen |= _tagged(tag, assets)
    closed = {above for name in chosen for above in lineage(name, assets)} if parents else chosen
    if shard is not None:
        closed = {name for name in closed if shard.holds(root_of(name, assets))}
    return AssetSelection(
        names=frozenset(closed),
        named=frozenset(pattern for pattern in patterns if pattern in assets),
        whole=not (patterns or tags) and shard is None,
    )


def _matching(pattern: str, assets: Mapping[str, Asset]) -> set[str]:
    if pattern in assets:
        return {pattern}
    form = re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."))
    found = {
        name for name in assets if form.fullmatch(name) or form.fullmatch(name.partition("[")[0])
    }
    if not found:
        near = nearest(pattern, assets)
        hint = f"did you mean `{near}`?" if near else "fluxcli build --plan"
        raise FluxError(Code.USAGE, f"no asset is called `{pattern}`", hint=hint)
    return found


def _tagged(tag: str, assets: Mapping[str, Asset]) -> set[str]:
    found = {name for name, asset in assets.items() if tag in asset.tags}
    if not found:
        known = sorted({tag for asset in assets.values() for tag in asset.tags})
        near = nearest(tag, known)
        offered = f"did you mean `{near}`?" if near else f"tags here: {', '.join(known) or 'none'}"
        raise FluxError(Code.USAGE, f"no asset has the tag `{tag}`", hint=offered)
    return found
