"""From a request to a task: what is recorded when, what is sent, and when it is sent again."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import httpx
import pytest

from fluxcli.errors import Code
from fluxcli.events import (
    Accepted,
    Event,
    Failed,
    Finished,
    Held,
    Started,
    Submitting,
    Trouble,
    Uploaded,
    Uploading,
)
from fluxcli.files.image_check import input_from, read_input
from fluxcli.prices_and_limits import API_URL
from fluxcli.task_types import State
from fluxcli.tasks.run_options import Source
from fluxcli.tasks.submit import unsettled
from tests.client import bodies
from tests.journal.samples import accepted
from tests.tasks.conftest import drawn
from tests.tasks.harness import JobHarness, answer, refusal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.client.scripted import Act


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def failure(events: list[Event]) -> Failed:
    assert isinstance(events[-1], Failed)
    return events[-1]


class TestOrder:
    def test_the_events_of_an_image_come_in_order(self, harness: JobHarness) -> None:
        events = harness.make()
        assert kinds(events) == [
            *("Started", "Submitting", "Accepted", "Succeeded", "Downloading", "Finished")
        ]
        (task,) = harness.journal.recent(None)
        assert events[2] == Accepted(key="1", ref=task.ref, task_id=bodies.TASK)
        assert {event.key for event in events} == {"1"}

    def test_the_task_is_recorded_before_anything_is_sent(self, harness: JobHarness) -> None:
        """Written, then marked as sending, then given its id, each before the next step."""
        states: list[tuple[str, State]] = []

        def look(event: Event) -> None:
            if isinstance(event, Started | Submitting | Accepted):
                (task,) = harness.journal.recent(None)
                states.append((type(event).__name__, task.state))

        seen: list[State] = []

        def act(_: httpx.Request) -> httpx.Response:
            seen.append(harness.journal.recent(None)[0].state)
            return answer(bodies.GENERATE)

        harness.answers["kontext/generate"] = [act]
        harness.make(during=look)
        assert states == [
            ("Started", State.SENDING),
            ("Submitting", State.SENDING),
            ("Accepted", State.RUNNING),
        ]
        assert seen == [State.SENDING]

    def test_without_waiting_the_job_ends_when_the_task_is_accepted(
        self, harness: JobHarness
    ) -> None:
        events = harness.make(wait=False, save=False)
        assert isinstance(events[-1], Finished)
        assert events[-1].task.state is State.RUNNING
        assert harness.requested == ["kontext/generate"]


class TestFullDisk:
    """The journal cannot be written at one step of a submission."""

    def test_nothing_is_sent_if_it_cannot_be_recorded(self, harness: JobHarness) -> None:
        harness.fail_journal("NEW.sent_at IS NOT NULL")
        error = failure(harness.make()).error
        assert error.code is Code.JOURNAL
        assert harness.requested == []

    def test_the_id_of_a_task_that_cannot_be_recorded_is_reported(
        self, harness: JobHarness
    ) -> None:
        """It is needed to download the paid image."""
        harness.fail_journal("NEW.task_id IS NOT NULL")
        error = failure(harness.make()).error
        assert (error.code, error.task_id) == (Code.JOURNAL, bodies.TASK)
        assert f"task `{bodies.TASK}` is paid for" in error.message
        assert error.hint == f"fluxcli download {bodies.TASK}"

    def test_a_slot_that_cannot_be_released_does_not_stop_the_job(
        self, harness: JobHarness
    ) -> None:
        harness.fail_limiter()
        assert isinstance(harness.make()[-1], Finished)

    def test_an_unknown_outcome_that_cannot_be_recorded_is_not_sent_again(
        self, harness: JobHarness
    ) -> None:
        harness.fail_journal("NEW.state = 'unknown'")
        harness.answers["kontext/generate"] = [httpx.ReadError("reset")]
        assert failure(harness.make()).error.code is Code.OUTCOME_UNKNOWN
        assert failure(harness.make()).error.code is Code.OUTCOME_UNKNOWN
        assert harness.requested == ["kontext/generate"]


class TestUnknownOutcome:
    def test_the_error_names_the_cause_and_how_to_settle_it(self, harness: JobHarness) -> None:
        harness.answers["kontext/generate"] = [httpx.ReadError("reset")]
        error = failure(harness.make()).error
        (task,) = harness.journal.recent(None)
        assert (error.code, error.ref, task.state) == (
            Code.OUTCOME_UNKNOWN,
            task.ref,
            State.UNKNOWN,
        )
        assert f"whether submission `{task.ref}` was accepted" in error.message
        assert "broke after the request was sent: reset" in error.message
        assert "https://kie.ai/logs" in (error.hint or "")
        assert f"`fluxcli status {task.ref} --settle TASKID`" in (error.hint or "")

    def test_without_a_cause_the_error_reports_that_no_answer_came(self) -> None:
        error = unsettled("abc", None, API_URL)
        assert (error.ref, error.message[-14:]) == ("abc", "no answer came")


class TestRetry:
    def test_a_passing_refusal_is_sent_again(self, harness: JobHarness) -> None:
        harness.answers["kontext/generate"] = [refusal(455), refusal(455), answer(bodies.GENERATE)]
        events = harness.make()
        pauses = [event.seconds for event in events if isinstance(event, Trouble)]
        assert pauses == [1.0, 2.0]
        assert isinstance(events[-1], Finished)
        assert len(harness.journal.recent(None)) == 1

    def test_the_pause_is_the_one_in_retry_after(self, harness: JobHarness) -> None:
        later = answer(b'{"code":455,"msg":"x"}', retry_after="33")
        harness.answers["kontext/generate"] = [later, answer(bodies.GENERATE)]
        (trouble,) = (event for event in harness.make() if isinstance(event, Trouble))
        assert trouble.seconds == 33.0

    @pytest.mark.parametrize("retry_after", ["0", "-3", "0.2", "soon"])
    @pytest.mark.parametrize("timeout", [12.0, 900.0])
    def test_it_is_sent_once_a_second_at_most_with_any_retry_after(
        self, harness: JobHarness, retry_after: str, timeout: float
    ) -> None:
        content = b'{"code":455,"msg":"x"}'
        harness.answers["kontext/generate"] = [answer(content, retry_after=retry_after)]
        moments: list[float] = []
        harness.make(
            timeout=timeout,
            during=lambda event: (
                moments.append(harness.clock.monotonic()) if isinstance(event, Submitting) else None
            ),
        )
        pauses = [after - before for before, after in pairwise(moments)]
        assert min(pauses) >= 1.0
        assert moments[-1] - moments[0] <= min(timeout, 120.0)

    def test_a_pause_beyond_the_timeout_is_not_waited_for(self, harness: JobHarness) -> None:
        later = answer(b'{"code":455,"msg":"x"}', retry_after="300")
        harness.answers["kontext/generate"] = [later]
        assert failure(harness.make()).error.code is Code.MAINTENANCE
        assert harness.requested == ["kontext/generate"]

    @pytest.mark.parametrize(("timeout", "most"), [(900.0, 120.0), (30.0, 30.0), (0.5, 0.5)])
    def test_retries_end_after_two_minutes_and_at_the_timeout(
        self, harness: JobHarness, timeout: float, most: float
    ) -> None:
        harness.answers["kontext/generate"] = [refusal(455)]
        moments: list[float] = []
        harness.make(
            timeout=timeout,
            during=lambda event: (
                moments.append(harness.clock.monotonic()) if isinstance(event, Submitting) else None
            ),
        )
        assert moments[-1] - moments[0] <= most
        assert harness.journal.recent(None)[0].state is State.REFUSED

    def test_a_429_fills_the_submission_limit_of_the_account(self, harness: JobHarness) -> None:
        """Another machine must be using the account, so the whole window is waited for."""
        harness.answers["kontext/generate"] = [refusal(429), answer(bodies.GENERATE)]
        events = harness.make()
        (trouble,) = (event for event in events if isinstance(event, Trouble))
        assert (trouble.error.code, trouble.seconds) == (Code.RATE_LIMITED, 10.0)
        assert isinstance(events[-1], Finished)

    def test_nothing_is_sent_after_the_timeout_even_with_a_free_slot(
        self, harness: JobHarness
    ) -> None:
        """Other processes took all slots during the pause."""
        harness.answers["kontext/generate"] = [refusal(455), answer(bodies.GENERATE)]

        def take_all_slots(event: Event) -> None:
            if isinstance(event, Trouble):
                harness.journal.submission_limiter.saturate("a", 10.0)

        assert (
            failure(harness.make(timeout=3.0, during=take_all_slots)).error.code is Code.MAINTENANCE
        )
        assert harness.requested == ["kontext/generate"]
        harness.clock.sleep(10)
        assert all(harness.journal.submission_limiter.acquire("a")[0] for _ in range(20))

    def test_a_final_refusal_is_not_sent_again(self, harness: JobHarness) -> None:
        harness.answers["kontext/generate"] = [refusal(402)]
        found = failure(harness.make())
        assert found.error.code is Code.CREDITS_INSUFFICIENT
        assert found.task is not None
        assert (found.task.state, found.error.ref) == (State.REFUSED, found.task.ref)
        assert harness.requested == ["kontext/generate"]


class TestLimit:
    def test_waiting_for_a_slot_is_reported_once_and_is_no_error(self, harness: JobHarness) -> None:
        harness.journal.submission_limiter.saturate("a", 10.0)
        events = harness.make()
        assert kinds(events)[:3] == ["Started", "Held", "Submitting"]
        (held,) = (event for event in events if isinstance(event, Held))
        assert held.key == "1"
        assert held.seconds == pytest.approx(10.0)

    def test_a_submission_that_was_not_sent_releases_its_slot(self, harness: JobHarness) -> None:
        harness.fail_journal("NEW.sent_at IS NOT NULL")
        harness.make()
        taken = [harness.journal.submission_limiter.acquire("a")[0] for _ in range(20)]
        assert all(taken)


class TestResultAsInput:
    """The image of an earlier task as the input: its link, a renewed link, or its file."""

    LINK = "https://earlier.invalid/r.png"

    def source(self, saved: Path | None = None) -> Source:
        return Source(identity="task:e730", url=self.LINK, is_result=True, saved=saved)

    def used(self, harness: JobHarness) -> str | None:
        return harness.journal.recent(None)[0].request.input_image

    def test_a_working_link_is_used_and_checked_once(self, harness: JobHarness, png: bytes) -> None:
        harness.answers["earlier.invalid"] = [answer(png)]
        harness.make(source=self.source())
        harness.make(source=self.source(), output="b.jpg", fingerprint="g")
        assert self.used(harness) == self.LINK
        assert harness.requested.count("earlier.invalid") == 1

    def test_a_link_that_cannot_be_checked_is_used(self, harness: JobHarness) -> None:
        harness.answers["earlier.invalid"] = [answer(b"", 503)]
        harness.make(source=self.source())
        assert self.used(harness) == self.LINK

    def test_a_dead_link_is_renewed(self, harness: JobHarness) -> None:
        renewed = answer(b'{"code":200,"data":"https://renewed.invalid/r.png"}')
        harness.answers |= {"earlier.invalid": [answer(b"", 403)], "download-url": [renewed]}
        harness.make(source=self.source())
        assert self.used(harness) == "https://renewed.invalid/r.png"

    def test_a_link_that_cannot_be_renewed_is_replaced_by_an_upload(
        self, harness: JobHarness, png: bytes
    ) -> None:
        saved = harness.folder / "earlier.png"
        saved.write_bytes(png)
        harness.answers |= {
            "earlier.invalid": [answer(b"", 404)],
            "download-url": [refusal(422, "url is wrong")],
        }
        harness.make(source=self.source(saved))
        assert harness.requested.count("file-stream-upload") == 1
        assert (self.used(harness) or "").endswith("w5dsj9ctw1.jpg")

    def test_without_link_and_file_nothing_is_sent(self, harness: JobHarness) -> None:
        harness.answers |= {
            "earlier.invalid": [answer(b"", 404)],
            "download-url": [refusal(422, "url is wrong")],
        }
        failed = failure(harness.make(source=self.source(harness.folder / "removed.png")))
        assert (failed.error.code, failed.error.status) == (Code.EXPIRED, 8)
        assert "nothing was sent" in failed.error.message
        assert "kontext/generate" not in harness.requested

    def test_a_renewal_is_retried_after_a_passing_error(self, harness: JobHarness) -> None:
        renewed = answer(b'{"code":200,"data":"https://renewed.invalid/r.png"}')
        harness.answers |= {
            "earlier.invalid": [answer(b"", 404)],
            "download-url": [refusal(500, "String index out of range: -1"), renewed],
        }
        assert isinstance(harness.make(source=self.source())[-1], Finished)

    def test_a_refused_key_ends_the_job_before_anything_is_sent(self, harness: JobHarness) -> None:
        harness.answers |= {"earlier.invalid": [answer(b"", 404)], "download-url": [refusal(401)]}
        assert failure(harness.make(source=self.source())).error.code is Code.AUTH_REFUSED
        assert "kontext/generate" not in harness.requested


@pytest.fixture
def source(harness: JobHarness, png: bytes) -> Source:
    """A local image to edit."""
    (harness.folder / "photo.png").write_bytes(png)
    picture = read_input(harness.folder / "photo.png")
    return Source(identity=f"sha256:{picture.sha256}", input=picture)


class TestUpload:
    def test_the_input_is_uploaded_first_under_a_unique_name(
        self, harness: JobHarness, source: Source
    ) -> None:
        """The same name would overwrite an earlier upload, and a cache may serve that one."""
        sent: list[bytes] = []

        def act(call: httpx.Request) -> httpx.Response:
            sent.append(call.read())
            return answer(bodies.UPLOADED)

        harness.answers["file-stream-upload"] = [act]
        events = harness.make(source=source)
        assert kinds(events)[:4] == ["Started", "Uploading", "Uploaded", "Submitting"]
        (task,) = harness.journal.recent(None)
        assert source.input is not None
        assert events[1] == Uploading(key="1", name="photo.png", bytes=source.input.bytes)
        assert events[2] == Uploaded(key="1", reused=False)
        assert f"{source.input.sha256[:16]}-{task.ref}.png".encode() in sent[0]
        assert b"Content-Type: image/png" in sent[0]
        assert task.request.input_image is not None
        assert task.request.input_image.endswith("w5dsj9ctw1.jpg")
        assert task.source == source.identity

    def test_an_upload_is_retried_after_passing_errors(
        self, harness: JobHarness, source: Source
    ) -> None:
        good = answer(bodies.UPLOADED)
        harness.answers["file-stream-upload"] = [httpx.ReadError("reset"), refusal(500), good]
        events = harness.make(source=source)
        assert kinds(events).count("Uploading") == 3
        assert isinstance(events[-1], Finished)

    def test_retries_of_an_upload_end(self, harness: JobHarness, source: Source) -> None:
        harness.answers["file-stream-upload"] = [httpx.ReadError("reset")]
        began = harness.clock.monotonic()
        assert failure(harness.make(source=source)).error.code is Code.NETWORK
        assert harness.clock.monotonic() - began <= 120
        assert "kontext/generate" not in harness.requested

    def test_an_input_is_uploaded_once_for_several_images(
        self, harness: JobHarness, source: Source
    ) -> None:
        harness.make(source=source)
        events = harness.make(source=source, output="other.jpg", fingerprint="g")
        (uploaded,) = (event for event in events if isinstance(event, Uploaded))
        assert uploaded == Uploaded(key="1", reused=True)
        assert not any(isinstance(event, Uploading) for event in events)

    def test_an_upload_by_another_process_is_reused(
        self, harness: JobHarness, source: Source, png: bytes
    ) -> None:
        """Several jobs begin with the same input; those that waited use the first upload."""
        assert source.input is not None
        sha256 = source.input.sha256

        def overtake(event: Event) -> None:
            if isinstance(event, Uploading):
                harness.journal.uploads.keep("a", sha256, "https://h.invalid/x.png")

        harness.answers["h.invalid"] = [answer(png)]
        harness.make(source=source, during=overtake)
        assert "file-stream-upload" not in harness.requested
        assert harness.journal.recent(None)[0].request.input_image == "https://h.invalid/x.png"

    @pytest.mark.parametrize("http", [403, 404, 410])
    def test_an_upload_that_the_host_no_longer_has_is_repeated(
        self, harness: JobHarness, source: Source, http: int
    ) -> None:
        assert source.input is not None
        harness.journal.uploads.keep("a", source.input.sha256, "https://h.invalid/x.png")
        harness.answers["h.invalid"] = [answer(b"", http)]
        harness.make(source=source)
        assert harness.requested.count("file-stream-upload") == 1
        harness.make(source=source, output="other.jpg", fingerprint="g")
        assert harness.requested.count("file-stream-upload") == 1, "the new one is used from now on"

    @pytest.mark.parametrize("trouble", [answer(b"", 503), httpx.ConnectError("no route")])
    def test_an_upload_that_cannot_be_checked_is_reused(
        self, harness: JobHarness, source: Source, trouble: Act
    ) -> None:
        """The service may reach a host that this machine cannot."""
        assert source.input is not None
        harness.journal.uploads.keep("a", source.input.sha256, "https://h.invalid/x.png")
        harness.answers["h.invalid"] = [trouble]
        harness.make(source=source)
        assert "file-stream-upload" not in harness.requested

    def test_an_uploaded_webp_keeps_its_ending(self, harness: JobHarness) -> None:
        sent: list[bytes] = []

        def act(call: httpx.Request) -> httpx.Response:
            sent.append(call.read())
            return answer(bodies.UPLOADED)

        harness.answers["file-base64-upload"] = [act]
        picture = input_from(drawn("WEBP"))
        harness.make(source=Source(identity=f"sha256:{picture.sha256}", input=picture))
        (task,) = harness.journal.recent(None)
        assert f"{picture.sha256[:16]}-{task.ref}.webp".encode() in sent[0]

    @pytest.mark.parametrize(
        ("size", "way"),
        [(1_000_000, "file-base64-upload"), (1_000_001, "file-stream-upload")],
    )
    def test_a_small_input_from_stdin_is_uploaded_as_base64(
        self, harness: JobHarness, jpeg: bytes, size: int, way: str
    ) -> None:
        sent: list[bytes] = []

        def act(call: httpx.Request) -> httpx.Response:
            sent.append(call.read())
            return answer(bodies.UPLOADED)

        harness.answers[way] = [act]
        picture = input_from(jpeg.ljust(size, b"."))
        source = Source(identity=f"sha256:{picture.sha256}", input=picture)
        events = harness.make(source=source)
        assert events[1] == Uploading(key="1", name="stdin", bytes=size)
        (task,) = harness.journal.recent(None)
        assert harness.requested[:2] == [way, "kontext/generate"]
        assert f"{picture.sha256[:16]}-{task.ref}.jpg".encode() in sent[0]
        assert b"image/jpeg" in sent[0]

    def test_an_input_removed_before_the_upload_is_an_error(
        self, harness: JobHarness, source: Source
    ) -> None:
        (harness.folder / "photo.png").unlink()
        error = failure(harness.make(source=source)).error
        assert (error.code, error.status) == (Code.INPUT_UNREADABLE, 2)
        assert "cannot be read any more" in error.message
        assert harness.requested == []

    def test_a_url_as_input_is_not_uploaded(self, harness: JobHarness) -> None:
        url = "https://example.com/a.png"
        harness.make(source=Source(identity=url, url=url))
        assert "file-stream-upload" not in harness.requested
        assert harness.journal.recent(None)[0].request.input_image == url


class TestResume:
    def test_an_accepted_task_is_not_submitted_again(self, harness: JobHarness) -> None:
        accepted(harness.journal, "e730")
        events = harness.make()
        assert kinds(events)[0] == "Resumed"
        assert "kontext/generate" not in harness.requested

    def test_a_submission_without_a_recorded_answer_is_unknown(self, harness: JobHarness) -> None:
        run = harness.journal.open_run("f", new=False)
        request_for = accepted(harness.journal, "other", "g")
        task = harness.journal.begin(run, request_for.request, source=None, output="/x")
        harness.journal.sending(task.ref, request_for.request)
        harness.journal.release(run)
        error = failure(harness.make()).error
        assert (error.code, error.ref) == (Code.OUTCOME_UNKNOWN, task.ref)
        assert "the process ended while the answer was awaited" in error.message
        assert harness.requested == []

    def test_a_task_that_was_never_sent_is_submitted_under_its_ref(
        self, harness: JobHarness
    ) -> None:
        run = harness.journal.open_run("f", new=False)
        request_for = accepted(harness.journal, "other", "g")
        task = harness.journal.begin(
            run, request_for.request, source=None, output=str(harness.folder / "fox.jpg")
        )
        harness.journal.release(run)
        (last,) = (event for event in harness.make() if isinstance(event, Finished))
        assert (last.task.ref, last.task.state) == (task.ref, State.SAVED)
