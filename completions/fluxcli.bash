# bash completion for fluxcli. Made by `python -m fluxcli.completion`; do not edit.
# Load it with: eval "$(fluxcli completion bash)"
# All commands and flags are in this script: only for tasks, assets and presets a process is started.

# What the flag $1 takes; fails if it takes nothing.
_fluxcli_value() {
  case $1 in
    --color) next='auto always never' ;;
    --api) next='auto kontext jobs' ;;
    --prompts | --prompt-file | --html | --body | --path) next='FILE' ;;
    --save-as | -p | --prompt | --preset | --watermark | --callback-url | --timeout | \
      --interval | -n | --count | --max-credits | --limit | --search | --since | --tag | \
      --shard | -j | --jobs | --candidates | --rate | --report | --against | --port | \
      --seconds | --fault | --header | --max-age) next='' ;;
    --again) next='TASK' ;;
    -m | --model) next='pro max' ;;
    -a | --aspect-ratio) next='21:9 16:9 4:3 1:1 3:4 9:16' ;;
    --output-format) next='jpeg png' ;;
    --safety-tolerance)
      next='0 1 2 3 4 5 6'
      if [[ $command == 'edit' ]]; then next='0 1 2'; fi
      ;;
    -o | --output)
      next='FILE'
      if [[ $command == 'callback listen' ]]; then next=''; fi
      ;;
    --metadata) next='none sidecar embed' ;;
    --settle) next='not-charged' ;;
    --state) next='unsaved sending running succeeded saved failed refused unknown' ;;
    --reroll) next='ASSET' ;;
    --list) next='tasks assets presets' ;;
    *) return 1 ;;
  esac
}

# The flags of the command, one name or another, and what its arguments are.
_fluxcli_command() {
  local shared='--json -q|--quiet -v|--verbose --debug --sandbox --color --api --no-input
    -h|--help'
  case $command in
    '')
      flags='--version'
      takes=('generate edit status download build credits sandbox completion help assets
        callback config')
      ;;
    'generate')
      flags='--prompts --save-as -p|--prompt --prompt-file --again --preset --no-wait -m|--model
        -a|--aspect-ratio --output-format --safety-tolerance
        --prompt-upsampling|--no-prompt-upsampling --enable-translation|--no-enable-translation
        --upload-cn|--no-upload-cn --watermark --callback-url -o|--output -f|--force --metadata
        --skip-existing --timeout --interval -n|--count --new -y|--yes --max-credits --dry-run
        --preview --open'
      ;;
    'edit')
      flags='-p|--prompt --prompt-file --again --preset --no-wait -m|--model -a|--aspect-ratio
        --output-format --safety-tolerance --prompt-upsampling|--no-prompt-upsampling
        --enable-translation|--no-enable-translation --upload-cn|--no-upload-cn --watermark
        --callback-url -o|--output -f|--force --metadata --skip-existing --timeout --interval
        -n|--count --new -y|--yes --max-credits --dry-run --preview --open'
      takes=('IMAGE')
      ;;
    'status')
      flags='--wait --offline --settle --limit --all --search --since --state --html --timeout
        --interval'
      takes=('TASK...')
      ;;
    'download')
      flags='--unsaved -o|--output -f|--force --metadata --skip-existing --timeout --interval
        --preview --open'
      takes=('TASK...')
      ;;
    'build')
      flags='--plan|--dry-run --check --tag... --shard -j|--jobs --fail-fast|--keep-going
        --locked -f|--force --reroll... --no-children --candidates --rate -y|--yes --max-credits
        --report... --against --timeout --interval'
      takes=('ASSET...')
      ;;
    'credits') flags='--since' ;;
    'sandbox') flags='--port --seconds --fault... --print-env --ledger' ;;
    'completion')
      flags='--list'
      takes=('bash zsh fish powershell')
      ;;
    'help')
      takes=('generate edit status download build assets credits sandbox callback config
        completion help exit-codes environment json templates money manifest agents...')
      ;;
    'assets') takes=('init explain adopt pick prune merge schema') ;;
    'assets init') takes=('FILE') ;;
    'assets explain' | 'assets pick') takes=('ASSET...') ;;
    'assets adopt')
      flags='--tag...'
      takes=('ASSET...')
      ;;
    'assets prune')
      flags='-y|--yes -f|--force'
      takes=('FILE...')
      ;;
    'assets merge') takes=('FILE...') ;;
    'assets schema' | 'config path' | 'config list' | 'config edit' | 'config check') ;;
    'callback') takes=('verify listen') ;;
    'callback verify') flags='--body --header... --max-age' ;;
    'callback listen') flags='--port --path --save -o|--output --max-age' ;;
    'config') takes=('path list get set unset edit check') ;;
    'config get')
      takes=('base_url upload_url api timeout interval output metadata preset webhook_hmac_key
        bell color history_limit max_credits max_credits_per_day json quiet verbose debug
        no_input sandbox generate.model generate.aspect_ratio generate.output_format
        generate.safety_tolerance generate.prompt_upsampling generate.enable_translation
        generate.upload_cn generate.watermark generate.callback_url edit.model edit.aspect_ratio
        edit.output_format edit.safety_tolerance edit.prompt_upsampling edit.enable_translation
        edit.upload_cn edit.watermark edit.callback_url')
      ;;
    'config set' | 'config unset')
      takes=('api_key base_url upload_url api timeout interval output metadata preset
        webhook_hmac_key bell color history_limit max_credits_per_day generate.model
        generate.aspect_ratio generate.output_format generate.safety_tolerance
        generate.prompt_upsampling generate.enable_translation generate.upload_cn
        generate.watermark generate.callback_url edit.model edit.aspect_ratio edit.output_format
        edit.safety_tolerance edit.prompt_upsampling edit.enable_translation edit.upload_cn
        edit.watermark edit.callback_url')
      ;;
  esac
  flags+=" $shared"
}

# Offer the words that begin as typed, less the `head` that readline leaves as it is.
_fluxcli_offer() {
  local word
  for word in "$@"; do
    if [[ $word == "$typed"* ]]; then
      word=$before$word
      COMPREPLY+=("${word#"$head"}")
    fi
  done
}

# Offer the names of the kind $1, with $2 in front. In a list they stand with their descriptions.
_fluxcli_names() {
  local name description listed=("${COMPREPLY[@]}") sandbox='' width=$((${COLUMNS:-80} - 4))
  if [[ $given == *' --sandbox '* ]]; then sandbox=--sandbox; fi
  compopt -o nosort 2>/dev/null
  while IFS=$'\t' read -r name description; do
    if [[ $name != @* ]]; then name=$2$name; fi
    if [[ $name != "$typed"* ]]; then continue; fi
    _fluxcli_offer "$name"
    description="${COMPREPLY[${#COMPREPLY[@]} - 1]}  -- $description"
    listed+=("${description:0:width}")
  done < <(
    if [[ $1 == tasks ]]; then printf '@last\tthe latest task\n'; fi
    "${words[0]/#\~/$HOME}" completion --list "$1" $sandbox 2>/dev/null
  )
  # TAB lists with 9 and 63; other types insert what they are given.
  if [[ ${COMP_TYPE-} =~ ^(9|63)$ ]] && ((${#COMPREPLY[@]} > 1)); then
    COMPREPLY=("${listed[@]}")
  fi
}

# Offer assets of the manifest that was named, or is found; and manifests.
_fluxcli_assets() {
  local file kind=assets word
  for word in "${arguments[@]}"; do
    if [[ $word == *.toml ]]; then kind=$word; fi
  done
  if [[ $kind == assets && -z $flag ]]; then
    while read -r file; do _fluxcli_offer "$file"; done < <(compgen -f -X '!*.toml' -- "$typed")
  fi
  _fluxcli_names "$kind" ''
}

# Offer the flags of which no name is given yet; those with dots may be given again.
_fluxcli_flags() {
  local either name
  for either in $flags; do
    for name in ${either//|/ }; do
      if [[ $given == *" $name "* ]]; then continue 2; fi
    done
    for name in ${either//|/ }; do
      if [[ $name == --* ]]; then _fluxcli_offer "${name%...}"; fi
    done
  done
}

_fluxcli() {
  local IFS=$' \t\n' arguments=() before='' command='' flag='' flags='' given=' ' head i
  local line=$COMP_LINE next='' part takes=() typed word words=()
  COMPREPLY=()

  # What readline splits at `:`, `=` and `@` is one word again.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    part=${COMP_WORDS[i]}
    if ((i)) && [[ $line != [[:space:]]* ]]; then
      words[${#words[@]} - 1]+=$part
    else
      words+=("$part")
    fi
    line=${line#*"$part"}
  done
  typed=${words[${#words[@]} - 1]}
  head=${typed%"$2"}

  # Sort what stands before the cursor.
  for ((i = 1; i < ${#words[@]} - 1; i++)); do
    word=${words[i]}
    if [[ $flag ]]; then
      flag=''
    elif [[ $word == -- ]]; then
      arguments+=("${words[@]:i + 1:${#words[@]} - i - 2}")
      given='' # nothing is a flag any more
      break
    elif [[ $word == -?* ]]; then
      given+="${word%%=*} "
      if _fluxcli_value "$word"; then flag=$word; fi
    elif [[ -z $command || ' assets callback config ' == *" $command "* ]]; then
      command=${command:+$command }$word
    else
      arguments+=("$word")
    fi
  done
  _fluxcli_command

  if [[ -z $flag && $given && $typed == --*=* ]]; then
    flag=${typed%%=*} before=$flag= typed=${typed#*=}
  fi
  if [[ $flag ]]; then
    _fluxcli_value "$flag"
  elif [[ $given && $typed == -* ]]; then
    next=FLAG
  else
    next=${takes[${#arguments[@]}]-}
    if [[ -z $next && ${takes[0]-} == *... ]]; then next=${takes[0]}; fi
  fi
  # shellcheck disable=SC2086 # the words are offered one by one
  case ${next%...} in
    FLAG) _fluxcli_flags ;;
    FILE) compopt -o default ;;
    TASK) _fluxcli_names tasks '' ;;
    IMAGE) if [[ $typed == @* ]]; then _fluxcli_names tasks @; else compopt -o default; fi ;;
    ASSET) _fluxcli_assets ;;
    PRESET) _fluxcli_names presets '' ;;
    *) _fluxcli_offer $next ;;
  esac
}

complete -F _fluxcli fluxcli
