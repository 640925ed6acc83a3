# fish completion for fluxcli. Made by `python -m fluxcli.completion`; do not edit.
# Load it with: fluxcli completion fish | source
# All commands and flags are in this script: only for tasks, assets and presets a process is started.

# The flags that a value follows.
set -g __fluxcli_taking --color --api --prompts --save-as -p --prompt --prompt-file \
  --again --preset -m --model -a --aspect-ratio --output-format --safety-tolerance \
  --watermark --callback-url -o --output --metadata --timeout --interval -n --count \
  --max-credits --settle --limit --search --since --state --html --tag --shard -j --jobs \
  --reroll --candidates --rate --report --against --port --seconds --fault --list --body \
  --header --max-age --path

function __fluxcli_arguments -d 'The arguments before the cursor that are neither flags nor their values'
    set -l words (commandline -opc)
    set -l flag
    for word in $words[2..]
        if set -q flag[1]
            set -e flag[1]
        else if contains -- $word $__fluxcli_taking
            set flag $word
        else if not string match -q -- '-?*' $word
            echo $word
        end
    end
end

function __fluxcli_after -d 'Is it one of these, and nothing more, that stands before the cursor?'
    set -l words (__fluxcli_arguments)
    contains -- "$words" $argv
end

function __fluxcli_in -d 'Does the line begin with one of these commands?'
    set -l words (__fluxcli_arguments)
    contains -- "$words[1]" $argv; or contains -- "$words[1..2]" $argv
end

function __fluxcli_new -d 'Is none of these flags given yet, save one that waits for its value?'
    set -l words (commandline -opc)
    contains -- $words[-1] $__fluxcli_taking; and set -e words[-1]
    for word in $words
        contains -- (string split -m 1 = -- $word)[1] $argv; and return 1
    end
    return 0
end

function __fluxcli_names -d 'The names of the kind $argv[1] with their descriptions'
    set -l words (commandline -opc)
    set -l sandbox
    contains -- --sandbox $words; and set sandbox --sandbox
    $words[1] completion --list $argv[1] $sandbox 2>/dev/null
end

function __fluxcli_tasks -d 'The latest tasks of this machine, their ids behind $argv'
    printf '@last\tthe latest task\n'
    string replace -r -- '^' "$argv" (__fluxcli_names tasks)
end

function __fluxcli_assets -d 'The assets of the manifest that was named, or is found; for $argv manifests too'
    set -l manifest (string match -- '*.toml' (commandline -opc))[1]
    if set -q manifest[1]
        __fluxcli_names $manifest
    else
        __fluxcli_names assets
        set -l files *.toml
        test "$argv" = manifests; and string replace -r -- '$' '\tmanifest' $files
    end
end

function __fluxcli_marked_tasks -d 'The latest tasks as images to edit, once an @ is typed'
    string match -q -- '@*' (commandline -ct); and __fluxcli_tasks @
end

complete -c fluxcli -f

# Commands.
complete -c fluxcli -n "__fluxcli_after ''" -a generate -d 'Make an image from a prompt and print the path of the saved file'
complete -c fluxcli -n "__fluxcli_after ''" -a edit -d 'Change an image as a prompt describes and print the path of the saved file'
complete -c fluxcli -n "__fluxcli_after ''" -a status -d 'Show the tasks of this machine, or all details of some of them'
complete -c fluxcli -n "__fluxcli_after ''" -a download -d 'Save the images of tasks, after waiting for those that still run'
complete -c fluxcli -n "__fluxcli_after ''" -a build -d 'Make the images that a manifest declares: only those that are new or changed'
complete -c fluxcli -n "__fluxcli_after ''" -a credits -d 'Print the balance of the account, or what this machine has spent'
complete -c fluxcli -n "__fluxcli_after ''" -a sandbox -d 'Serve the stand-in service on a loopback port until Ctrl-C'
complete -c fluxcli -n "__fluxcli_after ''" -a completion -d 'Print the completion script of a shell'
complete -c fluxcli -n "__fluxcli_after ''" -a help -d 'Print the help of a command, or of a topic'
complete -c fluxcli -n "__fluxcli_after ''" -a assets -d 'Maintain the manifest assets.toml and its lock'
complete -c fluxcli -n "__fluxcli_after ''" -a callback -d 'Check callbacks of the service, or receive them'
complete -c fluxcli -n "__fluxcli_after ''" -a config -d 'Show, change and check the settings'
complete -c fluxcli -n "__fluxcli_after assets" -a init -d 'Write an example manifest, and the entries that git needs for the lock'
complete -c fluxcli -n "__fluxcli_after assets" -a explain -d 'Show the resolved request of assets, where each value is set, and why they are stale'
complete -c fluxcli -n "__fluxcli_after assets" -a adopt -d 'Accept the files on disk as the images of assets, e.g. after optimising them in place'
complete -c fluxcli -n "__fluxcli_after assets" -a pick -d 'Make a candidate\'s number, a task or a file the image of an asset, at no cost'
complete -c fluxcli -n "__fluxcli_after assets" -a prune -d 'Remove the files that the lock knows and the manifest no longer declares'
complete -c fluxcli -n "__fluxcli_after assets" -a merge -d 'Join the locks of shards, or any locks of one project, into the manifest\'s lock'
complete -c fluxcli -n "__fluxcli_after assets" -a schema -d 'Print the JSON Schema of manifests, for editors'
complete -c fluxcli -n "__fluxcli_after callback" -a verify -d 'Check the signature of one callback'
complete -c fluxcli -n "__fluxcli_after callback" -a listen -d 'Receive callbacks on 127.0.0.1 until Ctrl-C, and print a line of JSON for each'
complete -c fluxcli -n "__fluxcli_after config" -a path -d 'Print the path of the config file, whether it exists or not'
complete -c fluxcli -n "__fluxcli_after config" -a list -d 'Show every setting, its value, and where the value comes from'
complete -c fluxcli -n "__fluxcli_after config" -a get -d 'Print the value of a setting, or an empty line if it has none'
complete -c fluxcli -n "__fluxcli_after config" -a set -d 'Write a setting to the config file'
complete -c fluxcli -n "__fluxcli_after config" -a unset -d 'Remove a setting from the config file'
complete -c fluxcli -n "__fluxcli_after config" -a edit -d 'Open the config file in an editor, and check it afterwards'
complete -c fluxcli -n "__fluxcli_after config" -a check -d 'Check settings, folders, key, network and credits'

# Arguments.
complete -c fluxcli -n "__fluxcli_after edit" -F -a '(__fluxcli_marked_tasks)'
complete -c fluxcli -n "__fluxcli_in status download" -x -a '(__fluxcli_tasks)'
complete -c fluxcli -n "__fluxcli_in build 'assets explain' 'assets adopt' 'assets pick'" -x -a '(__fluxcli_assets manifests)'
complete -c fluxcli -n "__fluxcli_after completion" -x -a 'bash zsh fish powershell'
complete -c fluxcli -n "__fluxcli_in help" -x -a 'generate edit status download build assets credits sandbox callback config completion help exit-codes environment json templates money manifest agents'
complete -c fluxcli -n "__fluxcli_after 'assets init'" -r -F
complete -c fluxcli -n "__fluxcli_in 'assets prune' 'assets merge'" -r -F
complete -c fluxcli -n "__fluxcli_after 'config get'" -x -a 'base_url upload_url api timeout interval output metadata preset webhook_hmac_key bell color history_limit max_credits max_credits_per_day json quiet verbose debug no_input sandbox generate.model generate.aspect_ratio generate.output_format generate.safety_tolerance generate.prompt_upsampling generate.enable_translation generate.upload_cn generate.watermark generate.callback_url edit.model edit.aspect_ratio edit.output_format edit.safety_tolerance edit.prompt_upsampling edit.enable_translation edit.upload_cn edit.watermark edit.callback_url'
complete -c fluxcli -n "__fluxcli_after 'config set' 'config unset'" -x -a 'api_key base_url upload_url api timeout interval output metadata preset webhook_hmac_key bell color history_limit max_credits_per_day generate.model generate.aspect_ratio generate.output_format generate.safety_tolerance generate.prompt_upsampling generate.enable_translation generate.upload_cn generate.watermark generate.callback_url edit.model edit.aspect_ratio edit.output_format edit.safety_tolerance edit.prompt_upsampling edit.enable_translation edit.upload_cn edit.watermark edit.callback_url'

# Flags.
complete -c fluxcli -n "__fluxcli_after ''" -n "__fluxcli_new --version" -l version -d 'Show the version'
complete -c fluxcli -n "__fluxcli_new --json" -l json -d 'Print JSON on stdout, one object a line'
complete -c fluxcli -n "__fluxcli_new -q --quiet" -s q -l quiet -d 'Print errors only, and warnings about money'
complete -c fluxcli -n "__fluxcli_new -v --verbose" -s v -l verbose -d 'Print more detail'
complete -c fluxcli -n "__fluxcli_new --debug" -l debug -d 'Print a trace of the HTTP traffic, without the key'
complete -c fluxcli -n "__fluxcli_new --sandbox" -l sandbox -d 'Use the stand-in service: no key, no network, no cost'
complete -c fluxcli -n "__fluxcli_new --color" -l color -x -a 'auto always never' -d 'When to use colours'
complete -c fluxcli -n "__fluxcli_new --api" -l api -x -a 'auto kontext jobs' -d 'The wire format of the service'
complete -c fluxcli -n "__fluxcli_new --no-input" -l no-input -d 'Never ask questions'
complete -c fluxcli -n "__fluxcli_new -h --help" -s h -l help -d 'Show this message and exit'
complete -c fluxcli -n "__fluxcli_in generate" -n "__fluxcli_new --prompts" -l prompts -r -F -d 'Make an image for each line: a prompt, or a JSON object with request fields and `output`; `-` reads stdin'
complete -c fluxcli -n "__fluxcli_in generate" -n "__fluxcli_new --save-as" -l save-as -x -d 'Declare the image as an asset in assets.toml, for `fluxcli build`'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new -p --prompt" -s p -l prompt -x -d 'The prompt, even if it looks like a command or a file'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --prompt-file" -l prompt-file -r -F -d 'Read the prompt from a file, or from stdin for `-`'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --again" -l again -x -a '(__fluxcli_tasks)' -d 'Make an earlier task\'s request again, changed by the flags given; paid again'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --preset" -l preset -x -d 'Use the request fields and the style of `[presets.NAME]` in the config file'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --no-wait" -l no-wait -d 'Print the task\'s id and exit'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new -m --model" -s m -l model -x -a 'pro max' -d 'The model: pro (5 credits) or max (10)'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new -a --aspect-ratio" -s a -l aspect-ratio -x -a '21:9 16:9 4:3 1:1 3:4 9:16' -d 'Width to height: 21:9, 16:9, 4:3, 1:1, 3:4, 9:16; an edit keeps its input\'s unless it is set'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --output-format" -l output-format -x -a 'jpeg png' -d 'File format: jpeg or png; taken from the output\'s ending when not given'
complete -c fluxcli -n "__fluxcli_in generate" -n "__fluxcli_new --safety-tolerance" -l safety-tolerance -x -a '0 1 2 3 4 5 6' -d '0 (strictest) to 6; at most 2 when editing'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --prompt-upsampling --no-prompt-upsampling" -l prompt-upsampling -d 'Let the service extend the prompt; slower'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --prompt-upsampling --no-prompt-upsampling" -l no-prompt-upsampling -d 'Let the service extend the prompt; slower'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --enable-translation --no-enable-translation" -l enable-translation -d 'Let the service translate the prompt into English'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --enable-translation --no-enable-translation" -l no-enable-translation -d 'Let the service translate the prompt into English'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --upload-cn --no-upload-cn" -l upload-cn -d 'Use servers in China'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --upload-cn --no-upload-cn" -l no-upload-cn -d 'Use servers in China'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --watermark" -l watermark -x -d 'Text that is drawn into the image'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --callback-url" -l callback-url -x -d 'URL that the service calls when the task is finished'
complete -c fluxcli -n "__fluxcli_in generate edit download" -n "__fluxcli_new -o --output" -s o -l output -r -F -d 'A file, a folder, `-` for stdout, or a template with {id} {prompt} {n} {date} {model} {ratio} {ext}. [{prompt}-{id}.{ext}]'
complete -c fluxcli -n "__fluxcli_in generate edit download" -n "__fluxcli_new -f --force" -s f -l force -d 'Replace a file that exists; if the request is done, pay again for it'
complete -c fluxcli -n "__fluxcli_in generate edit download" -n "__fluxcli_new --metadata" -l metadata -x -a 'none sidecar embed' -d 'Keep request, task and version in FILE.json or inside the image'
complete -c fluxcli -n "__fluxcli_in generate edit download" -n "__fluxcli_new --skip-existing" -l skip-existing -d 'Make no image whose file exists'
complete -c fluxcli -n "__fluxcli_in generate edit status download build" -n "__fluxcli_new --timeout" -l timeout -x -d 'How long to wait for the result, as 90s, 15m or 2h; 0: no limit. The answer to a submission that was sent, and the download of a finished image, may each take up to 2 minutes more. [15m]'
complete -c fluxcli -n "__fluxcli_in generate edit status download build" -n "__fluxcli_new --interval" -l interval -x -d 'The polling interval; adaptive if not given'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new -n --count" -s n -l count -x -d 'Number of images, 1 to 100'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --new" -l new -d 'Pay again, even if this request is unfinished or done'
complete -c fluxcli -n "__fluxcli_in generate edit build" -n "__fluxcli_new -y --yes" -s y -l yes -d 'Agree to the estimated cost in advance'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --max-credits" -l max-credits -x -d 'Send nothing if the estimate is above N credits'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --dry-run" -l dry-run -d 'Print the request, the output paths and the estimate; send nothing'
complete -c fluxcli -n "__fluxcli_in generate edit download" -n "__fluxcli_new --preview" -l preview -d 'Show the image in the terminal'
complete -c fluxcli -n "__fluxcli_in generate edit download" -n "__fluxcli_new --open" -l open -d 'Open the image in the system\'s viewer'
complete -c fluxcli -n "__fluxcli_in edit" -n "__fluxcli_new --safety-tolerance" -l safety-tolerance -x -a '0 1 2' -d '0 (strictest) to 6; at most 2 when editing'
complete -c fluxcli -n "__fluxcli_in status" -n "__fluxcli_new --wait" -l wait -d 'Wait until every named task is final'
complete -c fluxcli -n "__fluxcli_in status" -n "__fluxcli_new --offline" -l offline -d 'Print what the journal has, without network or key'
complete -c fluxcli -n "__fluxcli_in status" -n "__fluxcli_new --settle" -l settle -x -a 'not-charged' -d 'Record what became of a submission whose outcome is unknown'
complete -c fluxcli -n "__fluxcli_in status" -n "__fluxcli_new --limit" -l limit -x -d 'How many of the latest tasks to list'
complete -c fluxcli -n "__fluxcli_in status" -n "__fluxcli_new --all" -l all -d 'List all tasks of this machine'
complete -c fluxcli -n "__fluxcli_in status" -n "__fluxcli_new --search" -l search -x -d 'List only tasks whose prompt has these words'
complete -c fluxcli -n "__fluxcli_in status" -n "__fluxcli_new --since" -l since -x -d 'List only tasks that are not older, as 12h or 7d'
complete -c fluxcli -n "__fluxcli_in status" -n "__fluxcli_new --state" -l state -x -a 'unsaved sending running succeeded saved failed refused unknown' -d 'List only tasks in this state, or `unsaved`'
complete -c fluxcli -n "__fluxcli_in status" -n "__fluxcli_new --html" -l html -r -F -d 'Write the tasks with their images as an HTML page'
complete -c fluxcli -n "__fluxcli_in download" -n "__fluxcli_new --unsaved" -l unsaved -d 'Save everything that is paid for and not saved yet'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --plan --dry-run" -l plan -d 'Print what would be done, and why; send nothing'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --plan --dry-run" -l dry-run -d 'Print what would be done, and why; send nothing'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --check" -l check -d 'As `--plan`, with status 10 if there is work to do'
complete -c fluxcli -n "__fluxcli_in build" -l tag -x -d 'Only assets with this tag'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --shard" -l shard -x -d 'The K-th of N parts, with a lock of its own'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new -j --jobs" -s j -l jobs -x -d 'At most N tasks at once. [100]'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --fail-fast --keep-going" -l fail-fast -d 'Submit nothing more after a failure'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --fail-fast --keep-going" -l keep-going -d 'Submit nothing more after a failure'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --locked" -l locked -d 'Fail instead of changing the lock'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new -f --force" -s f -l force -d 'Replace files that were edited by hand'
complete -c fluxcli -n "__fluxcli_in build" -l reroll -x -a '(__fluxcli_assets)' -d 'Make this asset again and pay for it; may be repeated'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --no-children" -l no-children -d 'With `--reroll`: do not make the edits of that image again'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --candidates" -l candidates -x -d 'Make N images of one asset, for `fluxcli assets pick`'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --rate" -l rate -x -d 'At most N submissions in 10 seconds [20, divided by the number of shards]'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --max-credits" -l max-credits -x -d 'Submit nothing that would take the estimate above N credits'
complete -c fluxcli -n "__fluxcli_in build" -l report -x -d 'Write a report: github, junit=FILE, html=FILE or html=DIR/; may be repeated'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --against" -l against -x -d 'Compare the images in the html report with those of a git commit'
complete -c fluxcli -n "__fluxcli_in credits" -n "__fluxcli_new --since" -l since -x -d 'Print what this machine has spent in this time, by day; needs no key'
complete -c fluxcli -n "__fluxcli_in sandbox" -n "__fluxcli_new --port" -l port -x -d 'Loopback port; 0 finds a free one'
complete -c fluxcli -n "__fluxcli_in sandbox" -n "__fluxcli_new --seconds" -l seconds -x -d 'How long an image takes, in seconds'
complete -c fluxcli -n "__fluxcli_in sandbox" -l fault -x -d 'Fail on purpose, as `submit:reset@2`, `poll:500x3`, `download:truncate`; may be repeated'
complete -c fluxcli -n "__fluxcli_in sandbox" -n "__fluxcli_new --print-env" -l print-env -d 'Print the variables for the port, and exit'
complete -c fluxcli -n "__fluxcli_in sandbox" -n "__fluxcli_new --ledger" -l ledger -d 'Print the tasks that it has charged for, and exit'
complete -c fluxcli -n "__fluxcli_in completion" -n "__fluxcli_new --list" -l list -x -a 'tasks assets presets' -d 'Print the names that the scripts offer (of a manifest: its assets), each with its description behind a tab'
complete -c fluxcli -n "__fluxcli_in 'assets adopt'" -l tag -x -d 'Assets with this tag'
complete -c fluxcli -n "__fluxcli_in 'assets prune'" -n "__fluxcli_new -y --yes" -s y -l yes -d 'Do not ask'
complete -c fluxcli -n "__fluxcli_in 'assets prune'" -n "__fluxcli_new -f --force" -s f -l force -d 'Remove files that were edited by hand, too'
complete -c fluxcli -n "__fluxcli_in 'callback verify'" -n "__fluxcli_new --body" -l body -r -F -d 'The body as it was received; `-` for stdin'
complete -c fluxcli -n "__fluxcli_in 'callback verify'" -l header -x -d 'A header of the callback. May be repeated'
complete -c fluxcli -n "__fluxcli_in 'callback verify' 'callback listen'" -n "__fluxcli_new --max-age" -l max-age -x -d 'Age from which a callback is stale. [5m]'
complete -c fluxcli -n "__fluxcli_in 'callback listen'" -n "__fluxcli_new --port" -l port -x -d 'Loopback port; 0 finds a free one'
complete -c fluxcli -n "__fluxcli_in 'callback listen'" -n "__fluxcli_new --path" -l path -r -F -d 'The path that callbacks are sent to'
complete -c fluxcli -n "__fluxcli_in 'callback listen'" -n "__fluxcli_new --save" -l save -d 'Save each image once, and print its path'
complete -c fluxcli -n "__fluxcli_in 'callback listen'" -n "__fluxcli_new -o --output" -s o -l output -x -d 'Where to save: folder or template'
