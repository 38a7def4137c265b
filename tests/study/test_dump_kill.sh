#!/usr/bin/env bash
# dump is killed (SIGKILL) at random moments, and goes on when the same command is given again: what was finished is whole,
# and in the end nothing tells it from a dump that nobody disturbed.  Into SQLite twenty times, into npz and safetensors ten.
set -uo pipefail
cd "$(dirname "$0")/../.."
program=$(realpath "${VECSCOPE:-vecscope}") model=$PWD/tests/data/fixtures/gemma3
passed=0 failed=0
# in memory where there is room: what is tested is the death of a process, and a busy disk makes each commit slow
room=$(df --output=avail /dev/shm 2>/dev/null | tail -n 1)
tmp=$(mktemp -d -p "$([ "${room:-0}" -gt 200000 ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")")
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
RANDOM=20

# check WHAT COMMAND… - one test: the command succeeds.
check() {
    local what=$1
    shift
    if "$@" >check.log 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s\n' "$what"
        sed 's/^/    /' check.log log
    fi
}

# The command, but for its target: always the same.
command=("$program" -m "$model" dump --file texts.txt --sites "hidden_states,attn.z" --to)
dump() { "${command[@]}" "$1" >log 2>&1; }

# kill_dump TARGET MILLISECONDS - start a dump and kill it then.
kill_dump() {
    "${command[@]}" "$1" >log 2>&1 &
    sleep "$(printf '%d.%03d' $(($2 / 1000)) $(($2 % 1000)))"
    kill -KILL $!
    wait $!
} 2>/dev/null

for ((i = 0; i < 40; i++)); do
    line="text $i:"
    for ((k = RANDOM % 12; k >= 0; k--)); do line+=" the white swan $((RANDOM % 1000))"; done
    printf '%s\n' "$line"
done >texts.txt

# took TARGET - a dump that nobody disturbs; how long it takes in milliseconds.
took() {
    local begin
    begin=$(date +%s%N)
    dump "$1" || cat log >&2
    echo $((($(date +%s%N) - begin) / 1000000))
}

# ---- SQLite ----

# ask QUERY [DB] - the one value that it gives.
ask() { "$program" --csv -d "${2:-killed.db}" sql "$1" 2>log | tail -n +2; }

# runs that are not whole: a row for each token of each of 8 hidden states, and of each of 4 heads of 7 layers
half="SELECT count(*) FROM runs r WHERE status <> 'done' OR
      (SELECT count(*) FROM activations WHERE run = r.id) <> (8 + 7 * 4) * json_array_length(r.ids)"
rows="r.text, r.ids, r.status, site, layer, head, position, vec"
cat >compare.vs <<SQL
sql --write ATTACH 'whole.db' AS whole
sql SELECT count(*) AS missing FROM (SELECT $rows FROM whole.activations a JOIN whole.runs r ON r.id = a.run EXCEPT SELECT $rows FROM activations a JOIN runs r ON r.id = a.run)
sql SELECT (SELECT count(*) FROM activations) - (SELECT count(*) FROM whole.activations) AS more
SQL

whole_runs() {
    [ ! -e killed.db ] && return # killed before it was there
    [ "$(ask "$half")" = 0 ] && ask 'PRAGMA integrity_check' | grep -qx ok
}
same_rows() {
    "$program" --json -d killed.db -f compare.vs >log 2>&1
    grep -qx '{"rows":\[{"missing":0}\]}' log && grep -qx '{"rows":\[{"more":0}\]}' log
}

ms=$(took whole.db)
check "an undisturbed dump holds every text" test "$(ask 'SELECT count(*) FROM runs' whole.db)" = 40
within=0
for ((i = 1; i <= 20; i++)); do
    rm -f killed.db*
    kill_dump killed.db $((RANDOM % ms))
    check "$i: the file opens and every run in it is whole" whole_runs
    runs=$([ -e killed.db ] && ask 'SELECT count(*) FROM runs')
    [ "${runs:-0}" -gt 0 ] && [ "$runs" -lt 40 ] && within=$((within + 1))
    check "$i: the same command goes on" dump killed.db
    check "$i: what is there then is what an undisturbed dump leaves" same_rows
done
check "kills that came in the middle: $within of 20" test "$within" -ge 5

# ---- npz, safetensors ----

for kind in npz safetensors; do
    ms=$(took "whole.$kind")
    within=0
    for ((i = 1; i <= 10; i++)); do
        rm -f "killed.$kind"
        kill_dump "killed.$kind" $((RANDOM % ms))
        kill_dump "killed.$kind" $((RANDOM % (ms / 4 + 1))) # and while it goes on
        check "$kind $i: the same command goes on" dump "killed.$kind"
        grep -q "went on from killed.$kind.part: [0-9]* of the 40 texts were there" log && within=$((within + 1))
        check "$kind $i: the file is the same byte for byte" cmp "whole.$kind" "killed.$kind"
        check "$kind $i: nothing else is left" test ! -e "killed.$kind.part"
    done
    check "$kind: kills that came in the middle: $within of 10" test "$within" -ge 3
done

# ---- Ctrl-C ----

set -m # a job of its own: SIGINT is not ignored in it
ms=$(took whole.npz)
for ((i = 2; i <= 8; i++)); do # later and later, until it comes in the middle
    rm -f killed.npz
    "${command[@]}" killed.npz >log 2>&1 &
    sleep "$(printf '0.%03d' $((ms * i / 10 % 1000)))"
    kill -INT $!
    wait $!
    [ -e killed.npz.part ] && break
done
set +m
check "Ctrl-C keeps what is whole, and says so" grep -qxE 'vecscope: dump: stopped after [0-9]+ of 40 texts, kept in killed.npz.part; the same command goes on from there' log
check "and the same command goes on" dump killed.npz
check "to the same file" cmp whole.npz killed.npz

# ---- what is not gone on with ----

ms=$(took whole.npz)
kill_dump killed.npz $((ms / 2))
cp killed.npz.part other.npz.part
silenced=("$program" -m "$model" with '{zero 0.mlp_out}' "${command[@]:3}")
check "a part is not gone on with under an edit" "${silenced[@]}" other.npz
check "nor does it change what comes out" "${silenced[@]}" anew.npz
check "which is the same" cmp anew.npz other.npz
cp killed.npz.part cut.npz.part
truncate -s -100 cut.npz.part
check "a part that is cut shorter" dump cut.npz
check "is gone on with from its last whole text" cmp whole.npz cut.npz
printf 'no dump at all' >noise.npz.part
check "a part that is something else" dump noise.npz
check "is written over" cmp whole.npz noise.npz

# ---- no room ----

# cramped TARGET WORDS - a dump into a file that may have 64 KB says WORDS in one line; then, with room, it goes on.
cramped() {
    (ulimit -f 64 && dump "$1")
    [ $? = 1 ] && [ "$(wc -l <log)" = 1 ] && grep -q "$2" log && dump "$1"
}
rm -f killed.*
check "a file beyond its limit" cramped killed.npz 'killed.npz.part\|killed.npz: cannot write: File too large'
check "is gone on with" cmp whole.npz killed.npz
check "a store beyond its limit" cramped killed.db 'killed.db: cannot store'
check "keeps what was whole" same_rows

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
