"""Writes the reports of a build, also when it ends early: broken manifest, no consent, signal."""

from __future__ import annotations

import os
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from fluxcli.build.manifest.asset_paths import is_inside
from fluxcli.build.report.result import BuildResult, repository_root
from fluxcli.build.steps import Action
from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError, Status, exhausted, reason_of
from fluxcli.signals import Interrupted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from fluxcli.build.manifest.asset import Manifest
    from fluxcli.build.outcome import Outcome
    from fluxcli.build.report.git_images import GitImages
    from fluxcli.build.steps import Plan
    from fluxcli.clock import Clock
    from fluxcli.output.output import Output

_IMAGES: Final = "images"
"""The folder of the images in a report that is a folder."""

_KEPT_BYTES: Final = 64 << 20
"""Former images are kept in memory, for before and after, up to this many bytes in all."""


@dataclass(slots=True, kw_only=True)
class Reports:
    """The reports of one call, a context manager: they are written when it is left.

    `wanted` are kinds (`github`, `junit`, `html`) and their files; `manifest_path` is absolute.
    `command` builds again. `against` is the commit whose images are shown as "before". While the
    build runs, `manifest` and `outcomes` are set as they become known; `outcomes` may still change
    afterwards.
    """

    wanted: Sequence[tuple[str, Path | None]]
    manifest_path: Path
    cwd: Path
    env: Mapping[str, str]
    clock: Clock
    output: Output
    sandbox: bool
    command: str = "fluxcli build"
    against: str | None = None
    manifest: Manifest | None = None
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    _ready: list[tuple[str, Path | None]] = field(default_factory=list)
    _previous: dict[str, bytes] = field(default_factory=dict)
    _git: GitImages | None = None

    def __enter__(self) -> Self:
        """Check that every report can be written, before anything is spent.

        Raises:
            FluxError: OUTPUT_UNWRITABLE, or USAGE for a commit that does not exist. The other
                reports show it.
        """
        try:
            self._prepare_all()
        except FluxError as error:
            self._write(error)
            raise
        return self

    def _prepare_all(self) -> None:
        problem = None
        for kind, path in self.wanted:
            try:
                if path is not None:
                    page = self._page(kind, path)
                    images = [page.parent / _IMAGES] if page != self.cwd / path else []
                    self._check_links(page, *images)
                    _prepare(page)
            except FluxError as error:
                problem = problem or error
            else:
                self._ready.append((kind, path))
        if problem is not None:
            raise problem
        if self.against is not None:
            if not self._has_html:
                message = "`--against` compares images in a report; there is none"
                hint = f"{self.command} --against {self.against} --report html=build.html"
                raise FluxError(Code.USAGE, message, hint=hint)
            from fluxcli.build.report.git_images import GitImages

            self._git = GitImages.at(self.manifest_path.parent, self.env, self.against)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _at: TracebackType | None,
    ) -> None:
        """Write the reports; they show `error`. While it is raised, failures to write are ignored.

        Raises:
            FluxError: OUTPUT_UNWRITABLE, with status 1: something may have been spent.
        """
        unwritten = self._write(None if error is None else self._in_words(error))
        if error is None and unwritten is not None:
            raise unwritten

    def _in_words(self, error: BaseException) -> FluxError:
        """Return the error that ended the build, as the reports show it."""
        if isinstance(error, FluxError):
            return error
        if isinstance(error, Interrupted):
            message = "interrupted: what is paid for is collected by the next build"
            status = 128 + error.number
            return FluxError(Code.INTERRUPTED, message, hint=self.command, status=status)
        lack = exhausted(error, sent=True)
        return lack or FluxError(Code.INTERNAL, f"a bug in fluxcli: {type(error).__name__}")

    def remember(self, plan: Plan) -> None:
        """Keep the images that are about to be replaced."""
        if not self._has_html or self.manifest is None or self._git is not None:
            return
        from fluxcli.build.report.images import read_image

        left = _KEPT_BYTES
        for step in plan.only(Action.CHANGED, Action.COLLECT):
            made = step.entry.made if step.entry else None
            path = self.manifest.root / made.output if made else None
            if made is None or path is None or not is_inside(self.manifest.root, path):
                continue
            data = read_image(path) if made.bytes <= left else None
            if data is not None:
                self._previous[step.name] = data
                left -= len(data)

    @property
    def _has_html(self) -> bool:
        return any(kind == "html" for kind, _ in self.wanted)

    def _check_links(self, *paths: Path) -> None:
        """Refuse a report that a link in the repository leads out of it.

        Raises:
            FluxError: OUTPUT_UNWRITABLE.
        """
        root = repository_root(self.manifest_path.parent, self.env.get("GITHUB_WORKSPACE"))
        for path in paths:
            is_device = path.exists() and not (path.is_file() or path.is_dir())
            is_ours = root in Path(os.path.normpath(path)).parents
            if is_ours and not is_device and not is_inside(root, path):
                message = f"the report `{path}` leads out of the repository by a link"
                raise FluxError(Code.OUTPUT_UNWRITABLE, f"{message}; nothing was sent")

    def _page(self, kind: str, path: Path) -> Path:
        """Return the file that a report goes to: `index.html` of a folder."""
        place = self.cwd / path
        return place / "index.html" if kind == "html" and _is_folder(place, path) else place

    def _write(self, error: FluxError | None) -> FluxError | None:
        """Write every report that can be written; return why the first of the others cannot."""
        if not self._ready:
            return None
        result, problem = self._result(error), None
        for kind, path in self._ready:
            try:
                self._write_one(kind, path, result)
            except FluxError as found:
                problem = problem or found
        return problem

    def _write_one(self, kind: str, path: Path | None, result: BuildResult) -> None:
        if path is None:
            self._write_github(result)
        elif kind == "junit":
            from fluxcli.build.report import junit

            _put(self.cwd / path, junit.document(result))
        else:
            self._write_html(result, path)

    def _result(self, error: FluxError | None) -> BuildResult:
        outcomes = tuple(self.outcomes.values())
        folder = self.manifest_path.parent
        return BuildResult(
            manifest_path=self.manifest_path,
            manifest=self.manifest,
            root=repository_root(folder, self.env.get("GITHUB_WORKSPACE")),
            cwd=self.cwd,
            now=self.clock.wall(),
            sandbox=self.sandbox,
            outcomes=outcomes,
            error=error,
            previous=self._before(outcomes),
            compared_with=self.against,
        )

    def _before(self, outcomes: tuple[Outcome, ...]) -> dict[str, bytes]:
        """Return the former images: of the commit, or those that this build has replaced."""
        if self._git is not None and self.manifest is not None:
            places = [
                (one.step.name, self.manifest.place(one.step.asset))
                for one in outcomes
                if one.step.asset is not None
            ]
            return self._git.differing(places, _KEPT_BYTES)
        saved = {one.step.name for one in outcomes if one.result == "saved"}
        return {name: data for name, data in self._previous.items() if name in saved}

    def _write_github(self, result: BuildResult) -> None:
        from fluxcli.build.report import github

        for line in github.commands(result):
            self.output.workflow_command(line)
        summary = self.env.get("GITHUB_STEP_SUMMARY")
        if summary:
            _put(Path(summary), github.summary(result), append=True)

    def _write_html(self, result: BuildResult, path: Path) -> None:
        from fluxcli.build.report import html
        from fluxcli.build.report.images import ReportImages

        page = self._page("html", path)
        copies = page.parent / _IMAGES if page != self.cwd / path else None
        try:
            text = html.document(result, ReportImages(result, page, copies))
        except OSError as error:
            raise _unwritable(page, error, status=Status.FAILURE) from error
        _put(page, text)


def _is_folder(place: Path, typed: Path) -> bool:
    return place.is_dir() or typed.suffix.lower() not in {".html", ".htm"}


def _prepare(path: Path) -> None:
    """Make the folder of a report, and check that the file can be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        existed = path.exists()
        with path.open("a", encoding="utf-8"):
            pass
        if not existed:
            path.unlink()
    except OSError as error:
        raise _unwritable(path, error, status=None) from error


def _put(path: Path, text: str, *, append: bool = False) -> None:
    """Replace a report as a whole; what GitHub collects from several steps is appended to."""
    from fluxcli.files.atomic import write_atomically

    data = text.encode(errors="backslashreplace")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if append or (path.exists() and not path.is_file()):
            with path.open("ab") as file:
                file.write(data)
        else:
            write_atomically(path, data)
    except OSError as error:
        raise _unwritable(path, error, status=Status.FAILURE) from error


def _unwritable(path: Path, error: OSError, *, status: int | None) -> FluxError:
    reason = reason_of(error)
    message = f"the report `{path}` cannot be written: {reason}"
    return FluxError(Code.OUTPUT_UNWRITABLE, message, status=status)
