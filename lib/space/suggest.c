/* suggest.c - keys that are spelled nearly like one that is not there, and keys that begin with a prefix. */
#include <stdio.h>
#include <string.h>

#include "../base/alloc.h"
#include "space_impl.h"

enum { SUGGESTIONS = 3, LONGEST = 63, SHOWN = 80 };

typedef struct suggestion {
    size_t distance, row;
} suggestion;

typedef struct search {
    const vs_space *s;
    const char *want; /* in lower case */
    size_t n, limit;  /* how far apart at most */
    uint64_t letters;
    suggestion (*best)[SUGGESTIONS]; /* of each worker */
} search;

/* Which letters a text has, folded into 64 bits: two texts that are k edits apart differ in at most 2 k of them. */
static uint64_t letters_of(const char *s, size_t n) {
    uint64_t set = 0;
    for (size_t i = 0; i < n; i++) set |= UINT64_C(1) << ((unsigned char)s[i] & 63);
    return set;
}

const char *vs__past_blank(const char *key, size_t *n) {
    size_t skip = 0;
    if (*n > 1 && key[0] == ' ')
        skip = 1;
    else if (*n > 3 && memcmp(key, "\xe2\x96\x81", 3) == 0)
        skip = 3;
    else if (*n > 2 && memcmp(key, "\xc4\xa0", 2) == 0)
        skip = 2;
    *n -= skip;
    return key + skip;
}

static void keep(suggestion best[SUGGESTIONS], suggestion found) {
    for (size_t i = 0; i < SUGGESTIONS; i++)
        if (found.distance < best[i].distance || (found.distance == best[i].distance && found.row < best[i].row)) {
            suggestion pushed = best[i];
            best[i] = found;
            found = pushed;
        }
}

static void search_span(void *arg, size_t begin, size_t end, int worker) {
    const search *q = arg;
    suggestion *best = q->best[worker];
    for (size_t row = begin; row < end; row++) {
        size_t len;
        char lower[LONGEST];
        const char *key = vs_space_key(q->s, row, &len);
        key = vs__past_blank(key, &len);
        if (len == 0 || len > LONGEST || (len > q->n ? len - q->n : q->n - len) > q->limit) continue;
        for (size_t i = 0; i < len; i++) lower[i] = (char)(key[i] >= 'A' && key[i] <= 'Z' ? key[i] + 32 : key[i]);
        uint64_t apart = letters_of(lower, len) ^ q->letters;
        if ((size_t)__builtin_popcountll(apart) > 2 * q->limit) continue;
        size_t distance = vs_edit_distance(q->want, q->n, lower, len);
        if (distance <= q->limit) keep(best, (suggestion){distance, row});
    }
}

/* The nearest spellings, the closest first, of those the most frequent; how many. */
static size_t suggest(const vs_space *s, const char *key, size_t n, suggestion out[SUGGESTIONS]) {
    if (n == 0 || n > LONGEST) return 0;
    vs_buf lower = {0};
    vs_utf8_case(VS_CASE_LOWER, key, n, &lower);
    size_t workers = (size_t)vs_threads(), found = 0;
    suggestion(*best)[SUGGESTIONS] = vs_alloc(workers, sizeof *best);
    if (best && !lower.failed && lower.len <= LONGEST) {
        memset(best, 0xff, workers * sizeof *best); /* as far as can be */
        search q = {s, lower.s, lower.len, lower.len <= 3 ? 1 : lower.len <= 7 ? 2 : 3, letters_of(lower.s, lower.len), best};
        enum { GRAIN = 4096 };
        vs_parallel_for(s->n, GRAIN, search_span, &q);
        for (size_t w = 1; w < workers; w++)
            for (size_t i = 0; i < SUGGESTIONS; i++) keep(best[0], best[w][i]);
        while (found < SUGGESTIONS && best[0][found].distance != SIZE_MAX) {
            out[found] = best[0][found];
            found++;
        }
    }
    vs_free(best);
    vs_buf_free(&lower);
    return found;
}

/* The length of s[n] cut to what fits a message, at a character's end. */
static int shown(const char *s, size_t n) {
    if (n > SHOWN) {
        n = SHOWN;
        while (n > 0 && ((unsigned char)s[n] & 0xC0) == 0x80) n--;
    }
    return (int)n;
}

vs_status vs__space_unknown(vs_err *err, const vs_space *s, const char *key, size_t n) {
    suggestion near[SUGGESTIONS];
    size_t count = suggest(s, key, n, near), at = 0;
    char text[SUGGESTIONS * (LONGEST + 16)] = "";
    for (size_t i = 0; i < count; i++) {
        size_t len;
        const char *k = vs_space_key(s, near[i].row, &len);
        int wrote = snprintf(text + at, sizeof text - at, "%s%.*s", i ? ", " : "; nearest spellings: ", shown(k, len), k);
        if (wrote > 0 && (size_t)wrote < sizeof text - at) at += (size_t)wrote;
    }
    return vs_fail(err, VS_E_UNKNOWN, "%s has no key \"%.*s%s\"%s", s->name, shown(key, n), key, n > SHOWN ? "…" : "", text);
}

size_t vs_space_complete(const vs_space *s, const char *prefix, size_t n, const char **keys, size_t *lens, size_t cap) {
    size_t found = 0;
    for (size_t row = 0; row < s->n && found < cap; row++) {
        size_t len;
        const char *key = vs_space_key(s, row, &len);
        if (s->keys.pieces && !(n && prefix[0] == ' ')) key = vs__past_blank(key, &len);
        if (len < n || memcmp(key, prefix, n) != 0) continue;
        keys[found] = key;
        lens[found++] = len;
    }
    return found;
}
