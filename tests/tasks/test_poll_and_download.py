"""From a task to its file: polling, download, saving."""

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
from tests.tasks.harness import FAILED, RESULT, RUNNING, answer, finished, refusal

if TYPE_CHECKING:
    from fluxcli.task_types import Task
    from tests.client.scripted import Act
from tests.tasks.harness import JobHarness

LINK = b'{"code":200,"msg":"ok","data":"https://results.invalid/new"}'


def test_a_format_that_cannot_embed_metadata_gets_a_sidecar_file(harness: JobHarness) -> None:
    harness.answers["results.invalid"] = [answer(drawn("WEBP"))]
    events = harness.make(metadata="embed")
    path = harness.folder / "fox.webp"
    assert finished_task(events).picture == inspect_file(path).at(path)
    found = read_metadata(path) or {}
    assert (found["task_id"], found["file"]) == (finished_task(events).task_id, "fox.webp")
    notes = [event.message for event in events if isinstance(event, Warned)]
    assert any("webp takes no metadata inside" in note for note in notes)


def finished_task(events: list[Event]) -> Task:
    """Return the task of a run that ended well."""
    assert isinstance(events[-1], Finished), events[-1]
    return events[-1].task


def failure(events: list[Event]) -> FluxError:
    assert isinstance(events[-1], Failed), events[-1]
    return events[-1].error


def accepted_earlier(harness: JobHarness, age: float = 0.0) -> Task:
    """Record a task that was accepted `age` seconds ago."""
    task = accepted(harness.journal, "e730")
    harness.clock.sleep(age)
    return task


def collect(harness: JobHarness, task: Task, timeout: float = 900.0) -> list[Event]:
    work = PictureJob("1", harness.services, RunOptions(timeout=timeout))
    return harness.drive(work.collect(task))


class TestPolling:
    def test_the_task_is_polled_until_it_is_finished(self, harness: JobHarness) -> None:
        running = answer(RUNNING)
        harness.answers["record-info"] = [running, running, finished()]
        finished_task(harness.make())
        assert harness.requested.count("record-info") == 3

    def test_durations_recorded_during_the_wait_change_the_schedule(
        self, harness: JobHarness
    ) -> None:
        """The first images of a batch have no durations to go by; later ones do."""

        def others_finish(event: Event) -> None:
            if isinstance(event, Accepted):
                for number in range(ENOUGH):
                    task = accepted(harness.journal, f"other-{number}")
                    harness.journal.succeeded(task.ref, url=RESULT, completed_at=0.0, seconds=2.0)

        harness.answers["record-info"] = [answer(RUNNING), finished()]
        begun = harness.clock.monotonic()
        finished_task(harness.make(during=others_finish))
        assert harness.clock.monotonic() - begun == pytest.approx(2.0, abs=0.5)

    def test_the_duration_is_the_service_s_where_it_reports_one(self, harness: JobHarness) -> None:
        harness.answers["record-info"] = [
            finished(createTime="1787093500000", completeTime="1787093512345")
        ]
        events = harness.make()
        (done,) = (event for event in events if isinstance(event, Succeeded))
        assert done.seconds == 12.345
        assert finished_task(events).completed_at == 1787093512.345

    @pytest.mark.parametrize(
        "times",
        [{}, {"createTime": "1787093500000"}, {"createTime": "5000000000000", "completeTime": "1"}],
    )
    def test_missing_or_impossible_times_give_no_duration(
        self, harness: JobHarness, times: dict[str, str]
    ) -> None:
        harness.answers["record-info"] = [finished(**times)]
        assert finished_task(harness.make()).seconds is None

    def test_passing_errors_are_reported_and_polling_goes_on(self, harness: JobHarness) -> None:
        harness.answers["record-info"] = [
            *(httpx.ReadError("reset"), answer(b"<html>"), refusal(429), refusal(500), finished())
        ]
        events = harness.make()
        assert sum(isinstance(event, Trouble) for event in events) == 4
        finished_task(events)

    def test_a_refused_key_ends_polling_and_keeps_the_task(self, harness: JobHarness) -> None:
        harness.answers["record-info"] = [refusal(401)]
        error = failure(harness.make())
        assert (error.code, error.task_id) == (Code.AUTH_REFUSED, bodies.TASK)
        assert f"task `{bodies.TASK}` is already paid" in error.message
        assert f"`fluxcli download {bodies.TASK}`" in (error.hint or "")
        assert harness.journal.recent(None)[0].state is State.RUNNING

    def test_a_new_task_that_the_service_does_not_know_yet_is_polled_without_a_message(
        self, harness: JobHarness
    ) -> None:
        """The service may take a moment to know a task that it has just created."""
        unknown = answer(bodies.NO_RECORD)
        harness.answers["record-info"] = [unknown, unknown, finished()]
        events = harness.make()
        assert not any(isinstance(event, Trouble) for event in events)
        finished_task(events)

    @pytest.mark.parametrize("timeout", [100.0, 900.0])
    def test_a_paid_task_that_the_service_does_not_know_is_polled_until_the_timeout(
        self, harness: JobHarness, timeout: float
    ) -> None:
        harness.answers["record-info"] = [answer(bodies.NO_RECORD)]
        began = harness.clock.monotonic()
        error = failure(harness.make(timeout=timeout))
        assert (error.code, error.status) == (Code.TIMED_OUT, 4)
        assert error.hint == f"fluxcli download {bodies.TASK}"
        assert harness.clock.monotonic() - began == pytest.approx(timeout, abs=1)
        assert harness.journal.recent(None)[0].state is State.RUNNING

    @pytest.mark.parametrize("age", [0.0, 100.0, 90 * 86400.0])
    def test_a_task_that_was_unknown_for_a_while_is_saved(
        self, harness: JobHarness, age: float
    ) -> None:
        """Neither its age by the local clock nor the number of such answers ends the wait."""
        harness.answers["record-info"] = [*[answer(bodies.NO_RECORD)] * 20, finished()]
        assert finished_task(collect(harness, accepted_earlier(harness, age))).state is State.SAVED

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
    def test_no_unexpected_answer_ends_the_wait(
        self, harness: JobHarness, odd: httpx.Response
    ) -> None:
        harness.answers["record-info"] = [odd, odd, odd, finished()]
        assert finished_task(harness.make()).state is State.SAVED

    def test_a_record_with_another_prompt_is_never_accepted(self, harness: JobHarness) -> None:
        other = rb'"{\"prompt\":\"something else\"}"'
        harness.answers["record-info"] = [finished(paramJson=other.decode().replace("\\\\", "\\"))]
        error = failure(harness.make(timeout=60.0))
        assert (error.code, "another task" in error.message) == (Code.TIMED_OUT, True)
        assert not (harness.folder / "fox.jpg").exists()

    def test_429_answers_slow_polling_down_and_it_recovers(self, harness: JobHarness) -> None:
        moments: list[float] = []

        def act(_: httpx.Request) -> httpx.Response:
            moments.append(harness.clock.monotonic())
            if len(moments) <= 3:
                return refusal(429)
            return finished() if len(moments) == 12 else answer(RUNNING)

        harness.answers["record-info"] = [act]
        finished_task(harness.make(interval=1.0))
        steps = [after - before for before, after in itertools.pairwise(moments)]
        assert steps[:3] == pytest.approx([1.0, 2.0, 4.0], abs=0.2)
        assert steps[-4:] == pytest.approx([1.0] * 4, abs=0.2)

    def test_a_failed_task_is_recorded_as_failed(self, harness: JobHarness) -> None:
        harness.answers["record-info"] = [answer(FAILED)]
        error = failure(harness.make())
        assert (error.code, error.status) == (Code.GENERATION_FAILED, 8)
        (task,) = harness.journal.recent(None)
        assert (task.state, task.error_code) == (State.FAILED, "generation_failed")

    def test_a_task_recorded_as_failed_is_not_polled_again(self, harness: JobHarness) -> None:
        """The error is the recorded one."""
        task = accepted_earlier(harness)
        harness.journal.failed(task.ref, FluxError(Code.MODERATED, "flagged"))
        error = failure(collect(harness, harness.journal.get(task.ref)))
        assert (error.code, error.message) == (Code.MODERATED, "flagged")
        assert harness.requested == []

    def test_polling_ends_at_the_timeout(self, harness: JobHarness) -> None:
        harness.answers["record-info"] = [answer(RUNNING)]
        began = harness.clock.monotonic()
        error = failure(harness.make(timeout=30.0))
        assert error.code is Code.TIMED_OUT
        assert harness.clock.monotonic() - began == pytest.approx(30, abs=1)

    def test_the_task_is_read_once_more_at_the_timeout(self, harness: JobHarness) -> None:
        """A task that finished between two reads is not reported as timed out."""
        harness.answers["record-info"] = [finished()]
        finished_task(harness.make(timeout=30.0, interval=3600.0))
        assert harness.clock.monotonic() - 1000 == pytest.approx(30, abs=1)

    def test_an_interval_is_kept_from_the_first_read(self, harness: JobHarness) -> None:
        moments: list[float] = []

        def act(_: httpx.Request) -> httpx.Response:
            moments.append(harness.clock.monotonic())
            return finished() if len(moments) == 4 else answer(RUNNING)

        harness.answers["record-info"] = [act]
        harness.make(interval=7.0)
        steps = [after - before for before, after in itertools.pairwise(moments)]
        assert steps == pytest.approx([7.0] * 3, abs=0.2)

    def test_without_a_timeout_polling_goes_on(self, harness: JobHarness) -> None:
        reads = [answer(RUNNING)] * 500
        harness.answers["record-info"] = [*reads, finished()]
        finished_task(harness.make(timeout=float("inf")))
        assert harness.clock.monotonic() > 5_000


NOT_RENEWED: dict[str, list[Act]] = {"download-url": [refusal(422, "url is wrong")]}


class TestDownloading:
    def test_passing_errors_are_retried_and_leave_no_partial_file(
        self, harness: JobHarness, jpeg: bytes
    ) -> None:
        harness.answers = NOT_RENEWED | harness.answers
        harness.answers["results.invalid"] = [
            httpx.ReadError("reset"),
            answer(b"", 503),
            answer(jpeg[:-20]),
            answer(b"<html>", 200),
            httpx.Response(200, stream=BrokenImageError(jpeg[:50], httpx.ReadError("reset"))),
            answer(jpeg),
        ]
        events = harness.make()
        assert finished_task(events).state is State.SAVED
        assert [path.name for path in harness.folder.glob("*.jpg")] == ["fox.jpg"]
        assert sorted(path.name for path in harness.folder.iterdir()) == ["fox.jpg", "state"]

    @pytest.mark.parametrize("odd", [answer(b"<html>busy</html>"), answer(b"", 404), answer(b"")])
    def test_unexpected_answers_are_retried_however_many(
        self, harness: JobHarness, jpeg: bytes, odd: httpx.Response
    ) -> None:
        harness.answers = NOT_RENEWED | harness.answers
        harness.answers["results.invalid"] = [*[odd] * 15, answer(jpeg)]
        assert finished_task(harness.make()).state is State.SAVED

    def test_data_that_is_no_image_until_the_timeout_is_an_error(self, harness: JobHarness) -> None:
        harness.answers = NOT_RENEWED | harness.answers
        harness.answers["results.invalid"] = [answer(b"this is no picture at all")]
        began = harness.clock.monotonic()
        error = failure(harness.make(timeout=60.0))
        assert (error.code, error.hint) == (Code.NOT_AN_IMAGE, "fluxcli download --unsaved")
        assert harness.clock.monotonic() - began > 100
        assert harness.journal.recent(None)[0].state is State.SUCCEEDED

    def test_a_download_may_go_on_after_the_timeout_for_a_minute(
        self, harness: JobHarness, jpeg: bytes
    ) -> None:
        """An image that was finished in time is not lost to a slow download."""
        harness.answers = NOT_RENEWED | harness.answers
        trouble = [httpx.ReadError("reset")] * 5
        harness.answers["results.invalid"] = [*trouble, answer(jpeg)]
        finished_task(harness.make(timeout=2.0))

    def test_retries_end_and_the_image_stays_unsaved(self, harness: JobHarness) -> None:
        harness.answers = NOT_RENEWED | harness.answers
        harness.answers["results.invalid"] = [answer(b"", 503)]
        error = failure(harness.make(timeout=200.0))
        assert (error.code, error.status) == (Code.DOWNLOAD_FAILED, 6)
        assert error.hint == "fluxcli download --unsaved"
        assert harness.clock.monotonic() - 1000 <= 210
        assert harness.journal.recent(None)[0].state is State.SUCCEEDED

    def test_a_dead_link_is_renewed_once(self, harness: JobHarness, jpeg: bytes) -> None:
        harness.answers = {"download-url": [answer(LINK)], **harness.answers}
        harness.answers["results.invalid"] = [answer(b"", 404), answer(jpeg)]
        assert finished_task(harness.make()).url == RESULT
        assert harness.requested.count("download-url") == 1

    def test_a_renewed_link_that_is_dead_too_is_a_failed_download(
        self, harness: JobHarness
    ) -> None:
        harness.answers = {"download-url": [answer(LINK)], **harness.answers}
        harness.answers["results.invalid"] = [answer(b"", 403)]
        error = failure(harness.make())
        assert (error.code, error.hint) == (Code.DOWNLOAD_FAILED, "fluxcli download --unsaved")
        assert 1 < harness.requested.count("download-url") < 80

    def test_a_link_that_the_service_does_not_renew_is_a_failed_download(
        self, harness: JobHarness
    ) -> None:
        harness.answers = {"download-url": [answer(bodies.WRONG_URL)], **harness.answers}
        harness.answers["results.invalid"] = [answer(b"", 404)]
        error = failure(harness.make())
        assert (error.code, error.status) == (Code.DOWNLOAD_FAILED, 6)
        assert "was not renewed" in error.message

    def test_a_renewal_is_retried_after_passing_errors(
        self, harness: JobHarness, jpeg: bytes
    ) -> None:
        acts: list[Act] = [httpx.ReadError("reset"), refusal(455), refusal(429), answer(LINK)]
        harness.answers = {"download-url": acts, **harness.answers}
        harness.answers["results.invalid"] = [answer(b"", 404), answer(jpeg)]
        finished_task(harness.make())

    @pytest.mark.parametrize("wrong", [answer(b"", 404), answer(b"<html>"), answer(b"", 500)])
    def test_a_wrong_link_is_replaced_by_reading_the_task_again(
        self, harness: JobHarness, jpeg: bytes, wrong: httpx.Response
    ) -> None:
        """The service may name another link by then."""
        bad = "https://wrong.invalid/r.jpeg"
        harness.answers = {"download-url": [answer(bodies.WRONG_URL)], **harness.answers}
        harness.answers |= {"wrong.invalid": [wrong], "record-info": [finished(bad), finished()]}
        task = finished_task(harness.make(timeout=60.0))
        assert (task.state, task.url) == (State.SAVED, RESULT)
        assert (harness.folder / "fox.jpg").read_bytes() == jpeg

    def test_every_link_of_the_task_is_tried_until_the_timeout(self, harness: JobHarness) -> None:
        """However many links the service names, the run ends."""
        links = [finished(f"https://wrong.invalid/{number}") for number in range(9)]
        harness.answers = {"download-url": [answer(bodies.WRONG_URL)], **harness.answers}
        harness.answers |= {"wrong.invalid": [answer(b"", 404)], "record-info": [*links]}
        error = failure(harness.make())
        assert (error.code, error.hint) == (Code.DOWNLOAD_FAILED, "fluxcli download --unsaved")
        assert harness.requested.count("wrong.invalid") > 9
        assert harness.clock.monotonic() - 1000 <= 910

    @pytest.mark.parametrize(
        "record", [finished(), httpx.ReadError("reset"), answer(FAILED), refusal(401)]
    )
    def test_a_failed_second_read_leaves_the_image_unsaved(
        self, harness: JobHarness, record: Act
    ) -> None:
        """It does not turn a paid task into a failed one."""
        harness.answers = {"download-url": [answer(bodies.WRONG_URL)], **harness.answers}
        harness.answers |= {
            "results.invalid": [answer(b"", 404)],
            "record-info": [finished(), record],
        }
        error = failure(harness.make())
        assert (error.code, error.status) == (Code.DOWNLOAD_FAILED, 6)
        assert harness.journal.recent(None)[0].state is State.SUCCEEDED

    def test_a_refused_key_ends_the_renewal(self, harness: JobHarness) -> None:
        harness.answers = {"download-url": [refusal(401)], **harness.answers}
        harness.answers["results.invalid"] = [answer(b"", 404)]
        assert failure(harness.make()).code is Code.AUTH_REFUSED

    @pytest.mark.parametrize("days", [-14, 0, 14, 3650])
    def test_the_local_clock_expires_no_result(
        self, harness: JobHarness, jpeg: bytes, days: int
    ) -> None:
        task = accepted_earlier(harness)
        task = harness.journal.succeeded(task.ref, url=RESULT, completed_at=None, seconds=None)
        harness.clock._begin += days * 86400
        harness.answers = {"download-url": [refusal(422, "url is wrong")], **harness.answers}
        harness.answers["results.invalid"] = [*[answer(b"", 403)] * 3, answer(jpeg)]
        assert finished_task(collect(harness, task)).state is State.SAVED

    def test_only_the_service_expires_a_result(self, harness: JobHarness) -> None:
        harness.answers = {
            "download-url": [refusal(422, "the file has expired")],
            **harness.answers,
        }
        harness.answers["results.invalid"] = [answer(b"", 404)]
        error = failure(harness.make())
        assert (error.code, error.status) == (Code.EXPIRED, 8)
        assert harness.journal.recent(None)[0].state is State.FAILED


class TestSaving:
    def test_another_format_than_requested_is_reported(
        self, harness: JobHarness, png: bytes
    ) -> None:
        harness.answers["results.invalid"] = [answer(png)]
        events = harness.make()
        (warned,) = (event for event in events if isinstance(event, Warned))
        assert warned.message.startswith("the service sent png, not jpeg; saved as `")
        picture = finished_task(events).picture
        assert picture is not None
        assert picture.format == "png"

    @pytest.mark.parametrize("form", ["WEBP", "GIF", "AVIF"])
    def test_another_format_is_saved_under_its_own_ending(
        self, harness: JobHarness, form: str
    ) -> None:
        """An existing file of that name is kept, even with `--force` for `fox.jpg`."""
        content, ending = drawn(form), form.lower()
        (harness.folder / f"fox.{ending}").write_bytes(b"mine")
        harness.answers["results.invalid"] = [answer(content)]
        task = finished_task(harness.make(existing="replace"))
        path = harness.folder / f"fox-1.{ending}"
        assert path.read_bytes() == content
        assert task.picture is not None
        assert (task.picture.path, task.picture.format) == (path, ending)
        assert (task.picture.width, task.picture.height) == (16, 9)
        assert not (harness.folder / "fox.jpg").exists()

    @pytest.mark.parametrize("form", ["PNG", "WEBP"])
    def test_ext_in_a_template_is_the_received_format(self, harness: JobHarness, form: str) -> None:
        harness.answers["results.invalid"] = [answer(drawn(form))]
        ending = form.lower()
        picture = finished_task(harness.make(output="{ext}/{prompt}.{ext}")).picture
        assert picture is not None
        assert picture.path is not None
        assert (picture.path.parent.name, picture.path.suffix) == (ending, f".{ending}")

    def test_a_file_created_during_the_wait_is_not_overwritten(self, harness: JobHarness) -> None:
        """The image is saved beside it instead of being refused: it is paid for."""
        harness.answers["record-info"] = [answer(RUNNING), finished()]

        def appears(event: Event) -> None:
            if isinstance(event, Succeeded):
                (harness.folder / "fox.jpg").write_bytes(b"mine")

        task = finished_task(harness.make(existing="refuse", during=appears))
        assert task.picture is not None
        assert task.picture.path == harness.folder / "fox-1.jpg"
        assert (harness.folder / "fox.jpg").read_bytes() == b"mine"

    def test_an_image_saved_but_not_recorded_is_recognised(
        self, harness: JobHarness, jpeg: bytes
    ) -> None:
        """As when the process was killed between saving and recording."""
        task = finished_task(harness.make())
        assert task.picture is not None
        harness.journal.succeeded(task.ref, url=RESULT, completed_at=None, seconds=None)
        harness.requested.clear()
        again = finished_task(collect(harness, harness.journal.get(task.ref)))
        assert (again.state, again.picture) == (State.SAVED, task.picture)
        assert harness.requested == []
        assert (harness.folder / "fox.jpg").read_bytes() == jpeg

    def test_a_changed_file_is_not_taken_for_the_saved_image(self, harness: JobHarness) -> None:
        task = finished_task(harness.make())
        harness.journal.succeeded(task.ref, url=RESULT, completed_at=None, seconds=None)
        (harness.folder / "fox.jpg").write_bytes(b"something else")
        again = finished_task(collect(harness, harness.journal.get(task.ref)))
        assert again.picture is not None
        assert again.picture.path == harness.folder / "fox-1.jpg"

    def test_a_folder_in_place_of_the_output_is_a_disk_error(self, harness: JobHarness) -> None:
        def build(event: Event) -> None:
            if isinstance(event, Succeeded):
                (harness.folder / "fox.jpg").mkdir()

        error = failure(harness.make(during=build))
        assert (error.code, error.status) == (Code.DISK, 6)
        assert harness.journal.recent(None)[0].state is State.SUCCEEDED

    def test_an_image_for_stdout_is_delivered_and_has_no_path(
        self, harness: JobHarness, jpeg: bytes
    ) -> None:
        delivered: list[bytes] = []
        events = harness.make(output="-", deliver=lambda file: delivered.append(file.read()))
        picture = finished_task(events).picture
        assert delivered == [jpeg]
        assert picture is not None
        assert picture.path is None

    def test_an_image_refused_by_the_check_is_not_saved(self, harness: JobHarness) -> None:
        """`check` is called before the file is moved to its place."""

        def checked(picture: Picture) -> None:
            raise FluxError(Code.REJECTED, f"{picture.width} pixels are too few")

        error = failure(harness.make(check=checked))
        assert error.message == "16 pixels are too few"
        assert not (harness.folder / "fox.jpg").exists()

    def test_the_recorded_image_describes_the_saved_file(self, harness: JobHarness) -> None:
        picture = finished_task(harness.make()).picture
        found = inspect_file(harness.folder / "fox.jpg")
        assert picture is not None
        assert (picture.sha256, picture.bytes) == (found.sha256, found.bytes)
        assert (picture.width, picture.height) == (16, 9)
