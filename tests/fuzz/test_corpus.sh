#!/usr/bin/env bash
# Replay the corpus of every fuzz target (tests/data/fuzz/NAME) without libFuzzer: one test a target.
# BUILD names the directory of the built targets (build/release/tests/fuzz).
set -uo pipefail
cd "$(dirname "$0")/../.."
build=${BUILD:-build/${CFG:-release}/tests/fuzz}
passed=0 failed=0
for source in tests/fuzz/fuzz_*.c; do
    target=$(basename "$source" .c)
    if output=$("$build/$target" "tests/data/fuzz/${target#fuzz_}" 2>&1); then
        passed=$((passed + 1))
        echo "$target: $(tail -n 1 <<<"$output")"
    else
        failed=$((failed + 1))
        printf '%s: FAILED\n%s\n' "$target" "$(tail -n 40 <<<"$output")"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
