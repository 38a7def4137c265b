#!/usr/bin/env bash
# Every example of every command works as help shows it: over the fixture models and the built-in words; with REAL=1 over
# the catalogued models, those examples too that name them.  One test an example; ends in `N passed, N failed`
set -uo pipefail
cd "$(dirname "$0")/../.."
program=$(realpath "${VECSCOPE:-./vecscope}")
fixtures=$PWD/tests/data/fixtures
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
catalogued='gemma3-270m|minilm-l6|glove-6b-50d|fetch'

# open_for COMMAND EXAMPLE - the options that open what the example needs.
open_for() {
    case "$1 $2" in
        fill\ * | nsp\ * | grad*\[MASK\]* | grad*--pair*) echo "-m $fixtures/bert" ;;
        grad*--target*) echo "-m $fixtures/t5" ;;
        *) [ -n "${REAL:-}" ] && echo "-s glove-6b-50d -m minilm-l6 -m gemma3-270m" || echo "-s default -m $fixtures/gemma3" ;;
    esac
}

cd "$work"
while IFS=, read -r command _; do
    [ "$command" != name ] || continue
    examples=$("$program" help "$command" | sed -n '/^examples$/,$ s/^  //p')
    while IFS= read -r example; do
        [ -n "$example" ] || continue
        [ -n "${REAL:-}" ] || ! grep -qE "$catalogued" <<<"$example" || continue
        # shellcheck disable=SC2046
        if "$program" -d "$work/examples.db" $(open_for "$command" "$example") -c "$example" </dev/null >"$work/log" 2>&1; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            printf 'FAILED: %s\n' "$example"
            sed 's/^/    /' "$work/log"
        fi
    done <<<"$examples"
done < <("$program" help --csv)
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 30 ]
