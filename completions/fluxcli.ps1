# PowerShell completion for fluxcli. Made by `python -m tests.completions`; do not edit.
# All words and flags stand here, so that a TAB starts no process; only tasks are asked for.
# Load it in your $PROFILE: . PATH/TO/fluxcli.ps1

Register-ArgumentCompleter -Native -CommandName fluxcli -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $words = @(
        @{ After = ''; Word = 'generate'; Help = 'Make a picture from words: submit, wait, save.' }
        @{ After = ''; Word = 'edit'; Help = 'Change a picture by words: upload, submit, wait, save.' }
        @{ After = ''; Word = 'status'; Help = 'Show the state of tasks; without names, the recent ones of this machine.' }
        @{ After = ''; Word = 'download'; Help = 'Save pictures of tasks, waiting for those that still run.' }
        @{ After = ''; Word = 'build'; Help = 'Make the pictures that a file declares: what is new or changed, and nothing else.' }
        @{ After = ''; Word = 'credits'; Help = 'Print the account''s balance, in credits; with `--since`, this machine''s spending.' }
        @{ After = ''; Word = 'sandbox'; Help = 'Serve the sandbox until Ctrl-C, and print the variables to export.' }
        @{ After = ''; Word = 'assets'; Help = 'Maintain the manifest and its lock: init, explain, adopt, pick, prune, merge, schema.' }
        @{ After = ''; Word = 'callback'; Help = 'Check callbacks of the service, or receive them.' }
        @{ After = ''; Word = 'config'; Help = 'Show, change and try out the settings.' }
        @{ After = 'assets'; Word = 'init'; Help = 'Write an example manifest, and what git needs: `merge=union` for the lock, ignored files.' }
        @{ After = 'assets'; Word = 'explain'; Help = 'Show the resolved request of assets, where each value is set, and why they are stale or not.' }
        @{ After = 'assets'; Word = 'adopt'; Help = 'Accept the files on disk as the images of assets, e.g.' }
        @{ After = 'assets'; Word = 'pick'; Help = 'Make a candidate''s number, a task or a file the image of an asset, at no cost.' }
        @{ After = 'assets'; Word = 'prune'; Help = 'Remove the files that the lock knows and the manifest no longer declares.' }
        @{ After = 'assets'; Word = 'merge'; Help = 'Join the locks of shards, or any locks of one project, into the manifest''s lock.' }
        @{ After = 'assets'; Word = 'schema'; Help = 'Print the JSON Schema of manifests, for editors.' }
        @{ After = 'callback'; Word = 'verify'; Help = 'Check the signature of one callback: valid, fresh and new is exit status 0, else 3.' }
        @{ After = 'callback'; Word = 'listen'; Help = 'Receive callbacks on 127.0.0.1 until Ctrl-C; print one line of JSON for each.' }
        @{ After = 'config'; Word = 'path'; Help = 'Print where the config file is, or would be.' }
        @{ After = 'config'; Word = 'list'; Help = 'Show every setting, its value, and where the value comes from.' }
        @{ After = 'config'; Word = 'get'; Help = 'Print one setting''s value; an empty line if it has none.' }
        @{ After = 'config'; Word = 'set'; Help = 'Keep a setting in the config file.' }
        @{ After = 'config'; Word = 'unset'; Help = 'Take a setting out of the config file.' }
        @{ After = 'config'; Word = 'edit'; Help = 'Open the config file in your editor, and check what you wrote.' }
        @{ After = 'config'; Word = 'check'; Help = 'Try everything out: settings, folders, key, network, credits.' }
    )
    $places = @(
        @{ In = @('edit'); Again = $false; Takes = @('IMAGE')
        }
        @{ In = @('status', 'download'); Again = $true; Takes = @('TASK')
        }
        @{ In = @('build'); Again = $true; Takes = @('FILE')
        }
        @{ In = @('config get'); Again = $false; Takes = @('base_url', 'upload_url', 'api',
          'timeout', 'interval', 'output', 'webhook_hmac_key', 'color', 'max_credits', 'json',
          'quiet', 'verbose', 'debug', 'no_input', 'sandbox', 'generate.model',
          'generate.aspect_ratio', 'generate.output_format', 'generate.safety_tolerance',
          'generate.prompt_upsampling', 'generate.enable_translation', 'generate.upload_cn',
          'generate.watermark', 'generate.callback_url', 'edit.model', 'edit.aspect_ratio',
          'edit.output_format', 'edit.safety_tolerance', 'edit.prompt_upsampling',
          'edit.enable_translation', 'edit.upload_cn', 'edit.watermark', 'edit.callback_url')
        }
        @{ In = @('config set', 'config unset'); Again = $false; Takes = @('api_key', 'base_url',
          'upload_url', 'api', 'timeout', 'interval', 'output', 'webhook_hmac_key', 'color',
          'generate.model', 'generate.aspect_ratio', 'generate.output_format',
          'generate.safety_tolerance', 'generate.prompt_upsampling',
          'generate.enable_translation', 'generate.upload_cn', 'generate.watermark',
          'generate.callback_url', 'edit.model', 'edit.aspect_ratio', 'edit.output_format',
          'edit.safety_tolerance', 'edit.prompt_upsampling', 'edit.enable_translation',
          'edit.upload_cn', 'edit.watermark', 'edit.callback_url')
        }
    )
    # A flag without `In` is one of every command.
    $flags = @(
        @{ Names = @('--version'); In = @('')
            Again = $false; Help = 'Show the version.' }
        @{ Names = @('--json')
            Again = $false; Help = 'One JSON object a line on stdout.' }
        @{ Names = @('-q', '--quiet')
            Again = $false; Help = 'Errors only.' }
        @{ Names = @('-v', '--verbose')
            Again = $false; Help = 'More detail.' }
        @{ Names = @('--debug')
            Again = $false; Help = 'Trace HTTP, without the key.' }
        @{ Names = @('--sandbox')
            Again = $false; Help = 'Use the stand-in service: no key, no network, no cost.' }
        @{ Names = @('--color'); Takes = @('auto', 'always', 'never')
            Again = $false; Help = 'Colours on stderr.' }
        @{ Names = @('--api'); Takes = @('auto', 'kontext', 'jobs')
            Again = $false; Help = 'Wire format of the service.' }
        @{ Names = @('--no-input')
            Again = $false; Help = 'Never ask.' }
        @{ Names = @('-h', '--help')
            Again = $false; Help = 'Show this message and exit.' }
        @{ Names = @('--prompts'); Takes = @('FILE'); In = @('generate')
            Again = $false; Help = 'Make an image for each line: a prompt, or a JSON object with request fields and `output`; `-` reads stdin.' }
        @{ Names = @('--save-as'); Takes = @(); In = @('generate')
            Again = $false; Help = 'Declare the picture in assets.toml, for `build`.' }
        @{ Names = @('-p', '--prompt'); Takes = @(); In = @('generate', 'edit')
            Again = $false; Help = 'The prompt, even if it looks like a command.' }
        @{ Names = @('--prompt-file'); Takes = @('FILE'); In = @('generate', 'edit')
            Again = $false; Help = 'Read the prompt from a file, or `-` for stdin.' }
        @{ Names = @('--no-wait'); In = @('generate', 'edit')
            Again = $false; Help = 'Print the task''s id and leave.' }
        @{ Names = @('-m', '--model'); Takes = @('pro', 'max'); In = @('generate', 'edit')
            Again = $false; Help = 'The model: pro (5 credits) or max (10).' }
        @{ Names = @('-a', '--aspect-ratio'); Takes = @('21:9', '16:9', '4:3', '1:1', '3:4', '9:16'); In = @('generate', 'edit')
            Again = $false; Help = 'Width to height: 21:9, 16:9, 4:3, 1:1, 3:4, 9:16; an edit keeps its input''s unless it is set.' }
        @{ Names = @('--output-format'); Takes = @('jpeg', 'png'); In = @('generate', 'edit')
            Again = $false; Help = 'File format: jpeg or png; taken from the output''s ending when not given.' }
        @{ Names = @('--safety-tolerance'); Takes = @('0', '1', '2', '3', '4', '5', '6'); In = @('generate')
            Again = $false; Help = '0 (strictest) to 6; at most 2 when editing.' }
        @{ Names = @('--prompt-upsampling', '--no-prompt-upsampling'); In = @('generate', 'edit')
            Again = $false; Help = 'Let the service enrich the prompt; slower.' }
        @{ Names = @('--enable-translation', '--no-enable-translation'); In = @('generate', 'edit')
            Again = $false; Help = 'Let the service translate the prompt into English.' }
        @{ Names = @('--upload-cn', '--no-upload-cn'); In = @('generate', 'edit')
            Again = $false; Help = 'Use servers in China.' }
        @{ Names = @('--watermark'); Takes = @(); In = @('generate', 'edit')
            Again = $false; Help = 'Text to be drawn into the image.' }
        @{ Names = @('--callback-url'); Takes = @(); In = @('generate', 'edit')
            Again = $false; Help = 'Address that the service reports to.' }
        @{ Names = @('-o', '--output'); Takes = @('FILE'); In = @('generate', 'edit', 'download')
            Again = $false; Help = 'A file, a folder, `-` for stdout, or a template with {id} {prompt} {n} {date} {model} {ratio} {ext}.' }
        @{ Names = @('-f', '--force'); In = @('generate', 'edit', 'download')
            Again = $false; Help = 'Replace a file that exists; if the request is done, pay again for it.' }
        @{ Names = @('--skip-existing'); In = @('generate', 'edit', 'download')
            Again = $false; Help = 'Make nothing where a file is there.' }
        @{ Names = @('--timeout'); Takes = @(); In = @('generate', 'edit', 'status', 'download', 'build')
            Again = $false; Help = 'Longest wait: 90, 90s, 15m; 0 is for ever. [15m]' }
        @{ Names = @('--interval'); Takes = @(); In = @('generate', 'edit', 'status', 'download', 'build')
            Again = $false; Help = 'Time between two looks; adaptive if not given.' }
        @{ Names = @('-n', '--count'); Takes = @(); In = @('generate', 'edit')
            Again = $false; Help = 'So many pictures, 1 to 100.' }
        @{ Names = @('--new'); In = @('generate', 'edit')
            Again = $false; Help = 'Pay again, even if this request is unfinished or done.' }
        @{ Names = @('-y', '--yes'); In = @('generate', 'edit')
            Again = $false; Help = 'Agree to the spending beforehand.' }
        @{ Names = @('--max-credits'); Takes = @(); In = @('generate', 'edit')
            Again = $false; Help = 'Send nothing if the estimate is higher.' }
        @{ Names = @('--dry-run'); In = @('generate', 'edit')
            Again = $false; Help = 'Show request, path and estimate; send nothing.' }
        @{ Names = @('--preview'); In = @('generate', 'edit', 'download')
            Again = $false; Help = 'Show the picture in the terminal.' }
        @{ Names = @('--open'); In = @('generate', 'edit', 'download')
            Again = $false; Help = 'Open the picture in the system''s viewer.' }
        @{ Names = @('--safety-tolerance'); Takes = @('0', '1', '2'); In = @('edit')
            Again = $false; Help = '0 (strictest) to 6; at most 2 when editing.' }
        @{ Names = @('--wait'); In = @('status')
            Again = $false; Help = 'Wait until every named task is final.' }
        @{ Names = @('--limit'); Takes = @(); In = @('status')
            Again = $false; Help = 'Number of latest tasks to list.' }
        @{ Names = @('--all'); In = @('status')
            Again = $false; Help = 'All tasks of this machine.' }
        @{ Names = @('--search'); Takes = @(); In = @('status')
            Again = $false; Help = 'Only tasks whose prompt has these words.' }
        @{ Names = @('--since'); Takes = @(); In = @('status')
            Again = $false; Help = 'Only tasks of the last such period, as `7d`.' }
        @{ Names = @('--state'); Takes = @(); In = @('status')
            Again = $false; Help = 'Only tasks in this state, or `unsaved`.' }
        @{ Names = @('--html'); Takes = @('FILE'); In = @('status')
            Again = $false; Help = 'Write the tasks with their images as an HTML page.' }
        @{ Names = @('--offline'); In = @('status')
            Again = $false; Help = 'Do not ask the service; needs no key.' }
        @{ Names = @('--settle'); Takes = @('not-charged'); In = @('status')
            Again = $false; Help = 'Record what became of a submission of unknown outcome.' }
        @{ Names = @('--unsaved'); In = @('download')
            Again = $false; Help = 'Everything that is paid for and not yet saved.' }
        @{ Names = @('--plan', '--dry-run'); In = @('build')
            Again = $false; Help = 'Show what would be done, and why.' }
        @{ Names = @('--check'); In = @('build')
            Again = $false; Help = 'Like --plan; status 10 if there is work to do.' }
        @{ Names = @('--tag'); Takes = @(); In = @('build', 'assets adopt')
            Again = $true; Help = 'Assets with this tag.' }
        @{ Names = @('--shard'); Takes = @(); In = @('build')
            Again = $false; Help = 'The K-th of N parts, with a lock of its own.' }
        @{ Names = @('-j', '--jobs'); Takes = @(); In = @('build')
            Again = $false; Help = 'N tasks at once. [100]' }
        @{ Names = @('--fail-fast', '--keep-going'); In = @('build')
            Again = $false; Help = 'Begin nothing new after a failure.' }
        @{ Names = @('--locked'); In = @('build')
            Again = $false; Help = 'Fail rather than change the lock.' }
        @{ Names = @('-f', '--force'); In = @('build')
            Again = $false; Help = 'Replace files that were edited by hand.' }
        @{ Names = @('--reroll'); Takes = @(); In = @('build')
            Again = $true; Help = 'Pay again for this asset; repeatable.' }
        @{ Names = @('--no-children'); In = @('build')
            Again = $false; Help = 'With --reroll: leave what is made from it.' }
        @{ Names = @('--candidates'); Takes = @(); In = @('build')
            Again = $false; Help = 'N images of one asset to pick from.' }
        @{ Names = @('--rate'); Takes = @(); In = @('build')
            Again = $false; Help = 'Submissions in 10 s; 20, divided by shards.' }
        @{ Names = @('-y', '--yes'); In = @('build')
            Again = $false; Help = 'Agree beforehand.' }
        @{ Names = @('--max-credits'); Takes = @(); In = @('build')
            Again = $false; Help = 'Spend at most so many credits, by estimate.' }
        @{ Names = @('--report'); Takes = @(); In = @('build')
            Again = $true; Help = 'github, junit=FILE, html=FILE or DIR/; may be repeated.' }
        @{ Names = @('--against'); Takes = @(); In = @('build')
            Again = $false; Help = 'Compare the images in the html report with a commit''s.' }
        @{ Names = @('--since'); Takes = @(); In = @('credits')
            Again = $false; Help = 'What this machine has spent since then, by day; needs no key.' }
        @{ Names = @('--port'); Takes = @(); In = @('sandbox', 'callback listen')
            Again = $false; Help = 'Loopback port; 0 finds a free one.' }
        @{ Names = @('--seconds'); Takes = @(); In = @('sandbox')
            Again = $false; Help = 'How long an image takes.' }
        @{ Names = @('--fault'); Takes = @(); In = @('sandbox')
            Again = $true; Help = 'Misbehave: `submit:reset@2`, `poll:500x3`, `download:truncate`. May be repeated.' }
        @{ Names = @('--print-env'); In = @('sandbox')
            Again = $false; Help = 'Print the variables for the port and exit.' }
        @{ Names = @('-y', '--yes'); In = @('assets prune')
            Again = $false; Help = 'Do not ask.' }
        @{ Names = @('-f', '--force'); In = @('assets prune')
            Again = $false; Help = 'Remove files that were edited by hand, too.' }
        @{ Names = @('--body'); Takes = @('FILE'); In = @('callback verify')
            Again = $false; Help = 'The body as it was received; `-` for stdin.' }
        @{ Names = @('--header'); Takes = @(); In = @('callback verify')
            Again = $true; Help = 'A header of the callback. May be repeated.' }
        @{ Names = @('--max-age'); Takes = @(); In = @('callback verify', 'callback listen')
            Again = $false; Help = 'Age from which a callback is stale. [5m]' }
        @{ Names = @('--path'); Takes = @('FILE'); In = @('callback listen')
            Again = $false; Help = 'The path that callbacks are sent to.' }
        @{ Names = @('--save'); In = @('callback listen')
            Again = $false; Help = 'Save each image once, and print its path.' }
        @{ Names = @('-o', '--output'); Takes = @(); In = @('callback listen')
            Again = $false; Help = 'Where to save: folder or template.' }
    )

    # What stands before the cursor: arguments, flags, and last a flag that waits for its value.
    $line = @($commandAst.CommandElements | ForEach-Object { $_.Extent } |
        Where-Object { $_.EndOffset -lt $cursorPosition } | ForEach-Object { $_.Text })
    $taking = @($flags | Where-Object { $_.ContainsKey('Takes') } | ForEach-Object { $_.Names })
    $arguments = @()
    $given = @()
    $waiting = ''
    foreach ($word in $line | Select-Object -Skip 1) {
        if ($waiting) {
            $waiting = ''
        } elseif ($word -like '-?*') {
            $given += ($word -split '=')[0]
            if ($taking -ccontains $word) { $waiting = $word }
        } else {
            $arguments += $word
        }
    }
    $depth = if ("$($arguments | Select-Object -First 1)" -cin 'assets', 'callback', 'config') { 2 } else { 1 }
    $command = @($arguments | Select-Object -First $depth) -join ' '
    $first = $arguments.Count -eq $depth
    $mine = @($flags | Where-Object { -not $_.ContainsKey('In') -or $_.In -ccontains $command })

    $before = ''
    $typed = $wordToComplete
    if (-not $waiting -and $typed -match '^(--[a-z-]+)=(.*)$') {
        $waiting, $typed, $before = $Matches[1], $Matches[2], "$($Matches[1])="
    }

    function Offer($text, $help, $type = 'ParameterValue') {
        if ($text.StartsWith($typed)) {
            # A bare @ would mean something else to PowerShell.
            $inserted = if ($text.StartsWith('@')) { "'$text'" } else { "$before$text" }
            [System.Management.Automation.CompletionResult]::new($inserted, $text, $type, $help)
        }
    }

    function OfferTasks($mark) {
        $typed = $typed.Trim("'", '"')
        $world = @($given | Where-Object { $_ -ceq '--sandbox' })
        Offer '@last' 'the latest task'
        & $line[0] status --offline --limit 50 @world 2>$null | Select-Object -Skip 1 |
            ForEach-Object { Offer "$mark$(($_ -split ' ')[0])" $_ }
    }

    # Files are what PowerShell itself offers where nothing is offered here.
    function OfferValues($takes) {
        switch -CaseSensitive ($takes) {
            'FILE' { }
            'IMAGE' { if ($typed -match '^[''"]?@') { OfferTasks '@' } }
            'TASK' { OfferTasks '' }
            default { Offer $_ $_ }
        }
    }

    if ($waiting) {
        $mine | Where-Object { $_.Names -ccontains $waiting } |
            ForEach-Object { OfferValues $_.Takes }
    } elseif ($typed.StartsWith('-')) {
        foreach ($flag in $mine) {
            $used = @($flag.Names | Where-Object { $given -ccontains $_ })
            if ($flag.Again -or -not $used) {
                $flag.Names | Where-Object { $_.StartsWith('--') } |
                    ForEach-Object { Offer $_ $flag.Help 'ParameterName' }
            }
        }
    } else {
        $words | Where-Object { $_.After -ceq ($arguments -join ' ') } |
            ForEach-Object { Offer $_.Word $_.Help }
        $places | Where-Object { $_.In -ccontains $command -and ($first -or $_.Again) } |
            ForEach-Object { OfferValues $_.Takes }
    }
}
