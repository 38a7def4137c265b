#!/usr/bin/env bash
# Replay the golden sessions (*.txt beside this file): one test a command.
#   # …             a comment; `# args: …` are the program's arguments in the sessions that follow
#   vecscope> LINE  a line at the prompt; lines in a row are one session
#   $ COMMAND       a command line (bash reads it; $T is a folder for files, it starts empty in each file)
# In a page (*.md) that holds only between lines of ```, and `<!-- args: … -->` gives the arguments; all else is prose.
# and below each what it prints: then, for a command line, `stderr: …` and `exit: N` where that is not 0.
# tests/golden/compare.awk says what counts as the same.  GOLDEN_UPDATE=1 writes what is printed now where it differs.
# usage: test_golden.sh [FILE…]    ends in `N passed, N failed`
set -uo pipefail
cd "$(dirname "$0")/../.."
program=$(realpath "${VECSCOPE:-./vecscope}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset NO_COLOR PAGER
export XDG_DATA_HOME="$work/data" XDG_STATE_HOME="$work/state" LC_ALL=C.UTF-8
passed=0 failed=0
prompt='vecscope> ' shell='$ '

# read_file FILE - kind[i] (session, shell, comment), text[i], want[i], args[i] of each block.
read_file() {
    kind=() text=() want=() args=()
    local n=-1 now="" line page="" fence=""
    [[ $1 != *.md ]] || page=1
    while IFS= read -r line || [ -n "$line" ]; do
        case "$line" in
            '# args:'*) now=${line#'# args:'} ;;
            '<!-- args:'*) now=${line#'<!-- args:'} now=${now%'-->'} ;;
            '```'*) [ -n "$fence" ] && fence="" || fence=1 ;;
        esac
        if [ -n "$page" ] && { [ -z "$fence" ] || [[ $line == '```'* ]]; }; then
            kind[++n]=comment text[n]=$line want[n]="" args[n]=""
            continue
        fi
        case "$line" in
            '#'*) kind[++n]=comment text[n]=$line want[n]="" args[n]="" ;;
            "$prompt"*) kind[++n]=session text[n]=${line#"$prompt"} want[n]="" args[n]=$now ;;
            "$shell"*) kind[++n]=shell text[n]=$line want[n]="" args[n]="" ;;
            *) [ "$n" -lt 0 ] || want[n]+=$line$'\n' ;;
        esac
    done <"$1"
}

vecscope() { "$program" "$@"; }

# replay I J - lines I..J-1 as one session.  A mark after each line, an error that no other line makes, tells whose the
# output is.
replay() {
    local i
    for ((i = $1; i < $2; i++)); do printf '%s\nuse @@mark%d\n' "${text[i]}" "$i"; done |
        (eval "set -- ${args[$1]}" && cd "$root" && "$program" "$@" --keep-going 2>&1) >"$work/log"
    have=()
    for ((i = $1; i < $2; i++)); do have[i]=""; done
    i=$1
    while IFS= read -r line || [ -n "$line" ]; do
        case "$line" in
            *"@@mark$i is not open"*) i=$((i + 1)) ;;
            *) [ "$i" -ge "$2" ] || have[i]+=$line$'\n' ;;
        esac
    done <"$work/log"
    [ "$i" = "$2" ] || have[i]+="(the session ended here)"$'\n'
    for ((i = $1; i < $2; i++)); do put "${text[i]}" "${have[i]}" >>"$work/actual"; done
}

# put COMMAND OUTPUT - one block of a transcript.
put() { printf '\001%s\n%s' "$1" "$2"; }

run_shell() {
    local output status
    output=$(eval "${1#'$ '}" 2>"$work/err"; echo "status $?")
    status=${output##*status }
    output=${output%status *}
    [ -z "$output" ] || [ "${output: -1}" = $'\n' ] || output+=$'\n'
    put "$1" "$output"
    sed 's/^/stderr: /' "$work/err"
    [ "$status" = 0 ] || echo "exit: $status"
}

root=$PWD
[ $# != 0 ] || set -- tests/golden/*.txt
for file in "$@"; do
    read_file "$file"
    T=$work/files
    rm -rf "$T" && mkdir -p "$T"
    export T
    : >"$work/expected" >"$work/actual"
    index=()
    for ((b = 0; b < ${#kind[@]}; b++)); do
        [ "${kind[b]}" != comment ] || continue
        index+=("$b")
        put "${text[b]}" "${want[b]}" >>"$work/expected"
        if [ "${kind[b]}" = shell ]; then
            run_shell "${text[b]}" >>"$work/actual"
        elif [ "$b" = 0 ] || [ "${kind[b - 1]}" != session ]; then
            for ((e = b; e < ${#kind[@]}; e++)); do [ "${kind[e]}" = session ] || break; done
            replay "$b" "$e"
        fi
    done
    sed -i "s|$work|<tmp>|g" "$work/actual"
    result=$(awk -f tests/golden/compare.awk "$work/expected" "$work/actual")
    agree=$(sed -n 's/^agree: //p' <<<"$result")
    passed=$((passed + agree)) failed=$((failed + ${#index[@]} - agree))
    [ "$agree" = "${#index[@]}" ] || printf '%s\n%s\n' "$file" "$(grep -av -e '^differ:' -e '^agree:' <<<"$result")"
    if [ -n "${GOLDEN_UPDATE:-}" ]; then
        differ=" $(sed -n 's/^differ: *//p' <<<"$result") "
        mapfile -d $'\001' -t now <"$work/actual" # now[0] is empty
        k=0
        for ((b = 0; b < ${#kind[@]}; b++)); do
            if [ "${kind[b]}" = comment ]; then
                printf '%s\n%s' "${text[b]}" "${want[b]}"
                continue
            fi
            k=$((k + 1))
            [ "${kind[b]}" = shell ] && printf '%s\n' "${text[b]}" || printf '%s%s\n' "$prompt" "${text[b]}"
            case "$differ" in
                *" $k "*) printf '%s' "${now[k]#*$'\n'}" ;;
                *) printf '%s' "${want[b]}" ;;
            esac
        done >"$work/new" && cp "$work/new" "$file"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
