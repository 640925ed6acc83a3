# fish completion for fluxcli. Made by `python -m tests.completions`; do not edit.
# All words and flags stand here, so that a TAB starts no process; only tasks are asked for.

# The flags that a value follows.
set -g __fluxcli_taking --color --api --prompts --save-as -p --prompt --prompt-file -m \
  --model -a --aspect-ratio --output-format --safety-tolerance --watermark --callback-url \
  -o --output --timeout --interval -n --count --max-credits --limit --search --since \
  --state --html --settle --tag --shard -j --jobs --reroll --candidates --rate --report \
  --against --port --seconds --fault --body --header --max-age --path

function __fluxcli_arguments -d 'What stands before the cursor that is no flag nor its value'
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

function __fluxcli_tasks -d 'The latest tasks of this machine, their ids behind $argv'
    set -l words (commandline -opc)
    set -l world
    contains -- --sandbox $words; and set world --sandbox
    echo @last
    set -l rows ($words[1] status --offline --limit 50 $world 2>/dev/null)
    string replace -r -- '(\S+)\s+(.*)' "$argv\$1\t\$2" $rows[2..]
end

function __fluxcli_marked_tasks -d 'The latest tasks as pictures to edit, once an @ is typed'
    string match -q -- '@*' (commandline -ct); and __fluxcli_tasks @
end

complete -c fluxcli -f

# Commands.
complete -c fluxcli -n "__fluxcli_after ''" -a generate -d 'Make a picture from words: submit, wait, save.'
complete -c fluxcli -n "__fluxcli_after ''" -a edit -d 'Change a picture by words: upload, submit, wait, save.'
complete -c fluxcli -n "__fluxcli_after ''" -a status -d 'Show the state of tasks; without names, the recent ones of this machine.'
complete -c fluxcli -n "__fluxcli_after ''" -a download -d 'Save pictures of tasks, waiting for those that still run.'
complete -c fluxcli -n "__fluxcli_after ''" -a build -d 'Make the pictures that a file declares: what is new or changed, and nothing else.'
complete -c fluxcli -n "__fluxcli_after ''" -a credits -d 'Print the account\'s balance, in credits; with `--since`, this machine\'s spending.'
complete -c fluxcli -n "__fluxcli_after ''" -a sandbox -d 'Serve the sandbox until Ctrl-C, and print the variables to export.'
complete -c fluxcli -n "__fluxcli_after ''" -a assets -d 'Maintain the manifest and its lock: init, explain, adopt, pick, prune, merge, schema.'
complete -c fluxcli -n "__fluxcli_after ''" -a callback -d 'Check callbacks of the service, or receive them.'
complete -c fluxcli -n "__fluxcli_after ''" -a config -d 'Show, change and try out the settings.'
complete -c fluxcli -n "__fluxcli_after assets" -a init -d 'Write an example manifest, and what git needs: `merge=union` for the lock, ignored files.'
complete -c fluxcli -n "__fluxcli_after assets" -a explain -d 'Show the resolved request of assets, where each value is set, and why they are stale or not.'
complete -c fluxcli -n "__fluxcli_after assets" -a adopt -d 'Accept the files on disk as the images of assets, e.g.'
complete -c fluxcli -n "__fluxcli_after assets" -a pick -d 'Make a candidate\'s number, a task or a file the image of an asset, at no cost.'
complete -c fluxcli -n "__fluxcli_after assets" -a prune -d 'Remove the files that the lock knows and the manifest no longer declares.'
complete -c fluxcli -n "__fluxcli_after assets" -a merge -d 'Join the locks of shards, or any locks of one project, into the manifest\'s lock.'
complete -c fluxcli -n "__fluxcli_after assets" -a schema -d 'Print the JSON Schema of manifests, for editors.'
complete -c fluxcli -n "__fluxcli_after callback" -a verify -d 'Check the signature of one callback: valid, fresh and new is exit status 0, else 3.'
complete -c fluxcli -n "__fluxcli_after callback" -a listen -d 'Receive callbacks on 127.0.0.1 until Ctrl-C; print one line of JSON for each.'
complete -c fluxcli -n "__fluxcli_after config" -a path -d 'Print where the config file is, or would be.'
complete -c fluxcli -n "__fluxcli_after config" -a list -d 'Show every setting, its value, and where the value comes from.'
complete -c fluxcli -n "__fluxcli_after config" -a get -d 'Print one setting\'s value; an empty line if it has none.'
complete -c fluxcli -n "__fluxcli_after config" -a set -d 'Keep a setting in the config file.'
complete -c fluxcli -n "__fluxcli_after config" -a unset -d 'Take a setting out of the config file.'
complete -c fluxcli -n "__fluxcli_after config" -a edit -d 'Open the config file in your editor, and check what you wrote.'
complete -c fluxcli -n "__fluxcli_after config" -a check -d 'Try everything out: settings, folders, key, network, credits.'

# Arguments.
complete -c fluxcli -n "__fluxcli_after edit" -F -a '(__fluxcli_marked_tasks)'
complete -c fluxcli -n "__fluxcli_in status download" -x -a '(__fluxcli_tasks)'
complete -c fluxcli -n "__fluxcli_in build" -r -F
complete -c fluxcli -n "__fluxcli_after 'config get'" -x -a 'base_url upload_url api timeout interval output webhook_hmac_key color max_credits json quiet verbose debug no_input sandbox generate.model generate.aspect_ratio generate.output_format generate.safety_tolerance generate.prompt_upsampling generate.enable_translation generate.upload_cn generate.watermark generate.callback_url edit.model edit.aspect_ratio edit.output_format edit.safety_tolerance edit.prompt_upsampling edit.enable_translation edit.upload_cn edit.watermark edit.callback_url'
complete -c fluxcli -n "__fluxcli_after 'config set' 'config unset'" -x -a 'api_key base_url upload_url api timeout interval output webhook_hmac_key color generate.model generate.aspect_ratio generate.output_format generate.safety_tolerance generate.prompt_upsampling generate.enable_translation generate.upload_cn generate.watermark generate.callback_url edit.model edit.aspect_ratio edit.output_format edit.safety_tolerance edit.prompt_upsampling edit.enable_translation edit.upload_cn edit.watermark edit.callback_url'

# Flags.
complete -c fluxcli -n "__fluxcli_after ''" -n "__fluxcli_new --version" -l version -d 'Show the version.'
complete -c fluxcli -n "__fluxcli_new --json" -l json -d 'One JSON object a line on stdout.'
complete -c fluxcli -n "__fluxcli_new -q --quiet" -s q -l quiet -d 'Errors only.'
complete -c fluxcli -n "__fluxcli_new -v --verbose" -s v -l verbose -d 'More detail.'
complete -c fluxcli -n "__fluxcli_new --debug" -l debug -d 'Trace HTTP, without the key.'
complete -c fluxcli -n "__fluxcli_new --sandbox" -l sandbox -d 'Use the stand-in service: no key, no network, no cost.'
complete -c fluxcli -n "__fluxcli_new --color" -l color -x -a 'auto always never' -d 'Colours on stderr.'
complete -c fluxcli -n "__fluxcli_new --api" -l api -x -a 'auto kontext jobs' -d 'Wire format of the service.'
complete -c fluxcli -n "__fluxcli_new --no-input" -l no-input -d 'Never ask.'
complete -c fluxcli -n "__fluxcli_new -h --help" -s h -l help -d 'Show this message and exit.'
complete -c fluxcli -n "__fluxcli_in generate" -n "__fluxcli_new --prompts" -l prompts -r -F -d 'Make an image for each line: a prompt, or a JSON object with request fields and `output`; `-` reads stdin.'
complete -c fluxcli -n "__fluxcli_in generate" -n "__fluxcli_new --save-as" -l save-as -x -d 'Declare the picture in assets.toml, for `build`.'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new -p --prompt" -s p -l prompt -x -d 'The prompt, even if it looks like a command.'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --prompt-file" -l prompt-file -r -F -d 'Read the prompt from a file, or `-` for stdin.'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --no-wait" -l no-wait -d 'Print the task\'s id and leave.'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new -m --model" -s m -l model -x -a 'pro max' -d 'The model: pro (5 credits) or max (10).'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new -a --aspect-ratio" -s a -l aspect-ratio -x -a '21:9 16:9 4:3 1:1 3:4 9:16' -d 'Width to height: 21:9, 16:9, 4:3, 1:1, 3:4, 9:16; an edit keeps its input\'s unless it is set.'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --output-format" -l output-format -x -a 'jpeg png' -d 'File format: jpeg or png; taken from the output\'s ending when not given.'
complete -c fluxcli -n "__fluxcli_in generate" -n "__fluxcli_new --safety-tolerance" -l safety-tolerance -x -a '0 1 2 3 4 5 6' -d '0 (strictest) to 6; at most 2 when editing.'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --prompt-upsampling --no-prompt-upsampling" -l prompt-upsampling -d 'Let the service enrich the prompt; slower.'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --prompt-upsampling --no-prompt-upsampling" -l no-prompt-upsampling -d 'Let the service enrich the prompt; slower.'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --enable-translation --no-enable-translation" -l enable-translation -d 'Let the service translate the prompt into English.'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --enable-translation --no-enable-translation" -l no-enable-translation -d 'Let the service translate the prompt into English.'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --upload-cn --no-upload-cn" -l upload-cn -d 'Use servers in China.'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --upload-cn --no-upload-cn" -l no-upload-cn -d 'Use servers in China.'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --watermark" -l watermark -x -d 'Text to be drawn into the image.'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --callback-url" -l callback-url -x -d 'Address that the service reports to.'
complete -c fluxcli -n "__fluxcli_in generate edit download" -n "__fluxcli_new -o --output" -s o -l output -r -F -d 'A file, a folder, `-` for stdout, or a template with {id} {prompt} {n} {date} {model} {ratio} {ext}.'
complete -c fluxcli -n "__fluxcli_in generate edit download" -n "__fluxcli_new -f --force" -s f -l force -d 'Replace a file that exists; if the request is done, pay again for it.'
complete -c fluxcli -n "__fluxcli_in generate edit download" -n "__fluxcli_new --skip-existing" -l skip-existing -d 'Make nothing where a file is there.'
complete -c fluxcli -n "__fluxcli_in generate edit status download build" -n "__fluxcli_new --timeout" -l timeout -x -d 'Longest wait: 90, 90s, 15m; 0 is for ever. [15m]'
complete -c fluxcli -n "__fluxcli_in generate edit status download build" -n "__fluxcli_new --interval" -l interval -x -d 'Time between two looks; adaptive if not given.'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new -n --count" -s n -l count -x -d 'So many pictures, 1 to 100.'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --new" -l new -d 'Pay again, even if this request is unfinished or done.'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new -y --yes" -s y -l yes -d 'Agree to the spending beforehand.'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --max-credits" -l max-credits -x -d 'Send nothing if the estimate is higher.'
complete -c fluxcli -n "__fluxcli_in generate edit" -n "__fluxcli_new --dry-run" -l dry-run -d 'Show request, path and estimate; send nothing.'
complete -c fluxcli -n "__fluxcli_in generate edit download" -n "__fluxcli_new --preview" -l preview -d 'Show the picture in the terminal.'
complete -c fluxcli -n "__fluxcli_in generate edit download" -n "__fluxcli_new --open" -l open -d 'Open the picture in the system\'s viewer.'
complete -c fluxcli -n "__fluxcli_in edit" -n "__fluxcli_new --safety-tolerance" -l safety-tolerance -x -a '0 1 2' -d '0 (strictest) to 6; at most 2 when editing.'
complete -c fluxcli -n "__fluxcli_in status" -n "__fluxcli_new --wait" -l wait -d 'Wait until every named task is final.'
complete -c fluxcli -n "__fluxcli_in status" -n "__fluxcli_new --limit" -l limit -x -d 'Number of latest tasks to list.'
complete -c fluxcli -n "__fluxcli_in status" -n "__fluxcli_new --all" -l all -d 'All tasks of this machine.'
complete -c fluxcli -n "__fluxcli_in status" -n "__fluxcli_new --search" -l search -x -d 'Only tasks whose prompt has these words.'
complete -c fluxcli -n "__fluxcli_in status" -n "__fluxcli_new --since" -l since -x -d 'Only tasks of the last such period, as `7d`.'
complete -c fluxcli -n "__fluxcli_in status" -n "__fluxcli_new --state" -l state -x -d 'Only tasks in this state, or `unsaved`.'
complete -c fluxcli -n "__fluxcli_in status" -n "__fluxcli_new --html" -l html -r -F -d 'Write the tasks with their images as an HTML page.'
complete -c fluxcli -n "__fluxcli_in status" -n "__fluxcli_new --offline" -l offline -d 'Do not ask the service; needs no key.'
complete -c fluxcli -n "__fluxcli_in status" -n "__fluxcli_new --settle" -l settle -x -a 'not-charged' -d 'Record what became of a submission of unknown outcome.'
complete -c fluxcli -n "__fluxcli_in download" -n "__fluxcli_new --unsaved" -l unsaved -d 'Everything that is paid for and not yet saved.'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --plan --dry-run" -l plan -d 'Show what would be done, and why.'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --plan --dry-run" -l dry-run -d 'Show what would be done, and why.'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --check" -l check -d 'Like --plan; status 10 if there is work to do.'
complete -c fluxcli -n "__fluxcli_in build 'assets adopt'" -l tag -x -d 'Assets with this tag.'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --shard" -l shard -x -d 'The K-th of N parts, with a lock of its own.'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new -j --jobs" -s j -l jobs -x -d 'N tasks at once. [100]'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --fail-fast --keep-going" -l fail-fast -d 'Begin nothing new after a failure.'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --fail-fast --keep-going" -l keep-going -d 'Begin nothing new after a failure.'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --locked" -l locked -d 'Fail rather than change the lock.'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new -f --force" -s f -l force -d 'Replace files that were edited by hand.'
complete -c fluxcli -n "__fluxcli_in build" -l reroll -x -d 'Pay again for this asset; repeatable.'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --no-children" -l no-children -d 'With --reroll: leave what is made from it.'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --candidates" -l candidates -x -d 'N images of one asset to pick from.'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --rate" -l rate -x -d 'Submissions in 10 s; 20, divided by shards.'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new -y --yes" -s y -l yes -d 'Agree beforehand.'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --max-credits" -l max-credits -x -d 'Spend at most so many credits, by estimate.'
complete -c fluxcli -n "__fluxcli_in build" -l report -x -d 'github, junit=FILE, html=FILE or DIR/; may be repeated.'
complete -c fluxcli -n "__fluxcli_in build" -n "__fluxcli_new --against" -l against -x -d 'Compare the images in the html report with a commit\'s.'
complete -c fluxcli -n "__fluxcli_in credits" -n "__fluxcli_new --since" -l since -x -d 'What this machine has spent since then, by day; needs no key.'
complete -c fluxcli -n "__fluxcli_in sandbox 'callback listen'" -n "__fluxcli_new --port" -l port -x -d 'Loopback port; 0 finds a free one.'
complete -c fluxcli -n "__fluxcli_in sandbox" -n "__fluxcli_new --seconds" -l seconds -x -d 'How long an image takes.'
complete -c fluxcli -n "__fluxcli_in sandbox" -l fault -x -d 'Misbehave: `submit:reset@2`, `poll:500x3`, `download:truncate`. May be repeated.'
complete -c fluxcli -n "__fluxcli_in sandbox" -n "__fluxcli_new --print-env" -l print-env -d 'Print the variables for the port and exit.'
complete -c fluxcli -n "__fluxcli_in 'assets prune'" -n "__fluxcli_new -y --yes" -s y -l yes -d 'Do not ask.'
complete -c fluxcli -n "__fluxcli_in 'assets prune'" -n "__fluxcli_new -f --force" -s f -l force -d 'Remove files that were edited by hand, too.'
complete -c fluxcli -n "__fluxcli_in 'callback verify'" -n "__fluxcli_new --body" -l body -r -F -d 'The body as it was received; `-` for stdin.'
complete -c fluxcli -n "__fluxcli_in 'callback verify'" -l header -x -d 'A header of the callback. May be repeated.'
complete -c fluxcli -n "__fluxcli_in 'callback verify' 'callback listen'" -n "__fluxcli_new --max-age" -l max-age -x -d 'Age from which a callback is stale. [5m]'
complete -c fluxcli -n "__fluxcli_in 'callback listen'" -n "__fluxcli_new --path" -l path -r -F -d 'The path that callbacks are sent to.'
complete -c fluxcli -n "__fluxcli_in 'callback listen'" -n "__fluxcli_new --save" -l save -d 'Save each image once, and print its path.'
complete -c fluxcli -n "__fluxcli_in 'callback listen'" -n "__fluxcli_new -o --output" -s o -l output -x -d 'Where to save: folder or template.'
