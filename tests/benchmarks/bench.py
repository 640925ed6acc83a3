"""What every group of figures is given: where the program is, a world to run it in, how often."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tests.benchmarks import installed
from tests.benchmarks.picture import write_jpeg, write_png
from tests.benchmarks.running import Command

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Bench:
    """The means of one run. `root` is an empty folder, `quick` asks for less of everything."""

    root: Path
    quick: bool

    @cached_property
    def bin(self) -> Path:
        """The folder of the installed program's commands."""
        return installed.program()

    @cached_property
    def peers(self) -> dict[str, str]:
        """The peers' commands by their names."""
        return installed.peers()

    @property
    def python(self) -> Path:
        """The Python that the program runs with."""
        return self.bin / "python"

    @property
    def rounds(self) -> int:
        """How often a short command is run."""
        return 5 if self.quick else 21

    def env(self, url: str = "", *, state: str = "state") -> dict[str, str]:
        """Return a user's environment, with the service at `url` and the journal in `state`."""
        return {
            "HOME": str(self.root),
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "FLUXCLI_STATE_DIR": str(self.root / state),
            "FLUXCLI_API_KEY": "c0ffee00c0ffee00c0ffee00c0ffee00",
            **({"FLUXCLI_BASE_URL": url, "FLUXCLI_UPLOAD_URL": url} if url else {}),
        }

    def command(self, *words: str, url: str = "", state: str = "state", status: int = 0) -> Command:
        """Return a command line in this world."""
        return Command(words=words, env=self.env(url, state=state), cwd=self.root, status=status)

    def flux(self, *words: str, url: str = "", state: str = "state", status: int = 0) -> Command:
        """Return one of the program itself."""
        return self.command(str(self.bin / "fluxcli"), *words, url=url, state=state, status=status)

    @property
    def bare(self) -> Command:
        """The floor of all."""
        return self.command(str(self.python), "-c", "pass")

    def result(self, size: int, ending: str = "jpg") -> Path:
        """Return a picture of about `size` bytes: a JPEG, as the service makes, or a PNG."""
        path = self.root / f"result-{size}.{ending}"
        if not path.exists():
            (write_jpeg if ending == "jpg" else write_png)(path, size)
        return path
