#!/usr/bin/env bash
# make run where nothing has been fetched and there is no network: it says so and opens the words that are built in.
set -uo pipefail
cd "$(dirname "$0")/../.."
passed=0 failed=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
unset MAKEFLAGS MAKELEVEL MFLAGS CFG PIP_FIND_LINKS PIP_EXTRA_INDEX_URL
export VECSCOPE_CACHE="$tmp/cache" XDG_DATA_HOME="$tmp/data" PIP_CONFIG_FILE=/dev/null PIP_INDEX_URL=http://127.0.0.1:9/simple

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

printf 'queen − king + man\n' | make -s run >"$tmp/log" 2>&1
check "make run says that there is no network" "fetch gemma3-270m: no network"
check "and that it goes on" "going on with what is here"
check "and the built-in words answer" "^ *woman  *0\.89"

"$VECSCOPE" -m gemma3-270m next hello >"$tmp/log" 2>&1
check "a model that is not here is named with the way to get it" "vecscope fetch gemma3-270m"
"$VECSCOPE" fetch gemma >"$tmp/log" 2>&1
check "a name that is not in the catalogue is refused" 'no "gemma" in the catalogue'
"$VECSCOPE" fetch --check >"$tmp/log" 2>&1
check "what is missing is listed" "not in the cache: gemma3-270m, minilm-l6, glove-6b-50d"
"$VECSCOPE" --json fetch >"$tmp/log" 2>&1
check "the catalogue as JSON" '^{"datasets":\[{"name":"gemma3-270m","kind":"model",.*"present":"no"'

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
