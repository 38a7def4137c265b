# compare.awk - two transcripts, block by block: awk -f compare.awk EXPECTED ACTUAL.  A block begins with a line \001COMMAND
# and holds what the command printed.  Numbers with a point agree within 1e-3 (absolute or relative), whatever else stands
# in a line exactly, runs of blanks counting as one.  In what is expected <N> is any number, <...> the rest of the line.
# Prints each block that differs, then the numbers of those that do (`differ: 3 7`) and how many agree.

function trim(s) { gsub(/[ \t]+/, " ", s); sub(/ $/, "", s); return s }
function abs(x) { return x < 0 ? -x : x }

# The line in pieces: number, text, number, …; returns how many, piece[i] and is_number[i].
function split_line(s, piece, is_number,   n) {
    n = 0
    while (match(s, /-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?/)) {
        if (RSTART > 1) { piece[++n] = substr(s, 1, RSTART - 1); is_number[n] = 0 }
        piece[++n] = substr(s, RSTART, RLENGTH); is_number[n] = 1
        s = substr(s, RSTART + RLENGTH)
    }
    if (s != "") { piece[++n] = s; is_number[n] = 0 }
    return n
}

function same_number(a, b) {
    if (a == b) return 1
    if (a !~ /[.eE]/ && b !~ /[.eE]/) return 0
    return abs(a - b) <= 1e-3 || abs(a - b) <= 1e-3 * (abs(a) > abs(b) ? abs(a) : abs(b))
}

function same_line(want, have,   p, q, pn, qn, n, m, i, rest) {
    want = trim(want); have = trim(have)
    if (want == have) return 1
    if (i = index(want, "<...>")) {
        rest = substr(want, 1, i - 1)
        return same_line(rest, substr(have, 1, length(rest)))
    }
    while (i = index(want, "<N>")) { # take the number that stands there
        rest = substr(have, i)
        if (!match(rest, /^-?[0-9]+(\.[0-9]+)?/)) return 0
        want = substr(want, 1, i - 1) substr(rest, 1, RLENGTH) substr(want, i + 3)
    }
    n = split_line(want, p, pn); m = split_line(have, q, qn)
    if (n != m) return 0
    for (i = 1; i <= n; i++)
        if (pn[i] != qn[i] || (pn[i] ? !same_number(p[i], q[i]) : p[i] != q[i])) return 0
    return 1
}

function ends(block, count, file, n) { # blank lines at a block's end do not count
    n = count[file, block]
    while (n && line[file, block, n] ~ /^[ \t]*$/) n--
    return n
}

FNR == 1 { file++; block = 0 }
/^\001/ { block++; name[block] = substr($0, 2); blocks[file] = block; next }
{ line[file, block, ++count[file, block]] = $0 }

END {
    for (b = 1; b <= blocks[1]; b++) {
        n = ends(b, count, 1); m = ends(b, count, 2); bad = n != m
        for (i = 1; i <= n && !bad; i++) bad = !same_line(line[1, b, i], line[2, b, i])
        if (!bad) { good++; continue }
        differ = differ " " b
        print "FAILED: " name[b]
        for (i = 1; i <= n || i <= m; i++)
            if (i > n || i > m || !same_line(line[1, b, i], line[2, b, i])) {
                if (i <= n) print "  want: " line[1, b, i]
                if (i <= m) print "  have: " line[2, b, i]
            }
    }
    print "differ:" differ
    print "agree: " good + 0
}
