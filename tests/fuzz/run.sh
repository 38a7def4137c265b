#!/usr/bin/env bash
# Run fuzz targets for SECONDS each, from their seeds; what they find to be new stays in build/fuzz/corpus/NAME, a crash in
# build/fuzz/crash-NAME-*.  usage: run.sh SECONDS [NAME…]     ends in `N passed, N failed`
set -uo pipefail
cd "$(dirname "$0")/../.."
seconds=$1
shift
[ $# != 0 ] || set -- $(ls tests/fuzz/fuzz_*.c | sed 's:.*/fuzz_\(.*\)\.c:\1:')
passed=0 failed=0
for name in "$@"; do
    found=build/fuzz/corpus/$name
    mkdir -p "$found"
    log=build/fuzz/$name.log
    nice build/fuzz/tests/fuzz/fuzz_"$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024 \
        -max_len=16384 -print_final_stats=1 -artifact_prefix="build/fuzz/crash-$name-" "$found" "tests/data/fuzz/$name" >"$log" 2>&1
    if [ $? = 0 ]; then
        passed=$((passed + 1))
        printf 'ok     %-14s %s\n' "$name" "$(grep -aoE 'stat::number_of_executed_units: [0-9]+' "$log" | grep -oE '[0-9]+$') runs, $(ls "$found" | wc -l) new inputs"
    else
        failed=$((failed + 1))
        printf 'FAILED %s\n%s\n' "$name" "$(grep -avE '^#[0-9]+' "$log" | tail -n 60)"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
