"""Makes many images with httpx and nothing else: the floor of a batch's CPU.

Usage: bare_client.py COUNT SECONDS. As many threads as tasks in flight, each with a client of its
own; the same calls as the program's, in the same number: submit, read twice, download, write.
No journal, no checks, nothing durable.
"""

from __future__ import annotations

import os
import ssl
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx

IN_FLIGHT: Final = 100


def main() -> None:
    """Make so many images, and end."""
    count, seconds = int(sys.argv[1]), float(sys.argv[2])
    base, key = os.environ["FLUXCLI_BASE_URL"], os.environ["FLUXCLI_API_KEY"]
    local = threading.local()

    def made(number: int) -> None:
        if not hasattr(local, "client"):
            # Loopback is plain http: a context without certificates, as the program's.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            headers = {"authorization": f"Bearer {key}"}
            local.client = httpx.Client(base_url=base, headers=headers, verify=context)
        client: httpx.Client = local.client
        sent = client.post("/api/v1/flux/kontext/generate", json={"prompt": "a cat"})
        name = sent.json()["data"]["taskId"]
        while True:
            time.sleep(seconds / 2 + 0.05)
            record = client.get("/api/v1/flux/kontext/record-info", params={"taskId": name})
            data = record.json()["data"]
            if data["successFlag"]:
                break
        path, url = Path(f"pictures/{number}.jpg"), data["response"]["resultImageUrl"]
        with client.stream("GET", url) as result, path.open("wb") as file:
            file.writelines(result.iter_raw())

    Path("pictures").mkdir(exist_ok=True)
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        list(pool.map(made, range(count)))


if __name__ == "__main__":
    main()
