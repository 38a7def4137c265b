#!/usr/bin/env bash
# make run with everything fetched: both models and GloVe are open, Gemma and GloVe are current, sums are the catalogue's.
set -uo pipefail
cd "$(dirname "$0")/../.."
passed=0 failed=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
unset MAKEFLAGS MAKELEVEL MFLAGS CFG
export XDG_DATA_HOME="$tmp/data"

# check WHAT PATTERN - one test: the pattern is in what the last command printed.
check() {
    if grep -q -e "$2" "$tmp/log"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s\n' "$1"
        sed 's/^/    /' "$tmp/log"
    fi
}

"$VECSCOPE" fetch --verify >"$tmp/log" 2>&1
check "every file has the sum of the catalogue" "glove-6b-50d: verified"

printf '%s\n' models spaces 'queen − king + man' 'next "Michael Jordan plays the sport of" -k 1' | make -s run >"$tmp/log" 2>&1
check "Gemma is open" "gemma3-270m"
check "MiniLM is open" "minilm-l6"
check "GloVe is whole" "400[, ]*000"
check "it answers in vectors" "woman"
check "and in words" "basketball"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
