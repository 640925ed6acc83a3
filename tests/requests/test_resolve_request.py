"""Requests resolved from what was typed: the same command in any spelling is the same request."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fluxcli.errors import Code, FluxError, ProblemsError
from fluxcli.requests.consent import check_spending
from fluxcli.requests.destination import destination
from fluxcli.requests.inputs import INPUT_LIMIT, PROMPT_LIMIT, RawRequest, RequestEnvironment
from fluxcli.requests.remaining import OutputRules, Remaining, select
from fluxcli.requests.resolve import ResolvedRequest, resolve_request
from fluxcli.settings.settings import Settings
from fluxcli.task_types import State, Task
from tests.journal.samples import picture, request
from tests.tasks.conftest import drawn
from tests.worlds import NOON

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NEVER = lambda _: None  # noqa: E731 - a prompt without an answer


def environment(cwd: Path, find: Task | None = None, **flags: Any) -> RequestEnvironment:
    return RequestEnvironment(
        settings=Settings({"FLUXCLI_CONFIG": str(cwd / "none.toml")}, flags=flags),
        cwd=cwd,
        origin="https://api.invalid",
        now=NOON,
        read_text=lambda limit: f"typed {limit == PROMPT_LIMIT}\n",
        read_bytes=lambda limit: drawn("PNG") if limit == INPUT_LIMIT else b"",
        find=lambda _: find,
    )


def taken(cwd: Path, prompt: str | None = "a fox", **fields: Any) -> ResolvedRequest:
    flags = {name: fields.pop(name) for name in list(fields) if "." in name or name == "output"}
    find = fields.pop("find", None)
    raw = RawRequest(**{"mode": "generate", "prompt": prompt} | fields)
    return resolve_request(raw, environment(cwd, find, **flags))


def task(state: State, **fields: Any) -> Task:
    usual: dict[str, Any] = {
        "ref": "r",
        "state": state,
        "request": request(),
        "sandbox": False,
        "output": "/x",
        "created_at": NOON,
        "task_id": "e730",
    }
    return Task(**usual | fields)


def selected(resolved: ResolvedRequest, tasks: Mapping[int, Task]) -> Remaining:
    return select(resolved, taken=tasks, history=(), rules=OutputRules(), sandbox=False)


class TestTheFingerprint:
    def test_the_same_command_is_the_same(self, tmp_path: Path) -> None:
        assert taken(tmp_path).fingerprint == taken(tmp_path).fingerprint

    def test_however_it_is_typed(self, tmp_path: Path) -> None:
        """Defaults spelled out, a prompt from a file, a path made whole: all one command."""
        plain = taken(tmp_path, output="x.jpg").fingerprint
        (tmp_path / "p.txt").write_text("a fox\n")
        same = [
            taken(tmp_path, output=str(tmp_path / "x.jpg")),
            taken(tmp_path, output="./x.jpg"),
            taken(tmp_path, None, prompt_file="p.txt", output="x.jpg"),
            taken(tmp_path, output="x.jpg", **{"generate.model": "pro"}),
            taken(tmp_path, output="x.jpg", force=True),
        ]
        assert {resolved.fingerprint for resolved in same} == {plain}

    def test_everything_that_changes_the_image_or_its_output_changes_it(
        self, tmp_path: Path
    ) -> None:
        orders = [
            taken(tmp_path),
            taken(tmp_path, "a dog"),
            taken(tmp_path, count=2),
            taken(tmp_path, output="x.jpg"),
            taken(tmp_path, output="y.jpg"),
            taken(tmp_path / "elsewhere"),
            taken(tmp_path, **{"generate.model": "max"}),
            taken(tmp_path, **{"generate.watermark": "x"}),
            taken(tmp_path, mode="edit", image="https://example.com/a.png"),
            taken(tmp_path, mode="edit", image="https://example.com/b.png"),
            taken(tmp_path, mode="edit", image="-"),
        ]
        assert len({resolved.fingerprint for resolved in orders}) == len(orders)


class TestInputs:
    def test_a_prompt_from_stdin_within_its_limit(self, tmp_path: Path) -> None:
        assert taken(tmp_path, "-").first.request.prompt == "typed True"

    def test_an_earlier_result_by_its_url(self, tmp_path: Path) -> None:
        done = task(State.SAVED, url="https://h.invalid/r", completed_at=NOON - 10)
        source = taken(tmp_path, mode="edit", image="@last", find=done).first.source
        assert source is not None
        assert (source.url, source.identity) == ("https://h.invalid/r", "task:e730")

    def test_the_local_clock_does_not_expire_a_result(self, tmp_path: Path) -> None:
        """Its URL and its file are both available, at any age."""
        (tmp_path / "fox.jpg").write_bytes(drawn())
        young = task(
            State.SAVED,
            url="https://h.invalid/r",
            completed_at=NOON,
            picture=picture(str(tmp_path / "fox.jpg")),
        )
        old = replace(young, completed_at=NOON - 20 * 86400)
        first, second = (
            taken(tmp_path, mode="edit", image="@last", find=one) for one in (young, old)
        )
        assert first.fingerprint == second.fingerprint
        assert first.first.source == second.first.source
        assert second.first.source is not None
        assert second.first.source.url == "https://h.invalid/r"
        assert second.first.source.saved == tmp_path / "fox.jpg"

    def test_a_failed_task_as_input_is_an_error_only_if_something_would_be_paid_for(
        self, tmp_path: Path
    ) -> None:
        resolved = taken(tmp_path, mode="edit", image="@e730", find=task(State.FAILED))
        with pytest.raises(FluxError) as caught:
            selected(resolved, {})
        assert caught.value.code is Code.INPUT_UNREADABLE
        assert selected(resolved, {1: task(State.RUNNING)}).unpaid == 0


class TestJudging:
    def test_one_problem_is_itself(self, tmp_path: Path) -> None:
        with pytest.raises(FluxError) as caught:
            taken(tmp_path, "")
        assert not isinstance(caught.value, ProblemsError)

    def test_several_are_reported_together_and_the_first_sets_the_status(
        self, tmp_path: Path
    ) -> None:
        with pytest.raises(ProblemsError) as caught:
            taken(tmp_path, "", count=0, **{"generate.model": "x", "generate.aspect_ratio": "y"})
        assert len(caught.value.errors) == 4
        assert caught.value.status == 2

    def test_a_file_in_the_way_is_among_them_unless_it_may_go(self, tmp_path: Path) -> None:
        (tmp_path / "x.jpg").touch()
        for force, expected in ((False, 2), (True, 1)):
            with pytest.raises(FluxError) as caught:
                taken(tmp_path, "", output="x.jpg", force=force)
            errors = getattr(caught.value, "errors", [caught.value])
            assert len(errors) == expected


class TestWhatIsThere:
    def test_a_file_at_the_place_of_a_paid_image_may_be_its_own(self, tmp_path: Path) -> None:
        (tmp_path / "x.jpg").touch()
        resolved = taken(tmp_path, output="x.jpg")
        for state in (State.RUNNING, State.SUCCEEDED, State.SAVED, State.UNKNOWN):
            assert selected(resolved, {1: task(state)}).wanted == resolved.pictures

    @pytest.mark.parametrize("state", [State.REFUSED, State.FAILED])
    def test_at_the_place_of_one_that_came_to_nothing_it_is_not(
        self, tmp_path: Path, state: State
    ) -> None:
        (tmp_path / "x.jpg").touch()
        resolved = taken(tmp_path, output="x.jpg")
        with pytest.raises(FluxError) as caught:
            selected(resolved, {1: task(state)})
        assert caught.value.code is Code.WOULD_OVERWRITE

    def test_only_what_came_to_nothing_is_unpaid(self, tmp_path: Path) -> None:
        resolved = taken(tmp_path, count=len(State))
        before = {n: task(state) for n, state in enumerate(State, 1)}
        assert selected(resolved, before).unpaid == 2
        assert selected(resolved, {}).unpaid == len(State)


class TestSpending:
    def test_a_cap_is_consent(self, tmp_path: Path) -> None:
        check_spending(taken(tmp_path).credits(100), most=500, agreed=False, ask=NEVER)

    def test_a_cap_is_stronger_than_consent(self, tmp_path: Path) -> None:
        with pytest.raises(FluxError) as caught:
            check_spending(taken(tmp_path).credits(2), most=9, agreed=True, ask=NEVER)
        assert caught.value.code is Code.OVER_BUDGET

    @pytest.mark.parametrize("answer", [None, False])
    def test_no_answer_means_no(self, tmp_path: Path, answer: bool | None) -> None:  # noqa: FBT001 - an answer
        with pytest.raises(FluxError) as caught:
            check_spending(
                taken(tmp_path).credits(21), most=None, agreed=False, ask=lambda _: answer
            )
        assert caught.value.code is Code.NO_CONSENT

    def test_the_question_names_the_estimate(self, tmp_path: Path) -> None:
        raw: list[str] = []

        def ask(question: str) -> bool:
            raw.append(question)
            return True

        check_spending(taken(tmp_path).credits(21), most=None, agreed=False, ask=ask)
        assert raw == ["spend an estimated 105 credits?"]


class TestADestination:
    def test_of_one(self, tmp_path: Path) -> None:
        target = destination("x.jpg", cwd=tmp_path, tasks=[task(State.RUNNING)])
        assert target.text == os.fspath(tmp_path / "x.jpg")

    def test_of_another_format(self, tmp_path: Path) -> None:
        with pytest.raises(FluxError, match="is a JPEG"):
            destination("x.png", cwd=tmp_path, tasks=[task(State.RUNNING)])

    def test_of_several(self, tmp_path: Path) -> None:
        tasks = [task(State.RUNNING)] * 2
        assert destination("all/", cwd=tmp_path, tasks=tasks).kind == "folder"
        for one in ("x.jpg", "-"):
            with pytest.raises(FluxError, match="takes one image, not 2"):
                destination(one, cwd=tmp_path, tasks=tasks)
