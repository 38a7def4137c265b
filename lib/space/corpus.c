/* corpus.c - see corpus.h. */
#include "corpus.h"

#include <stdlib.h>
#include <string.h>

#include "../base/dict.h"
#include "../base/str.h"

enum { POLL = 1 << 20, WORD_BYTES = 1024 };

/* A word while they are counted. */
typedef struct kind {
    const char *s;
    uint32_t len, first; /* first: its number in the order of the text */
    uint64_t count;
} kind;

typedef struct reader {
    vs_corpus *c;
    size_t cap; /* of c->id */
    kind *kind;
    size_t kinds, kind_cap;
    vs_dict index;
    vs_buf lower;
    size_t in_line;
} reader;

static bool put_id(reader *r, uint32_t id) {
    if (r->c->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 4096;
        uint32_t *grown = vs_grow(r->c->id, r->c->n, cap, sizeof *grown);
        if (!grown) return false;
        r->c->id = grown;
        r->cap = cap;
    }
    r->c->id[r->c->n++] = id;
    return true;
}

static bool end_line(reader *r) {
    if (!r->in_line) return true;
    r->in_line = 0;
    return put_id(r, VS_CORPUS_END);
}

static bool add_kind(reader *r, const char *s, size_t n, uint32_t *id) {
    if (r->kinds == r->kind_cap) {
        size_t cap = r->kind_cap ? r->kind_cap * 2 : 1024;
        kind *grown = vs_grow(r->kind, r->kinds, cap, sizeof *grown);
        if (!grown) return false;
        r->kind = grown;
        r->kind_cap = cap;
    }
    char *copy = vs_arena_strndup(&r->c->arena, s, n);
    *id = (uint32_t)r->kinds;
    if (!copy || vs_dict_add(NULL, &r->index, copy, n, *id, NULL) != VS_OK) return false;
    r->kind[r->kinds++] = (kind){.s = copy, .len = (uint32_t)n, .first = *id};
    return true;
}

static bool put_word(reader *r, const char *s, size_t n) {
    size_t bad;
    if (!n || n > WORD_BYTES || !vs_utf8_valid(s, n, &bad) || memchr(s, '\0', n)) return true;
    uint32_t id;
    if (!vs_dict_find(&r->index, s, n, &id) && !add_kind(r, s, n, &id)) return false;
    r->kind[id].count++;
    r->c->words++;
    r->in_line++;
    return put_id(r, id) && (r->in_line < VS_CORPUS_LINE_MAX || end_line(r));
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }
static bool is_letter(char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (unsigned char)c >= 0x80;
}

/* The words of s[n], which holds no blank, by the plain rule. */
static bool put_plain(reader *r, const char *s, size_t n) {
    for (size_t i = 0; i < n;) {
        while (i < n && !is_letter(s[i])) i++;
        size_t from = i;
        while (i < n && (is_letter(s[i]) || ((s[i] == '\'' || s[i] == '-') && i + 1 < n && is_letter(s[i + 1])))) i++;
        size_t bad;
        if (i == from || !vs_utf8_valid(s + from, i - from, &bad)) continue;
        vs_buf_clear(&r->lower);
        vs_utf8_case(VS_CASE_LOWER, s + from, i - from, &r->lower);
        if (r->lower.failed || !put_word(r, r->lower.s, r->lower.len)) return false;
    }
    return true;
}

static vs_status read_text(vs_err *err, reader *r, const char *name, const char *text, size_t n, bool plain,
                           const vs_progress *p) {
    size_t polled = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < n;) {
        size_t from = i;
        while (i < n && text[i] != '\n' && !is_blank(text[i])) i++;
        ok = plain ? put_plain(r, text + from, i - from) : put_word(r, text + from, i - from);
        if (ok && i < n && text[i] == '\n') ok = end_line(r);
        i++;
        if (i - polled < POLL) continue;
        polled = i;
        vs_tick(p, "words", i, n + 1);
        if (vs_interrupted()) return vs_fail(err, VS_E_STOPPED, "%s: stopped", name);
        if (r->kinds >= UINT32_MAX / 4) return vs_fail(err, VS_E_RANGE, "%s: too many different words", name);
    }
    return ok && end_line(r) ? VS_OK : vs_fail(err, VS_E_NOMEM, "%s: no memory for its words", name);
}

static int by_count(const void *a, const void *b) {
    const kind *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Words by frequency, the rare ones taken out of the text. */
static vs_status number(vs_err *err, reader *r, const char *name, size_t min_count) {
    vs_corpus *c = r->c;
    if (r->kinds) qsort(r->kind, r->kinds, sizeof *r->kind, by_count);
    while (c->kinds < r->kinds && r->kind[c->kinds].count >= min_count) c->kinds++;
    if (!r->kinds) return vs_fail(err, VS_E_FORMAT, "%s: there is no word in it", name);
    if (!c->kinds)
        return vs_fail(err, VS_E_FORMAT, "%s: no word is there %zu times or more, of %zu different ones", name, min_count,
                       r->kinds);
    uint32_t *now = vs_alloc(r->kinds, sizeof *now);
    c->word = vs_alloc(c->kinds, sizeof *c->word);
    c->len = vs_alloc(c->kinds, sizeof *c->len);
    c->count = vs_alloc(c->kinds, sizeof *c->count);
    if (!now || !c->word || !c->len || !c->count) {
        vs_free(now);
        return vs_fail(err, VS_E_NOMEM, "%s: no memory for %zu words", name, r->kinds);
    }
    for (size_t i = 0; i < r->kinds; i++) now[r->kind[i].first] = i < c->kinds ? (uint32_t)i : UINT32_MAX;
    for (size_t i = 0; i < c->kinds; i++) {
        c->word[i] = r->kind[i].s;
        c->len[i] = r->kind[i].len;
        c->count[i] = r->kind[i].count;
    }
    size_t kept = 0;
    for (size_t i = 0; i < c->n; i++) {
        bool end = c->id[i] == VS_CORPUS_END;
        if (end || now[c->id[i]] != UINT32_MAX) c->id[kept++] = end ? VS_CORPUS_END : now[c->id[i]];
    }
    c->n = kept;
    vs_free(now);
    return VS_OK;
}

vs_status vs_corpus_read(vs_err *err, const char *name, const char *text, size_t n, bool plain, size_t min_count,
                         const vs_progress *p, vs_corpus *out) {
    *out = (vs_corpus){0};
    reader r = {.c = out};
    vs_status s = read_text(err, &r, name, text, n, plain, p);
    if (s == VS_OK) s = number(err, &r, name, min_count ? min_count : 1);
    vs_tick(p, "words", 1, 1);
    vs_free(r.kind);
    vs_dict_free(&r.index);
    vs_buf_free(&r.lower);
    if (s != VS_OK) vs_corpus_free(out);
    return s;
}

void vs_corpus_free(vs_corpus *c) {
    vs_free(c->id);
    vs_free(c->word);
    vs_free(c->len);
    vs_free(c->count);
    vs_arena_free(&c->arena);
    *c = (vs_corpus){0};
}
