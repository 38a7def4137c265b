/* eval_words.c - see eval_words.h. */
#include "eval_words.h"

#include <stdlib.h>
#include <string.h>

#include "../base/parallel.h"

void vs__words_free(vs__words *w) {
    vs_dict_free(&w->index);
    vs_arena_free(&w->arena);
    vs_free(w->row);
    vs_free(w->spelling);
    *w = (vs__words){0};
}

/* s[n] in upper case; most keys are ASCII. */
static bool upper(const char *s, size_t n, vs_buf *b) {
    vs_buf_clear(b);
    vs_buf_puts(b, ""); /* an empty word is a word */
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)s[i] >= 0x80) {
            vs_buf_clear(b);
            vs_utf8_case(VS_CASE_UPPER, s, n, b);
            break;
        }
        vs_buf_putc(b, (char)(s[i] >= 'a' && s[i] <= 'z' ? s[i] - 32 : s[i]));
    }
    return !b->failed;
}

vs_status vs__words_add(vs_err *err, vs__words *w, const char *word, size_t n, uint32_t *number) {
    vs_buf b = {0};
    bool added = false;
    vs_status s = VS_E_NOMEM;
    if (upper(word, n, &b)) {
        s = VS_OK;
        if (!vs_dict_find(&w->index, b.s, b.len, number)) {
            char *copy = vs_arena_strndup(&w->arena, b.s, b.len);
            *number = (uint32_t)w->n;
            s = copy && w->n < VS__NO_ROW ? vs_dict_add(err, &w->index, copy, b.len, *number, &added) : VS_E_NOMEM;
        }
    }
    w->n += added;
    vs_buf_free(&b);
    return s == VS_OK ? s : vs_fail(err, s, "no memory for the words of the questions");
}

typedef struct search {
    vs__words *w;
    const vs_space *s;
    struct found {
        vs__spelling *at;
        size_t n, cap;
        bool failed;
    } *found; /* of each worker */
} search;

static void search_span(void *arg, size_t begin, size_t end, int worker) {
    const search *q = arg;
    struct found *f = &q->found[worker];
    vs_buf b = {0};
    for (size_t r = begin; r < end && !f->failed; r++) {
        size_t len;
        uint32_t word;
        const char *key = vs_space_key(q->s, r, &len);
        f->failed = !upper(key, len, &b);
        if (f->failed || !vs_dict_find(&q->w->index, b.s, b.len, &word)) continue;
        if (f->n == f->cap) {
            size_t cap = f->cap ? f->cap * 2 : 64;
            vs__spelling *grown = vs_grow(f->at, f->n, cap, sizeof *grown);
            f->failed = !grown;
            if (!grown) break;
            f->at = grown;
            f->cap = cap;
        }
        f->at[f->n++] = (vs__spelling){(uint32_t)r, word};
    }
    vs_buf_free(&b);
}

static int by_row(const void *a, const void *b) {
    uint32_t x = ((const vs__spelling *)a)->row, y = ((const vs__spelling *)b)->row;
    return x < y ? -1 : x > y;
}

vs_status vs__words_locate(vs_err *err, vs__words *w, const vs_space *s, size_t rows) {
    size_t workers = (size_t)vs_threads(), all = 0;
    search q = {w, s, vs_zalloc(workers, sizeof *q.found)};
    bool failed = !q.found || rows >= VS__NO_ROW;
    enum { GRAIN = 4096 };
    if (!failed) vs_parallel_for(rows, GRAIN, search_span, &q);
    for (size_t k = 0; k < workers && !failed; k++) {
        failed = q.found[k].failed;
        all += q.found[k].n;
    }
    if (!failed) {
        w->row = vs_alloc(w->n, sizeof *w->row);
        w->spelling = vs_alloc(all, sizeof *w->spelling);
        failed = !w->row || !w->spelling;
    }
    for (size_t k = 0; k < workers && q.found; k++) {
        if (!failed && q.found[k].n) memcpy(w->spelling + w->spellings, q.found[k].at, q.found[k].n * sizeof *w->spelling);
        if (!failed) w->spellings += q.found[k].n;
        vs_free(q.found[k].at);
    }
    vs_free(q.found);
    if (failed) return vs_fail(err, VS_E_NOMEM, "no memory for the words of the questions");
    qsort(w->spelling, w->spellings, sizeof *w->spelling, by_row);
    for (size_t i = 0; i < w->n; i++) w->row[i] = VS__NO_ROW;
    for (size_t i = w->spellings; i-- > 0;) w->row[w->spelling[i].word] = w->spelling[i].row;
    return VS_OK;
}

uint32_t vs__words_of_row(const vs__words *w, size_t row) {
    vs__spelling key = {(uint32_t)row, 0};
    const vs__spelling *s = bsearch(&key, w->spelling, w->spellings, sizeof key, by_row);
    return s ? s->word : VS__NO_ROW;
}

/* ---- lines ---- */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

static void split(vs__line *line, char tab) {
    enum { MOST = sizeof line->field / sizeof *line->field };
    line->fields = 0;
    for (size_t i = 0; i <= line->n;) {
        if (!tab)
            while (i < line->n && is_blank(line->s[i])) i++;
        if (!tab && i == line->n) break;
        size_t from = i;
        while (i < line->n && (tab ? line->s[i] != tab : !is_blank(line->s[i]))) i++;
        if (line->fields == MOST) {
            line->fields++;
            return;
        }
        line->field[line->fields] = line->s + from;
        line->len[line->fields++] = i - from;
        i++;
    }
}

vs_status vs__lines(vs_err *err, const char *path, const char *text, size_t n, char tab,
                    vs_status (*fn)(vs_err *err, void *arg, const vs__line *line), void *arg) {
    vs__line line = {0};
    for (size_t at = 0; at < n;) {
        const char *end = memchr(text + at, '\n', n - at);
        line.number++;
        line.s = text + at;
        line.n = end ? (size_t)(end - line.s) : n - at;
        at += line.n + 1;
        if (line.n && line.s[line.n - 1] == '\r') line.n--;
        if (!vs_utf8_valid(line.s, line.n, NULL))
            return vs_fail(err, VS_E_FORMAT, "%s: line %zu is not valid UTF-8", path, line.number);
        split(&line, tab);
        VS_TRY(fn(err, arg, &line));
    }
    return VS_OK;
}
