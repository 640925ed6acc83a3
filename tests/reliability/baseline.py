"""What everybody writes: submit, poll, save. The harness shows what becomes of it."""

# ruff: noqa: E401, I001
import os, pathlib, sys, time
import httpx

api, prompt, out = os.environ["FLUXCLI_BASE_URL"], sys.argv[1], sys.argv[2]
headers = {"Authorization": "Bearer " + os.environ["FLUXCLI_API_KEY"]}
base = api + "/api/v1/flux/kontext/"
body = {"prompt": prompt, "outputFormat": "png"}
task = httpx.post(base + "generate", json=body, headers=headers).json()["data"]["taskId"]
while True:
    time.sleep(0.1)
    got = httpx.get(base + "record-info", params={"taskId": task}, headers=headers).json()["data"]
    if got["successFlag"] == 1:
        break
pathlib.Path(out).write_bytes(httpx.get(got["response"]["resultImageUrl"]).content)
