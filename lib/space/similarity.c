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

static vs_status read_line(vs_err *err, void *arg, const vs__line *line) {
    pairs *q = arg;
    if (line->n == 0 || line->s[0] == '#') return VS_OK;
    double score = 0;
    if (line->fields < 3 || !number(line->field[2], line->len[2], &score)) {
        if (line->number == 1) return VS_OK; /* a heading */
        return vs_fail(err, VS_E_FORMAT, "%s: line %zu: want two words and a number with tabs between them", q->path, line->number);
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

static vs_status compare(vs_err *err, pairs *q, const vs_space *s, vs_similarity_result *out) {
    enum { GENSIM_ROWS = 300000 };
    size_t rows = vs_space_rows(s), d = vs_space_dim(s);
    VS_TRY(vs__words_locate(err, &q->words, s, rows < GENSIM_ROWS ? rows : GENSIM_ROWS));
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
        *out = (vs_similarity_result){.pairs = n, .oov = q->n - n, .pearson = vs_pearson(ours, theirs, n)};
        out->spearman = vs_spearman(ours, theirs, n, work + 2 * q->n);
    }
    vs_free(work);
    vs_free(a);
    return status;
}

vs_status vs__similarity_text(vs_err *err, const vs_space *s, const char *path, const char *text, size_t n,
                              vs_similarity_result *out) {
    *out = (vs_similarity_result){0};
    pairs q = {.path = path};
    vs_status status = vs__lines(err, path, text, n, '\t', read_line, &q);
    if (status == VS_OK && q.n == 0) status = vs_fail(err, VS_E_FORMAT, "%s: no pairs in it", path);
    if (status == VS_OK) status = compare(err, &q, s, out);
    vs__words_free(&q.words);
    vs_free(q.at);
    return status;
}

vs_status vs_similarity_eval(vs_err *err, const vs_space *s, const char *path, vs_similarity_result *out) {
    *out = (vs_similarity_result){0};
    vs_map file;
    VS_TRY(vs_map_open(err, path, &file));
    vs_status status = vs__similarity_text(err, s, path, (const char *)file.bytes, file.size, out);
    vs_map_close(&file);
    return status;
}
