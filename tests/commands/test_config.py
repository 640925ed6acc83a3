"""`fluxcli config`: what it prints, what it changes, and its exit statuses."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from fluxcli.cli import main
from fluxcli.context import Context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "0123456789abcdef-hunter2"


@dataclass
class ConfigRun:
    """The status and the output of a run."""

    status: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class ConfigUser:
    """A user's home folder and environment, in which commands are run."""

    home: Path
    env: dict[str, str]

    @property
    def config(self) -> Path:
        return self.home / ".config" / "fluxcli" / "config.toml"

    def write(self, text: str) -> None:
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(text, encoding="utf-8")

    def run(self, *argv: str, stdin: str | None = "", **env: str) -> ConfigRun:
        out, err = io.StringIO(), io.StringIO()
        into = None if stdin is None else io.StringIO(stdin)
        context = Context({**self.env, **env}, into, out, err, self.home)
        status = main(["config", *argv], context)
        assert KEY not in out.getvalue() + err.getvalue()
        return ConfigRun(status, out.getvalue(), err.getvalue())


@pytest.fixture
def user(tmp_path: Path) -> ConfigUser:
    return ConfigUser(tmp_path, {"HOME": str(tmp_path), "PATH": os.environ["PATH"]})


def test_path_prints_the_path_and_creates_nothing(user: ConfigUser) -> None:
    assert user.run("path") == ConfigRun(0, f"{user.config}\n", "")
    assert user.run("path", "--json").records == [{"path": str(user.config), "exists": False}]
    assert list(user.home.iterdir()) == []
    assert user.run("path", FLUXCLI_CONFIG="my.toml").out == "my.toml\n"


def test_path_works_with_a_broken_file(user: ConfigUser) -> None:
    for text in ("[", 'color = "blu"'):
        user.write(text)
        assert user.run("path") == ConfigRun(0, f"{user.config}\n", "")


def test_list_names_the_origin_of_each_value(user: ConfigUser) -> None:
    user.write(f'api_key = "{KEY}"\ntimeout = 90\n')
    lines = user.run("list", "--no-input", FLUXCLI_MODEL="max").out.splitlines()
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in lines}
    assert rows["setting"] == ["value", "from"]
    assert rows["api_key"] == ["***", "config file"]
    assert rows["timeout"] == ["1m30s", "config file"]
    assert rows["generate.model"] == ["flux-kontext-max", "FLUXCLI_MODEL"]
    assert rows["edit.aspect_ratio"] == ["-", "default"]
    assert rows["no_input"] == ["true", "--no-input"]


def test_list_json_has_one_object_for_each_setting(user: ConfigUser) -> None:
    records = user.run("list", "--json", FLUXCLI_TIMEOUT="0", KIE_API_KEY=KEY).records
    assert {"name": "api_key", "value": "***", "origin": "KIE_API_KEY"} in records
    assert {"name": "timeout", "value": "0", "origin": "FLUXCLI_TIMEOUT"} in records
    assert {"name": "edit.upload_cn", "value": False, "origin": "default"} in records
    assert {"name": "interval", "value": None, "origin": "default"} in records


def test_list_shows_the_valid_values_beside_an_invalid_one(user: ConfigUser) -> None:
    ran = user.run("list", FLUXCLI_EDIT_MODEL="mx", FLUXCLI_TIMEOUT="soon")
    assert ran.status == 2
    assert "upload_url " in ran.out
    assert "error: `FLUXCLI_TIMEOUT` is `soon`" in ran.err
    assert "error: `FLUXCLI_EDIT_MODEL` is `mx`" in ran.err
    assert "hint: export FLUXCLI_EDIT_MODEL=max" in ran.err


@pytest.mark.parametrize("word", ["list", "check"])
def test_an_unknown_entry_is_a_warning(user: ConfigUser, word: str) -> None:
    """A misspelt name must not seem to have an effect."""
    user.write('modle = "max"\n')
    assert f"warning: `{user.config}:1`: no setting is called `modle`" in user.run(word).err


def test_a_broken_file_is_one_error_with_its_place(user: ConfigUser) -> None:
    user.write("timeout = 5m\n")
    ran = user.run("list")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.count("error:") == 1
    assert f"{user.config}:1:12" in ran.err
    assert "hint: fluxcli config edit" in ran.err


def test_get_prints_the_value_only(user: ConfigUser) -> None:
    assert user.run("get", "timeout") == ConfigRun(0, "15m\n", "")
    assert user.run("get", "interval") == ConfigRun(0, "\n", "")
    assert user.run("get", "edit.model", "--json", FLUXCLI_MODEL="max").records == [
        {"name": "edit.model", "value": "flux-kontext-max", "origin": "FLUXCLI_MODEL"}
    ]


def test_get_does_not_show_the_key(user: ConfigUser) -> None:
    ran = user.run("get", "api_key", KIE_API_KEY=KEY)
    assert (ran.status, ran.out) == (2, "")
    assert "hint: fluxcli config list" in ran.err


@pytest.mark.parametrize("word", ["get", "set", "unset"])
def test_an_unknown_name_suggests_the_nearest(user: ConfigUser, word: str) -> None:
    ran = user.run(word, "generate.modle", *(["x"] if word == "set" else []))
    assert ran.status == 2
    assert "no setting is called `generate.modle`" in ran.err
    value = " x" if word == "set" else ""
    assert f"hint: fluxcli config {word} generate.model{value}\n" in ran.err
    assert not user.config.exists()


def test_set_then_get_then_unset(user: ConfigUser) -> None:
    ran = user.run("set", "generate.model", "max")
    assert (ran.status, ran.out) == (0, "")
    assert "`generate.model` is now `flux-kontext-max`" in ran.err
    assert user.run("get", "generate.model").out == "flux-kontext-max\n"
    assert user.run("set", "timeout", "1h", "--json").records == [
        {"name": "timeout", "value": "1h", "origin": "config file"}
    ]
    assert user.run("unset", "timeout", "--json").records == [{"name": "timeout", "removed": True}]
    assert "`timeout` was not in" in user.run("unset", "timeout").err
    assert user.run("get", "timeout").out == "15m\n"


def test_a_bad_value_is_refused_before_anything_is_written(user: ConfigUser) -> None:
    ran = user.run("set", "base_url", "http://api.kie.ai")
    assert ran.status == 2
    assert "hint: fluxcli config set base_url https://api.kie.ai" in ran.err
    ran = user.run("set", "edit.safety_tolerance", "5")
    assert "hint: fluxcli config set edit.safety_tolerance 2" in ran.err
    assert not user.config.exists()


def test_set_of_a_setting_that_is_not_stored_names_its_place(user: ConfigUser) -> None:
    ran = user.run("set", "max_credits", "20")
    assert (ran.status, user.config.exists()) == (2, False)
    assert "hint: export FLUXCLI_MAX_CREDITS=20" in ran.err


def test_set_needs_a_value(user: ConfigUser) -> None:
    ran = user.run("set", "timeout")
    assert ran.status == 2
    assert "hint: fluxcli config set timeout 15m" in ran.err


def test_set_warns_of_a_stronger_value_and_of_lost_comments(user: ConfigUser) -> None:
    user.write('# lost\n"timeout" = 5\n')
    ran = user.run("set", "timeout", "6", FLUXCLI_TIMEOUT="7")
    assert ran.status == 0
    assert f"warning: the comments in `{user.config}` were lost" in ran.err
    assert "warning: `FLUXCLI_TIMEOUT` is set, and is stronger than the config file" in ran.err


def test_set_can_replace_an_invalid_value(user: ConfigUser) -> None:
    user.write('color = "blu"\nzzz = 1\n')
    assert user.run("list").status == 2
    assert user.run("set", "color", "never").status == 0
    assert user.run("unset", "zzz").status == 0
    assert user.config.read_text() == 'color = "never"\n'


def test_the_key_can_come_from_stdin(user: ConfigUser) -> None:
    ran = user.run("set", "api_key", "--json", stdin=f"{KEY}\n")
    assert ran.records == [{"name": "api_key", "value": "***", "origin": "config file"}]
    assert user.config.read_text() == f'api_key = "{KEY}"\n'
    assert user.config.stat().st_mode & 0o777 == 0o600


def test_the_key_is_not_taken_from_the_command_line(user: ConfigUser) -> None:
    ran = user.run("set", "api_key", KEY)
    assert ran.status == 2
    assert "would stay in the shell's history" in ran.err
    assert not user.config.exists()


@pytest.mark.parametrize("stdin", ["", " \n", f"{KEY} {KEY}", f"{KEY}\nmore", None])
def test_a_malformed_key_is_refused_and_not_shown(user: ConfigUser, stdin: str | None) -> None:
    assert user.run("set", "api_key", stdin=stdin).status == 2
    assert not user.config.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
def test_the_key_is_asked_for_without_echo(user: ConfigUser) -> None:
    """The terminal shows the question and not what is typed."""
    near, far = os.openpty()
    shown = bytearray()

    def person() -> None:
        while b": " not in shown:
            shown.extend(os.read(near, 1024))
        os.write(near, KEY.encode() + b"\n")

    with os.fdopen(far, "r+b", buffering=0) as raw, io.TextIOWrapper(raw) as terminal:
        typist = threading.Thread(target=person, daemon=True)
        typist.start()
        context = Context(user.env, terminal, io.StringIO(), terminal, user.home)
        status = main(["config", "set", "api_key"], context)
        typist.join(10)
        shown.extend(os.read(near, 1024))
    os.close(near)
    assert status == 0
    assert user.config.read_text() == f'api_key = "{KEY}"\n'
    assert b"API key (not shown): " in shown
    assert KEY.encode() not in shown


def editor(user: ConfigUser, text: str) -> str:
    """Make an editor that writes `text` into the file it is given."""
    path = user.home / "editor"
    path.write_text(f"#!{sys.executable}\nimport sys\nopen(sys.argv[1], 'w').write({text!r})\n")
    path.chmod(0o755)
    return str(path)


def test_edit_keeps_an_invalid_file_and_reports_it(user: ConfigUser) -> None:
    ran = user.run("edit", EDITOR=editor(user, "timeout = 5m\n"))
    assert ran.status == 2
    assert f"{user.config}:1:12" in ran.err
    assert user.config.read_text() == "timeout = 5m\n"
    ran = user.run("edit", "--json", EDITOR=editor(user, "modle = 5\n"))
    assert ran.records == [{"path": str(user.config), "exists": True}]
    assert "no setting is called `modle`" in ran.err
    assert user.run("edit", EDITOR=editor(user, "timeout = '5m'\n")) == ConfigRun(0, "", "")


def test_edit_checks_the_file_and_not_the_environment(user: ConfigUser) -> None:
    good = editor(user, "timeout = '5m'\n")
    assert user.run("edit", EDITOR=good, FLUXCLI_MODEL="mx").status == 0


def test_without_an_editor_the_hint_is_to_set_one(user: ConfigUser) -> None:
    ran = user.run("edit", PATH="/nowhere")
    assert ran.status == 2
    assert "hint: export EDITOR=nano" in ran.err


def answering(status: int, body: object) -> type[BaseHTTPRequestHandler]:
    """Return a service that answers every request alike; text is sent as it is."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = body if isinstance(body, str) else json.dumps(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    return Handler


@contextmanager
def service(status: int, body: object) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), answering(status, body))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def checked(ran: ConfigRun) -> dict[str, object]:
    return {str(record["check"]): record["ok"] for record in ran.records}


GOOD = {
    "config file": True,
    "key": True,
    "state folder": True,
    "journal": True,
    "cache folder": True,
    "service": True,
    "credits": True,
}


def test_check_reports_ok_for_everything_and_creates_nothing(user: ConfigUser) -> None:
    with service(200, {"code": 200, "msg": "success", "data": 12.5}) as url:
        ran = user.run("check", KIE_API_KEY=KEY, FLUXCLI_BASE_URL=url, FLUXCLI_MODLE="max")
        assert ran.status == 0
        assert [line.split()[0] for line in ran.out.splitlines()] == ["ok"] * len(GOOD)
        assert "from KIE_API_KEY" in ran.out
        assert "12.5 credits left" in ran.out
        assert "warning: `FLUXCLI_MODLE` sets nothing; did you mean `FLUXCLI_MODEL`?" in ran.err
        ran = user.run("check", "--json", KIE_API_KEY=KEY, FLUXCLI_BASE_URL=url)
        assert checked(ran) == GOOD
        assert ran.records[0]["error"] is None
    assert list(user.home.iterdir()) == []


@pytest.mark.parametrize(
    ("answer", "check", "code", "ending"),
    [
        ((200, {"code": 401, "msg": "no"}), "service", "auth_refused", 3),
        ((403, "error code: 1010"), "service", "edge_blocked", 5),
        ((200, {"code": 455, "msg": "later"}), "service", "maintenance", 5),
        ((200, {"code": 200, "msg": "", "data": 4}), "credits", "credits_insufficient", 7),
    ],
)
def test_check_distinguishes_the_errors_of_the_service(
    user: ConfigUser, answer: tuple[int, object], check: str, code: str, ending: int
) -> None:
    with service(*answer) as url:
        ran = user.run("check", "--json", KIE_API_KEY=KEY, FLUXCLI_BASE_URL=url)
    failed = [record for record in ran.records if record["ok"] is False]
    assert [record["check"] for record in failed] == [check]
    error = failed[0]["error"]
    assert isinstance(error, dict)
    assert error["code"] == code
    assert ran.status == ending


def test_check_reports_that_nothing_is_listening(user: ConfigUser) -> None:
    with service(200, {}) as url:
        pass
    ran = user.run("check", KIE_API_KEY=KEY, FLUXCLI_BASE_URL=url)
    assert ran.status == 5
    assert "failed   service" in ran.out
    assert "hint: fluxcli config check" not in ran.err


def test_check_without_a_key_sends_nothing(user: ConfigUser) -> None:
    ran = user.run("check")
    assert ran.status == 3
    assert "failed   key" in ran.out
    assert "skipped  service" in ran.out
    assert "hint: fluxcli config set api_key" in ran.err


def test_check_reports_folders_that_cannot_be_written(user: ConfigUser) -> None:
    (user.home / "file").touch()
    ran = user.run("check", "--json", FLUXCLI_STATE_DIR=str(user.home / "file" / "state"))
    assert checked(ran)["state folder"] is False
    assert checked(ran)["cache folder"] is True


def test_check_has_the_highest_status_and_names_a_broken_file(user: ConfigUser) -> None:
    user.write("[")
    ran = user.run("check", "--json")
    assert checked(ran)["config file"] is False
    assert ran.status == 2


def test_check_of_the_sandbox_needs_no_key(user: ConfigUser) -> None:
    ran = user.run("check", "--sandbox", "--json")
    assert (ran.status, checked(ran)) == (0, GOOD)


def _generated(user: ConfigUser, **env: str) -> tuple[int, str]:
    """Run `generate` with these variables; return its status and its errors."""
    out, err = io.StringIO(), io.StringIO()
    context = Context({**user.env, **env}, io.StringIO(), out, err, user.home)
    status = main(["generate", "a fox", "--no-input"], context)
    assert KEY not in out.getvalue() + err.getvalue()
    return status, err.getvalue()


@pytest.mark.parametrize("variable", ["FLUXCLI_API_KEY", "KIE_API_KEY", "KIE_AI_API_KEY"])
@pytest.mark.parametrize(
    ("text", "named"),
    [
        (f'"{KEY}"', "in quotes"),
        (f"'{KEY}'", "in quotes"),
        (f' "{KEY} " ', "in quotes"),
        (f"\u201c{KEY}\u201d", "in quotes"),
        (f'{KEY}"', "in quotes"),
        (f"Bearer {KEY}", "`Bearer`"),
        (f"bearer  {KEY}", "`Bearer`"),
        (f"KIE_API_KEY={KEY}", "name of a variable"),
        (f"export FLUXCLI_API_KEY={KEY}", "name of a variable"),
    ],
)
def test_a_key_with_quotes_or_a_scheme_is_named_before_anything_is_sent(
    user: ConfigUser, variable: str, text: str, named: str
) -> None:
    status, err = _generated(user, **{variable: text})
    assert status == 2
    assert f"`{variable}`: the key " in err
    assert named in err


@pytest.mark.parametrize("kind", ["fifo", "device", "folder", "large"])
def test_a_key_file_that_is_no_file_is_refused_at_once(user: ConfigUser, kind: str) -> None:
    path = user.home / "key"
    if kind == "fifo":
        if not hasattr(os, "mkfifo"):
            pytest.skip("no FIFOs on this system")
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "large":
        path.write_bytes(b"x" * 70_000)
    name = "/dev/zero" if kind == "device" else str(path)
    if kind == "device" and not os.path.exists(name):  # noqa: PTH110 - a name, not a path of ours
        pytest.skip("no device files on this system")
    status, err = _generated(user, FLUXCLI_API_KEY_FILE=name)
    assert status == 2
    assert f"`{name}`, named by `FLUXCLI_API_KEY_FILE`, cannot be a key file: it is " in err
