/* eval_words.c - see eval_words.h. */
#include "eval_words.h"

#include <stdlib.h>
#include <string.h>

#include "../base/map.h"
#include "../base/parallel.h"
#include "space_impl.h"

#define RULES(name, word, rows, asked, keys, best, flags, says) {word, says, rows, VS__##asked, VS__##keys, best, flags},
static const vs__rules all_rules[] = {
#include "analogy_rules.def"
};
#undef RULES
const vs__rules *vs__rules_of(vs_analogy_rules r) { return &all_rules[r]; }

void vs__words_free(vs__words *w) {
    vs_dict_free(&w->index);
    vs_arena_free(&w->arena);
    vs_free(w->text);
    vs_free(w->row);
    vs_free(w->spelling);
    *w = (vs__words){0};
}

/* s[n] as it is compared; most keys are ASCII. */
static bool fold(vs__fold how, const char *s, size_t n, vs_buf *b) {
    vs_buf_clear(b);
    vs_buf_puts(b, ""); /* an empty word is a word */
    char first = how == VS__LOWER ? 'A' : 'a', flip = how == VS__NONE ? 0 : 32;
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)s[i] >= 0x80 && how >= VS__UPPER) {
            vs_buf_clear(b);
            vs_utf8_case(how == VS__UPPER ? VS_CASE_UPPER : VS_CASE_LOWER, s, n, b);
            break;
        }
        vs_buf_putc(b, (char)((unsigned char)(s[i] - first) < 26 ? s[i] ^ flip : s[i]));
    }
    return !b->failed;
}

static vs_status no_memory(vs_err *err) { return vs_fail(err, VS_E_NOMEM, "no memory for the words of the questions"); }

static vs_status add_new(vs_err *err, vs__words *w, const char *word, size_t n, const vs_buf *folded, uint32_t *number) {
    if (w->n == w->cap) {
        size_t cap = w->cap ? 2 * w->cap : 512;
        const char **grown = vs_grow(w->text, w->n, cap, sizeof *grown);
        if (!grown) return no_memory(err);
        w->text = grown;
        w->cap = cap;
    }
    char *copy = vs_arena_strndup(&w->arena, folded->s, folded->len);
    w->text[w->n] = vs_arena_strndup(&w->arena, word, n);
    if (!copy || !w->text[w->n] || w->n + 1 == VS__NO_ROW) return no_memory(err);
    *number = (uint32_t)w->n;
    VS_TRY(vs_dict_add(err, &w->index, copy, folded->len, *number, NULL));
    w->n++;
    return VS_OK;
}

vs_status vs__words_add(vs_err *err, vs__words *w, const char *word, size_t n, uint32_t *number) {
    vs_buf b = {0};
    vs_status s = fold(w->fold, word, n, &b) ? VS_OK : no_memory(err);
    if (s == VS_OK && !vs_dict_find(&w->index, b.s, b.len, number)) s = add_new(err, w, word, n, &b, number);
    vs_buf_free(&b);
    return s;
}

vs_status vs_word_set_add(vs_err *err, vs_word_set *w, const char *word, size_t n) {
    if (w->n == w->cap) {
        size_t cap = w->cap ? 2 * w->cap : 512;
        const char **grown = vs_grow(w->at, w->n, cap, sizeof *grown);
        if (!grown) return no_memory(err);
        w->at = grown;
        w->cap = cap;
    }
    w->at[w->n] = vs_arena_strndup(&w->arena, word, n);
    if (!w->at[w->n]) return no_memory(err);
    w->n++;
    return VS_OK;
}

vs_status vs__words_set(vs_err *err, const vs__words *w, vs_word_set *out) {
    *out = (vs_word_set){0};
    vs_status s = VS_OK;
    for (size_t i = 0; i < w->n && s == VS_OK; i++) s = vs_word_set_add(err, out, w->text[i], strlen(w->text[i]));
    if (s != VS_OK) vs_word_set_free(out);
    return s;
}

vs_status vs_word_set_read(vs_err *err, const char *path, vs_word_set *out) {
    *out = (vs_word_set){0};
    vs_map file;
    VS_TRY(vs_map_open(err, path, &file));
    const char *text = file.size ? (const char *)file.bytes : "", *end = text + file.size;
    size_t bad;
    vs_status s = vs_utf8_valid(text, file.size, &bad) ? VS_OK : vs_fail(err, VS_E_FORMAT, "%s: byte %zu is not valid UTF-8", path, bad);
    while (text < end && s == VS_OK) {
        const char *from = text;
        while (text < end && *text != ' ' && *text != '\t' && *text != '\n' && *text != '\r') text++;
        if (text > from) s = vs_word_set_add(err, out, from, (size_t)(text - from));
        text += text < end;
    }
    if (s == VS_OK && !out->n) s = vs_fail(err, VS_E_FORMAT, "%s: no words in it", path);
    vs_map_close(&file);
    if (s != VS_OK) vs_word_set_free(out);
    return s;
}

void vs_word_set_free(vs_word_set *w) {
    vs_free(w->at);
    vs_arena_free(&w->arena);
    *w = (vs_word_set){0};
}

typedef struct search {
    vs__words *w;
    const vs_space *s;
    const vs__rules *rules;
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
        if (q->s->keys.pieces && (q->rules->flags & VS__EXACT)) key = vs__past_blank(key, &len);
        f->failed = !fold(q->rules->keys, key, len, &b);
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

/* The row of exactly this word, in a table of pieces one that begins a word before one that does not. */
static void mean_exactly(vs__words *w, const vs_space *s, size_t rows) {
    for (size_t i = 0; i < w->n; i++) {
        size_t row, n = strlen(w->text[i]);
        bool found = false;
        vs_buf b = {0};
        vs_buf_putc(&b, ' ');
        vs_buf_put(&b, w->text[i], n);
        if (s->keys.pieces && !b.failed) found = vs_space_find(s, b.s, b.len, &row) && row < rows;
        if (!found) found = vs_space_find(s, w->text[i], n, &row) && row < rows;
        vs_buf_free(&b);
        if (found) w->row[i] = (uint32_t)row;
    }
}

vs_status vs__words_locate(vs_err *err, vs__words *w, const vs_space *s, size_t rows, const vs__rules *rules) {
    size_t workers = (size_t)vs_threads(), all = 0;
    search q = {w, s, rules, vs_zalloc(workers, sizeof *q.found)};
    bool failed = !q.found || rows >= VS__NO_ROW;
    enum { GRAIN = 4096 };
    if (!failed && s->keys.pieces)
        search_span(&q, 0, rows, 0); /* a tokenizer's pieces are spelt out on first need, by one thread */
    else if (!failed)
        vs_parallel_for(rows, GRAIN, search_span, &q);
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
    if (failed) return no_memory(err);
    qsort(w->spelling, w->spellings, sizeof *w->spelling, by_row);
    for (size_t i = 0; i < w->n; i++) w->row[i] = VS__NO_ROW;
    for (size_t i = w->spellings; i-- > 0;) w->row[w->spelling[i].word] = w->spelling[i].row;
    if (rules->flags & VS__EXACT) mean_exactly(w, s, rows);
    return VS_OK;
}

uint32_t vs__words_of_row(const vs__words *w, size_t row) {
    vs__spelling key = {(uint32_t)row, 0};
    const vs__spelling *s = bsearch(&key, w->spelling, w->spellings, sizeof key, by_row);
    return s ? s->word : VS__NO_ROW;
}

/* ---- lines ---- */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

void vs__line_split(vs__line *line, char tab) {
    line->fields = 0;
    for (size_t i = 0; i <= line->n;) {
        if (!tab)
            while (i < line->n && is_blank(line->s[i])) i++;
        if (!tab && i == line->n) break;
        size_t from = i;
        while (i < line->n && (tab ? line->s[i] != tab : !is_blank(line->s[i]))) i++;
        if (line->fields == VS__FIELDS) {
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
    static const char mark[] = {'\xEF', '\xBB', '\xBF'}; /* some editors' first bytes of UTF-8 */
    size_t at = n >= sizeof mark && memcmp(text, mark, sizeof mark) == 0 ? sizeof mark : 0;
    while (at < n) {
        const char *end = memchr(text + at, '\n', n - at);
        line.number++;
        line.s = text + at;
        line.n = end ? (size_t)(end - line.s) : n - at;
        at += line.n + 1;
        if (line.n && line.s[line.n - 1] == '\r') line.n--;
        if (!vs_utf8_valid(line.s, line.n, NULL))
            return vs_fail(err, VS_E_FORMAT, "%s: line %zu is not valid UTF-8", path, line.number);
        vs__line_split(&line, tab);
        VS_TRY(fn(err, arg, &line));
    }
    return VS_OK;
}
