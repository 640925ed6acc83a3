"""Uses the MCP server of a peer as an agent does: `python peer_mcp.py SERVER PROMPT OUT`.

Requests one image, polls until its URL is known, and saves it. It ends with status 1 when the
server reports an error, as an agent would that then tries again.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, Final

_CLIENT: Final = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "agent", "version": "1"},
}


class Server:
    """A server that runs until the program ends."""

    def __init__(self, path: str) -> None:
        env = os.environ | {
            "KIE_AI_BASE_URL": os.environ["FLUXCLI_BASE_URL"] + "/api/v1",
            "KIE_AI_API_KEY": os.environ["FLUXCLI_API_KEY"],
            "KIE_AI_DB_PATH": str(Path.cwd() / "tasks.sqlite"),
            "KIE_AI_ALLOW_DIRECT_GENERATION": "true",
        }
        self._process = subprocess.Popen(
            ["node", path],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._send("initialize", 1, _CLIENT)
        self._send("notifications/initialized", None, {})

    def use(self, tool: str, arguments: dict[str, str]) -> str:
        """Call a tool; return what it answered, as JSON."""
        return self._send("tools/call", 2, {"name": tool, "arguments": arguments})

    def _send(self, method: str, number: int | None, params: dict[str, Any]) -> str:
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
        message |= {} if number is None else {"id": number}
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        print(json.dumps(message), file=stdin, flush=True)
        return "" if number is None else stdout.readline().replace('\\"', '"')


def main(path: str, prompt: str, out: str) -> int:
    """Return the exit status."""
    server = Server(path)
    requested = server.use("flux_kontext_image", {"prompt": prompt})
    task = re.search(r'"task_id": "([^"]+)"', requested)
    if task is None:
        sys.stderr.write(requested)
        return 1
    for _ in range(100):
        found = server.use("get_task_status", {"task_id": task[1]})
        if url := re.search(r"http://127[^\"\\]+/r/[^\"\\]+", found):
            with urllib.request.urlopen(url[0]) as answer:  # noqa: S310 - the stand-in's
                Path(out).write_bytes(answer.read())
            return 0
        time.sleep(0.1)
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
