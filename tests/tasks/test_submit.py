"""From a request to a task: what is recorded when, and what is sent how often."""

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
from fluxcli.task_types import State
from fluxcli.tasks.run_options import Source
from fluxcli.tasks.submit import unsettled
from tests.client import bodies
from tests.journal.samples import accepted
from tests.tasks.conftest import drawn
from tests.tasks.desk import Desk, answer, refusal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.client.scripted import Act


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def failure(events: list[Event]) -> Failed:
    assert isinstance(events[-1], Failed)
    return events[-1]


class TestTheOrderOfThings:
    def test_of_an_image_that_goes_well(self, desk: Desk) -> None:
        events = desk.make()
        assert kinds(events) == [
            *("Started", "Submitting", "Accepted", "Succeeded", "Downloading", "Finished")
        ]
        (task,) = desk.journal.recent(None)
        assert events[2] == Accepted(key="1", ref=task.ref, task_id=bodies.TASK)
        assert {event.key for event in events} == {"1"}

    def test_the_row_is_there_before_anything_leaves(self, desk: Desk) -> None:
        """Written, then marked as leaving, then given its id: each before the next step."""
        states: list[tuple[str, State]] = []

        def look(event: Event) -> None:
            if isinstance(event, Started | Submitting | Accepted):
                (task,) = desk.journal.recent(None)
                states.append((type(event).__name__, task.state))

        seen: list[State] = []

        def act(_: httpx.Request) -> httpx.Response:
            seen.append(desk.journal.recent(None)[0].state)
            return answer(bodies.GENERATE)

        desk.answers["kontext/generate"] = [act]
        desk.make(during=look)
        assert states == [
            ("Started", State.SENDING),
            ("Submitting", State.SENDING),
            ("Accepted", State.RUNNING),
        ]
        assert seen == [State.SENDING]

    def test_without_waiting_it_ends_when_it_is_accepted(self, desk: Desk) -> None:
        events = desk.make(wait=False, save=False)
        assert isinstance(events[-1], Finished)
        assert events[-1].task.state is State.RUNNING
        assert desk.requested == ["kontext/generate"]


class TestAJournalThatFails:
    """The disk is full at the worst of moments."""

    def test_before_the_submission_nothing_leaves(self, desk: Desk) -> None:
        desk.jam("NEW.sent_at IS NOT NULL")
        error = failure(desk.make()).error
        assert error.code is Code.JOURNAL
        assert desk.requested == []

    def test_after_the_acceptance_the_id_is_reported(self, desk: Desk) -> None:
        """The id is needed to find the paid task again."""
        desk.jam("NEW.task_id IS NOT NULL")
        error = failure(desk.make()).error
        assert (error.code, error.task_id) == (Code.JOURNAL, bodies.TASK)
        assert f"task `{bodies.TASK}` is paid for" in error.message
        assert error.hint == f"fluxcli download {bodies.TASK}"

    def test_a_slot_that_is_not_given_back_hides_no_result(self, desk: Desk) -> None:
        desk.jam_pace()
        assert isinstance(desk.make()[-1], Finished)

    def test_an_unknown_outcome_is_unknown_all_the_same(self, desk: Desk) -> None:
        desk.jam("NEW.state = 'unknown'")
        desk.answers["kontext/generate"] = [httpx.ReadError("reset")]
        assert failure(desk.make()).error.code is Code.OUTCOME_UNKNOWN
        assert failure(desk.make()).error.code is Code.OUTCOME_UNKNOWN
        assert desk.requested == ["kontext/generate"]


class TestAnUnknownOutcome:
    def test_says_what_happened_and_how_a_person_settles_it(self, desk: Desk) -> None:
        desk.answers["kontext/generate"] = [httpx.ReadError("reset")]
        error = failure(desk.make()).error
        (task,) = desk.journal.recent(None)
        assert (error.code, error.ref, task.state) == (
            Code.OUTCOME_UNKNOWN,
            task.ref,
            State.UNKNOWN,
        )
        assert f"whether submission `{task.ref}` was accepted" in error.message
        assert "broke after the request was sent: reset" in error.message
        assert "https://kie.ai/logs" in (error.hint or "")
        assert f"`fluxcli status {task.ref} --settle TASKID`" in (error.hint or "")

    def test_of_which_nothing_more_is_known(self) -> None:
        error = unsettled("abc", None)
        assert (error.ref, error.message[-14:]) == ("abc", "no answer came")


class TestSendingAgain:
    def test_what_was_refused_in_passing(self, desk: Desk) -> None:
        desk.answers["kontext/generate"] = [refusal(455), refusal(455), answer(bodies.GENERATE)]
        events = desk.make()
        pauses = [event.seconds for event in events if isinstance(event, Trouble)]
        assert pauses == [1.0, 2.0]
        assert isinstance(events[-1], Finished)
        assert len(desk.journal.recent(None)) == 1

    def test_after_the_pause_that_the_service_asks_for(self, desk: Desk) -> None:
        later = answer(b'{"code":455,"msg":"x"}', retry_after="33")
        desk.answers["kontext/generate"] = [later, answer(bodies.GENERATE)]
        (trouble,) = (event for event in desk.make() if isinstance(event, Trouble))
        assert trouble.seconds == 33.0

    @pytest.mark.parametrize("retry_after", ["0", "-3", "0.2", "soon"])
    @pytest.mark.parametrize("timeout", [12.0, 900.0])
    def test_at_most_once_a_second_even_if_the_service_asks_for_more(
        self, desk: Desk, retry_after: str, timeout: float
    ) -> None:
        content = b'{"code":455,"msg":"x"}'
        desk.answers["kontext/generate"] = [answer(content, retry_after=retry_after)]
        moments: list[float] = []
        desk.make(
            timeout=timeout,
            during=lambda event: (
                moments.append(desk.clock.monotonic()) if isinstance(event, Submitting) else None
            ),
        )
        pauses = [after - before for before, after in pairwise(moments)]
        assert min(pauses) >= 1.0
        assert moments[-1] - moments[0] <= min(timeout, 120.0)

    def test_not_if_that_is_beyond_the_time(self, desk: Desk) -> None:
        later = answer(b'{"code":455,"msg":"x"}', retry_after="300")
        desk.answers["kontext/generate"] = [later]
        assert failure(desk.make()).error.code is Code.MAINTENANCE
        assert desk.requested == ["kontext/generate"]

    @pytest.mark.parametrize(("timeout", "most"), [(900.0, 120.0), (30.0, 30.0), (0.5, 0.5)])
    def test_within_two_minutes_and_within_the_timeout(
        self, desk: Desk, timeout: float, most: float
    ) -> None:
        desk.answers["kontext/generate"] = [refusal(455)]
        moments: list[float] = []
        desk.make(
            timeout=timeout,
            during=lambda event: (
                moments.append(desk.clock.monotonic()) if isinstance(event, Submitting) else None
            ),
        )
        assert moments[-1] - moments[0] <= most
        assert desk.journal.recent(None)[0].state is State.REFUSED

    def test_a_reached_limit_delays_every_process(self, desk: Desk) -> None:
        """The refusal shows that another machine uses the account; its window is waited for."""
        desk.answers["kontext/generate"] = [refusal(429), answer(bodies.GENERATE)]
        events = desk.make()
        (trouble,) = (event for event in events if isinstance(event, Trouble))
        assert (trouble.error.code, trouble.seconds) == (Code.RATE_LIMITED, 10.0)
        assert isinstance(events[-1], Finished)

    def test_not_after_its_time_though_a_slot_comes_late(self, desk: Desk) -> None:
        """Others took all slots while it paused: what waits past its time is not sent."""
        desk.answers["kontext/generate"] = [refusal(455), answer(bodies.GENERATE)]

        def crowd(event: Event) -> None:
            if isinstance(event, Trouble):
                desk.journal.submission_limiter.saturate("a", 10.0)

        assert failure(desk.make(timeout=3.0, during=crowd)).error.code is Code.MAINTENANCE
        assert desk.requested == ["kontext/generate"]
        desk.clock.sleep(10)
        assert all(desk.journal.submission_limiter.acquire("a")[0] for _ in range(20))

    def test_what_was_refused_for_good_is_not(self, desk: Desk) -> None:
        desk.answers["kontext/generate"] = [refusal(402)]
        found = failure(desk.make())
        assert found.error.code is Code.CREDITS_INSUFFICIENT
        assert found.task is not None
        assert (found.task.state, found.error.ref) == (State.REFUSED, found.task.ref)
        assert desk.requested == ["kontext/generate"]


class TestTheLimit:
    def test_waiting_for_a_slot_is_reported_once_and_is_not_a_failure(self, desk: Desk) -> None:
        desk.journal.submission_limiter.saturate("a", 10.0)
        events = desk.make()
        assert kinds(events)[:3] == ["Started", "Held", "Submitting"]
        (held,) = (event for event in events if isinstance(event, Held))
        assert held.key == "1"
        assert held.seconds == pytest.approx(10.0)

    def test_a_submission_that_never_left_gives_its_slot_back(self, desk: Desk) -> None:
        desk.jam("NEW.sent_at IS NOT NULL")
        desk.make()
        taken = [desk.journal.submission_limiter.acquire("a")[0] for _ in range(20)]
        assert all(taken)


class TestEarlierResults:
    """The image of an earlier task as the input: by its link, a renewed link, or its file."""

    LINK = "https://earlier.invalid/r.png"

    def source(self, saved: Path | None = None) -> Source:
        return Source(identity="task:e730", url=self.LINK, is_result=True, saved=saved)

    def used(self, desk: Desk) -> str | None:
        return desk.journal.recent(None)[0].request.input_image

    def test_a_link_that_works_is_used_and_requested_once(self, desk: Desk, png: bytes) -> None:
        desk.answers["earlier.invalid"] = [answer(png)]
        desk.make(source=self.source())
        desk.make(source=self.source(), output="b.jpg", fingerprint="g")
        assert self.used(desk) == self.LINK
        assert desk.requested.count("earlier.invalid") == 1

    def test_a_link_whose_host_cannot_be_asked_is_used(self, desk: Desk) -> None:
        desk.answers["earlier.invalid"] = [answer(b"", 503)]
        desk.make(source=self.source())
        assert self.used(desk) == self.LINK

    def test_a_dead_link_is_renewed(self, desk: Desk) -> None:
        renewed = answer(b'{"code":200,"data":"https://renewed.invalid/r.png"}')
        desk.answers |= {"earlier.invalid": [answer(b"", 403)], "download-url": [renewed]}
        desk.make(source=self.source())
        assert self.used(desk) == "https://renewed.invalid/r.png"

    def test_else_the_saved_file_is_uploaded(self, desk: Desk, png: bytes) -> None:
        saved = desk.folder / "earlier.png"
        saved.write_bytes(png)
        desk.answers |= {
            "earlier.invalid": [answer(b"", 404)],
            "download-url": [refusal(422, "url is wrong")],
        }
        desk.make(source=self.source(saved))
        assert desk.requested.count("file-stream-upload") == 1
        assert (self.used(desk) or "").endswith("w5dsj9ctw1.jpg")

    def test_without_either_nothing_is_sent(self, desk: Desk) -> None:
        desk.answers |= {
            "earlier.invalid": [answer(b"", 404)],
            "download-url": [refusal(422, "url is wrong")],
        }
        failed = failure(desk.make(source=self.source(desk.folder / "removed.png")))
        assert (failed.error.code, failed.error.status) == (Code.EXPIRED, 8)
        assert "nothing was sent" in failed.error.message
        assert "kontext/generate" not in desk.requested

    def test_a_renewal_that_fails_in_passing_is_tried_again(self, desk: Desk) -> None:
        renewed = answer(b'{"code":200,"data":"https://renewed.invalid/r.png"}')
        desk.answers |= {
            "earlier.invalid": [answer(b"", 404)],
            "download-url": [refusal(500, "String index out of range: -1"), renewed],
        }
        assert isinstance(desk.make(source=self.source())[-1], Finished)

    def test_a_refused_key_ends_it_before_anything_is_sent(self, desk: Desk) -> None:
        desk.answers |= {"earlier.invalid": [answer(b"", 404)], "download-url": [refusal(401)]}
        assert failure(desk.make(source=self.source())).error.code is Code.AUTH_REFUSED
        assert "kontext/generate" not in desk.requested


@pytest.fixture
def source(desk: Desk, png: bytes) -> Source:
    """A local picture to edit."""
    (desk.folder / "photo.png").write_bytes(png)
    picture = read_input(desk.folder / "photo.png")
    return Source(identity=f"sha256:{picture.sha256}", input=picture)


class TestUploading:
    def test_before_the_submission_under_a_name_of_its_own(
        self, desk: Desk, source: Source
    ) -> None:
        """The same name would overwrite, and may serve stale bytes."""
        sent: list[bytes] = []

        def act(call: httpx.Request) -> httpx.Response:
            sent.append(call.read())
            return answer(bodies.UPLOADED)

        desk.answers["file-stream-upload"] = [act]
        events = desk.make(source=source)
        assert kinds(events)[:4] == ["Started", "Uploading", "Uploaded", "Submitting"]
        (task,) = desk.journal.recent(None)
        assert source.input is not None
        assert events[1] == Uploading(key="1", name="photo.png", bytes=source.input.bytes)
        assert events[2] == Uploaded(key="1", reused=False)
        assert f"{source.input.sha256[:16]}-{task.ref}.png".encode() in sent[0]
        assert b"Content-Type: image/png" in sent[0]
        assert task.request.input_image is not None
        assert task.request.input_image.endswith("w5dsj9ctw1.jpg")
        assert task.source == source.identity

    def test_again_after_what_passes(self, desk: Desk, source: Source) -> None:
        good = answer(bodies.UPLOADED)
        desk.answers["file-stream-upload"] = [httpx.ReadError("reset"), refusal(500), good]
        events = desk.make(source=source)
        assert kinds(events).count("Uploading") == 3
        assert isinstance(events[-1], Finished)

    def test_not_for_ever(self, desk: Desk, source: Source) -> None:
        desk.answers["file-stream-upload"] = [httpx.ReadError("reset")]
        began = desk.clock.monotonic()
        assert failure(desk.make(source=source)).error.code is Code.NETWORK
        assert desk.clock.monotonic() - began <= 120
        assert "kontext/generate" not in desk.requested

    def test_once_for_many(self, desk: Desk, source: Source) -> None:
        desk.make(source=source)
        events = desk.make(source=source, output="other.jpg", fingerprint="g")
        (uploaded,) = (event for event in events if isinstance(event, Uploaded))
        assert uploaded == Uploaded(key="1", reused=True)
        assert not any(isinstance(event, Uploading) for event in events)

    def test_not_if_another_did_it_meanwhile(self, desk: Desk, source: Source, png: bytes) -> None:
        """Many begin with the same picture at once; those who waited use the first's."""
        assert source.input is not None
        sha256 = source.input.sha256

        def overtake(event: Event) -> None:
            if isinstance(event, Uploading):
                desk.journal.uploads.keep("a", sha256, "https://h.invalid/x.png")

        desk.answers["h.invalid"] = [answer(png)]
        desk.make(source=source, during=overtake)
        assert "file-stream-upload" not in desk.requested
        assert desk.journal.recent(None)[0].request.input_image == "https://h.invalid/x.png"

    @pytest.mark.parametrize("http", [403, 404, 410])
    def test_again_if_the_host_no_longer_has_it(
        self, desk: Desk, source: Source, http: int
    ) -> None:
        assert source.input is not None
        desk.journal.uploads.keep("a", source.input.sha256, "https://h.invalid/x.png")
        desk.answers["h.invalid"] = [answer(b"", http)]
        desk.make(source=source)
        assert desk.requested.count("file-stream-upload") == 1
        desk.make(source=source, output="other.jpg", fingerprint="g")
        assert desk.requested.count("file-stream-upload") == 1, "the new one is used from now on"

    @pytest.mark.parametrize("trouble", [answer(b"", 503), httpx.ConnectError("no route")])
    def test_not_if_its_host_cannot_be_asked(
        self, desk: Desk, source: Source, trouble: Act
    ) -> None:
        """The service may be able to read what this machine cannot."""
        assert source.input is not None
        desk.journal.uploads.keep("a", source.input.sha256, "https://h.invalid/x.png")
        desk.answers["h.invalid"] = [trouble]
        desk.make(source=source)
        assert "file-stream-upload" not in desk.requested

    def test_a_webp_keeps_its_ending(self, desk: Desk) -> None:
        sent: list[bytes] = []

        def act(call: httpx.Request) -> httpx.Response:
            sent.append(call.read())
            return answer(bodies.UPLOADED)

        desk.answers["file-base64-upload"] = [act]
        picture = input_from(drawn("WEBP"))
        desk.make(source=Source(identity=f"sha256:{picture.sha256}", input=picture))
        (task,) = desk.journal.recent(None)
        assert f"{picture.sha256[:16]}-{task.ref}.webp".encode() in sent[0]

    @pytest.mark.parametrize(
        ("size", "way"),
        [(1_000_000, "file-base64-upload"), (1_000_001, "file-stream-upload")],
    )
    def test_what_was_piped_in_goes_in_one_call_if_it_is_small(
        self, desk: Desk, jpeg: bytes, size: int, way: str
    ) -> None:
        sent: list[bytes] = []

        def act(call: httpx.Request) -> httpx.Response:
            sent.append(call.read())
            return answer(bodies.UPLOADED)

        desk.answers[way] = [act]
        picture = input_from(jpeg.ljust(size, b"."))
        source = Source(identity=f"sha256:{picture.sha256}", input=picture)
        events = desk.make(source=source)
        assert events[1] == Uploading(key="1", name="stdin", bytes=size)
        (task,) = desk.journal.recent(None)
        assert desk.requested[:2] == [way, "kontext/generate"]
        assert f"{picture.sha256[:16]}-{task.ref}.jpg".encode() in sent[0]
        assert b"image/jpeg" in sent[0]

    def test_a_file_that_went_away(self, desk: Desk, source: Source) -> None:
        (desk.folder / "photo.png").unlink()
        error = failure(desk.make(source=source)).error
        assert (error.code, error.status) == (Code.INPUT_UNREADABLE, 2)
        assert "cannot be read any more" in error.message
        assert desk.requested == []

    def test_a_url_is_passed_on(self, desk: Desk) -> None:
        url = "https://example.com/a.png"
        desk.make(source=Source(identity=url, url=url))
        assert "file-stream-upload" not in desk.requested
        assert desk.journal.recent(None)[0].request.input_image == url


class TestTakingUp:
    def test_an_accepted_task(self, desk: Desk) -> None:
        accepted(desk.journal, "e730")
        events = desk.make()
        assert kinds(events)[0] == "Resumed"
        assert "kontext/generate" not in desk.requested

    def test_a_lost_one_asks_for_a_person(self, desk: Desk) -> None:
        run = desk.journal.open_run("f", new=False)
        request_for = accepted(desk.journal, "other", "g")
        task = desk.journal.begin(run, request_for.request, source=None, output="/x")
        desk.journal.sending(task.ref, request_for.request)
        desk.journal.release(run)
        error = failure(desk.make()).error
        assert (error.code, error.ref) == (Code.OUTCOME_UNKNOWN, task.ref)
        assert "the process ended while the answer was awaited" in error.message
        assert desk.requested == []

    def test_one_that_never_left_goes_on_under_its_name(self, desk: Desk) -> None:
        run = desk.journal.open_run("f", new=False)
        request_for = accepted(desk.journal, "other", "g")
        task = desk.journal.begin(
            run, request_for.request, source=None, output=str(desk.folder / "fox.jpg")
        )
        desk.journal.release(run)
        (last,) = (event for event in desk.make() if isinstance(event, Finished))
        assert (last.task.ref, last.task.state) == (task.ref, State.SAVED)
