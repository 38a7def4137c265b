/* similarity.c - how well cosines rank pairs of words as people do; see analogy.h. */
#include <stdlib.h>
#include <string.h>

#include "../base/map.h"
#include "../numeric/stats.h"
#include "analogy.h"
#include "eval_words.h"

typedef struct pair {
    uint32_t a, b;
    double score;
} pair;

typedef struct pairs {
    const char *path;
    vs__words words;
    pair *at;
    size_t n, cap;
    size_t column; /* of the score */
} pairs;

/* The number written in s[n], wholly. */
static bool number(const char *s, size_t n, double *out) {
    char text[64], *end;
    while (n && (s[n - 1] == ' ' || s[n - 1] == '\t')) n--;
    if (n == 0 || n >= sizeof text) return false;
    memcpy(text, s, n);
    text[n] = '\0';
    *out = strtod(text, &end);
    return *end == '\0';
}

/* A heading may say which column is the score. */
static void heading(pairs *q, const vs__line *line) {
    static const char name[] = "SimLex999";
    for (size_t i = 2; i < line->fields && i < VS__FIELDS; i++)
        if (line->len[i] == sizeof name - 1 && memcmp(line->field[i], name, sizeof name - 1) == 0) q->column = i;
}

static vs_status read_line(vs_err *err, void *arg, const vs__line *line) {
    pairs *q = arg;
    if (line->n == 0 || line->s[0] == '#') return VS_OK;
    double score = 0;
    if (line->fields <= q->column || !number(line->field[q->column], line->len[q->column], &score)) {
        if (line->number == 1) {
            heading(q, line);
            return VS_OK;
        }
        return vs_fail(err, VS_E_FORMAT, "%s: line %zu: want two words and a number in column %zu, with tabs between them", q->path,
                       line->number, q->column + 1);
    }
    if (q->n == q->cap) {
        size_t cap = q->cap ? 2 * q->cap : 512;
        pair *grown = vs_grow(q->at, q->n, cap, sizeof *grown);
        if (!grown) return vs_fail(err, VS_E_NOMEM, "%s: no memory for its pairs", q->path);
        q->at = grown;
        q->cap = cap;
    }
    pair *p = &q->at[q->n];
    VS_TRY(vs__words_add(err, &q->words, line->field[0], line->len[0], &p->a));
    VS_TRY(vs__words_add(err, &q->words, line->field[1], line->len[1], &p->b));
    p->score = score;
    q->n++;
    return VS_OK;
}

static vs_status compare(vs_err *err, pairs *q, const vs_space *s, const vs__rules *rules, vs_similarity_result *out) {
    size_t rows = vs_space_rows(s), d = vs_space_dim(s);
    VS_TRY(vs__words_locate(err, &q->words, s, rules->rows && rules->rows < rows ? rules->rows : rows, rules));
    double *work = vs_alloc(q->n, 4 * sizeof *work), *ours = work, *theirs = work + q->n;
    float *a = vs_alloc(d, 2 * sizeof *a), *b = a + d;
    vs_status status = work && a ? VS_OK : vs_fail(err, VS_E_NOMEM, "%s: no memory for its pairs", q->path);
    size_t n = 0;
    for (size_t i = 0; i < q->n && status == VS_OK; i++) {
        uint32_t ra = q->words.row[q->at[i].a], rb = q->words.row[q->at[i].b];
        if (ra == VS__NO_ROW || rb == VS__NO_ROW) continue;
        status = vs_space_row(err, s, ra, a);
        if (status == VS_OK) status = vs_space_row(err, s, rb, b);
        ours[n] = status == VS_OK ? (double)vs_cosine(a, b, d) : 0;
        theirs[n++] = q->at[i].score;
    }
    if (status == VS_OK) {
        enum { SEED = 1 };
        *out = (vs_similarity_result){.pairs = n, .oov = q->n - n, .pearson = vs_pearson(ours, theirs, n)};
        out->spearman = vs_spearman(ours, theirs, n, work + 2 * q->n);
        status = vs_spearman_interval(err, ours, theirs, n, SEED, &out->low, &out->high);
    }
    vs_free(work);
    vs_free(a);
    return status;
}

static vs_status read_pairs(vs_err *err, pairs *q, const char *text, size_t n) {
    q->column = 2;
    VS_TRY(vs__lines(err, q->path, text, n, '\t', read_line, q));
    return q->n ? VS_OK : vs_fail(err, VS_E_FORMAT, "%s: no pairs in it", q->path);
}

static void pairs_free(pairs *q) {
    vs__words_free(&q->words);
    vs_free(q->at);
}

vs_status vs__similarity_text(vs_err *err, const vs_space *s, const char *path, const char *text, size_t n,
                              vs_analogy_rules rules, vs_similarity_result *out) {
    *out = (vs_similarity_result){0};
    const vs__rules *r = vs__rules_of(rules);
    pairs q = {.path = path, .words = {.fold = r->asked}};
    vs_status status = read_pairs(err, &q, text, n);
    if (status == VS_OK) status = compare(err, &q, s, r, out);
    pairs_free(&q);
    return status;
}

vs_status vs_similarity_eval(vs_err *err, const vs_space *s, const char *path, vs_analogy_rules rules,
                             vs_similarity_result *out) {
    *out = (vs_similarity_result){0};
    vs_map file;
    VS_TRY(vs_map_open(err, path, &file));
    vs_status status = vs__similarity_text(err, s, path, (const char *)file.bytes, file.size, rules, out);
    vs_map_close(&file);
    return status;
}

vs_status vs_similarity_words(vs_err *err, const char *path, vs_word_set *out) {
    *out = (vs_word_set){0};
    vs_map file;
    pairs q = {.path = path, .words = {.fold = VS__UPPER}};
    VS_TRY(vs_map_open(err, path, &file));
    vs_status status = read_pairs(err, &q, (const char *)file.bytes, file.size);
    if (status == VS_OK) status = vs__words_set(err, &q.words, out);
    pairs_free(&q);
    vs_map_close(&file);
    return status;
}
