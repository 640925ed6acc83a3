"""`fluxcli build ASSET --candidates N`: several images of one asset to choose from.

They are in `.candidates/ASSET/`, which git ignores, with a contact sheet. Neither the lock nor
the asset's output changes: `fluxcli assets pick ASSET N` makes one of them the asset's image.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from fluxcli.build.build_run import check_folder, collecting, resumed_by, set_rate
from fluxcli.build.edit_source import source_of
from fluxcli.build.lock.lock_file import write
from fluxcli.build.opening import held, opened_at_service
from fluxcli.build.pick import (
    candidate_files,
    candidates_folder,
    contact_sheet_path,
    made_ready,
    next_number,
)
from fluxcli.build.steps import hash_of
from fluxcli.errors import Code, FluxError, Status
from fluxcli.files.name_template import escaped
from fluxcli.files.output_path import parse_target
from fluxcli.output.results import ResultReporter
from fluxcli.requests.consent import check_spending
from fluxcli.task_types import is_unpaid
from fluxcli.tasks.run_options import PictureRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fluxcli.build.build_call import BuildCall
    from fluxcli.build.build_inputs import BuildInputs
    from fluxcli.build.manifest.asset import Asset
    from fluxcli.build.project import Project
    from fluxcli.task_types import Task
    from fluxcli.tasks.run_options import Source


def make(inputs: BuildInputs, call: BuildCall) -> int:
    """Make candidates of the one asset that is named; return the exit status.

    An unfinished run for the same request is resumed: what it has submitted counts among the
    candidates, and only the rest is paid for.

    Raises:
        FluxError: USAGE, OUTPUT_UNWRITABLE, NO_CONSENT, OVER_BUDGET: nothing was sent.
    """
    inputs, project, _ = opened_at_service(inputs, call, ask=True)
    asset = _asset(call, project)
    candidates = _Candidates(inputs, call, project, asset)
    candidates.check_agreed()
    with held(inputs, call):
        set_rate(inputs, call)
        return candidates.make()


def _asset(call: BuildCall, project: Project) -> Asset:
    asset = project.manifest.by_name().get(call.names[0]) if len(call.names) == 1 else None
    if asset is None:
        raise FluxError(
            Code.USAGE,
            "`--candidates` makes images of one asset: name one",
            hint=project.manifest.command(
                "build", project.manifest.assets[0].name, "--candidates", "4"
            ),
        )
    return asset


class _Candidates:
    """The candidates of one asset."""

    def __init__(
        self, inputs: BuildInputs, call: BuildCall, project: Project, asset: Asset
    ) -> None:
        self._inputs = inputs
        self._call = call
        self._count = call.candidates or 1
        self._project = project
        self._asset = asset
        # Where the candidates are is where their commands look.
        flags = ("--sandbox",) if inputs.sandbox else ()
        self._manifest = replace(project.manifest, flags=flags)
        self._folder = candidates_folder(project.manifest, asset)

    def check_agreed(self) -> None:
        """Check that the folder can be written to, and that what is missing may be paid for."""
        inputs = self._inputs
        check_folder(self._folder, self._manifest)
        taken = inputs.journal().unfinished(self._fingerprint(self._source()[1])) or {}
        missing = sum(is_unpaid(taken.get(number)) for number in self._numbers(taken))
        estimate = math.ceil(missing * inputs.price(self._asset.request.model))
        inputs.journal().day_limit.check(estimate)
        check_spending(
            estimate,
            most=inputs.max_credits,
            agreed=self._call.yes,
            ask=inputs.output.confirm,
            free=0,
            command=self._again("--yes"),
        )

    def make(self) -> int:
        inputs, asset = self._inputs, self._asset
        runner = inputs.runner("beside")
        source, identity = self._source()
        run = inputs.journal().open_run(self._fingerprint(identity), new=False)
        numbers = self._numbers(run.tasks)
        made_ready(self._folder)
        wanted = [
            PictureRequest(
                request=asset.request,
                target=parse_target(
                    f"{escaped(str(self._folder))}/{number}-{{id}}.{{ext}}", cwd=inputs.cwd
                ),
                source=source,
                n=number,
                count=len(numbers),
            )
            for number in numbers
        ]
        reporter = ResultReporter(inputs.output)
        usual = runner.usual_seconds(asset.request)
        try:
            status = reporter.follow(runner.make(wanted, run), count=len(numbers), usual=usual)
        except FluxError as error:
            if error.code is not Code.INTERRUPTED:
                raise
            raise resumed_by(self._again(), error) from None
        finally:
            saved = self._write_sheet(numbers)
        if status in {Status.WAITING, Status.UNSAVED}:
            inputs.output.hint(collecting(self._again()))
        elif saved:
            inputs.output.hint(self._manifest.command("assets pick", asset.name, str(saved[0])))
        return status

    def _source(self) -> tuple[Source | None, str | None]:
        """Return the image to edit, and its identity."""
        return source_of(self._asset, self._project.manifest, self._project.lock)

    def _fingerprint(self, identity: str | None) -> str:
        """Return what identifies the run for candidates of this request, however many."""
        asset = self._asset
        parts = ("candidates", asset.name, hash_of(asset, identity), self._inputs.origin)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def _numbers(self, taken: Mapping[int, Task]) -> list[int]:
        """Return the numbers of the candidates: those of the run's tasks, then unused ones."""
        first = max(next_number(self._folder), 1 + max(taken, default=0))
        return [*sorted(taken), *range(first, first + self._count - len(taken))]

    def _again(self, *flags: str) -> str:
        """Return the command that makes the same number of candidates."""
        return self._manifest.command(
            "build", self._asset.name, "--candidates", str(self._count), *flags
        )

    def _write_sheet(self, numbers: Sequence[int]) -> list[int]:
        """Write the contact sheet of all candidates; return which of `numbers` are saved."""
        found = {number for number, _ in candidate_files(self._folder)}
        if found:
            pick = self._manifest.command("assets pick", self._asset.name, "N")
            sheet = contact_sheet_path(self._folder)
            write(sheet, contact_sheet(self._asset, self._folder, pick).encode())
            self._inputs.output.note(f"contact sheet: {sheet}")
        return [number for number in numbers if number in found]


def contact_sheet(asset: Asset, folder: Path, pick: str) -> str:
    """Return the HTML page of an asset's candidates; `pick` is the command to choose one."""
    cells = "".join(
        f'<figure><img src="{quote(path.name)}" alt="candidate {escape(path.name)}">'
        f"<figcaption><b>{number}</b> "
        f"<code>{escape(path.stem.partition('-')[2])}</code></figcaption></figure>"
        for number, path in candidate_files(folder)
    )
    name, prompt = escape(asset.name), escape(asset.request.prompt)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Candidates of {name}</title><style>:root{{color-scheme:light dark}}"
        "body{font:1rem system-ui,sans-serif;margin:2rem}main{display:grid;gap:1rem;"
        "grid-template-columns:repeat(auto-fill,minmax(min(20rem,100%),1fr))}"
        "figure{margin:0}img{width:100%}code{overflow-wrap:anywhere}</style>"
        f"<h1>Candidates of {name}</h1><p>{prompt}</p><main>{cells}</main>"
        f"<p><code>{escape(pick)}</code></p></html>\n"
    )
