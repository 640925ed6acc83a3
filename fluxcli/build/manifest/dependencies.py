"""Which asset is edited from which: references are checked, cycles reported, assets ordered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.settings.parsers import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fluxcli.build.manifest.asset import Asset
    from fluxcli.build.manifest.problems import ProblemList


def check(assets: tuple[Asset, ...], problems: ProblemList) -> tuple[Asset, ...]:
    """Note references to nothing and cycles; return the assets, parents first."""
    by_name = {asset.name: asset for asset in assets}
    for asset in assets:
        if asset.parent is not None and asset.parent not in by_name:
            message, hint = _missing(asset.parent, by_name)
            problems.of(asset.source).add(asset.place("edit"), message, hint)
    order: dict[str, Asset] = {}
    for asset in assets:
        chain = _chain(asset, by_name, order)
        if chain and chain[0].parent in {one.name for one in chain}:
            _note_cycle(chain, problems)
        order.update((one.name, one) for one in chain)
    return tuple(order.values())


def root_of(name: str, assets: Mapping[str, Asset]) -> str:
    """Return the asset that a chain of edits begins with; itself if it is not an edit."""
    return lineage(name, assets)[-1]


def lineage(name: str, assets: Mapping[str, Asset]) -> list[str]:
    """Return the asset and all that it is made from, itself first."""
    names = [name]
    while (parent := assets[names[-1]].parent) is not None:
        names.append(parent)
    return names


def dependents(names: Iterable[str], assets: Iterable[Asset]) -> set[str]:
    """Return everything that is made from `names`, directly or not; `assets` parents first."""
    found = set(names)
    mine = set(found)
    for asset in assets:
        if asset.parent in found:
            found.add(asset.name)
    return found - mine


def _chain(asset: Asset, by_name: Mapping[str, Asset], done: Mapping[str, Asset]) -> list[Asset]:
    """Return the path from the first ancestor that is not `done` yet down to the asset."""
    chain: dict[str, Asset] = {}
    at: Asset | None = asset
    while at is not None and at.name not in done and at.name not in chain:
        chain[at.name] = at
        at = by_name.get(at.parent or "")
    return list(reversed(chain.values()))


def _note_cycle(chain: list[Asset], problems: ProblemList) -> None:
    closing = chain[0].parent
    names = [one.name for one in chain]
    cycle = names[: names.index(closing or "") + 1]
    way = " → ".join(f"`{name}`" for name in [*cycle, cycle[0]])
    members = [one for one in chain if one.name in cycle]
    first = min(members, key=lambda one: (one.source is not members[0].source, one.line))
    problems.of(first.source).add(first.place("edit"), f"the edits form a cycle: {way}")


def _missing(name: str, by_name: Mapping[str, Asset]) -> tuple[str, str | None]:
    members = [one for one in by_name if one.startswith(f"{name}[")]
    if members:
        return f"`@{name}` has several members: name one of them", f'edit = "@{members[0]}"'
    near = nearest(name, by_name)
    hint = f"did you mean `@{near}`?" if near else "a file whose name begins with `@` is `./@…`"
    return f"there is no asset `{name}` to edit", hint
