#!/usr/bin/env bash
# Run test programs one after the other: a line each, the whole output of those that fail, and at the end the exact line
# `N passed, N failed`, counting single tests.  A program is a cmocka binary, or a script whose last line has that form.
# A program that crashes, hangs (VS_TEST_SECONDS) or ends badly without a failed test of its own counts one failure;
# one that a cmocka test skipped is shown as "not run".  usage: run.sh PROGRAM…
set -uo pipefail
limit=${VS_TEST_SECONDS:-300}
passed=0 failed=0 not_run=0
# tests may run beside other work: a thread that waits gives its core away
export OMP_WAIT_POLICY=passive
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# count WORD TAIL - the sum of the numbers in cmocka's "[  WORD  ] (group: )N test(s)TAIL".
count() {
    grep -aoE "\[  $1 *\] ([^]:]*: )?[0-9]+ test\(s\)$2" "$log" | grep -oE '[0-9]+ test\(s\)' | awk '{n += $1} END {print n + 0}'
}

# tally STATUS - p, f, n: tests that passed, failed, did not run, from the log.
tally() {
    local line
    line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1)
    if [ -n "$line" ]; then
        read -r p _ f _ <<<"$line"
        n=0
    else
        p=$(count PASSED '\.') f=$(count FAILED ', listed') n=$(count SKIPPED ', listed')
    fi
    if [ "$1" != 0 ] && [ "$f" = 0 ]; then f=1; fi
    if [ "$1" = 0 ] && [ $((p + f + n)) = 0 ]; then f=1; fi
}

for program in "$@"; do
    case "$program" in
        *.sh) command=(bash "$program") name=$program ;;
        *) command=("$program") name=${program#build/*/} ;;
    esac
    started=$(date +%s%N)
    timeout -k 5 "$limit" "${command[@]}" >"$log" 2>&1 </dev/null
    status=$?
    ms=$((($(date +%s%N) - started) / 1000000))
    tally "$status"
    passed=$((passed + p)) failed=$((failed + f)) not_run=$((not_run + n))
    note=""
    [ "$n" = 0 ] || note=", $n not run"
    [ "$status" != 124 ] || note="$note, stopped after $limit s"
    [ "$status" -lt 128 ] || note="$note, killed by signal $((status - 128))"
    [ "$f" = 0 ] && mark=ok || mark=FAILED
    printf '%-6s %-44s %4d passed, %d failed%s (%d.%03d s)\n' "$mark" "$name" "$p" "$f" "$note" $((ms / 1000)) $((ms % 1000))
    [ "$f" = 0 ] || sed 's/^/    /' "$log"
done
[ "$not_run" = 0 ] || echo "$not_run not run on this machine"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
