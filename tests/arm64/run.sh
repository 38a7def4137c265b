#!/usr/bin/env bash
# The kernels on AArch64 (NEON, and plain C), run by qemu-user, against plain C on this machine: the same bits.
# usage: run.sh NATIVE-DIGEST ARM64-DIGEST; the last line is "N passed, N failed", a test an instruction set.
set -uo pipefail
native=$1 arm64=$2 passed=0 failed=0
want=$(mktemp) got=$(mktemp)
trap 'rm -f "$want" "$got"' EXIT
"$native" scalar >"$want" || exit 1
for isa in scalar neon; do
    if qemu-aarch64 -L /usr/aarch64-linux-gnu "$arm64" "$isa" >"$got" && diff "$want" "$got" | head -20 && cmp -s "$want" "$got"; then
        echo "aarch64 $isa: $(wc -l <"$got") cases, the same bits"
        passed=$((passed + 1))
    else
        echo "aarch64 $isa: other bits"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
