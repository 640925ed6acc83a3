"""From a task to its file: polling, downloading and saving."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import httpx
import pytest

from fluxcli.errors import Code, FluxError
from fluxcli.events import Accepted, Event, Failed, Finished, Succeeded, Trouble, Warned
from fluxcli.files.image_check import inspect_file
from fluxcli.files.metadata import read_metadata
from fluxcli.task_types import Picture, State
from fluxcli.tasks.job import PictureJob
from fluxcli.tasks.poll_schedule import ENOUGH
from fluxcli.tasks.run_options import RunOptions
from tests.client import bodies
from tests.client.scripted import BrokenImageError
from tests.journal.samples import accepted
from tests.tasks.conftest import drawn
from tests.tasks.desk import FAILED, RESULT, RUNNING, answer, finished, refusal

if TYPE_CHECKING:
    from fluxcli.task_types import Task
    from tests.client.scripted import Act
from tests.tasks.desk import Desk

LINK = b'{"code":200,"msg":"ok","data":"https://results.invalid/new"}'


def test_a_format_without_metadata_inside_gets_a_file_beside_it(desk: Desk) -> None:
    desk.answers["results.invalid"] = [answer(drawn("WEBP"))]
    events = desk.make(metadata="embed")
    path = desk.folder / "fox.webp"
    assert last(events).picture == inspect_file(path).at(path)
    found = read_metadata(path) or {}
    assert (found["task_id"], found["file"]) == (last(events).task_id, "fox.webp")
    notes = [event.message for event in events if isinstance(event, Warned)]
    assert any("webp takes no metadata inside" in note for note in notes)


def last(events: list[Event]) -> Task:
    """Return the task of a picture that went well."""
    assert isinstance(events[-1], Finished), events[-1]
    return events[-1].task


def failure(events: list[Event]) -> FluxError:
    assert isinstance(events[-1], Failed), events[-1]
    return events[-1].error


def known(desk: Desk, age: float = 0.0) -> Task:
    """Record a task that was accepted `age` seconds ago."""
    task = accepted(desk.journal, "e730")
    desk.clock.sleep(age)
    return task


def collected(desk: Desk, task: Task, timeout: float = 900.0) -> list[Event]:
    work = PictureJob("1", desk.services, RunOptions(timeout=timeout))
    return desk.drive(work.collect(task))


class TestPolling:
    def test_until_it_is_done(self, desk: Desk) -> None:
        running = answer(RUNNING)
        desk.answers["record-info"] = [running, running, finished()]
        last(desk.make())
        assert desk.requested.count("record-info") == 3

    def test_what_others_took_meanwhile_is_learnt(self, desk: Desk) -> None:
        """The first pictures of a batch are waited for blindly, the others need not be."""

        def others_finish(event: Event) -> None:
            if isinstance(event, Accepted):
                for number in range(ENOUGH):
                    task = accepted(desk.journal, f"other-{number}")
                    desk.journal.succeeded(task.ref, url=RESULT, completed_at=0.0, seconds=2.0)

        desk.answers["record-info"] = [answer(RUNNING), finished()]
        begun = desk.clock.monotonic()
        last(desk.make(during=others_finish))
        assert desk.clock.monotonic() - begun == pytest.approx(2.0, abs=0.5)

    def test_the_service_s_own_time_is_used_where_it_is_known(self, desk: Desk) -> None:
        desk.answers["record-info"] = [
            finished(createTime="1787093500000", completeTime="1787093512345")
        ]
        events = desk.make()
        (done,) = (event for event in events if isinstance(event, Succeeded))
        assert done.seconds == 12.345
        assert last(events).completed_at == 1787093512.345

    @pytest.mark.parametrize(
        "times",
        [{}, {"createTime": "1787093500000"}, {"createTime": "5000000000000", "completeTime": "1"}],
    )
    def test_times_that_make_no_sense_are_none(self, desk: Desk, times: dict[str, str]) -> None:
        desk.answers["record-info"] = [finished(**times)]
        assert last(desk.make()).seconds is None

    def test_trouble_passes(self, desk: Desk) -> None:
        desk.answers["record-info"] = [
            *(httpx.ReadError("reset"), answer(b"<html>"), refusal(429), refusal(500), finished())
        ]
        events = desk.make()
        assert sum(isinstance(event, Trouble) for event in events) == 4
        last(events)

    def test_a_refused_key_does_not(self, desk: Desk) -> None:
        desk.answers["record-info"] = [refusal(401)]
        error = failure(desk.make())
        assert (error.code, error.task_id) == (Code.AUTH_REFUSED, bodies.TASK)
        assert f"task `{bodies.TASK}` is already paid" in error.message
        assert f"`fluxcli download {bodies.TASK}`" in (error.hint or "")
        assert desk.journal.recent(None)[0].state is State.RUNNING

    def test_a_task_that_the_service_does_not_know_yet(self, desk: Desk) -> None:
        """For a moment after its creation; this is not reported."""
        unknown = answer(bodies.NO_RECORD)
        desk.answers["record-info"] = [unknown, unknown, finished()]
        events = desk.make()
        assert not any(isinstance(event, Trouble) for event in events)
        last(events)

    @pytest.mark.parametrize("timeout", [100.0, 900.0])
    def test_a_paid_task_that_the_service_does_not_know_is_polled_until_the_timeout(
        self, desk: Desk, timeout: float
    ) -> None:
        desk.answers["record-info"] = [answer(bodies.NO_RECORD)]
        began = desk.clock.monotonic()
        error = failure(desk.make(timeout=timeout))
        assert (error.code, error.status) == (Code.TIMED_OUT, 4)
        assert error.hint == f"fluxcli download {bodies.TASK}"
        assert desk.clock.monotonic() - began == pytest.approx(timeout, abs=1)
        assert desk.journal.recent(None)[0].state is State.RUNNING

    @pytest.mark.parametrize("age", [0.0, 100.0, 90 * 86400.0])
    def test_an_old_task_that_the_service_knows_again_is_saved(
        self, desk: Desk, age: float
    ) -> None:
        """Neither its age by our clock nor the number of odd answers ends a paid task."""
        desk.answers["record-info"] = [*[answer(bodies.NO_RECORD)] * 20, finished()]
        assert last(collected(desk, known(desk, age))).state is State.SAVED

    @pytest.mark.parametrize(
        "odd",
        [
            *(refusal(code) for code in (400, 402, 404, 422, 433, 455, 500, 501, 505)),
            *(answer(b"<html>", status) for status in (200, 403, 404, 429, 500, 502, 503)),
            answer(b""),
            answer(b'{"code":200,"msg":"success","data":{"taskId":"another","successFlag":1}}'),
            answer(b'{"code":200,"data":{"successFlag":3,"paramJson":"{\\"prompt\\":\\"b\\"}"}}'),
        ],
    )
    def test_no_odd_answer_ends_the_wait(self, desk: Desk, odd: httpx.Response) -> None:
        desk.answers["record-info"] = [odd, odd, odd, finished()]
        assert last(desk.make()).state is State.SAVED

    def test_a_record_of_another_prompt_is_never_accepted(self, desk: Desk) -> None:
        other = rb'"{\"prompt\":\"something else\"}"'
        desk.answers["record-info"] = [finished(paramJson=other.decode().replace("\\\\", "\\"))]
        error = failure(desk.make(timeout=60.0))
        assert (error.code, "another task" in error.message) == (Code.TIMED_OUT, True)
        assert not (desk.folder / "fox.jpg").exists()

    def test_too_many_reads_slow_them_down_and_they_recover(self, desk: Desk) -> None:
        moments: list[float] = []

        def act(_: httpx.Request) -> httpx.Response:
            moments.append(desk.clock.monotonic())
            if len(moments) <= 3:
                return refusal(429)
            return finished() if len(moments) == 12 else answer(RUNNING)

        desk.answers["record-info"] = [act]
        last(desk.make(interval=1.0))
        steps = [after - before for before, after in itertools.pairwise(moments)]
        assert steps[:3] == pytest.approx([1.0, 2.0, 4.0], abs=0.2)
        assert steps[-4:] == pytest.approx([1.0] * 4, abs=0.2)

    def test_a_failed_task(self, desk: Desk) -> None:
        desk.answers["record-info"] = [answer(FAILED)]
        error = failure(desk.make())
        assert (error.code, error.status) == (Code.GENERATION_FAILED, 8)
        (task,) = desk.journal.recent(None)
        assert (task.state, task.error_code) == (State.FAILED, "generation_failed")

    def test_a_failed_task_stays_failed(self, desk: Desk) -> None:
        """It is not asked about again, and says the same."""
        task = known(desk)
        desk.journal.failed(task.ref, FluxError(Code.MODERATED, "flagged"))
        error = failure(collected(desk, desk.journal.get(task.ref)))
        assert (error.code, error.message) == (Code.MODERATED, "flagged")
        assert desk.requested == []

    def test_the_time_is_up(self, desk: Desk) -> None:
        desk.answers["record-info"] = [answer(RUNNING)]
        began = desk.clock.monotonic()
        error = failure(desk.make(timeout=30.0))
        assert error.code is Code.TIMED_OUT
        assert desk.clock.monotonic() - began == pytest.approx(30, abs=1)

    def test_the_task_is_read_once_more_at_the_end(self, desk: Desk) -> None:
        """After a failure at any step, what was finished before is not reported as unfinished."""
        desk.answers["record-info"] = [finished()]
        last(desk.make(timeout=30.0, interval=3600.0))
        assert desk.clock.monotonic() - 1000 == pytest.approx(30, abs=1)

    def test_a_fixed_step(self, desk: Desk) -> None:
        moments: list[float] = []

        def act(_: httpx.Request) -> httpx.Response:
            moments.append(desk.clock.monotonic())
            return finished() if len(moments) == 4 else answer(RUNNING)

        desk.answers["record-info"] = [act]
        desk.make(interval=7.0)
        steps = [after - before for before, after in itertools.pairwise(moments)]
        assert steps == pytest.approx([7.0] * 3, abs=0.2)

    def test_without_an_end(self, desk: Desk) -> None:
        reads = [answer(RUNNING)] * 500
        desk.answers["record-info"] = [*reads, finished()]
        last(desk.make(timeout=float("inf")))
        assert desk.clock.monotonic() > 5_000


NOT_RENEWED: dict[str, list[Act]] = {"download-url": [refusal(422, "url is wrong")]}


class TestDownloading:
    def test_trouble_passes(self, desk: Desk, jpeg: bytes) -> None:
        desk.answers = NOT_RENEWED | desk.answers
        desk.answers["results.invalid"] = [
            httpx.ReadError("reset"),
            answer(b"", 503),
            answer(jpeg[:-20]),
            answer(b"<html>", 200),
            httpx.Response(200, stream=BrokenImageError(jpeg[:50], httpx.ReadError("reset"))),
            answer(jpeg),
        ]
        events = desk.make()
        assert last(events).state is State.SAVED
        assert [path.name for path in desk.folder.glob("*.jpg")] == ["fox.jpg"]
        assert sorted(path.name for path in desk.folder.iterdir()) == ["fox.jpg", "state"]

    @pytest.mark.parametrize("odd", [answer(b"<html>busy</html>"), answer(b"", 404), answer(b"")])
    def test_no_number_of_odd_answers_ends_a_download(
        self, desk: Desk, jpeg: bytes, odd: httpx.Response
    ) -> None:
        desk.answers = NOT_RENEWED | desk.answers
        desk.answers["results.invalid"] = [*[odd] * 15, answer(jpeg)]
        assert last(desk.make()).state is State.SAVED

    def test_data_that_is_not_an_image_until_the_timeout_is_refused(self, desk: Desk) -> None:
        desk.answers = NOT_RENEWED | desk.answers
        desk.answers["results.invalid"] = [answer(b"this is no picture at all")]
        began = desk.clock.monotonic()
        error = failure(desk.make(timeout=60.0))
        assert (error.code, error.hint) == (Code.NOT_AN_IMAGE, "fluxcli download --unsaved")
        assert desk.clock.monotonic() - began > 100
        assert desk.journal.recent(None)[0].state is State.SUCCEEDED

    def test_a_minute_or_two_remain_after_the_longest_wait(self, desk: Desk, jpeg: bytes) -> None:
        """A picture that is done when the time is up is fetched all the same."""
        desk.answers = NOT_RENEWED | desk.answers
        trouble = [httpx.ReadError("reset")] * 5
        desk.answers["results.invalid"] = [*trouble, answer(jpeg)]
        last(desk.make(timeout=2.0))

    def test_not_for_ever(self, desk: Desk) -> None:
        desk.answers = NOT_RENEWED | desk.answers
        desk.answers["results.invalid"] = [answer(b"", 503)]
        error = failure(desk.make(timeout=200.0))
        assert (error.code, error.status) == (Code.DOWNLOAD_FAILED, 6)
        assert error.hint == "fluxcli download --unsaved"
        assert desk.clock.monotonic() - 1000 <= 210
        assert desk.journal.recent(None)[0].state is State.SUCCEEDED

    def test_a_dead_link_is_renewed_once(self, desk: Desk, jpeg: bytes) -> None:
        desk.answers = {"download-url": [answer(LINK)], **desk.answers}
        desk.answers["results.invalid"] = [answer(b"", 404), answer(jpeg)]
        assert last(desk.make()).url == RESULT
        assert desk.requested.count("download-url") == 1

    def test_a_new_link_that_is_dead_too(self, desk: Desk) -> None:
        desk.answers = {"download-url": [answer(LINK)], **desk.answers}
        desk.answers["results.invalid"] = [answer(b"", 403)]
        error = failure(desk.make())
        assert (error.code, error.hint) == (Code.DOWNLOAD_FAILED, "fluxcli download --unsaved")
        assert 1 < desk.requested.count("download-url") < 80

    def test_a_link_that_is_not_renewed(self, desk: Desk) -> None:
        desk.answers = {"download-url": [answer(bodies.WRONG_URL)], **desk.answers}
        desk.answers["results.invalid"] = [answer(b"", 404)]
        error = failure(desk.make())
        assert (error.code, error.status) == (Code.DOWNLOAD_FAILED, 6)
        assert "was not renewed" in error.message

    def test_a_link_that_is_renewed_after_some_trouble(self, desk: Desk, jpeg: bytes) -> None:
        acts: list[Act] = [httpx.ReadError("reset"), refusal(455), refusal(429), answer(LINK)]
        desk.answers = {"download-url": acts, **desk.answers}
        desk.answers["results.invalid"] = [answer(b"", 404), answer(jpeg)]
        last(desk.make())

    @pytest.mark.parametrize("wrong", [answer(b"", 404), answer(b"<html>"), answer(b"", 500)])
    def test_a_link_that_was_wrong_from_the_beginning(
        self, desk: Desk, jpeg: bytes, wrong: httpx.Response
    ) -> None:
        """Before it is given up, the task is read once more: the service may know better now."""
        bad = "https://wrong.invalid/r.jpeg"
        desk.answers = {"download-url": [answer(bodies.WRONG_URL)], **desk.answers}
        desk.answers |= {"wrong.invalid": [wrong], "record-info": [finished(bad), finished()]}
        task = last(desk.make(timeout=60.0))
        assert (task.state, task.url) == (State.SAVED, RESULT)
        assert (desk.folder / "fox.jpg").read_bytes() == jpeg

    def test_every_corrected_link_is_tried(self, desk: Desk) -> None:
        """However many other links the service names, the run ends with the time."""
        links = [finished(f"https://wrong.invalid/{number}") for number in range(9)]
        desk.answers = {"download-url": [answer(bodies.WRONG_URL)], **desk.answers}
        desk.answers |= {"wrong.invalid": [answer(b"", 404)], "record-info": [*links]}
        error = failure(desk.make())
        assert (error.code, error.hint) == (Code.DOWNLOAD_FAILED, "fluxcli download --unsaved")
        assert desk.requested.count("wrong.invalid") > 9
        assert desk.clock.monotonic() - 1000 <= 910

    @pytest.mark.parametrize(
        "record", [finished(), httpx.ReadError("reset"), answer(FAILED), refusal(401)]
    )
    def test_a_link_that_is_not_corrected(self, desk: Desk, record: Act) -> None:
        """A failure of the second read changes nothing: the image is paid for, and not saved."""
        desk.answers = {"download-url": [answer(bodies.WRONG_URL)], **desk.answers}
        desk.answers |= {"results.invalid": [answer(b"", 404)], "record-info": [finished(), record]}
        error = failure(desk.make())
        assert (error.code, error.status) == (Code.DOWNLOAD_FAILED, 6)
        assert desk.journal.recent(None)[0].state is State.SUCCEEDED

    def test_a_refused_key_ends_it(self, desk: Desk) -> None:
        desk.answers = {"download-url": [refusal(401)], **desk.answers}
        desk.answers["results.invalid"] = [answer(b"", 404)]
        assert failure(desk.make()).code is Code.AUTH_REFUSED

    @pytest.mark.parametrize("days", [-14, 0, 14, 3650])
    def test_the_local_clock_expires_nothing(self, desk: Desk, jpeg: bytes, days: int) -> None:
        task = known(desk)
        task = desk.journal.succeeded(task.ref, url=RESULT, completed_at=None, seconds=None)
        desk.clock._begin += days * 86400
        desk.answers = {"download-url": [refusal(422, "url is wrong")], **desk.answers}
        desk.answers["results.invalid"] = [*[answer(b"", 403)] * 3, answer(jpeg)]
        assert last(collected(desk, task)).state is State.SAVED

    def test_only_the_service_expires_a_result(self, desk: Desk) -> None:
        desk.answers = {"download-url": [refusal(422, "the file has expired")], **desk.answers}
        desk.answers["results.invalid"] = [answer(b"", 404)]
        error = failure(desk.make())
        assert (error.code, error.status) == (Code.EXPIRED, 8)
        assert desk.journal.recent(None)[0].state is State.FAILED


class TestSaving:
    def test_another_format_than_requested_is_reported(self, desk: Desk, png: bytes) -> None:
        desk.answers["results.invalid"] = [answer(png)]
        events = desk.make()
        (warned,) = (event for event in events if isinstance(event, Warned))
        assert warned.message.startswith("the service sent png, not jpeg; saved as `")
        picture = last(events).picture
        assert picture is not None
        assert picture.format == "png"

    @pytest.mark.parametrize("form", ["WEBP", "GIF", "AVIF"])
    def test_a_format_that_was_not_requested_gets_its_own_ending(
        self, desk: Desk, form: str
    ) -> None:
        """A file of that name is kept, even if `fox.jpg` was to be replaced."""
        content, ending = drawn(form), form.lower()
        (desk.folder / f"fox.{ending}").write_bytes(b"mine")
        desk.answers["results.invalid"] = [answer(content)]
        task = last(desk.make(existing="replace"))
        path = desk.folder / f"fox-1.{ending}"
        assert path.read_bytes() == content
        assert task.picture is not None
        assert (task.picture.path, task.picture.format) == (path, ending)
        assert (task.picture.width, task.picture.height) == (16, 9)
        assert not (desk.folder / "fox.jpg").exists()

    @pytest.mark.parametrize("form", ["PNG", "WEBP"])
    def test_the_ending_in_a_template_is_that_of_what_came(self, desk: Desk, form: str) -> None:
        desk.answers["results.invalid"] = [answer(drawn(form))]
        ending = form.lower()
        picture = last(desk.make(output="{ext}/{prompt}.{ext}")).picture
        assert picture is not None
        assert picture.path is not None
        assert (picture.path.parent.name, picture.path.suffix) == (ending, f".{ending}")

    def test_a_file_that_appears_while_waiting_is_kept(self, desk: Desk) -> None:
        """`download` refuses a file that is in the way at the beginning, and only that."""
        desk.answers["record-info"] = [answer(RUNNING), finished()]

        def appears(event: Event) -> None:
            if isinstance(event, Succeeded):
                (desk.folder / "fox.jpg").write_bytes(b"mine")

        task = last(desk.make(existing="refuse", during=appears))
        assert task.picture is not None
        assert task.picture.path == desk.folder / "fox-1.jpg"
        assert (desk.folder / "fox.jpg").read_bytes() == b"mine"

    def test_what_was_landed_and_not_recorded_is_known_again(self, desk: Desk, jpeg: bytes) -> None:
        """The process was killed between the last step and its record."""
        task = last(desk.make())
        assert task.picture is not None
        desk.journal.succeeded(task.ref, url=RESULT, completed_at=None, seconds=None)
        desk.requested.clear()
        again = last(collected(desk, desk.journal.get(task.ref)))
        assert (again.state, again.picture) == (State.SAVED, task.picture)
        assert desk.requested == []
        assert (desk.folder / "fox.jpg").read_bytes() == jpeg

    def test_another_file_in_its_place_is_not_its_own(self, desk: Desk) -> None:
        task = last(desk.make())
        desk.journal.succeeded(task.ref, url=RESULT, completed_at=None, seconds=None)
        (desk.folder / "fox.jpg").write_bytes(b"something else")
        again = last(collected(desk, desk.journal.get(task.ref)))
        assert again.picture is not None
        assert again.picture.path == desk.folder / "fox-1.jpg"

    def test_a_place_that_became_a_folder(self, desk: Desk) -> None:
        def build(event: Event) -> None:
            if isinstance(event, Succeeded):
                (desk.folder / "fox.jpg").mkdir()

        error = failure(desk.make(during=build))
        assert (error.code, error.status) == (Code.DISK, 6)
        assert desk.journal.recent(None)[0].state is State.SUCCEEDED

    def test_to_stdout(self, desk: Desk, jpeg: bytes) -> None:
        delivered: list[bytes] = []
        events = desk.make(output="-", deliver=lambda file: delivered.append(file.read()))
        picture = last(events).picture
        assert delivered == [jpeg]
        assert picture is not None
        assert picture.path is None

    def test_an_image_that_a_check_refuses_is_not_saved(self, desk: Desk) -> None:
        """`check` decides before the image takes its place."""

        def checked(picture: Picture) -> None:
            raise FluxError(Code.REJECTED, f"{picture.width} pixels are too few")

        error = failure(desk.make(check=checked))
        assert error.message == "16 pixels are too few"
        assert not (desk.folder / "fox.jpg").exists()

    def test_the_record_is_of_what_is_there(self, desk: Desk) -> None:
        picture = last(desk.make()).picture
        found = inspect_file(desk.folder / "fox.jpg")
        assert picture is not None
        assert (picture.sha256, picture.bytes) == (found.sha256, found.bytes)
        assert (picture.width, picture.height) == (16, 9)
