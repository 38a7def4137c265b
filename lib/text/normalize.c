/* normalize.c - text on its way, and the normaliser's steps over it. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "tokenizer_impl.h"

/* ---- text on its way ---- */

static bool reserve(vs__text *x, size_t more) {
    size_t need;
    if (x->failed) return false;
    if (!vs_add(x->n, more, &need) || need > UINT32_MAX) {
        x->failed = true;
        return false;
    }
    if (need <= x->cap) return true;
    size_t cap = x->cap ? x->cap : 256;
    while (cap < need) cap *= 2;
    char *s = vs_grow(x->s, x->n, cap, 1);
    if (s) x->s = s;
    uint32_t *from = vs_grow(x->from, x->n, cap, sizeof *from);
    if (from) x->from = from;
    uint32_t *to = vs_grow(x->to, x->n, cap, sizeof *to);
    if (to) x->to = to;
    x->failed = !s || !from || !to;
    if (!x->failed) x->cap = cap;
    return !x->failed;
}

void vs__text_put(vs__text *x, const char *s, size_t n, uint32_t from, uint32_t to) {
    if (!n || !reserve(x, n)) return;
    memcpy(x->s + x->n, s, n);
    for (size_t i = 0; i < n; i++) {
        x->from[x->n + i] = from;
        x->to[x->n + i] = to;
    }
    x->n += n;
}

void vs__text_put_cp(vs__text *x, uint32_t cp, uint32_t from, uint32_t to) {
    char c[4];
    vs__text_put(x, c, vs_utf8_encode(cp, c), from, to);
}

void vs__text_put_slice(vs__text *x, const vs__text *src, size_t begin, size_t end) {
    size_t n = end - begin;
    if (!n || !reserve(x, n)) return;
    memcpy(x->s + x->n, src->s + begin, n);
    memcpy(x->from + x->n, src->from + begin, n * sizeof *x->from);
    memcpy(x->to + x->n, src->to + begin, n * sizeof *x->to);
    x->n += n;
}

void vs__text_put_original(vs__text *x, const char *text, size_t begin, size_t end) {
    if (begin == end || !reserve(x, end - begin)) return;
    memcpy(x->s + x->n, text + begin, end - begin);
    for (size_t i = begin; i < end;) {
        size_t next = i + 1;
        while (next < end && ((unsigned char)text[next] & 0xC0) == 0x80) next++;
        for (size_t k = i; k < next; k++) {
            x->from[x->n + k - begin] = (uint32_t)i;
            x->to[x->n + k - begin] = (uint32_t)next;
        }
        i = next;
    }
    x->n += end - begin;
}

void vs__text_free(vs__text *x) {
    vs_free(x->s);
    vs_free(x->from);
    vs_free(x->to);
    *x = (vs__text){0};
}

/* ---- Unicode normal forms ---- */

void vs__glyph_push(vs__glyphs *a, vs__glyph g) {
    if (a->failed) return;
    if (a->n == a->cap) {
        size_t cap = a->cap ? a->cap * 2 : 256;
        vs__glyph *p = vs_grow(a->g, a->n, cap, sizeof *p);
        if (!p) {
            a->failed = true;
            return;
        }
        a->g = p;
        a->cap = cap;
    }
    a->g[a->n++] = g;
}

static uint32_t combining_class(uint32_t cp) {
    if (cp < 0x300 || vs__is_late(cp)) return 0;
    return (uint32_t)utf8proc_get_property((utf8proc_int32_t)cp)->combining_class;
}

static void decompose(uint32_t cp, bool compat, vs__glyphs *out) {
    utf8proc_int32_t part[32]; /* the longest decomposition has 18 (U+FDFA) */
    int boundary = 0;
    utf8proc_ssize_t n = 1;
    part[0] = (utf8proc_int32_t)cp;
    if (cp >= 0x80 && !vs__is_late(cp))
        n = utf8proc_decompose_char((utf8proc_int32_t)cp, part, 32, UTF8PROC_DECOMPOSE | (compat ? UTF8PROC_COMPAT : 0),
                                    &boundary);
    if (n < 1 || n > 32) {
        n = 1;
        part[0] = (utf8proc_int32_t)cp;
    }
    for (utf8proc_ssize_t i = 0; i < n; i++)
        vs__glyph_push(
            out, (vs__glyph){.cp = (uint32_t)part[i], .change = i > 0, .ccc = combining_class((uint32_t)part[i])});
}

typedef struct keyed {
    vs__glyph g;
    size_t at;
} keyed;

static int by_class(const void *a, const void *b) {
    const keyed *x = a, *y = b;
    if (x->g.ccc != y->g.ccc) return x->g.ccc < y->g.ccc ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* Canonical order: marks of a run sorted by class, stable. */
static void reorder(vs__glyphs *a) {
    for (size_t i = 0; i < a->n;) {
        size_t end = i + 1;
        bool sorted = true;
        if (a->g[i].ccc)
            for (; end < a->n && a->g[end].ccc; end++) sorted = sorted && a->g[end - 1].ccc <= a->g[end].ccc;
        if (!sorted) {
            keyed *k = vs_alloc(end - i, sizeof *k);
            if (!k) {
                a->failed = true;
                return;
            }
            for (size_t j = i; j < end; j++) k[j - i] = (keyed){a->g[j], j};
            qsort(k, end - i, sizeof *k, by_class);
            for (size_t j = i; j < end; j++) a->g[j] = k[j - i].g;
            vs_free(k);
        }
        i = end;
    }
}

static uint32_t compose(uint32_t a, uint32_t b) {
    if (b < 0x300 || vs__is_late(a) || vs__is_late(b)) return 0;
    utf8proc_int32_t pair[2] = {(utf8proc_int32_t)a, (utf8proc_int32_t)b};
    if (utf8proc_normalize_utf32(pair, 2, UTF8PROC_COMPOSE | UTF8PROC_STABLE) != 1) return 0;
    return vs__is_late((uint32_t)pair[0]) ? 0 : (uint32_t)pair[0];
}

/* Canonical composition, in place: a mark joins the last starter unless one of its class or above stands between. */
static void recompose(vs__glyphs *a) {
    size_t n = 0, starter = SIZE_MAX;
    uint32_t last = 0; /* class of the glyph before, when it did not join */
    for (size_t i = 0; i < a->n; i++) {
        vs__glyph g = a->g[i];
        bool blocked = n - 1 != starter && last >= g.ccc;
        uint32_t joined = starter == SIZE_MAX || blocked ? 0 : compose(a->g[starter].cp, g.cp);
        if (joined) {
            a->g[starter].cp = joined;
            a->g[starter].change += g.change - 1;
            continue;
        }
        if (!g.ccc) starter = n;
        last = g.ccc;
        a->g[n++] = g;
    }
    a->n = n;
}

void vs__glyphs_write(const vs__glyphs *a, const vs__text *src, vs__slice at, vs__text *dst) {
    size_t off = at.begin;
    for (size_t i = 0; i < a->n; i++) {
        const vs__glyph *g = &a->g[i];
        size_t idx = g->change > 0 ? off : off + 1; /* one past the byte whose span is taken */
        if (idx > at.end) idx = at.end;
        uint32_t from = at.origin, to = at.origin;
        if (idx > at.begin) {
            from = src->from[idx - 1];
            to = src->to[idx - 1];
        }
        vs__text_put_cp(dst, g->cp, from, to);
        for (int32_t k = g->change; k <= 0 && off < at.end; k++) vs_utf8_next(src->s, at.end, &off, NULL);
    }
}

static bool all_below(const char *s, size_t begin, size_t end, unsigned char limit) {
    for (size_t i = begin; i < end; i++)
        if ((unsigned char)s[i] >= limit) return false;
    return true;
}

static vs_status normal_form(vs_err *err, vs__norm_kind kind, const vs__text *src, vs__slice at, vs__text *dst) {
    bool compat = kind == VS__NORM_NFKC || kind == VS__NORM_NFKD,
         composed = kind == VS__NORM_NFC || kind == VS__NORM_NFKC;
    if (all_below(src->s, at.begin, at.end, kind == VS__NORM_NFC ? 0xCC : 0x80)) { /* 0xCC leads U+0300 */
        vs__text_put_slice(dst, src, at.begin, at.end);
        return VS_OK;
    }
    vs__glyphs a = {0};
    for (size_t i = at.begin; i < at.end;) decompose(vs_utf8_next(src->s, at.end, &i, NULL), compat, &a);
    if (!a.failed) reorder(&a);
    if (!a.failed && composed) recompose(&a);
    if (!a.failed) vs__glyphs_write(&a, src, at, dst);
    vs_free(a.g);
    return a.failed ? vs_fail(err, VS_E_NOMEM, "no memory to normalise %zu bytes", at.end - at.begin) : VS_OK;
}

/* ---- the other steps ---- */

static void each_character(const vs__norm_step *step, const vs__text *src, vs__slice at, vs__text *dst) {
    for (size_t i = at.begin, next; i < at.end; i = next) {
        next = i;
        uint32_t cp = vs_utf8_next(src->s, at.end, &next, NULL), low[2], from = src->from[i], to = src->to[i];
        switch (step->kind) {
        case VS__NORM_CLEAN:
            if (cp == 0 || cp == 0xFFFD || vs__is_other(cp)) break;
            if (vs__is_space(cp))
                vs__text_put(dst, " ", 1, from, to);
            else
                vs__text_put_slice(dst, src, i, next);
            break;
        case VS__NORM_CJK:
            if (vs__is_cjk(cp)) vs__text_put(dst, " ", 1, from, to);
            vs__text_put_slice(dst, src, i, next);
            if (vs__is_cjk(cp)) vs__text_put(dst, " ", 1, from, to);
            break;
        case VS__NORM_DROP_MARKS:
            if (step->flags ? !vs__is_mark(cp) : !vs__is_nonspacing(cp)) vs__text_put_slice(dst, src, i, next);
            break;
        case VS__NORM_NMT:
            if (vs__is_nmt_dropped(cp)) break;
            if (vs__is_nmt_blank(cp))
                vs__text_put(dst, " ", 1, from, to);
            else
                vs__text_put_slice(dst, src, i, next);
            break;
        case VS__NORM_BYTES:
            for (size_t k = i; k < next; k++)
                vs__text_put_cp(dst, vs__byte_to_char((unsigned char)src->s[k]), src->from[k], src->to[k]);
            break;
        default: /* VS__NORM_LOWER */
            for (size_t k = 0, n = vs__lower(cp, low); k < n; k++) vs__text_put_cp(dst, low[k], from, to);
        }
    }
}

static vs_status replace(vs_err *err, const vs__norm_step *step, const vs__text *src, vs__slice at, vs__text *dst) {
    vs__match *m = NULL;
    size_t count = 0, cap = 0;
    vs_status st = vs__pattern_matches(err, &step->pattern, src->s + at.begin, at.end - at.begin, &m, &count, &cap);
    for (size_t i = 0; st == VS_OK && i < count; i++) {
        size_t begin = at.begin + m[i].begin, end = at.begin + m[i].end;
        if (m[i].is_match && end == at.begin) /* an empty match in front of all */
            vs__text_put(dst, step->a, step->an, at.origin, at.origin);
        else if (m[i].is_match)
            vs__text_put(dst, step->a, step->an, src->from[end - 1], src->to[end - 1]);
        else
            vs__text_put_slice(dst, src, begin, end);
    }
    vs_free(m);
    return st;
}

static void strip(unsigned sides, const vs__text *src, vs__slice at, vs__text *dst) {
    size_t begin = at.begin, end = at.end;
    for (size_t next = begin; (sides & 1) && begin < end; begin = next)
        if (!vs__is_space(vs_utf8_next(src->s, end, &next, NULL))) break;
    while ((sides & 2) && end > begin) {
        size_t last = end - 1, next;
        while (last > begin && ((unsigned char)src->s[last] & 0xC0) == 0x80) last--;
        next = last;
        if (!vs__is_space(vs_utf8_next(src->s, end, &next, NULL))) break;
        end = last;
    }
    vs__text_put_slice(dst, src, begin, end);
}

vs_status vs__normalize(vs_err *err, const vs__norm_step *step, const vs__text *src, vs__slice at, vs__text *dst) {
    if (at.begin == at.end) return VS_OK;
    switch (step->kind) {
    case VS__NORM_PREPEND:
        vs__text_put(dst, step->a, step->an, src->from[at.begin], src->to[at.begin]);
        vs__text_put_slice(dst, src, at.begin, at.end);
        break;
    case VS__NORM_REPLACE: VS_TRY(replace(err, step, src, at, dst)); break;
    case VS__NORM_CLEAN:
    case VS__NORM_CJK:
    case VS__NORM_DROP_MARKS:
    case VS__NORM_NMT:
    case VS__NORM_BYTES:
    case VS__NORM_LOWER: each_character(step, src, at, dst); break;
    case VS__NORM_NFC:
    case VS__NORM_NFD:
    case VS__NORM_NFKC:
    case VS__NORM_NFKD: VS_TRY(normal_form(err, step->kind, src, at, dst)); break;
    case VS__NORM_CHARSMAP: VS_TRY(vs__charsmap_apply(err, &step->charsmap, src, at, dst)); break;
    case VS__NORM_STRIP: strip(step->flags, src, at, dst); break;
    }
    return dst->failed ? vs_fail(err, VS_E_NOMEM, "no memory to normalise %zu bytes", at.end - at.begin) : VS_OK;
}
