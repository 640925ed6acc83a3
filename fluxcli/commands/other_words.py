"""Words and flags of other tools, and their equivalents in fluxcli."""

from __future__ import annotations

from typing import Final

from fluxcli.system.upgrade import upgrade_command

_GENERATE: Final = 'fluxcli generate "PROMPT"'
EDIT: Final = 'fluxcli edit IMAGE "PROMPT"'
_KEY: Final = "fluxcli config set api_key"
_RESUME: Final = "fluxcli download --unsaved"

COMMANDS_MEANT: Final = {
    **dict.fromkeys(
        ("login", "signin", "auth", "setup", "apikey", "api-key", "key", "token"), _KEY
    ),
    "logout": "fluxcli config unset api_key",
    **dict.fromkeys(
        (
            "history",
            "list",
            "ls",
            "ps",
            "log",
            "logs",
            "tasks",
            "task",
            "jobs",
            "job",
            "queue",
            "images",
        ),
        "fluxcli status",
    ),
    **dict.fromkeys(("wait", "watch", "poll", "follow"), "fluxcli status @last --wait"),
    **dict.fromkeys(("show", "info", "details", "inspect"), "fluxcli status @last"),
    **dict.fromkeys(("search", "find", "grep"), "fluxcli status --search WORDS"),
    **dict.fromkeys(("gallery", "html", "browse"), "fluxcli status --html gallery.html"),
    **dict.fromkeys(("resume", "retry", "continue", "recover", "collect", "save"), _RESUME),
    **dict.fromkeys(("fetch", "pull", "get"), "fluxcli download @last"),
    **dict.fromkeys(("open", "view", "preview"), "fluxcli download @last --open"),
    **dict.fromkeys(
        ("balance", "usage", "account", "billing", "whoami", "quota", "price", "prices"),
        "fluxcli credits",
    ),
    **dict.fromkeys(("pricing", "cost", "costs", "spend", "spending"), "fluxcli credits"),
    **dict.fromkeys(
        ("make", "create", "new", "gen", "run", "imagine", "draw", "text2img", "txt2img", "image"),
        _GENERATE,
    ),
    **dict.fromkeys(("prompts", "batch", "bulk"), "fluxcli generate --prompts FILE"),
    **dict.fromkeys(
        ("again", "redo", "regenerate", "variation", "variations"),
        "fluxcli generate --again @last",
    ),
    **dict.fromkeys(("img2img", "inpaint", "transform", "modify", "change", "upload"), EDIT),
    **dict.fromkeys(
        ("cancel", "stop", "abort", "kill", "rm", "delete", "remove"),
        "a submitted task cannot be cancelled; `fluxcli status` shows it",
    ),
    **dict.fromkeys(("models", "model"), "--model pro, or --model max"),
    **dict.fromkeys(("plan", "apply"), "fluxcli build --plan"),
    "init": "fluxcli assets init",
    **{
        word: f"fluxcli assets {word}"
        for word in ("explain", "adopt", "pick", "prune", "merge", "schema")
    },
    **dict.fromkeys(("serve", "server", "mock", "simulate"), "fluxcli sandbox"),
    **dict.fromkeys(("webhook", "webhooks", "listen", "callbacks"), "fluxcli callback listen"),
    "verify": "fluxcli callback verify",
    **dict.fromkeys(("doctor", "diagnose", "ping", "test", "check"), "fluxcli config check"),
    **dict.fromkeys(("settings", "configure", "preferences", "env"), "fluxcli config list"),
    "set": "fluxcli config set NAME VALUE",
    "unset": "fluxcli config unset NAME",
    "path": "fluxcli config path",
    **dict.fromkeys(("upgrade", "update", "self-update"), upgrade_command()),
    **dict.fromkeys(("man", "manual", "docs", "topics"), "fluxcli help"),
    "version": "fluxcli --version",
}
"""The command, or a fact, for a word that is not a command of fluxcli."""

WITHIN_GROUPS: Final = {
    "assets": {
        **dict.fromkeys(("list", "ls", "status", "show", "plan", "check"), "fluxcli build --plan"),
        **dict.fromkeys(("build", "make", "run", "generate", "create"), "fluxcli build"),
        **dict.fromkeys(("why", "info", "inspect"), "fluxcli assets explain"),
        **dict.fromkeys(("clean", "gc", "rm", "remove", "delete"), "fluxcli assets prune"),
        **dict.fromkeys(("add", "import", "register"), "fluxcli assets adopt"),
        **dict.fromkeys(("new", "setup"), "fluxcli assets init"),
    },
    "config": {
        **dict.fromkeys(("show", "ls", "view", "all", "dump"), "fluxcli config list"),
        **dict.fromkeys(("rm", "remove", "delete", "clear", "reset"), "fluxcli config unset NAME"),
        **dict.fromkeys(("add", "put"), "fluxcli config set NAME VALUE"),
        **dict.fromkeys(("file", "where", "location"), "fluxcli config path"),
        **dict.fromkeys(("open",), "fluxcli config edit"),
        **dict.fromkeys(("test", "doctor", "validate", "verify"), "fluxcli config check"),
        "init": "fluxcli config set api_key",
    },
    "callback": {
        **dict.fromkeys(("serve", "receive", "server", "start"), "fluxcli callback listen"),
        **dict.fromkeys(("check", "validate", "test"), "fluxcli callback verify"),
    },
}
"""The same within a group of commands."""

COMPLETION: Final = frozenset({"completions", "complete", "autocomplete"})
"""Words for the scripts of shells."""

_RATIO: Final = "--aspect-ratio 16:9 (sizes follow from it: 21:9 16:9 4:3 1:1 3:4 9:16)"
_NONE: Final = "the service takes none"

RATIO_FLAGS: Final = frozenset(
    {"--size", "--width", "--height", "--ratio", "--aspect", "--ar", "--resolution"}
)
"""Flags for the size or the shape of an image."""

FLAGS_MEANT: Final = {
    **dict.fromkeys(sorted(RATIO_FLAGS), _RATIO),
    "--seed": "the service takes no seed; `--count 4` makes several to choose from",
    **dict.fromkeys(("--negative-prompt", "--negative"), f"{_NONE}; put it into the prompt"),
    **dict.fromkeys(
        ("--steps", "--cfg", "--cfg-scale", "--guidance", "--guidance-scale", "--quality", "--hd"),
        f"{_NONE}; `--model max` is the better model",
    ),
    **dict.fromkeys(
        ("--sampler", "--scheduler", "--lora", "--strength", "--denoise", "--upscale"), _NONE
    ),
    "--style": "put it into the prompt, or keep it in a preset: fluxcli help environment",
    **dict.fromkeys(("--profile", "--template"), "--preset NAME"),
    **dict.fromkeys(("--format", "--type", "--image-format"), "--output-format FORMAT"),
    **dict.fromkeys(
        ("--out", "--outfile", "--output-file", "--save", "--filename", "--file", "--path"),
        "--output PATH",
    ),
    **dict.fromkeys(("--output-dir", "--outdir", "--dir", "--folder"), "--output FOLDER/"),
    **dict.fromkeys(
        ("--num", "--number", "--n", "--batch", "--batch-size", "--samples", "--images"),
        "--count N",
    ),
    **dict.fromkeys(("--image", "--input", "--init-image", "--input-image", "--reference"), EDIT),
    **dict.fromkeys(("--api-key", "--apikey", "--key", "--token"), _KEY),
    **dict.fromkeys(("--overwrite", "--replace", "--clobber"), "--force"),
    **dict.fromkeys(("--async", "--background", "--detach", "--submit-only"), "--no-wait"),
    **dict.fromkeys(("--retry", "--retries", "--resume"), "run the same command again: it resumes"),
    **dict.fromkeys(("--webhook", "--webhook-url", "--callback"), "--callback-url URL"),
    **dict.fromkeys(("--safety", "--safe", "--nsfw"), "--safety-tolerance N"),
    **dict.fromkeys(("--translate", "--language"), "--enable-translation"),
    **dict.fromkeys(("--dryrun", "--noop", "--estimate"), "--dry-run"),
    **dict.fromkeys(("--mock", "--fake", "--demo"), "--sandbox"),
    **dict.fromkeys(("--no-color", "--no-colour", "--colour"), "--color never"),
    **dict.fromkeys(("--budget", "--max-cost", "--max-spend"), "--max-credits N"),
    **dict.fromkeys(("--trace", "--log"), "--debug"),
    **dict.fromkeys(("--silent", "--no-progress"), "--quiet"),
    "--proxy": "export HTTPS_PROXY=URL",
    **dict.fromkeys(
        ("--base-url", "--endpoint", "--host", "--url"), "fluxcli config set base_url URL"
    ),
    "--config": "export FLUXCLI_CONFIG=FILE",
}
"""The flag (a value in capitals is taken from the typed one), the command or a fact."""
