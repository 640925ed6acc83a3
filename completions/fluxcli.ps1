# PowerShell completion for fluxcli. Made by `python -m fluxcli.completion`; do not edit.
# Load it with: fluxcli completion powershell | Out-String | Invoke-Expression
# All commands and flags are in this script: only for tasks, assets and presets a process is started.

Register-ArgumentCompleter -Native -CommandName fluxcli -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $words = @(
        @{ After = ''; Word = 'generate'; Help = 'Make an image from a prompt and print the path of the saved file' }
        @{ After = ''; Word = 'edit'; Help = 'Change an image as a prompt describes and print the path of the saved file' }
        @{ After = ''; Word = 'status'; Help = 'Show the tasks of this machine, or all details of some of them' }
        @{ After = ''; Word = 'download'; Help = 'Save the images of tasks, after waiting for those that still run' }
        @{ After = ''; Word = 'build'; Help = 'Make the images that a manifest declares: only those that are new or changed' }
        @{ After = ''; Word = 'credits'; Help = 'Print the balance of the account, or what this machine has spent' }
        @{ After = ''; Word = 'sandbox'; Help = 'Serve the stand-in service on a loopback port until Ctrl-C' }
        @{ After = ''; Word = 'completion'; Help = 'Print the completion script of a shell' }
        @{ After = ''; Word = 'help'; Help = 'Print the help of a command, or of a topic' }
        @{ After = ''; Word = 'assets'; Help = 'Maintain the manifest assets.toml and its lock' }
        @{ After = ''; Word = 'callback'; Help = 'Check callbacks of the service, or receive them' }
        @{ After = ''; Word = 'config'; Help = 'Show, change and check the settings' }
        @{ After = 'assets'; Word = 'init'; Help = 'Write an example manifest, and the entries that git needs for the lock' }
        @{ After = 'assets'; Word = 'explain'; Help = 'Show the resolved request of assets, where each value is set, and why they are stale' }
        @{ After = 'assets'; Word = 'adopt'; Help = 'Accept the files on disk as the images of assets, e.g. after optimising them in place' }
        @{ After = 'assets'; Word = 'pick'; Help = 'Make a candidate''s number, a task or a file the image of an asset, at no cost' }
        @{ After = 'assets'; Word = 'prune'; Help = 'Remove the files that the lock knows and the manifest no longer declares' }
        @{ After = 'assets'; Word = 'merge'; Help = 'Join the locks of shards, or any locks of one project, into the manifest''s lock' }
        @{ After = 'assets'; Word = 'schema'; Help = 'Print the JSON Schema of manifests, for editors' }
        @{ After = 'callback'; Word = 'verify'; Help = 'Check the signature of one callback' }
        @{ After = 'callback'; Word = 'listen'; Help = 'Receive callbacks on 127.0.0.1 until Ctrl-C, and print a line of JSON for each' }
        @{ After = 'config'; Word = 'path'; Help = 'Print the path of the config file, whether it exists or not' }
        @{ After = 'config'; Word = 'list'; Help = 'Show every setting, its value, and where the value comes from' }
        @{ After = 'config'; Word = 'get'; Help = 'Print the value of a setting, or an empty line if it has none' }
        @{ After = 'config'; Word = 'set'; Help = 'Write a setting to the config file' }
        @{ After = 'config'; Word = 'unset'; Help = 'Remove a setting from the config file' }
        @{ After = 'config'; Word = 'edit'; Help = 'Open the config file in an editor, and check it afterwards' }
        @{ After = 'config'; Word = 'check'; Help = 'Check settings, folders, key, network and credits' }
    )
    $places = @(
        @{ In = @('edit'); Again = $false; Takes = @('IMAGE')
        }
        @{ In = @('status', 'download'); Again = $true; Takes = @('TASK')
        }
        @{ In = @('build', 'assets explain', 'assets adopt', 'assets pick'); Again = $true; Takes
          = @('ASSET')
        }
        @{ In = @('completion'); Again = $false; Takes = @('bash', 'zsh', 'fish', 'powershell')
        }
        @{ In = @('help'); Again = $true; Takes = @('generate', 'edit', 'status', 'download',
          'build', 'assets', 'credits', 'sandbox', 'callback', 'config', 'completion', 'help',
          'exit-codes', 'environment', 'json', 'templates', 'money', 'manifest', 'agents')
        }
        @{ In = @('assets init'); Again = $false; Takes = @('FILE')
        }
        @{ In = @('assets prune', 'assets merge'); Again = $true; Takes = @('FILE')
        }
        @{ In = @('config get'); Again = $false; Takes = @('base_url', 'upload_url', 'api',
          'timeout', 'interval', 'output', 'metadata', 'preset', 'webhook_hmac_key', 'bell',
          'color', 'history_limit', 'max_credits', 'max_credits_per_day', 'json', 'quiet',
          'verbose', 'debug', 'no_input', 'sandbox', 'generate.model', 'generate.aspect_ratio',
          'generate.output_format', 'generate.safety_tolerance', 'generate.prompt_upsampling',
          'generate.enable_translation', 'generate.upload_cn', 'generate.watermark',
          'generate.callback_url', 'edit.model', 'edit.aspect_ratio', 'edit.output_format',
          'edit.safety_tolerance', 'edit.prompt_upsampling', 'edit.enable_translation',
          'edit.upload_cn', 'edit.watermark', 'edit.callback_url')
        }
        @{ In = @('config set', 'config unset'); Again = $false; Takes = @('api_key', 'base_url',
          'upload_url', 'api', 'timeout', 'interval', 'output', 'metadata', 'preset',
          'webhook_hmac_key', 'bell', 'color', 'history_limit', 'max_credits_per_day',
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
            Again = $false; Help = 'Show the version' }
        @{ Names = @('--json')
            Again = $false; Help = 'Print JSON on stdout, one object a line' }
        @{ Names = @('-q', '--quiet')
            Again = $false; Help = 'Print errors only, and warnings about money' }
        @{ Names = @('-v', '--verbose')
            Again = $false; Help = 'Print more detail' }
        @{ Names = @('--debug')
            Again = $false; Help = 'Print a trace of the HTTP traffic, without the key' }
        @{ Names = @('--sandbox')
            Again = $false; Help = 'Use the stand-in service: no key, no network, no cost' }
        @{ Names = @('--color'); Takes = @('auto', 'always', 'never')
            Again = $false; Help = 'When to use colours' }
        @{ Names = @('--api'); Takes = @('auto', 'kontext', 'jobs')
            Again = $false; Help = 'The wire format of the service' }
        @{ Names = @('--no-input')
            Again = $false; Help = 'Never ask questions' }
        @{ Names = @('-h', '--help')
            Again = $false; Help = 'Show this message and exit' }
        @{ Names = @('--prompts'); Takes = @('FILE'); In = @('generate')
            Again = $false; Help = 'Make an image for each line: a prompt, or a JSON object with request fields and `output`; `-` reads stdin' }
        @{ Names = @('--save-as'); Takes = @(); In = @('generate')
            Again = $false; Help = 'Declare the image as an asset in assets.toml, for `fluxcli build`' }
        @{ Names = @('-p', '--prompt'); Takes = @(); In = @('generate', 'edit')
            Again = $false; Help = 'The prompt, even if it looks like a command or a file' }
        @{ Names = @('--prompt-file'); Takes = @('FILE'); In = @('generate', 'edit')
            Again = $false; Help = 'Read the prompt from a file, or from stdin for `-`' }
        @{ Names = @('--again'); Takes = @('TASK'); In = @('generate', 'edit')
            Again = $false; Help = 'Make an earlier task''s request again, changed by the flags given; paid again' }
        @{ Names = @('--preset'); Takes = @(); In = @('generate', 'edit')
            Again = $false; Help = 'Use the request fields and the style of `[presets.NAME]` in the config file' }
        @{ Names = @('--no-wait'); In = @('generate', 'edit')
            Again = $false; Help = 'Print the task''s id and exit' }
        @{ Names = @('-m', '--model'); Takes = @('pro', 'max'); In = @('generate', 'edit')
            Again = $false; Help = 'The model: pro (5 credits) or max (10)' }
        @{ Names = @('-a', '--aspect-ratio'); Takes = @('21:9', '16:9', '4:3', '1:1', '3:4', '9:16'); In = @('generate', 'edit')
            Again = $false; Help = 'Width to height: 21:9, 16:9, 4:3, 1:1, 3:4, 9:16; an edit keeps its input''s unless it is set' }
        @{ Names = @('--output-format'); Takes = @('jpeg', 'png'); In = @('generate', 'edit')
            Again = $false; Help = 'File format: jpeg or png; taken from the output''s ending when not given' }
        @{ Names = @('--safety-tolerance'); Takes = @('0', '1', '2', '3', '4', '5', '6'); In = @('generate')
            Again = $false; Help = '0 (strictest) to 6; at most 2 when editing' }
        @{ Names = @('--prompt-upsampling', '--no-prompt-upsampling'); In = @('generate', 'edit')
            Again = $false; Help = 'Let the service extend the prompt; slower' }
        @{ Names = @('--enable-translation', '--no-enable-translation'); In = @('generate', 'edit')
            Again = $false; Help = 'Let the service translate the prompt into English' }
        @{ Names = @('--upload-cn', '--no-upload-cn'); In = @('generate', 'edit')
            Again = $false; Help = 'Use servers in China' }
        @{ Names = @('--watermark'); Takes = @(); In = @('generate', 'edit')
            Again = $false; Help = 'Text that is drawn into the image' }
        @{ Names = @('--callback-url'); Takes = @(); In = @('generate', 'edit')
            Again = $false; Help = 'URL that the service calls when the task is finished' }
        @{ Names = @('-o', '--output'); Takes = @('FILE'); In = @('generate', 'edit', 'download')
            Again = $false; Help = 'A file, a folder, `-` for stdout, or a template with {id} {prompt} {n} {date} {model} {ratio} {ext}. [{prompt}-{id}.{ext}]' }
        @{ Names = @('-f', '--force'); In = @('generate', 'edit', 'download')
            Again = $false; Help = 'Replace a file that exists; if the request is done, pay again for it' }
        @{ Names = @('--metadata'); Takes = @('none', 'sidecar', 'embed'); In = @('generate', 'edit', 'download')
            Again = $false; Help = 'Keep request, task and version in FILE.json or inside the image' }
        @{ Names = @('--skip-existing'); In = @('generate', 'edit', 'download')
            Again = $false; Help = 'Make no image whose file exists' }
        @{ Names = @('--timeout'); Takes = @(); In = @('generate', 'edit', 'status', 'download', 'build')
            Again = $false; Help = 'How long to wait for the result, as 90s, 15m or 2h; 0: no limit. The answer to a submission that was sent, and the download of a finished image, may each take up to 2 minutes more. [15m]' }
        @{ Names = @('--interval'); Takes = @(); In = @('generate', 'edit', 'status', 'download', 'build')
            Again = $false; Help = 'The polling interval; adaptive if not given' }
        @{ Names = @('-n', '--count'); Takes = @(); In = @('generate', 'edit')
            Again = $false; Help = 'Number of images, 1 to 100' }
        @{ Names = @('--new'); In = @('generate', 'edit')
            Again = $false; Help = 'Pay again, even if this request is unfinished or done' }
        @{ Names = @('-y', '--yes'); In = @('generate', 'edit', 'build')
            Again = $false; Help = 'Agree to the estimated cost in advance' }
        @{ Names = @('--max-credits'); Takes = @(); In = @('generate', 'edit')
            Again = $false; Help = 'Send nothing if the estimate is above N credits' }
        @{ Names = @('--dry-run'); In = @('generate', 'edit')
            Again = $false; Help = 'Print the request, the output paths and the estimate; send nothing' }
        @{ Names = @('--preview'); In = @('generate', 'edit', 'download')
            Again = $false; Help = 'Show the image in the terminal' }
        @{ Names = @('--open'); In = @('generate', 'edit', 'download')
            Again = $false; Help = 'Open the image in the system''s viewer' }
        @{ Names = @('--safety-tolerance'); Takes = @('0', '1', '2'); In = @('edit')
            Again = $false; Help = '0 (strictest) to 6; at most 2 when editing' }
        @{ Names = @('--wait'); In = @('status')
            Again = $false; Help = 'Wait until every named task is final' }
        @{ Names = @('--offline'); In = @('status')
            Again = $false; Help = 'Print what the journal has, without network or key' }
        @{ Names = @('--settle'); Takes = @('not-charged'); In = @('status')
            Again = $false; Help = 'Record what became of a submission whose outcome is unknown' }
        @{ Names = @('--limit'); Takes = @(); In = @('status')
            Again = $false; Help = 'How many of the latest tasks to list' }
        @{ Names = @('--all'); In = @('status')
            Again = $false; Help = 'List all tasks of this machine' }
        @{ Names = @('--search'); Takes = @(); In = @('status')
            Again = $false; Help = 'List only tasks whose prompt has these words' }
        @{ Names = @('--since'); Takes = @(); In = @('status')
            Again = $false; Help = 'List only tasks that are not older, as 12h or 7d' }
        @{ Names = @('--state'); Takes = @('unsaved', 'sending', 'running', 'succeeded', 'saved', 'failed', 'refused', 'unknown'); In = @('status')
            Again = $false; Help = 'List only tasks in this state, or `unsaved`' }
        @{ Names = @('--html'); Takes = @('FILE'); In = @('status')
            Again = $false; Help = 'Write the tasks with their images as an HTML page' }
        @{ Names = @('--unsaved'); In = @('download')
            Again = $false; Help = 'Save everything that is paid for and not saved yet' }
        @{ Names = @('--plan', '--dry-run'); In = @('build')
            Again = $false; Help = 'Print what would be done, and why; send nothing' }
        @{ Names = @('--check'); In = @('build')
            Again = $false; Help = 'As `--plan`, with status 10 if there is work to do' }
        @{ Names = @('--tag'); Takes = @(); In = @('build')
            Again = $true; Help = 'Only assets with this tag' }
        @{ Names = @('--shard'); Takes = @(); In = @('build')
            Again = $false; Help = 'The K-th of N parts, with a lock of its own' }
        @{ Names = @('-j', '--jobs'); Takes = @(); In = @('build')
            Again = $false; Help = 'At most N tasks at once. [100]' }
        @{ Names = @('--fail-fast', '--keep-going'); In = @('build')
            Again = $false; Help = 'Submit nothing more after a failure' }
        @{ Names = @('--locked'); In = @('build')
            Again = $false; Help = 'Fail instead of changing the lock' }
        @{ Names = @('-f', '--force'); In = @('build')
            Again = $false; Help = 'Replace files that were edited by hand' }
        @{ Names = @('--reroll'); Takes = @('ASSET'); In = @('build')
            Again = $true; Help = 'Make this asset again and pay for it; may be repeated' }
        @{ Names = @('--no-children'); In = @('build')
            Again = $false; Help = 'With `--reroll`: do not make the edits of that image again' }
        @{ Names = @('--candidates'); Takes = @(); In = @('build')
            Again = $false; Help = 'Make N images of one asset, for `fluxcli assets pick`' }
        @{ Names = @('--rate'); Takes = @(); In = @('build')
            Again = $false; Help = 'At most N submissions in 10 seconds [20, divided by the number of shards]' }
        @{ Names = @('--max-credits'); Takes = @(); In = @('build')
            Again = $false; Help = 'Submit nothing that would take the estimate above N credits' }
        @{ Names = @('--report'); Takes = @(); In = @('build')
            Again = $true; Help = 'Write a report: github, junit=FILE, html=FILE or html=DIR/; may be repeated' }
        @{ Names = @('--against'); Takes = @(); In = @('build')
            Again = $false; Help = 'Compare the images in the html report with those of a git commit' }
        @{ Names = @('--since'); Takes = @(); In = @('credits')
            Again = $false; Help = 'Print what this machine has spent in this time, by day; needs no key' }
        @{ Names = @('--port'); Takes = @(); In = @('sandbox')
            Again = $false; Help = 'Loopback port; 0 finds a free one' }
        @{ Names = @('--seconds'); Takes = @(); In = @('sandbox')
            Again = $false; Help = 'How long an image takes, in seconds' }
        @{ Names = @('--fault'); Takes = @(); In = @('sandbox')
            Again = $true; Help = 'Fail on purpose, as `submit:reset@2`, `poll:500x3`, `download:truncate`; may be repeated' }
        @{ Names = @('--print-env'); In = @('sandbox')
            Again = $false; Help = 'Print the variables for the port, and exit' }
        @{ Names = @('--ledger'); In = @('sandbox')
            Again = $false; Help = 'Print the tasks that it has charged for, and exit' }
        @{ Names = @('--list'); Takes = @('tasks', 'assets', 'presets'); In = @('completion')
            Again = $false; Help = 'Print the names that the scripts offer (of a manifest: its assets), each with its description behind a tab' }
        @{ Names = @('--tag'); Takes = @(); In = @('assets adopt')
            Again = $true; Help = 'Assets with this tag' }
        @{ Names = @('-y', '--yes'); In = @('assets prune')
            Again = $false; Help = 'Do not ask' }
        @{ Names = @('-f', '--force'); In = @('assets prune')
            Again = $false; Help = 'Remove files that were edited by hand, too' }
        @{ Names = @('--body'); Takes = @('FILE'); In = @('callback verify')
            Again = $false; Help = 'The body as it was received; `-` for stdin' }
        @{ Names = @('--header'); Takes = @(); In = @('callback verify')
            Again = $true; Help = 'A header of the callback. May be repeated' }
        @{ Names = @('--max-age'); Takes = @(); In = @('callback verify', 'callback listen')
            Again = $false; Help = 'Age from which a callback is stale. [5m]' }
        @{ Names = @('--port'); Takes = @(); In = @('callback listen')
            Again = $false; Help = 'Loopback port; 0 finds a free one' }
        @{ Names = @('--path'); Takes = @('FILE'); In = @('callback listen')
            Again = $false; Help = 'The path that callbacks are sent to' }
        @{ Names = @('--save'); In = @('callback listen')
            Again = $false; Help = 'Save each image once, and print its path' }
        @{ Names = @('-o', '--output'); Takes = @(); In = @('callback listen')
            Again = $false; Help = 'Where to save: folder or template' }
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
    $depth = if ("$($arguments | Select-Object -First 1)" -cin @('assets', 'callback', 'config')) { 2 } else { 1 }
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
            # A bare @, [ or comma means something else to PowerShell.
            $inserted = if ($text -match '^@|[,\[\]]') { "'$text'" } else { "$before$text" }
            [System.Management.Automation.CompletionResult]::new($inserted, $text, $type, $help)
        }
    }

    function OfferNames($kind, $mark) {
        $sandbox = @($given | Where-Object { $_ -ceq '--sandbox' })
        & $line[0] completion --list $kind @sandbox 2>$null | ForEach-Object {
            $name, $help = $_ -split "`t", 2
            Offer "$mark$name" $(if ($help) { $help } else { $name })
        }
    }

    function OfferTasks($mark) {
        $typed = $typed.Trim("'", '"')
        Offer '@last' 'the latest task'
        OfferNames 'tasks' $mark
    }

    function OfferAssets {
        $manifest = @($arguments | Where-Object { $_ -like '*.toml' })
        if ($manifest) {
            OfferNames $manifest[0] ''
        } else {
            OfferNames 'assets' ''
            if (-not $waiting) {
                Get-ChildItem -Name '*.toml' | ForEach-Object { Offer $_ 'manifest' }
            }
        }
    }

    # Files are what PowerShell itself offers where nothing is offered here.
    function OfferValues($takes) {
        switch -CaseSensitive ($takes) {
            'FILE' { }
            'IMAGE' { if ($typed -match '^[''"]?@') { OfferTasks '@' } }
            'TASK' { OfferTasks '' }
            'ASSET' { OfferAssets }
            'PRESET' { OfferNames 'presets' '' }
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
