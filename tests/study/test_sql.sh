#!/usr/bin/env bash
# sql at the prompt and in scripts: quotes are SQL's own, and an answer of no rows is one too.
set -uo pipefail
cd "$(dirname "$0")/../.."
program=$(realpath "${VECSCOPE:-vecscope}")
passed=0 failed=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1

# check LINE WANTED [OPTION…] - one test: what the line prints, all of it.
check() {
    local line=$1 wanted=$2 got
    shift 2
    got=$("$program" -d s.db "$@" -c "$line" 2>&1)
    if [ "$got" = "$wanted" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s\n  want: %s\n  have: %s\n' "$line" "$wanted" "$got"
    fi
}

check "sql select 'a  b' as x" '{"rows":[{"x":"a  b"}]}' --json
check "sql 'select 1 as x'" '{"rows":[{"x":1}]}' --json
check "sql --write create table t as select 'c' as x" '{"rows":[],"changed":0}' --json
check 'sql select "x" from t where x = '"'c'" '{"rows":[{"x":"c"}]}' --json
check "sql select x from t where x = 'd'" '{"rows":[]}' --json
check "sql select x from t where x = 'd'" '  no rows'
check "sql select vs_dim(vs_vec('queen - king + man')) as d" '{"rows":[{"d":50}]}' --json
check "sql select y from t" 'vecscope: SQL: no such column: y (at byte 7: y from t)'
check "sql delete from t" 'vecscope: this statement does more than read; say --write to allow it: delete from t'
printf 'one\n' >'a b.txt'
check "each v in 'a b.txt' { sql select '\$v' as v }" '{"rows":[{"v":"one"}]}' --json

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
