"""Which source decides, its name, and the error for an invalid value in it."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import fluxcli
from fluxcli.errors import Code, FluxError
from fluxcli.prices_and_limits import API_URL, MAX, PRO
from fluxcli.settings.key import Secret
from fluxcli.settings.setting_table import SETTINGS, STORED, Value, find, storable, written
from fluxcli.settings.settings import Resolved, Settings, check
from fluxcli.settings.template import template
from fluxcli.settings.variables import unused_variables

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def made(
    home: Path,
    *,
    env: Mapping[str, str] | None = None,
    config: str | None = None,
    flags: Mapping[str, object] | None = None,
) -> Settings:
    settings = Settings({"HOME": str(home), **(env or {})}, flags=flags)
    if config is not None:
        settings.config_path.parent.mkdir(parents=True)
        settings.config_path.write_text(config, encoding="utf-8")
    return settings


def refusal(settings: Settings, name: str) -> FluxError:
    with pytest.raises(FluxError) as caught:
        settings.value(name)
    return caught.value


def test_flag_beats_environment_beats_file_beats_default(home: Path) -> None:
    flags: dict[str, object] = {"timeout": "4s"}
    env = {"FLUXCLI_TIMEOUT": "3s"}
    config = 'timeout = "2s"'
    assert made(home).value("timeout") == Resolved(900.0, "default")
    assert made(home, config=config).value("timeout") == Resolved(2.0, "config file")
    assert made(home, env=env).value("timeout") == Resolved(3.0, "FLUXCLI_TIMEOUT")
    assert made(home, env=env, flags=flags).value("timeout") == Resolved(
        4.0, "--timeout", explicit=True
    )
    assert not Settings({}).value("color").given
    assert made(home, env=env).value("timeout").given


def test_flags_that_say_nothing_and_flags_that_say_no(home: Path) -> None:
    settings = made(home, flags={"json": None, "edit.upload_cn": False, "quiet": True})
    assert settings.value("json").origin == "default"
    assert settings.value("edit.upload_cn") == Resolved(
        value=False, origin="--no-upload-cn", explicit=True
    )
    assert settings.value("quiet") == Resolved(value=True, origin="--quiet", explicit=True)


def test_a_variable_set_to_nothing_is_not_set(home: Path) -> None:
    env = {
        "FLUXCLI_TIMEOUT": "",
        "FLUXCLI_API_KEY": "",
        "FLUXCLI_CONFIG": "",
        "XDG_CONFIG_HOME": "",
    }
    settings = made(home, env=env)
    assert settings.value("timeout").origin == "default"
    assert settings.api_key() is None
    assert settings.config_path == home / ".config/fluxcli/config.toml"


def test_an_entry_that_holds_nothing_is_not_set(home: Path) -> None:
    assert made(home, config='api_key = ""\noutput = ""').value("output").origin == "default"


def test_typed_reading(home: Path) -> None:
    env = {"FLUXCLI_MAX_CREDITS": "20", "FLUXCLI_JSON": "1", "FLUXCLI_TIMEOUT": "0"}
    settings = made(home, env=env)
    assert settings.number("max_credits") == 20
    assert settings.number("generate.safety_tolerance") == 2
    assert settings.number("edit.safety_tolerance") == 2
    assert settings.flag("json")
    assert not settings.flag("sandbox")
    assert settings.seconds("timeout") == math.inf
    assert settings.seconds("interval") is None
    assert settings.text("base_url") == API_URL
    assert settings.text("edit.watermark") is None
    assert made(home).number("max_credits") is None


def test_a_general_variable_is_for_both_modes_and_a_special_one_is_stronger(home: Path) -> None:
    both = made(home, env={"FLUXCLI_MODEL": "max"})
    assert both.value("generate.model") == Resolved(MAX, "FLUXCLI_MODEL")
    assert both.value("edit.model") == Resolved(MAX, "FLUXCLI_MODEL")
    special = made(home, env={"FLUXCLI_MODEL": "max", "FLUXCLI_EDIT_MODEL": "pro"})
    assert special.value("edit.model") == Resolved(PRO, "FLUXCLI_EDIT_MODEL")
    assert special.value("generate.model").value == MAX


def test_no_default_of_generate_touches_an_edits_ratio(home: Path) -> None:
    """An edit keeps its input's ratio unless a setting of `edit` changes it."""
    env = {"FLUXCLI_ASPECT_RATIO": "1:1"}
    settings = made(home, env=env, config='[generate]\naspect_ratio = "3:4"')
    assert settings.text("generate.aspect_ratio") == "1:1"
    assert settings.value("edit.aspect_ratio") == Resolved(None, "default")
    requested = made(home, env={"FLUXCLI_EDIT_ASPECT_RATIO": "9:16"})
    assert requested.text("edit.aspect_ratio") == "9:16"


@pytest.mark.parametrize(
    ("env", "name", "message", "hint"),
    [
        (
            {"FLUXCLI_MODEL": "prro"},
            "edit.model",
            "`FLUXCLI_MODEL` is `prro`: expected `pro` or `max`",
            "export FLUXCLI_MODEL=pro",
        ),
        (
            {"FLUXCLI_JSON": "x\ny"},
            "json",
            "`FLUXCLI_JSON` is `x\\ny`: expected `true` or `false`",
            "unset FLUXCLI_JSON",
        ),
        (
            {"FLUXCLI_SAFETY_TOLERANCE": "5"},
            "edit.safety_tolerance",
            "`FLUXCLI_SAFETY_TOLERANCE` is `5`: expected a whole number from 0 to 2",
            "export FLUXCLI_SAFETY_TOLERANCE=2",
        ),
    ],
)
def test_a_bad_variable_is_named_with_the_repair(
    home: Path, env: dict[str, str], name: str, message: str, hint: str
) -> None:
    error = refusal(made(home, env=env), name)
    assert (error.code, error.message, error.hint) == (Code.CONFIG_INVALID, message, hint)


def test_a_bad_entry_is_named_with_its_line(home: Path) -> None:
    settings = made(home, config='[generate]\nmodel = "prro"\nupload_cn = "perhaps"\n')
    error = refusal(settings, "generate.model")
    assert error.code is Code.CONFIG_INVALID
    assert error.message == (
        f"`{settings.config_path}:2`: `generate.model` is `prro`: expected `pro` or `max`"
    )
    assert error.hint == "fluxcli config set generate.model pro"
    assert refusal(settings, "generate.upload_cn").hint == "fluxcli config unset generate.upload_cn"


def test_a_bad_flag_is_a_usage_error(home: Path) -> None:
    error = refusal(made(home, flags={"timeout": "soon"}), "timeout")
    assert (error.code, error.hint) == (Code.USAGE, "--timeout 15m")
    assert error.message.startswith("`--timeout` is `soon`: expected a duration")
    assert refusal(made(home, flags={"edit.model": "mx"}), "edit.model").hint == "--model max"


def test_a_long_bad_value_is_cut_short(home: Path) -> None:
    assert len(refusal(made(home, env={"FLUXCLI_TIMEOUT": "x" * 9999}), "timeout").message) < 200


def test_a_value_for_the_file_is_checked_with_a_command_that_works() -> None:
    assert check(find("edit.model"), "max") == MAX
    with pytest.raises(FluxError) as caught:
        check(find("edit.model"), "mx")
    assert caught.value.code is Code.USAGE
    assert caught.value.hint == "fluxcli config set edit.model max"
    with pytest.raises(FluxError) as caught:
        check(find("timeout"), "soon")
    assert caught.value.hint is None


def test_the_key_is_taken_from_the_strongest_place(home: Path) -> None:
    keyfile = home / "key"
    keyfile.write_text("\ufefffrom-file\n", encoding="utf-8")
    env = {"FLUXCLI_API_KEY_FILE": str(keyfile)}
    places = [
        ("KIE_AI_API_KEY", "third"),
        ("KIE_API_KEY", "second"),
        ("FLUXCLI_API_KEY", "first"),
    ]
    settings = made(home, config='api_key = "stored"')
    assert settings.value("api_key") == Resolved(Secret("stored"), "config file")
    settings = made(home, env=env)
    assert settings.value("api_key") == Resolved(Secret("from-file"), "FLUXCLI_API_KEY_FILE")
    for name, text in places:
        env[name] = text
        assert made(home, env=env).value("api_key") == Resolved(Secret(text), name)


def test_a_key_is_never_shown(home: Path) -> None:
    settings = made(home, env={"KIE_API_KEY": "hunter2"})
    assert "hunter2" not in f"{settings.value('api_key')} {settings.text('api_key')}"
    for config in ('api_key = "hun ter2"', "api_key = 7777", 'api_key = "hunter2\\n\\n2"'):
        error = refusal(made(home / str(len(config)), config=config), "api_key")
        assert not any(part in error.message for part in ("hun", "ter2", "7777"))
    error = refusal(made(home, env={"KIE_API_KEY": "hun\nter2"}), "api_key")
    assert error.message == "`KIE_API_KEY`: expected one word of plain letters, digits and signs"
    assert error.hint == "unset KIE_API_KEY"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: no such file or directory"),
        (b"", "does not hold a key: expected a key, not empty text"),
        (b"hunter2 hunter2", "does not hold a key: expected one word"),
        (b"hunter2\xff", "does not hold a key: expected text"),
    ],
)
def test_a_named_key_file_must_hold_a_key(home: Path, content: bytes | None, reason: str) -> None:
    """It must not be passed over for the config file's key: that may be another account's."""
    keyfile = home / "key"
    if content is not None:
        keyfile.write_bytes(content)
    settings = made(home, env={"FLUXCLI_API_KEY_FILE": str(keyfile)}, config='api_key = "other"')
    error = refusal(settings, "api_key")
    assert error.code is Code.CONFIG_INVALID
    assert f"`{keyfile}`, named by `FLUXCLI_API_KEY_FILE`, {reason}" in error.message
    assert "hunter2" not in error.message


def test_unknown_entries_are_warned_of_once_the_file_is_read(home: Path) -> None:
    settings = made(home, config='modle = "max"\njson = true\n[edit]\nqqqq = 1\ntimeout = 3\n')
    assert settings.warnings == []
    assert settings.value("timeout").origin == "default"
    path = settings.config_path
    assert settings.warnings == [
        f"`{path}:1`: no setting is called `modle`; did you mean `generate.model` or `edit.model`?",
        f"`{path}:2`: `json` cannot be set in the config file",
        f"`{path}:4`: no setting is called `edit.qqqq`",
        f"`{path}:5`: no setting is called `edit.timeout`; did you mean `timeout`?",
    ]


def test_a_broken_file_stops_only_commands_that_need_it(home: Path) -> None:
    settings = made(home, config="[", env={"KIE_API_KEY": "abc", "FLUXCLI_TIMEOUT": "5"})
    assert settings.seconds("timeout") == 5.0
    assert settings.config_path.name == "config.toml"
    assert not settings.flag("json"), "what cannot stand in the file does not read it"
    assert refusal(settings, "output").hint == "fluxcli config edit"


def test_reading_creates_nothing(home: Path) -> None:
    settings = made(home)
    for name in SETTINGS:
        settings.value(name)
    assert (settings.state_dir.name, settings.cache_dir.name) == ("fluxcli", "fluxcli")
    assert list(home.iterdir()) == []


def test_names_are_found_as_people_write_them() -> None:
    assert find("Generate.Upload-CN").name == "generate.upload_cn"
    assert find(" upload-url ").name == "upload_url"


def test_all_problems_are_reported_each_once(home: Path) -> None:
    env = {"FLUXCLI_MODEL": "prro", "FLUXCLI_JSON": "perhaps"}
    settings = made(home, env=env, config="timeout = 'soon'")
    assert [error.message.split("`")[1] for error in settings.problems()] == [
        f"{settings.config_path}:1",
        "FLUXCLI_JSON",
        "FLUXCLI_MODEL",
    ]
    assert made(home / "none").problems() == []


def test_what_is_stored_holds_at_once(home: Path) -> None:
    settings = made(home, config="# mine\n")
    assert settings.value("timeout").origin == "default"
    for name, text in (("timeout", "90"), ("api_key", "abc"), ("edit.upload_cn", "on")):
        assert settings.store(name, check(find(name), text)) is False
    assert settings.value("timeout") == Resolved(90.0, "config file")
    assert settings.config_path.read_text() == (
        '# mine\ntimeout = "1m30s"\napi_key = "abc"\n\n[edit]\nupload_cn = true\n'
    )
    settings.store("timeout", None)
    assert settings.value("timeout").origin == "default"


def test_variables_that_begin_as_ours_and_set_nothing_are_reported() -> None:
    env = {
        "FLUXCLI_MODLE": "max",
        "FLUXCLI_XYZZY": "1",
        "FLUXCLI_EDIT_MODEL": "max",
        "FLUXCLI_CONFIG": "x.toml",
        "FLUXCLI_API_KEY_FILE": "key",
        "KIE_WHATEVER": "1",
    }
    assert list(unused_variables(env)) == [
        "`FLUXCLI_MODLE` sets nothing; did you mean `FLUXCLI_MODEL`?",
        "`FLUXCLI_XYZZY` sets nothing",
    ]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("model", "did you mean `generate.model` or `edit.model`?"),
        ("api-keys", "did you mean `api_key`?"),
        ("generate.modl", "did you mean `generate.model`?"),
        ("xyzzy", "fluxcli config list"),
    ],
)
def test_an_unknown_name_gets_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(FluxError) as caught:
        find(name)
    assert (caught.value.code, caught.value.hint) == (Code.USAGE, hint)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (2, "2"),
        (math.inf, "0"),
        (5400.0, "1h30m"),
        (Secret("x"), "***"),
        ("a b", "a b"),
    ],
)
def test_a_value_is_written_as_a_user_would(value: Value, text: str) -> None:
    assert written(value) == text


def test_every_default_is_a_value_that_its_own_parser_takes() -> None:
    for setting in SETTINGS.values():
        if setting.default is not None:
            assert setting.parse(storable(setting.default)) == setting.default


def test_the_key_is_stored_in_the_open() -> None:
    assert storable(Secret("abc")) == "abc"


def test_the_template_names_every_stored_setting_and_settles_none(home: Path) -> None:
    settings = made(home, config=template())
    assert [settings.value(name).given for name in STORED] == [False] * len(STORED)
    assert settings.warnings == []
    live = made(home / "live", config=template().replace("\n# ", "\n").replace("\nA ", "\n# A "))
    names = {name for name, _ in live.document.entries()}
    assert {name for name in names if not name.startswith("presets.")} == set(STORED)
    for name in STORED:
        assert live.value(name).value == SETTINGS[name].default


def test_start_up_loads_no_toml_and_no_folders() -> None:
    heavy = {"tomllib", "tomli_w", "platformdirs", "difflib"}
    steps = (
        "import sys; before = set(sys.modules)",
        "import fluxcli.settings.settings",
        f"print(sorted((set(sys.modules) - before) & {heavy}))",
    )
    code = "\n".join(steps)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"


def test_every_variable_that_the_program_reads_is_known() -> None:
    """`config check` warns about variables that set nothing, and about no others."""
    package = Path(fluxcli.__file__).parent
    text = "".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    read = set(re.findall(r"env(?:\.get\(|\[)\"(FLUXCLI_[A-Z_]+)\"", text))
    assert len(read) >= 2
    assert list(unused_variables(read)) == []
