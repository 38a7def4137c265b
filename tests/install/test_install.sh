#!/usr/bin/env bash
# make install puts a library that others can build against, a program that runs from anywhere; make uninstall takes all away.
set -uo pipefail
cd "$(dirname "$0")/../.."
passed=0 failed=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
unset MAKEFLAGS MAKELEVEL MFLAGS
cfg=$(basename "$(dirname "$VECSCOPE")")

# check WHAT COMMAND… - one test: the command succeeds; what it printed is shown where it does not.
check() {
    local what=$1
    shift
    if "$@" >"$tmp/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s\n' "$what"
        sed 's/^/    /' "$tmp/log"
    fi
}

cat >"$tmp/user.c" <<'C'
#include <stdio.h>
#include <string.h>
#include <vecscope.h>

int main(void) {
    vs_err err = {0};
    vs_space *words;
    float queen[50], woman[50];
    size_t rows[VS_LOOKUP_MAX], n;
    vs_match how;
    vs_buf note = {0};
    if (vs_space_default(&err, &words) != VS_OK || vs_space_dim(words) != 50) return 1;
    if (vs_space_lookup(&err, words, "queen", 5, true, queen, rows, &n, &how, &note) != VS_OK) return 2;
    if (vs_space_lookup(&err, words, "woman", 5, true, woman, rows, &n, &how, &note) != VS_OK) return 3;
    printf("%.3f\n", (double)vs_cosine(queen, woman, 50));
    vs_buf_free(&note);
    vs_space_free(words);
    return 0;
}
C
export PKG_CONFIG_PATH="$tmp/to/lib/pkgconfig" LD_LIBRARY_PATH="$tmp/to/lib"
check "make install" make -s CFG="$cfg" PREFIX="$tmp/to" install
check "the program runs from another folder" env -C / "$tmp/to/bin/vecscope" near queen -k 1
read -ra flags < <(pkg-config --cflags --libs vecscope)
read -ra sanitizers <<<"${VECSCOPE_OPT:-}"
check "a program builds against it" "${CC:-cc}" -std=c11 -Wall -Wextra -Werror "$tmp/user.c" "${sanitizers[@]}" "${flags[@]}" -o "$tmp/user"
check "and runs" "$tmp/user"
check "the manual is there" grep -q "queen" "$tmp/to/share/man/man1/vecscope.1"
check "make uninstall" make -s CFG="$cfg" PREFIX="$tmp/to" uninstall
check "no file is left" test -z "$(find "$tmp/to" -type f -o -type l)"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
