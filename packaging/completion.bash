# SPDX-License-Identifier: Apache-2.0
# bash completion for georelay. Commands and options are asked of the program itself, so that none is ever missing here.

_georelay_commands() {
    "$1" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p'
}

# Words that may follow a command: "usage: georelay pki init".
_georelay_subcommands() {
    "$1" "$2" --help 2>/dev/null | sed -n "s/^\(usage:\|      \) georelay $2 \([a-z][a-z]*\)\( .*\)\{0,1\}$/\2/p"
}

_georelay_options() {
    "$1" "$2" --help 2>/dev/null | sed -n 's/^  \(-[^ ].*\)/\1/p' | grep -o -E '^(-[a-z], )?--?[a-z][a-z-]*' | tr -d ','
}

# What the value of an option is called, as in "-c, --config FILE"; nothing for an option without.
_georelay_value() {
    "$1" "$2" --help 2>/dev/null | sed -n "s/^  \(-[a-z], \)\{0,1\}$3 \([A-Z][A-Z:=]*\) .*/\2/p
        s/^  $3, --[a-z-]* \([A-Z][A-Z:=]*\) .*/\1/p" | head -n 1
}

_georelay_complete_value() {
    local option=$1 value=$2 current=$3

    case $option in
    --format) mapfile -t COMPREPLY < <(compgen -W "table nft netsh" -- "$current") ;;
    --place) mapfile -t COMPREPLY < <(compgen -W "outer host inner outer,inner" -- "$current") ;;
    --policy) mapfile -t COMPREPLY < <(compgen -W "drop accept" -- "$current") ;;
    --interface) mapfile -t COMPREPLY < <(compgen -W "$(ls /sys/class/net 2>/dev/null)" -- "$current") ;;
    *)
        case $value in
        FILE) compopt -o filenames 2>/dev/null || true; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
        DIR) compopt -o filenames 2>/dev/null || true; mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
        USER) mapfile -t COMPREPLY < <(compgen -u -- "$current") ;;
        esac
        ;;
    esac
}

_georelay() {
    local program=${COMP_WORDS[0]} command=${COMP_WORDS[1]} current=${COMP_WORDS[COMP_CWORD]}
    local before=${COMP_WORDS[COMP_CWORD - 1]} value

    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_georelay_commands "$program") help --help --version" -- "$current")
        return
    fi
    # The name of a command goes into a pattern.
    [[ $command =~ ^[a-z][a-z-]*$ ]] || return 0
    if [[ $before =~ ^--?[a-z][a-z-]*$ ]]; then
        value=$(_georelay_value "$program" "$command" "$before")
        if [[ -n $value ]]; then
            _georelay_complete_value "$before" "$value" "$current"
            return
        fi
    fi
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_georelay_options "$program" "$command")" -- "$current")
        return
    fi
    if [[ $COMP_CWORD -eq 2 ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_georelay_subcommands "$program" "$command")" -- "$current")
        [[ ${#COMPREPLY[@]} -eq 0 ]] || return 0
    fi
    case $command in
    import-iis | enroll)
        compopt -o filenames 2>/dev/null || true
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        ;;
    esac
}

complete -F _georelay georelay
