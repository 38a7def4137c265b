#!/usr/bin/env bash
# The share of each parser's lines that its fuzz target reaches on its seeds and on what fuzzing found (build/fuzz/corpus).
# The parser of a target is the line "covers: FILE…" in its source.  Fails where a file is reached by less than WANT percent.
# usage: coverage.sh [NAME…]     (make fuzz-coverage builds what it needs)
set -uo pipefail
cd "$(dirname "$0")/../.."
want=${WANT:-80}
[ $# != 0 ] || set -- $(ls tests/fuzz/fuzz_*.c | sed 's:.*/fuzz_\(.*\)\.c:\1:')
passed=0 failed=0
for name in "$@"; do
    target=build/fuzzcov/tests/fuzz/fuzz_$name raw=build/fuzzcov/$name.profraw data=build/fuzzcov/$name.profdata
    inputs=(tests/data/fuzz/"$name")
    [ ! -d "build/fuzz/corpus/$name" ] || [ -z "$(ls "build/fuzz/corpus/$name")" ] || inputs+=("build/fuzz/corpus/$name")
    LLVM_PROFILE_FILE=$raw "$target" "${inputs[@]}" >/dev/null 2>&1
    llvm-profdata merge -sparse "$raw" -o "$data"
    for file in $(sed -n 's/.*covers: \([^*]*\).*/\1/p' "tests/fuzz/fuzz_$name.c"); do
        share=$(llvm-cov export -summary-only -instr-profile="$data" "$target" "$file" |
            sed -n 's/.*"totals":.*"lines":{"count":\([0-9]*\),"covered":\([0-9]*\).*/\2 \1/p')
        read -r covered lines <<<"$share"
        percent=$((100 * ${covered:-0} / ${lines:-1}))
        if [ "$percent" -ge "$want" ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
        printf '%-12s %-32s %3d %% (%d of %d lines)\n' "$name" "$file" "$percent" "${covered:-0}" "${lines:-0}"
    done
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
