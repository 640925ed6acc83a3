"""The HTML page in a real browser: wide and narrow, light and dark."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import escape, unescape
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.worlds import World

if TYPE_CHECKING:
    from pathlib import Path

_CHROMIUM: Final = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
pytestmark = pytest.mark.skipif(_CHROMIUM is None, reason="chromium is not installed")

_MANIFEST: Final = f"""\
version = 1
[assets.flag]
prompt = "A COLOUR flag"
[assets.{"long-name-" * 8}]
prompt = "{"a_word_without_blanks_" * 12}"
[assets.map]
prompt = "A map [moderated]"
[assets.child]
edit = "@map"
prompt = "</p><script>document.title = 'script'</script>"
"""
_FRAME: Final = """\
<!doctype html><meta charset="utf-8"><style>:root {{ color-scheme: light dark }}</style>
<iframe id="page" style="width: {width}px; height: 900px; border: 0" srcdoc="{page}"></iframe>
<script>
addEventListener("load", () => {{
  const page = document.getElementById("page").contentDocument;
  const style = page.defaultView.getComputedStyle(page.body);
  const found = {{
    width: page.defaultView.innerWidth,
    needed: page.documentElement.scrollWidth,
    images: page.images.length,
    broken: [...page.images].filter(one => !one.complete || !one.naturalWidth).length,
    title: page.title, paper: style.backgroundColor, ink: style.color,
    cut: [...page.querySelectorAll("h1, h2, p, dd")].filter(
      one => one.scrollWidth > one.clientWidth + 1).length,
  }};
  document.body.innerHTML = "<pre>" + JSON.stringify(found) + "</pre>";
}});
</script>
"""
_DARK: Final = {True: "0", False: "1"}
"""Chromium's numbers for the preferred colour scheme."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of a build with an image that replaced another, and one that failed."""
    world = World(tmp_path_factory.mktemp("page"))
    for colour in ("red", "blue"):
        (world.cwd / "assets.toml").write_text(_MANIFEST.replace("COLOUR", colour))
        world.run("build", "--yes", "--sandbox", "--report", "html=page.html")
    return (world.cwd / "page.html").read_text(encoding="utf-8")


def _measured(page: str, tmp_path: Path, *, width: int, dark: bool) -> dict[str, Any]:
    frame = tmp_path / "frame.html"
    frame.write_text(_FRAME.format(width=width, page=escape(page)), encoding="utf-8")
    done = subprocess.run(
        [
            *(str(_CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1500,1000"),
            *(f"--blink-settings=preferredColorScheme={_DARK[dark]}", "--dump-dom"),
            frame.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    found = re.search("<pre>(.*)</pre>", done.stdout)
    assert found is not None, done.stderr
    measured: dict[str, Any] = json.loads(unescape(found[1]))
    return measured


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_the_page_fits_its_window_and_shows_every_image(
    page: str, tmp_path: Path, width: int, *, dark: bool
) -> None:
    found = _measured(page, tmp_path, width=width, dark=dark)
    assert (found["width"], found["needed"]) == (width, width), "it scrolls sideways"
    assert found["cut"] == 0, "a text is cut off"
    assert (found["images"], found["broken"]) == (3, 0)
    assert found["title"].startswith("Images of"), "a text of the manifest was run as a script"
    paper, ink = (sum(map(int, re.findall(r"\d+", found[one])[:3])) for one in ("paper", "ink"))
    assert (paper < ink) is dark
    assert abs(paper - ink) > 400, "the text hardly differs from the page"
