"""Faults of the service, and the exit status of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.balance import spent

if TYPE_CHECKING:
    from tests.worlds import World


pytestmark = pytest.mark.usefixtures("wire_format")
"""Everything here holds in both wire formats."""


class TestFault:
    """Faults of the service, and the exit status of each."""

    @pytest.mark.parametrize(
        ("fault", "status", "code"),
        [
            ("submit:401", 3, "auth_refused"),
            ("submit:402", 7, "credits_insufficient"),
            ("submit:429-credits", 7, "credits_insufficient"),
            ("submit:433", 7, "key_cap_reached"),
            ("submit:1010", 5, "edge_blocked"),
            ("submit:500", 11, "outcome_unknown"),
            ("submit:502", 11, "outcome_unknown"),
            ("submit:503", 11, "outcome_unknown"),
            ("submit:html", 11, "outcome_unknown"),
            ("submit:garbage", 11, "outcome_unknown"),
            ("submit:drop", 11, "outcome_unknown"),
            ("submit:timeout", 11, "outcome_unknown"),
            ("submit:moderated", 8, "moderated"),
            ("poll:401", 3, "auth_refused"),
            ("submit:455x99", 5, "maintenance"),
            ("submit:429x99", 5, "rate_limited"),
            ("submit:refusex99", 5, "network"),
            ("submit:521x99", 5, "service_error"),
            ("poll:500x9999", 4, "timed_out"),
            ("download:truncatex9999", 6, "download_failed"),
            ("download:not-imagex9999", 6, "not_an_image"),
            ("download:500x9999", 6, "download_failed"),
            ("download:refusex9999", 6, "download_failed"),
            ("download:expiredx9999 link:expired", 6, "download_failed"),
            ("download:expiredx9999 link:500x9999", 6, "download_failed"),
            ("download:expiredx9999 link:401", 3, "auth_refused"),
        ],
    )
    def test_each_fault_has_its_status(
        self, box: World, fault: str, status: int, code: str
    ) -> None:
        box.env["FLUXCLI_SANDBOX_FAULTS"] = fault
        ran = box.run("generate", "a fox", "-o", "fox.jpg", "--json")
        assert (ran.status, ran.code) == (status, code)
        assert list(box.cwd.iterdir()) == []

    def test_a_damaged_image_is_not_saved(self, box: World) -> None:
        box.env["FLUXCLI_SANDBOX_FAULTS"] = "download:corruptx9999"
        ran = box.run("generate", "a fox", "-o", "fox.png", "--json")
        assert (ran.status, ran.code) == (6, "not_an_image")
        assert list(box.cwd.iterdir()) == []

    @pytest.mark.parametrize(
        "fault",
        [
            "submit:refusex3",
            "submit:521x2",
            "submit:455x3",
            "submit:429x2",
            "submit:slow",
            "poll:unknownx3",
            "poll:reset poll:html@3 poll:429@5 poll:1010@6",
            "poll:refusex20",
            "download:truncate",
            "download:resetx3",
            "download:503x4",
            "download:not-image",
            "download:expired",
        ],
    )
    def test_passing_faults_are_retried(self, box: World, fault: str) -> None:
        box.env["FLUXCLI_SANDBOX_FAULTS"] = fault
        ran = box.run("generate", "a fox", "-o", "fox.jpg")
        assert (ran.status, ran.lines) == (0, [str(box.cwd / "fox.jpg")])
        assert spent(box) == 5

    def test_retries_are_reported(self, box: World) -> None:
        box.env["FLUXCLI_SANDBOX_FAULTS"] = "submit:455x2"
        ran = box.run("generate", "a fox")
        assert "maintenance" in ran.err
        assert "trying again in 1 s" in ran.err

    @pytest.mark.parametrize("fault", ["submit:429x99", "submit:455x99", "submit:refusex99"])
    @pytest.mark.parametrize(("timeout", "most"), [("5", 6), ("15m", 121)])
    def test_retries_end_in_time(self, box: World, fault: str, timeout: str, most: float) -> None:
        """Within `--timeout`, and within two minutes."""
        box.env["FLUXCLI_SANDBOX_FAULTS"] = fault
        began = box.clock.monotonic()
        assert box.run("generate", "a fox", "--timeout", timeout).status == 5
        assert box.clock.monotonic() - began <= most

    def test_an_unsaved_image_is_downloaded_by_the_same_command(self, box: World) -> None:
        box.env["FLUXCLI_SANDBOX_FAULTS"] = "download:503x9999"
        ran = box.run("generate", "a fox", "-o", "fox.jpg", "--json")
        assert (ran.status, ran.record["error"]["hint"]) == (6, "fluxcli download --unsaved")
        del box.env["FLUXCLI_SANDBOX_FAULTS"]
        assert box.run("generate", "a fox", "-o", "fox.jpg").status == 0
        assert spent(box) == 5

    def test_several_images_with_one_error_have_its_status(self, box: World) -> None:
        ran = box.run("generate", "a [moderated] fox", "-n", "3", "--json")
        assert ran.status == 8
        assert [record["error"]["code"] for record in ran.records] == ["moderated"] * 3
