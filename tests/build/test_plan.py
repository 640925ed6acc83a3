"""The plan as a pure function of manifest, lock and files."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fluxcli.build.lock import fingerprint
from fluxcli.build.lock.entry import LockedImage, LockedRequest, LockEntry
from fluxcli.build.manifest.manifest import parse
from fluxcli.build.plan import plan
from fluxcli.build.steps import Action, Plan, PlanOptions, locked_request

if TYPE_CHECKING:
    from fluxcli.build.manifest.asset import Manifest

NOW = 1_795_341_600.0
DAY = 86400.0
AT = Path("/nowhere/assets.toml")
TEXT = "version = 1\n[assets.a]\nprompt = 'x'\n"
FAMILY = TEXT + "[assets.b]\nedit = '@a'\nprompt = 'y'\n"


class Shelf:
    """A disk of known hashes, by paths below the manifest's folder."""

    def __init__(self, **files: str) -> None:
        self.files = {AT.parent / name.replace("_", "."): sha for name, sha in files.items()}

    def sha256(self, path: Path) -> str | None:
        return self.files.get(path)

    def pointer(self, _path: Path) -> str | None:
        return None


def manifest(text: str = TEXT) -> Manifest:
    return parse(text, AT)


def ask(
    found: Manifest, name: str = "a", *, source: str | None = None, task: str = "t"
) -> LockedRequest:
    asset = found.by_name()[name]
    requested = locked_request(asset, source, now=NOW - DAY)
    return replace(requested, task_id=task)


def made(
    found: Manifest, name: str = "a", sha: str = "sha-a", source: str | None = None
) -> LockedImage:
    return LockedImage(
        request=ask(found, name, source=source),
        output=found.by_name()[name].output,
        sha256=sha,
        original_sha256=sha,
        bytes=10,
        width=1,
        height=1,
        format="jpeg",
        created_at=NOW - DAY,
    )


def decide(
    found: Manifest, lock: dict[str, LockEntry], folder: Shelf, *, force: bool = False
) -> Plan:
    return plan(found, lock, folder, PlanOptions(now=NOW, force=force))


def actions(found: Plan) -> dict[str, Action]:
    return {step.name: step.action for step in found.steps}


def test_an_asset_unknown_to_the_lock_is_new() -> None:
    found = decide(manifest(), {}, Shelf())
    assert actions(found) == {"a": Action.NEW}
    assert (found.credits, found.is_clean) == (5, False)


def test_what_is_as_it_was_made_is_kept() -> None:
    found = manifest()
    result = decide(found, {"a": LockEntry(made(found))}, Shelf(a_jpg="sha-a"))
    assert actions(result) == {"a": Action.KEEP}
    assert (result.is_clean, result.steps[0].rewrites) == (True, False)


def test_a_missing_file_is_fetched_while_the_service_has_it() -> None:
    found = manifest()
    entry = LockEntry(made(found))
    assert actions(decide(found, {"a": entry}, Shelf())) == {"a": Action.COLLECT}
    old = LockEntry(replace(made(found), created_at=NOW - 14 * DAY))
    result = decide(found, {"a": old}, Shelf())
    assert result.steps[0].reasons == ("missing", "the service keeps results for 14 days")
    assert actions(result) == {"a": Action.HELD}, "never paid for again unasked"
    assert "--reroll a" in (result.steps[0].next or "")


@pytest.mark.parametrize("days", [-3650, -14, 0, 13, 14, 3650])
def test_what_is_paid_for_is_collected_by_any_clock(days: int) -> None:
    found = manifest()
    pending = replace(ask(found), submitted_at=NOW - days * DAY)
    assert actions(decide(found, {"a": LockEntry(None, pending)}, Shelf())) == {"a": Action.COLLECT}
    earlier = LockEntry(None, None, (pending,))
    assert actions(decide(found, {"a": earlier}, Shelf())) == {"a": Action.COLLECT}


def test_what_the_service_has_dropped_is_made_again() -> None:
    found = manifest()
    gone = replace(ask(found), error="expired")
    assert actions(decide(found, {"a": LockEntry(None, None, (gone,))}, Shelf())) == {
        "a": Action.NEW
    }


def test_what_is_paid_for_but_no_longer_wanted_is_not_fetched() -> None:
    found = manifest(TEXT.replace("'x'", "'z'"))
    pending = ask(manifest())
    result = decide(found, {"a": LockEntry(None, pending)}, Shelf())
    assert result.steps[0].reasons == (
        "what is paid for is the answer to another request",
        "not made yet",
    )


def test_an_image_that_landed_just_before_the_end_is_ours() -> None:
    found = manifest()
    pending = replace(ask(found), landing="sha-new")
    entry = LockEntry(made(found, sha="sha-old"), pending)
    assert actions(decide(found, {"a": entry}, Shelf(a_jpg="sha-new"))) == {"a": Action.COLLECT}
    assert actions(decide(found, {"a": entry}, Shelf(a_jpg="other"))) == {"a": Action.EDITED}


def test_a_submission_of_unknown_outcome_waits_for_a_person() -> None:
    found = manifest(FAMILY)
    pending = replace(ask(found), task_id=None, ref="ref")
    result = decide(found, {"a": LockEntry(None, pending)}, Shelf())
    assert actions(result) == {"a": Action.HELD, "b": Action.HELD}
    assert [step.unknown for step in result.steps] == [pending, None]
    assert result.steps[1].reasons == ("waits for `a`",)


def test_a_child_follows_the_bytes_of_its_parent_and_nothing_else() -> None:
    found = manifest(FAMILY)
    lock = {"a": LockEntry(made(found)), "b": LockEntry(made(found, "b", "sha-b", source="sha-a"))}
    folder = Shelf(a_jpg="sha-a", b_jpg="sha-b")
    assert decide(found, lock, folder).is_clean
    missing = decide(found, lock, Shelf(b_jpg="sha-b"))
    assert actions(missing) == {"a": Action.COLLECT, "b": Action.KEEP}
    changed = manifest(FAMILY.replace("'x'", "'z'"))
    assert actions(decide(changed, lock, folder)) == {"a": Action.CHANGED, "b": Action.CHANGED}
    edited = decide(found, lock, Shelf(a_jpg="by-hand", b_jpg="sha-b"))
    assert actions(edited) == {"a": Action.EDITED, "b": Action.KEEP}


def test_force_replaces_what_was_edited_free_where_it_can() -> None:
    found = manifest()
    entry = LockEntry(made(found))
    folder = Shelf(a_jpg="by-hand")
    assert actions(decide(found, {"a": entry}, folder)) == {"a": Action.EDITED}
    assert actions(decide(found, {"a": entry}, folder, force=True)) == {"a": Action.COLLECT}


def test_a_lock_of_an_older_scheme_is_not_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The image stays, and the lock does not claim values that it was not made with."""
    found = manifest()
    lock = {"a": LockEntry(made(found))}

    def second(request: object, rev: int, identity: str | None) -> str:
        return hashlib.sha256(f"2 {request} {rev} {identity}".encode()).hexdigest()

    monkeypatch.setattr(fingerprint, "SCHEMES", {**fingerprint.SCHEMES, 2: second})
    monkeypatch.setattr(fingerprint, "CURRENT", 2)
    result = decide(found, lock, Shelf(a_jpg="sha-a"))
    (step,) = result.steps
    assert (result.is_clean, step.rewrites) == (True, False)


def test_an_orphan_is_listed_only_where_all_is_planned() -> None:
    found = manifest()
    lock = {"gone": LockEntry(replace(made(found), request=replace(ask(found), hash="1:x")))}
    assert actions(decide(found, lock, Shelf())) == {"a": Action.NEW, "gone": Action.ORPHAN}
    part = plan(found, lock, Shelf(), PlanOptions(now=NOW, chosen={"a"}))
    assert actions(part) == {"a": Action.NEW}


def test_every_step_has_a_reason() -> None:
    found = manifest(FAMILY)
    lock = {"a": LockEntry(made(found)), "z": LockEntry(made(found))}
    for folder in (Shelf(), Shelf(a_jpg="sha-a"), Shelf(a_jpg="other")):
        assert all(step.reasons for step in decide(found, lock, folder).steps)


def test_a_task_of_another_service_is_not_collected_here() -> None:
    found = manifest()
    pending = replace(ask(found), origin="https://elsewhere.example")
    lost = replace(made(found), request=pending)
    options = PlanOptions(now=NOW, origin="https://here.example")
    for entry in (LockEntry(None, pending), LockEntry(lost)):
        (step,) = plan(found, {"a": entry}, Shelf(), options).steps
        assert step.action is Action.HELD
        assert "belongs to https://elsewhere.example" in step.reasons[-1]
        assert "FLUXCLI_BASE_URL=https://elsewhere.example" in (step.next or "")
