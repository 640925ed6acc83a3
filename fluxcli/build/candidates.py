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

from fluxcli.build.asset_job import AssetJob
from fluxcli.build.build_run import context_of, set_rate
from fluxcli.build.opening import held, opened_at_service
from fluxcli.build.pick import candidates_folder, made_ready, next_number
from fluxcli.build.steps import Action, PlanStep, hash_of
from fluxcli.build.summary import reporter_for
from fluxcli.errors import Code, FluxError, overall
from fluxcli.events import Failed, Finished
from fluxcli.files.name_template import escaped
from fluxcli.files.output_path import parse_target
from fluxcli.requests.consent import check_spending
from fluxcli.tasks.run_options import PictureRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from fluxcli.build.build_call import BuildCall
    from fluxcli.build.build_inputs import BuildInputs
    from fluxcli.build.manifest.asset import Asset
    from fluxcli.build.project import Project
    from fluxcli.events import Event


def make(inputs: BuildInputs, call: BuildCall) -> int:
    """Make candidates of the one asset that is named; return the exit status.

    Raises:
        FluxError: USAGE, NO_CONSENT, OVER_BUDGET: nothing was sent.
    """
    inputs, project, _ = opened_at_service(inputs, call, ask=True)
    asset = _asset(call, project)
    count = call.candidates or 1
    _consent(inputs, call, math.ceil(count * inputs.price(asset.request.model)))
    with held(inputs, call):
        set_rate(inputs, call)
        return _Candidates(inputs, project, asset).make(count)


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


def _consent(inputs: BuildInputs, call: BuildCall, estimate: int) -> None:
    inputs.journal().day_limit.check(estimate)
    check_spending(
        estimate,
        most=inputs.max_credits,
        agreed=call.yes,
        ask=inputs.output.confirm,
        free=0,
    )


class _Candidates:
    """The candidates of one asset."""

    def __init__(self, inputs: BuildInputs, project: Project, asset: Asset) -> None:
        self._inputs = inputs
        self._project = project
        self._asset = asset
        self._folder = candidates_folder(project.manifest, asset)
        self._errors: list[FluxError] = []
        self._saved = 0

    def make(self, count: int) -> int:
        inputs, asset = self._inputs, self._asset
        runner = inputs.runner("beside")
        step = PlanStep(name=asset.name, action=Action.NEW, reasons=(), output=asset.output)
        made_with = context_of(self._project, runner)
        source, identity = AssetJob(made_with, step, asset).source()
        made_ready(self._folder)
        first = next_number(self._folder)
        pictures = [
            PictureRequest(
                request=asset.request,
                target=parse_target(
                    f"{escaped(str(self._folder))}/{first + number}-{{id}}.{{ext}}",
                    cwd=inputs.cwd,
                ),
                source=source,
                n=number + 1,
                count=count,
            )
            for number in range(count)
        ]
        parts = ("candidates", asset.name, hash_of(asset, identity), inputs.origin, str(count))
        fingerprint = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        events = runner.produce(pictures, fingerprint, new=False)
        usual = runner.usual_seconds(asset.request)
        reporter = reporter_for(inputs)
        reporter.follow(self._counted(events), count=count, usual=usual)
        sheet = self._folder / "index.html"
        sheet.write_text(contact_sheet(asset, self._folder, self._pick("N")), encoding="utf-8")
        inputs.output.note(f"contact sheet: {sheet}")
        inputs.output.hint(self._pick(str(first)))
        return overall(self._errors, done=self._saved)

    def _pick(self, choice: str) -> str:
        """Return the command that picks a candidate, in the folder where the candidates are."""
        flags = ("--sandbox",) if self._inputs.sandbox else ()
        manifest = replace(self._project.manifest, flags=flags)
        return manifest.command("assets pick", self._asset.name, choice)

    def _counted(self, events: Iterable[Event | None]) -> Iterator[Event | None]:
        for event in events:
            if isinstance(event, Finished):
                self._saved += 1
            elif isinstance(event, Failed):
                self._errors.append(event.error)
            yield event


def contact_sheet(asset: Asset, folder: Path, pick: str) -> str:
    """Return the HTML page of an asset's candidates; `pick` is the command to choose one."""
    files = [one for one in folder.glob("*-*.*") if one.name.partition("-")[0].isdecimal()]
    files.sort(key=lambda path: int(path.name.partition("-")[0]))
    cells = "".join(
        f'<figure><img src="{quote(path.name)}" alt="candidate {escape(path.name)}">'
        f"<figcaption><b>{escape(path.name.partition('-')[0])}</b> "
        f"<code>{escape(path.stem.partition('-')[2])}</code></figcaption></figure>"
        for path in files
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
