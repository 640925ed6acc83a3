"""One command in other words, and in another order: judged by charges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.commands.balance import spent

if TYPE_CHECKING:
    from tests.worlds import World

PRICE: Final = 5

pytestmark = pytest.mark.usefixtures("wire_format")
"""Everything here holds in both wire formats."""


@pytest.fixture
def place(box: World) -> World:
    """A world with an unfinished `generate "a fox" -o x.png`, a link to its folder, a config."""
    (box.root / "link").symlink_to(box.cwd)
    (box.cwd / "p.txt").write_text("a fox\r\n")
    (box.root / "sq.toml").write_text(
        '[generate]\nmodel = "pro"\n[presets.wide]\naspect_ratio = "16:9"\nstyle = "{prompt}"\n'
    )
    assert box.run("generate", "a fox", "-o", "x.png", "--no-wait").status == 0
    return box


@pytest.mark.parametrize(
    ("words", "env"),
    [
        (("a fox", "-o", "{cwd}/x.png"), {}),
        (("-p", "a fox", "-o", ".//./x.png"), {}),
        (("-", "-o", "x.png"), {}),
        (("--prompt-file", "p.txt", "-o", "x.png"), {}),
        (("--prompt-file", "-", "-o", "x.png"), {}),
        (("a fox",), {"FLUXCLI_OUTPUT": "x.png"}),
        (("a fox", "-o", "{root}/link/x.png"), {}),
        (("a fox", "-o", "x.png", "-n", "1", "-m", "pro", "-a", "16:9"), {}),
        (("a fox", "-o", "x.png", "--output-format", "png", "--safety-tolerance", "2"), {}),
        (("a fox", "-o", "x.png", "--no-prompt-upsampling", "--enable-translation"), {}),
        (("a fox", "-o", "x.png", "--no-upload-cn"), {"FLUXCLI_MODEL": "flux-kontext-pro"}),
        (
            ("a fox", "-o", "x.png"),
            {"FLUXCLI_ASPECT_RATIO": "16:9", "FLUXCLI_SAFETY_TOLERANCE": "2"},
        ),
        (("a fox", "-o", "x.png", "--preset", "wide"), {"FLUXCLI_CONFIG": "{root}/sq.toml"}),
        (("a fox", "-o", "x.png \r"), {}),
        (("a fox", "-o", "x.png", "--metadata", "sidecar"), {}),
        (("a fox", "-o", "x.png", "--timeout", "2h", "--interval", "9", "-y"), {}),
        (("-o", "x.png", "--max-credits", "5", "--json", "--", "a fox"), {}),
        (("a fox", "-o", "x.png", "--skip-existing"), {}),
        (("a fox", "-o", "x.png", "--force"), {}),
        (("a fox\n", "-o", "x.png"), {}),
    ],
)
def test_the_command_in_other_words_is_resumed(
    place: World, words: tuple[str, ...], env: dict[str, str]
) -> None:
    names = {"cwd": str(place.cwd), "root": str(place.root)}
    typed = [word.format(**names) for word in words]
    given = {name: value.format(**names) for name, value in env.items()}
    ran = place.run("generate", *typed, stdin=b"a fox\n", env=given)
    assert (ran.status, spent(place)) == (0, PRICE), ran.err
    assert (place.cwd / "x.png").exists()


class TestTheLastImage:
    """Fault 1: what `@last` was is kept as long as the edit of it is unfinished."""

    @pytest.fixture
    def night(self, box: World) -> str:
        """The id of an unfinished edit of the last image."""
        box.run("generate", "a fox", "-o", "fox.png")
        (task,) = box.run("edit", "@last", "night", "-o", "n.png", "--no-wait").lines
        (box.cwd / "p.txt").write_text("night")
        return task

    @pytest.mark.parametrize(
        "meanwhile",
        [
            ("generate", "a hen", "-o", "hen.png"),
            ("generate", "a hen", "--no-wait"),
            ("edit", "fox.png", "a hen", "-o", "hen.png"),
            ("download", "@last", "-o", "elsewhere.png"),
            ("status", "@last"),
        ],
    )
    @pytest.mark.parametrize(
        "again",
        [
            ("edit", "@last", "--prompt-file", "p.txt", "-o", "./n.png"),
            ("edit", "@last", "-p", "night", "-o", "n.png", "--no-wait"),
            ("edit", "@last", "-", "-o", "n.png"),
        ],
    )
    def test_another_command_in_between(
        self, box: World, night: str, meanwhile: tuple[str, ...], again: tuple[str, ...]
    ) -> None:
        assert box.run(*meanwhile).status == 0
        before = spent(box)
        for words in (again, again, ("edit", "@last", "night", "-o", "n.png")):
            ran = box.run(*words, stdin=b"night")
            # Once it is done, `@last` may be another image, of which there is no edit yet.
            is_done = (box.cwd / "n.png").exists() and meanwhile[:2] != ("status", "@last")
            assert ran.status == 0 or (ran.status == 2 and is_done), ran.err
        assert (box.cwd / "n.png").exists()
        assert spent(box) == before
        assert night in box.run("status", night).out.decode()

    def test_the_edit_by_its_ref_and_by_its_id(self, box: World, night: str) -> None:
        ref = box.run("status", night, "--json").record["ref"]
        box.run("download", night)
        for name in (night, ref, night[:6]):
            ran = box.run("edit", f"@{name}", "snow", "-o", "s.png")
            assert ran.status == 0, ran.err
        assert spent(box) == 3 * PRICE

    def test_the_history_of_it_is_in_another_folder(self, box: World, night: str) -> None:
        sub = box.cwd / "sub"
        sub.mkdir()
        box.cwd = sub
        assert box.run("edit", "@last", "night", "-o", "../n.png").status == 0
        assert (sub.parent / "n.png").exists()
        assert spent(box) == 2 * PRICE
        assert night


class TestSettlingInAnyOrder:
    """Fault 3: looking, downloading and settling lead to one image for each charge."""

    @pytest.fixture
    def lost(self, box: World) -> list[str]:
        """The refs of two lost submissions of one request."""
        faults = {"FLUXCLI_SANDBOX_FAULTS": "models:tiers submit:reset@1x2"}
        refs = []
        for name in ("a.png", "b.png"):
            ran = box.run("generate", "a fox", "-o", name, "--json", env=faults)
            assert ran.status == 11
            refs.append(ran.record["error"]["ref"])
        return refs

    def ids(self, box: World) -> list[str]:
        return [line["id"] for line in box.run("sandbox", "--ledger", "--json").records]

    @pytest.mark.parametrize("first", ["status", "download"])
    @pytest.mark.parametrize("second", ["status", "download", "settle"])
    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_two_of_one_request(
        self, box: World, lost: list[str], first: str, second: str, order: tuple[int, int]
    ) -> None:
        ids = self.ids(box)
        assert len(ids) == 2
        for ref, number, how in zip(lost, order, (first, second), strict=True):
            if how != "settle":
                box.run(how, ids[number])
            box.run("status", ref, "--settle", ids[number])
        for name in ("a.png", "b.png"):
            ran = box.run("generate", "a fox", "-o", name)
            assert ran.status == 0, ran.err
        assert spent(box) == 2 * PRICE
        assert (box.cwd / "a.png").read_bytes() != b""
        assert box.run("download", "--unsaved").lines == []
        states = {one["state"] for one in box.run("status", "--all", "--json").records}
        assert states == {"saved"}

    def test_settled_as_not_charged_and_found_after_all(self, box: World, lost: list[str]) -> None:
        (first, _) = self.ids(box)
        assert box.run("status", lost[0], "--settle", "not-charged").status == 0
        assert box.run("download", first).status == 0
        # The other is still unknown, and the echo fits: it is that one.
        assert box.run("status", lost[1], "--settle", first).status == 0
        assert box.run("generate", "a fox", "-o", "b.png").status == 0
        assert spent(box) == 2 * PRICE

    def test_from_another_machine_of_the_account(self, box: World, lost: list[str]) -> None:
        (first, second) = self.ids(box)
        (box.root / "other").mkdir()
        store = box.state / "sandbox.sqlite3"
        (box.root / "other" / "sandbox.sqlite3").write_bytes(store.read_bytes())
        elsewhere = {"FLUXCLI_STATE_DIR": str(box.root / "other")}
        assert box.run("download", first, "-o", "there.png", env=elsewhere).status == 0
        assert box.run("status", lost[0], "--settle", second).status == 0
        assert box.run("status", lost[1], "--settle", first).status == 0
        for name in ("a.png", "b.png"):
            assert box.run("generate", "a fox", "-o", name).status == 0
        assert spent(box) == 2 * PRICE


class TestWhatIsLeftOfTheJournal:
    """The journal is deleted, or cannot be written: an image in its place is never paid twice."""

    def test_a_deleted_journal_and_a_saved_image(self, box: World) -> None:
        make = ("generate", "a fox", "-o", "x.png")
        assert box.run(*make).status == 0
        for path in box.state.glob("journal*"):
            path.unlink()
        assert box.run(*make).status == 2
        assert box.run(*make, "--skip-existing").status == 0
        assert spent(box) == PRICE

    def test_a_journal_that_is_a_folder(self, box: World) -> None:
        box.state.mkdir()
        (box.state / "journal.sqlite3").mkdir()
        assert box.run("generate", "a fox", "-o", "x.png").status in {1, 2}
        (box.state / "journal.sqlite3").rmdir()
        assert spent(box) == 0
