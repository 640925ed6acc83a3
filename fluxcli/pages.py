"""What `--help` shows at 80 columns and more, by the words before it.

Made by `python -m tests.completions`; do not edit. Imports nothing, not even `typing`.
"""

PAGES = {
    "": """\
Usage: fluxcli [OPTIONS] COMMAND [ARGS]...

  Pictures by Flux Kontext: paid for once, never lost.

Options:
  --version                  Show the version.
  --json                     One JSON object a line on stdout.
  -q, --quiet                Errors only.
  -v, --verbose              More detail.
  --debug                    Trace HTTP, without the key.
  --sandbox                  Use the stand-in service: no key, no network, no
                             cost.
  --color auto|always|never  Colours on stderr.
  --no-input                 Never ask.
  -h, --help                 Show this message and exit.

Commands:
  generate  Make a picture from words: submit, wait, save.
  edit      Change a picture by words: upload, submit, wait, save.
  status    Show how tasks stand; without names, the recent ones of this...
  download  Save pictures of tasks, waiting for those that still run.
  build     Make the pictures that a file declares: what is new or...
  credits   Print the account's balance, in credits.
  sandbox   Serve the stand-in service until Ctrl-C, and print the...
  config    Show, change and try out the settings.

  `fluxcli COMMAND --help` tells more. `--sandbox` tries anything without key
  or cost.
""",
    "generate": """\
Usage: fluxcli generate [OPTIONS] [PROMPT]

  Make a picture from words: submit, wait, save. Prints the saved path.

  Run again after any interruption, the same command resumes what it began and
  never pays for it twice.

Arguments:
  PROMPT  What to draw; `-` reads stdin.

Options:
  --save-as NAME                  Declare the picture in assets.toml, for
                                  `build`.
  --prompt-file FILE              Read the prompt from a file, or `-` for
                                  stdin.
  --no-wait                       Print the task's id and leave.
  -m, --model pro|max             The model.
  -a, --aspect-ratio W:H          21:9, 16:9, 4:3, 1:1, 3:4 or 9:16. An edit
                                  keeps its input's unless asked.
  --output-format jpeg|png        Else taken from the output's ending, else
                                  jpeg.
  --safety-tolerance N            0 (strictest) to 6; to 2 when editing.
  --prompt-upsampling / --no-prompt-upsampling
                                  Let the service enrich the prompt; slower.
  --enable-translation / --no-enable-translation
                                  Let the service translate the prompt into
                                  English.
  --upload-cn / --no-upload-cn    Use servers in China.
  --watermark TEXT                Text to be drawn into the picture.
  --callback-url URL              Address that the service reports to.
  -o, --output PATH               A file, a folder, `-` for stdout, or a
                                  template with {id} {prompt} {n} {date}
                                  {model} {ratio} {ext}.
  -f, --force                     Replace a file that is there.
  --skip-existing                 Make nothing where a file is there.
  --timeout TIME                  Longest wait: 90, 90s, 15m; 0 is for ever.
                                  [15m]
  --interval TIME                 Time between two looks; adaptive if not
                                  given.
  -n, --count N                   So many pictures, 1 to 100.  [default: 1]
  --new                           Pay again, even if this request is
                                  unfinished.
  -y, --yes                       Agree to the spending beforehand.
  --max-credits N                 Send nothing if the estimate is higher.
  --dry-run                       Show request, path and estimate; send
                                  nothing.
  --preview                       Show the picture in the terminal.
  --open                          Open the picture in the system's viewer.
  --json                          One JSON object a line on stdout.
  -q, --quiet                     Errors only.
  -v, --verbose                   More detail.
  --debug                         Trace HTTP, without the key.
  --sandbox                       Use the stand-in service: no key, no
                                  network, no cost.
  --color auto|always|never       Colours on stderr.
  --no-input                      Never ask.
  -h, --help                      Show this message and exit.
""",
    "edit": """\
Usage: fluxcli edit [OPTIONS] {IMAGE} [PROMPT]

  Change a picture by words: upload, submit, wait, save. Prints the saved
  path.

  Uploads can be read by anybody who has their URL; they live for a day. The
  picture keeps its input's aspect ratio unless one is asked for.

Arguments:
  IMAGE   A file, a URL, `-` for stdin, `@last`, or `@TASK` for an earlier
          result.  [required]
  PROMPT  What to change; `-` reads stdin.

Options:
  --prompt-file FILE              Read the prompt from a file, or `-` for
                                  stdin.
  --no-wait                       Print the task's id and leave.
  -m, --model pro|max             The model.
  -a, --aspect-ratio W:H          21:9, 16:9, 4:3, 1:1, 3:4 or 9:16. An edit
                                  keeps its input's unless asked.
  --output-format jpeg|png        Else taken from the output's ending, else
                                  jpeg.
  --safety-tolerance N            0 (strictest) to 6; to 2 when editing.
  --prompt-upsampling / --no-prompt-upsampling
                                  Let the service enrich the prompt; slower.
  --enable-translation / --no-enable-translation
                                  Let the service translate the prompt into
                                  English.
  --upload-cn / --no-upload-cn    Use servers in China.
  --watermark TEXT                Text to be drawn into the picture.
  --callback-url URL              Address that the service reports to.
  -o, --output PATH               A file, a folder, `-` for stdout, or a
                                  template with {id} {prompt} {n} {date}
                                  {model} {ratio} {ext}.
  -f, --force                     Replace a file that is there.
  --skip-existing                 Make nothing where a file is there.
  --timeout TIME                  Longest wait: 90, 90s, 15m; 0 is for ever.
                                  [15m]
  --interval TIME                 Time between two looks; adaptive if not
                                  given.
  -n, --count N                   So many pictures, 1 to 100.  [default: 1]
  --new                           Pay again, even if this request is
                                  unfinished.
  -y, --yes                       Agree to the spending beforehand.
  --max-credits N                 Send nothing if the estimate is higher.
  --dry-run                       Show request, path and estimate; send
                                  nothing.
  --preview                       Show the picture in the terminal.
  --open                          Open the picture in the system's viewer.
  --json                          One JSON object a line on stdout.
  -q, --quiet                     Errors only.
  -v, --verbose                   More detail.
  --debug                         Trace HTTP, without the key.
  --sandbox                       Use the stand-in service: no key, no
                                  network, no cost.
  --color auto|always|never       Colours on stderr.
  --no-input                      Never ask.
  -h, --help                      Show this message and exit.
""",
    "status": """\
Usage: fluxcli status [OPTIONS] [TASK]...

  Show how tasks stand; without names, the recent ones of this machine.

Arguments:
  [TASK]...  Ids, their beginnings, refs, or `@last`.

Options:
  --wait                       Wait until every named task is final.
  --limit N                    So many of the latest tasks.  [default: 20;
                               x>=1]
  --all                        All tasks of this machine.
  --offline                    Do not ask the service; needs no key.
  --settle TASKID|not-charged  Say what became of a submission of unknown
                               outcome.
  --timeout TIME               Longest wait: 90, 90s, 15m; 0 is for ever.
                               [15m]
  --interval TIME              Time between two looks; adaptive if not given.
  --json                       One JSON object a line on stdout.
  -q, --quiet                  Errors only.
  -v, --verbose                More detail.
  --debug                      Trace HTTP, without the key.
  --sandbox                    Use the stand-in service: no key, no network,
                               no cost.
  --color auto|always|never    Colours on stderr.
  --no-input                   Never ask.
  -h, --help                   Show this message and exit.
""",
    "download": """\
Usage: fluxcli download [OPTIONS] [TASK]...

  Save pictures of tasks, waiting for those that still run. Costs nothing.

  `download --unsaved` mends any interruption.

Arguments:
  [TASK]...  Ids, their beginnings, refs, or `@last`.

Options:
  --unsaved                  Everything that is paid for and not yet saved.
  -o, --output PATH          A file, a folder, `-` for stdout, or a template
                             with {id} {prompt} {n} {date} {model} {ratio}
                             {ext}.
  -f, --force                Replace a file that is there.
  --skip-existing            Make nothing where a file is there.
  --timeout TIME             Longest wait: 90, 90s, 15m; 0 is for ever. [15m]
  --interval TIME            Time between two looks; adaptive if not given.
  --preview                  Show the picture in the terminal.
  --open                     Open the picture in the system's viewer.
  --json                     One JSON object a line on stdout.
  -q, --quiet                Errors only.
  -v, --verbose              More detail.
  --debug                    Trace HTTP, without the key.
  --sandbox                  Use the stand-in service: no key, no network, no
                             cost.
  --color auto|always|never  Colours on stderr.
  --no-input                 Never ask.
  -h, --help                 Show this message and exit.
""",
    "build": """\
Usage: fluxcli build [OPTIONS] [FILE] [ASSET]...

  Make the pictures that a file declares: what is new or changed, and nothing
  else.

  What was paid for is collected, what a person edited is kept. The lock
  beside the file, assets.lock, says what was made from what; commit it with
  the pictures.

Arguments:
  [FILE] [ASSET]...  A .toml file [assets.toml]; assets.

Options:
  --plan, --dry-run           Show what would be done, and why.
  --check                     Like --plan; status 10 if there is work to do.
  --explain                   Show what the ASSETs come to, in full.
  --adopt                     Take the files on disk as the ASSETs' results.
  --prune                     Remove files of assets that are declared no
                              more.
  --merge-locks               Join the shards' locks that are named.
  --schema                    Print the JSON Schema of such files.
  --init                      Write an example file.
  --tag TAG                   Assets with this tag.
  --shard K/N                 The K-th of N parts, with a lock of its own.
  -j, --jobs N                N tasks at once. [100]  [x>=1]
  --fail-fast / --keep-going  Begin nothing new after a failure.  [default:
                              keep-going]
  --locked                    Fail rather than change the lock.
  -f, --force                 Replace files that were edited by hand.
  -y, --yes                   Agree beforehand.
  --max-credits N             Spend at most so many credits, by estimate.
  --report KIND               github, junit=FILE or html=FILE; may be
                              repeated.
  --timeout TIME              Longest wait: 90, 90s, 15m; 0 is for ever. [15m]
  --interval TIME             Time between two looks; adaptive if not given.
  --json                      One JSON object a line on stdout.
  -q, --quiet                 Errors only.
  -v, --verbose               More detail.
  --debug                     Trace HTTP, without the key.
  --sandbox                   Use the stand-in service: no key, no network, no
                              cost.
  --color auto|always|never   Colours on stderr.
  --no-input                  Never ask.
  -h, --help                  Show this message and exit.
""",
    "credits": """\
Usage: fluxcli credits [OPTIONS]

  Print the account's balance, in credits.

Options:
  --json                     One JSON object a line on stdout.
  -q, --quiet                Errors only.
  -v, --verbose              More detail.
  --debug                    Trace HTTP, without the key.
  --sandbox                  Use the stand-in service: no key, no network, no
                             cost.
  --color auto|always|never  Colours on stderr.
  --no-input                 Never ask.
  -h, --help                 Show this message and exit.
""",
    "sandbox": """\
Usage: fluxcli sandbox [OPTIONS]

  Serve the stand-in service until Ctrl-C, and print the variables to export.

Options:
  --port N                    Loopback port; 0 finds a free one.  [default: 0;
                              0<=x<=65535]
  --seconds N                 How long a picture takes.  [default: 1.0; x>=0]
  --fault WHERE:WHAT[@N][xM]  Misbehave: `submit:reset@2`, `poll:500x3`,
                              `download:truncate`. May be repeated.
  --json                      One JSON object a line on stdout.
  -q, --quiet                 Errors only.
  -v, --verbose               More detail.
  --debug                     Trace HTTP, without the key.
  --sandbox                   Use the stand-in service: no key, no network, no
                              cost.
  --color auto|always|never   Colours on stderr.
  --no-input                  Never ask.
  -h, --help                  Show this message and exit.
""",
    "config": """\
Usage: fluxcli config [OPTIONS] COMMAND [ARGS]...

  Show, change and try out the settings.

Options:
  --json                     One JSON object a line on stdout.
  -q, --quiet                Errors only.
  -v, --verbose              More detail.
  --debug                    Trace HTTP, without the key.
  --sandbox                  Use the stand-in service: no key, no network, no
                             cost.
  --color auto|always|never  Colours on stderr.
  --no-input                 Never ask.
  -h, --help                 Show this message and exit.

Commands:
  path   Print where the config file is, or would be.
  list   Show every setting, its value, and where the value comes from.
  get    Print one setting's value; an empty line if it has none.
  set    Keep a setting in the config file.
  unset  Take a setting out of the config file.
  edit   Open the config file in your editor, and check what you wrote.
  check  Try everything out: settings, folders, key, network, credits.
""",
    "config path": """\
Usage: fluxcli config path [OPTIONS]

  Print where the config file is, or would be.

Options:
  --json                     One JSON object a line on stdout.
  -q, --quiet                Errors only.
  -v, --verbose              More detail.
  --debug                    Trace HTTP, without the key.
  --sandbox                  Use the stand-in service: no key, no network, no
                             cost.
  --color auto|always|never  Colours on stderr.
  --no-input                 Never ask.
  -h, --help                 Show this message and exit.
""",
    "config list": """\
Usage: fluxcli config list [OPTIONS]

  Show every setting, its value, and where the value comes from.

Options:
  --json                     One JSON object a line on stdout.
  -q, --quiet                Errors only.
  -v, --verbose              More detail.
  --debug                    Trace HTTP, without the key.
  --sandbox                  Use the stand-in service: no key, no network, no
                             cost.
  --color auto|always|never  Colours on stderr.
  --no-input                 Never ask.
  -h, --help                 Show this message and exit.
""",
    "config get": """\
Usage: fluxcli config get [OPTIONS] {NAME}

  Print one setting's value; an empty line if it has none.

Arguments:
  NAME  A setting, such as generate.model.  [required]

Options:
  --json                     One JSON object a line on stdout.
  -q, --quiet                Errors only.
  -v, --verbose              More detail.
  --debug                    Trace HTTP, without the key.
  --sandbox                  Use the stand-in service: no key, no network, no
                             cost.
  --color auto|always|never  Colours on stderr.
  --no-input                 Never ask.
  -h, --help                 Show this message and exit.
""",
    "config set": """\
Usage: fluxcli config set [OPTIONS] {NAME} [VALUE]

  Keep a setting in the config file.

Arguments:
  NAME     A setting, such as generate.model.  [required]
  [VALUE]  Its value; not for api_key, which is asked for.

Options:
  --json                     One JSON object a line on stdout.
  -q, --quiet                Errors only.
  -v, --verbose              More detail.
  --debug                    Trace HTTP, without the key.
  --sandbox                  Use the stand-in service: no key, no network, no
                             cost.
  --color auto|always|never  Colours on stderr.
  --no-input                 Never ask.
  -h, --help                 Show this message and exit.
""",
    "config unset": """\
Usage: fluxcli config unset [OPTIONS] {NAME}

  Take a setting out of the config file.

Arguments:
  NAME  A setting, such as generate.model.  [required]

Options:
  --json                     One JSON object a line on stdout.
  -q, --quiet                Errors only.
  -v, --verbose              More detail.
  --debug                    Trace HTTP, without the key.
  --sandbox                  Use the stand-in service: no key, no network, no
                             cost.
  --color auto|always|never  Colours on stderr.
  --no-input                 Never ask.
  -h, --help                 Show this message and exit.
""",
    "config edit": """\
Usage: fluxcli config edit [OPTIONS]

  Open the config file in your editor, and check what you wrote.

Options:
  --json                     One JSON object a line on stdout.
  -q, --quiet                Errors only.
  -v, --verbose              More detail.
  --debug                    Trace HTTP, without the key.
  --sandbox                  Use the stand-in service: no key, no network, no
                             cost.
  --color auto|always|never  Colours on stderr.
  --no-input                 Never ask.
  -h, --help                 Show this message and exit.
""",
    "config check": """\
Usage: fluxcli config check [OPTIONS]

  Try everything out: settings, folders, key, network, credits. Costs nothing.

Options:
  --json                     One JSON object a line on stdout.
  -q, --quiet                Errors only.
  -v, --verbose              More detail.
  --debug                    Trace HTTP, without the key.
  --sandbox                  Use the stand-in service: no key, no network, no
                             cost.
  --color auto|always|never  Colours on stderr.
  --no-input                 Never ask.
  -h, --help                 Show this message and exit.
""",
}
