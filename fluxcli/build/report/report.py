"""The reports that were asked for: what they need is kept in time, and they are written last."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from fluxcli.build.report import github, junit
from fluxcli.build.report import html as page
from fluxcli.build.steps import Action
from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fluxcli.build.manifest.asset import Manifest
    from fluxcli.build.outcome import Outcome
    from fluxcli.build.steps import Plan
    from fluxcli.context import Context

_KEPT_BYTES: Final = 64 << 20
"""Former pictures are kept in memory, for before and after, up to this many bytes in all."""


class Reports:
    """The reports of one call."""

    def __init__(
        self, context: Context, manifest: Manifest, wanted: Sequence[tuple[str, Path | None]]
    ) -> None:
        self._session = context
        self._manifest = manifest
        self._wanted = wanted
        self._before: dict[str, bytes] = {}

    def remember(self, plan: Plan) -> None:
        """Keep the pictures that are about to be replaced."""
        if not any(kind == "html" for kind, _ in self._wanted):
            return
        left = _KEPT_BYTES
        for step in plan.only(Action.CHANGED, Action.COLLECT):
            made = step.entry.made if step.entry else None
            path = self._manifest.folder / made.output if made else None
            if made is not None and path is not None and path.is_file() and made.bytes <= left:
                self._before[step.name] = path.read_bytes()
                left -= made.bytes

    def write(self, outcomes: Mapping[str, Outcome]) -> None:
        """Write all of them.

        Raises:
            FluxError: OUTPUT_UNWRITABLE.
        """
        for kind, path in self._wanted:
            if path is None:
                self._tell_github(outcomes)
                continue
            place = self._session.cwd / path
            now = self._session.clock.wall()
            text = (
                junit.document(outcomes.values(), self._manifest, now=now)
                if kind == "junit"
                else page.document(
                    outcomes.values(),
                    self._manifest,
                    before=self._before,
                    at=place.parent,
                    now=now,
                    sandbox=self._session.sandbox,
                )
            )
            _put(place, text)

    def _tell_github(self, outcomes: Mapping[str, Outcome]) -> None:
        for line in github.commands(outcomes.values(), self._manifest, self._session.cwd):
            self._session.output.note(line)
        summary = self._session.env.get("GITHUB_STEP_SUMMARY")
        if summary:
            _put(Path(summary), github.summary(outcomes.values(), self._manifest), more=True)


def _put(path: Path, text: str, *, more: bool = False) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if more else "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FluxError(
            Code.OUTPUT_UNWRITABLE, f"the report `{path}` cannot be written: {reason}"
        ) from error
