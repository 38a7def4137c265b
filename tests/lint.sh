#!/usr/bin/env bash
# The rules of the house that a machine can check.  Prints each breach as file:line: what, then `N passed, N failed`
# counting rules.  Who includes whom stands in tests/layers.txt.
set -uo pipefail
shopt -s lastpipe
cd "$(dirname "$0")/.."
passed=0 failed=0
mapfile -t files < <(git ls-files -co --exclude-standard | sort | while read -r f; do [ -f "$f" ] && echo "$f"; done)

# pick REGEX [NOT] - the files of the project whose path matches REGEX (and not NOT).
pick() { printf '%s\n' "${files[@]}" | grep -E "$1" | grep -vE "${2:-^$}"; }

# rule NAME - reads the breaches on standard input.
rule() {
    local breaches
    breaches=$(cat)
    if [ -z "$breaches" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'lint: %s\n%s\n' "$1" "$(sed 's/^/    /' <<<"$breaches")"
    fi
}

# search REGEX - grep with file and line in the files named on standard input, or nothing when there are none.
search() { xargs -r -d '\n' grep -HnE "$1"; }

code='\.(c|h|def)$'

includes() {
    pick "$code" '^tests/data/' | search '^[[:space:]]*#[[:space:]]*include[[:space:]]' | awk '
        function room(path,  part, n) {
            n = split(path, part, "/")
            if (part[1] != "lib") return part[1]
            if (n > 2) return part[2]
            sub(/[._].*/, "", part[2])
            return part[2]
        }
        function normal(path,  part, n, i, k, out, kept) {
            n = split(path, part, "/")
            for (i = 1; i <= n; i++)
                if (part[i] == "..") k--
                else if (part[i] != "." && part[i] != "") kept[++k] = part[i]
            for (i = 1; i <= k; i++) out = out (i > 1 ? "/" : "") kept[i]
            return out
        }
        FILENAME == "tests/layers.txt" {
            if ($0 ~ /^(#|[[:space:]]*$)/) next
            name = $1
            for (i = 3; i <= NF; i++) may[name, $i] = 1
            known[name] = 1
            if (name ~ /^</) foreign[name] = $0
            next
        }
        {
            split($0, where, ":")
            file = where[1]; mine = room(file)
            if (!(mine in known)) { print file ": room \"" mine "\" is not in tests/layers.txt"; next }
            if (match($0, /"[^"]+"/)) {
                target = substr($0, RSTART + 1, RLENGTH - 2)
                dir = file; sub(/[^\/]*$/, "", dir)
                path = normal(dir target)
                if (path !~ /^(lib|repl|analogies|probes|datasets|tests)\//) path = "lib/" target
                if (dir !~ /^lib\// && target !~ /\// ) path = normal(dir target)
                if (target ~ /^(base|tensor|io|text|model|arch|numeric|store|space|sql)\//) path = "lib/" target
                theirs = room(path)
                if (theirs != mine && !((mine, theirs) in may) && !((mine, "*") in may))
                    print file ":" where[2] ": " mine " may not include " target " (" theirs ")"
            } else if (mine != "tests")
                for (header in foreign)
                    if (index($0, header) && !((header, mine) in may) && !((header, file) in may))
                        print file ":" where[2] ": only " substr(foreign[header], index(foreign[header], ":") + 2) " may include " header
        }' tests/layers.txt -
}
includes | rule "who includes whom (tests/layers.txt)"

pick '\.(c|h)$' '^tests/data/' | xargs -r -d '\n' wc -l | awk '$2 != "total" && $1 > 800 {print $2 ": " $1 " lines, want at most 800"}' |
    rule "files are of a readable length"

pick '\.c$' '^tests/data/' | xargs -r -d '\n' awk '
    /^[a-zA-Z_].*\) \{$/ {start = FNR; head = $0}
    /^\}/ && start {if (FNR - start > 100) print FILENAME ":" start ": " FNR - start " lines: " head; start = 0}' |
    rule "functions are of a readable length (at most 100 lines)"

pick '\.(c|h)$' '^tests/data/' | search '\b(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atof|strtok|system|tmpnam|alloca)[[:space:]]*\(' |
    rule "no function that cannot be used safely"

pick '^lib/.*\.c$' | search '\b(printf|puts|putchar|perror|exit|_exit|abort|assert)[[:space:]]*\(|\b(stdout|stderr)\b' |
    rule "the library never prints, exits or aborts"

pick '^lib/.*\.c$' '^lib/base/alloc\.c$' | search '\b(malloc|calloc|realloc|aligned_alloc|strdup|strndup|asprintf)[[:space:]]*\(' |
    rule "memory comes from base/alloc.h"

names=$(pick '^lib/arch/arch_[a-z0-9]+\.c$' '^lib/arch/arch_list\.c$' | sed 's:.*/arch_\(.*\)\.c:\1:' | paste -sd'|')
[ -z "$names" ] || pick '^(lib|repl|probes|analogies)/.*\.(c|h|def)$' '^lib/(arch|text)/' | search "\"($names)\"" |
    grep -vE "^[^:]*:[0-9]+:( \*|.*/\*.*\"($names)\")" |
    rule "no architecture's name outside its file"

pick '(\.(c|h|def|sh|py|md|sql|S)|Makefile|/run)$' '^tests/(data/|lint\.sh$)' | search '\b(TODO|FIXME|XXX|HACK)\b' |
    rule "no marks of unfinished work"

pick . '^tests/data/|\.(bin|npy|npz|gguf|safetensors|db)$' | search '(^|[^A-Za-z0-9_.])/(wor[k]|far[m]|roo[t]|hom[e]|tm[p]/wt)/' |
    rule "no paths of one machine"

pick '\.(c|h|def|S|sh|py)$' '^tests/data/' | search '[[:space:]]+$' | rule "no blanks at the end of a line"

printf '%s\n' "${files[@]}" | xargs -r -d '\n' du -k | awk '$1 > 12288 {print $2 ": " $1 " KiB, want at most 12 MiB"}' | rule "no huge files"
du -sk tests/data 2>/dev/null | awk '$1 > 49152 {print $2 ": " $1 " KiB, want at most 48 MiB"}' | rule "test data stay small"

# page_column N - the sorted names in a column of the table in docs/models.md.
page_column() { awk -F' *[|] *' -v n="$(($1 + 1))" 'NR > 1 && /^\|/ && seen++ > 1 {print $n}' docs/models.md | tr -d '`' | sort -u; }
{
    diff <(tests/fixtures/architectures.sh | sort) <(page_column 2 | sed 's/, /\n/g' | sort -u) | sed -n 's/^</lib\/arch\/arch_list.def has what docs\/models.md has not:/p; s/^>/docs\/models.md has what lib\/arch\/arch_list.def has not:/p'
    diff <(find tests/data/fixtures -mindepth 1 -maxdepth 1 -type d ! -name variants -printf '%f\n' | sort) <(page_column 1) | sed -n 's/^</a fixture that docs\/models.md has not:/p; s/^>/docs\/models.md has no such fixture:/p'
} | rule "docs/models.md has every family (make models)"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
