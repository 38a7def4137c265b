/* relation.c - see relation.h. */
#include "relation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/map.h"
#include "../numeric/rng.h"
#include "../numeric/stats.h"
#include "eval_words.h"
#include "space_impl.h"

static vs_status no_memory(vs_err *err) { return vs_fail(err, VS_E_NOMEM, "no memory for the pairs of a relation"); }

/* ---- the file ---- */

typedef struct reader {
    const vs_space *s;
    const char *path;
    vs_relations *out;
    size_t cap, pairs_cap; /* room for sections; in the last one, for pairs */
} reader;

static vs_status section(vs_err *err, reader *q, const char *name, size_t n) {
    vs_relations *r = q->out;
    if (r->n == q->cap) {
        size_t cap = q->cap ? 2 * q->cap : 16;
        vs_relation *grown = vs_grow(r->at, r->n, cap, sizeof *grown);
        if (!grown) return no_memory(err);
        r->at = grown;
        q->cap = cap;
    }
    char *copy = vs_arena_strndup(&r->arena, name, n);
    if (!copy) return no_memory(err);
    r->at[r->n++] = (vs_relation){.name = copy};
    q->pairs_cap = 0;
    return VS_OK;
}

static bool is_section(const vs__line *line, const char **name, size_t *n) {
    *name = line->s + 1;
    *n = line->n - (line->n > 0);
    if (!line->n || line->s[0] != ':') return false;
    while (*n && (**name == ' ' || **name == '\t')) ++*name, --*n;
    while (*n && ((*name)[*n - 1] == ' ' || (*name)[*n - 1] == '\t')) --*n;
    return true;
}

/* The rows of b, or of its parts between / where it is no key itself. */
static void answers(const vs_space *s, const char *b, size_t n, vs_pair *p) {
    p->n_b = 0;
    if (vs__space_find_cased(s, b, n, &p->b[0])) {
        p->n_b = 1;
        return;
    }
    for (size_t i = 0, from; i <= n && p->n_b < VS_PAIR_ANSWERS; i++) {
        for (from = i; i < n && b[i] != '/'; i++) {
        }
        if (i > from && i - from < n && vs__space_find_cased(s, b + from, i - from, &p->b[p->n_b])) p->n_b++;
    }
}

static vs_status add_pair(vs_err *err, reader *q, const char *a, size_t na, const char *b, size_t nb) {
    vs_relation *r = &q->out->at[q->out->n - 1];
    vs_pair p;
    answers(q->s, b, nb, &p);
    if (!p.n_b || !vs__space_find_cased(q->s, a, na, &p.a)) {
        r->unknown++;
        return VS_OK;
    }
    for (size_t i = 0; i < r->n; i++)
        if (r->pair[i].a == p.a && r->pair[i].b[0] == p.b[0]) return VS_OK; /* questions repeat their pairs */
    if (r->n == q->pairs_cap) {
        size_t cap = q->pairs_cap ? 2 * q->pairs_cap : 32;
        vs_pair *grown = vs_grow(r->pair, r->n, cap, sizeof *grown);
        if (!grown) return no_memory(err);
        r->pair = grown;
        q->pairs_cap = cap;
    }
    r->pair[r->n++] = p;
    return VS_OK;
}

static vs_status read_line(vs_err *err, void *arg, const vs__line *line) {
    reader *q = arg;
    if (!line->fields || line->s[0] == '#') return VS_OK;
    const char *title;
    size_t len;
    if (is_section(line, &title, &len)) return section(err, q, title, len);
    if (line->fields != 2 && line->fields != 4)
        return vs_fail(err, VS_E_FORMAT, "%s: line %zu: want a pair of words, or two pairs", q->path, line->number);
    if (!q->out->n) {
        const char *slash = strrchr(q->path, '/'), *name = slash ? slash + 1 : q->path, *dot = strrchr(name, '.');
        VS_TRY(section(err, q, name, dot && dot > name ? (size_t)(dot - name) : strlen(name)));
    }
    for (size_t k = 0; k < line->fields; k += 2)
        VS_TRY(add_pair(err, q, line->field[k], line->len[k], line->field[k + 1], line->len[k + 1]));
    return VS_OK;
}

vs_status vs__relations_text(vs_err *err, const vs_space *s, const char *path, const char *text, size_t n,
                             vs_relations *out) {
    *out = (vs_relations){0};
    reader q = {.s = s, .path = path, .out = out};
    vs_status st = vs__lines(err, path, text, n, '\0', read_line, &q);
    size_t pairs = 0;
    for (size_t i = 0; i < out->n; i++) pairs += out->at[i].n + out->at[i].unknown;
    if (st == VS_OK && !pairs) st = vs_fail(err, VS_E_FORMAT, "%s: no pairs in it", path);
    if (st != VS_OK) vs_relations_free(out);
    return st;
}

vs_status vs_relations_read(vs_err *err, const vs_space *s, const char *path, vs_relations *out) {
    *out = (vs_relations){0};
    vs_map file;
    VS_TRY(vs_map_open(err, path, &file));
    vs_status st = vs__relations_text(err, s, path, (const char *)file.bytes, file.size, out);
    vs_map_close(&file);
    return st;
}

void vs_relations_free(vs_relations *r) {
    for (size_t i = 0; i < r->n; i++) vs_free(r->at[i].pair);
    vs_free(r->at);
    vs_arena_free(&r->arena);
    *r = (vs_relations){0};
}

/* ---- the words of a file ---- */

typedef struct wanted {
    const char *section;
    bool in;
    vs__words words;
} wanted;

static vs_status word_line(vs_err *err, void *arg, const vs__line *line) {
    wanted *w = arg;
    const char *title;
    size_t len;
    uint32_t number;
    if (!line->fields || line->s[0] == '#') return VS_OK;
    if (is_section(line, &title, &len)) {
        w->in = !w->section || (strlen(w->section) == len && !memcmp(w->section, title, len));
        return VS_OK;
    }
    for (size_t k = 0; k < line->fields && k < 4 && w->in; k++) {
        const char *s = line->field[k];
        size_t n = line->len[k];
        for (size_t i = 0, from; i <= n; i++) { /* a/b/c are words each, in the second field of two */
            for (from = i; i < n && (s[i] != '/' || line->fields != 2 || k != 1); i++) {
            }
            if (i > from) VS_TRY(vs__words_add(err, &w->words, s + from, i - from, &number));
        }
    }
    return VS_OK;
}

vs_status vs_relation_words(vs_err *err, const char *path, const char *section, vs_word_set *out) {
    *out = (vs_word_set){0};
    vs_map file;
    VS_TRY(vs_map_open(err, path, &file));
    wanted w = {.section = section, .in = !section};
    vs_status st = vs__lines(err, path, (const char *)file.bytes, file.size, '\0', word_line, &w);
    vs_map_close(&file);
    if (st == VS_OK && !w.words.n)
        st = section ? vs_fail(err, VS_E_UNKNOWN, "%s has no section %s with words", path, section)
                     : vs_fail(err, VS_E_FORMAT, "%s: no pairs in it", path);
    if (st == VS_OK) st = vs__words_set(err, &w.words, out);
    vs__words_free(&w.words);
    return st;
}

/* ---- the fit ---- */

enum { ANSWERS = 5, SPELLINGS = 16 };

typedef struct fit {
    vs_space *s;
    const vs_relation *r;
    size_t n, d, folds;
    float *a, *b;    /* [n,d] */
    float *query;    /* [d] */
    double *offset;  /* [d] */
    size_t *fold;    /* [n] the part that each pair is in */
    size_t *partner; /* [n] whose second word a pair has: its own, or another's */
} fit;

static void fit_free(fit *f) {
    vs_free(f->a);
    vs_free(f->b);
    vs_free(f->query);
    vs_free(f->offset);
    vs_free(f->fold);
    vs_free(f->partner);
}

static vs_status load(vs_err *err, const vs_space *s, size_t row, bool unit, float *out) {
    VS_TRY(vs_space_row(err, s, row, out));
    double square = 0;
    for (size_t j = 0; j < vs_space_dim(s); j++) square += (double)out[j] * (double)out[j];
    if (!isfinite(square))
        return vs_fail(err, VS_E_NUMERIC, "%s: row %zu holds a number that is not finite", s->name, row);
    for (size_t j = 0; unit && square > 0 && j < vs_space_dim(s); j++) out[j] = (float)((double)out[j] / sqrt(square));
    return VS_OK;
}

static vs_status fit_new(vs_err *err, vs_space *s, const vs_relation *r, const vs_relation_options *o, fit *f) {
    size_t n = r->n, d = s->d, cells;
    *f = (fit){.s = s, .r = r, .n = n, .d = d, .folds = o->folds && o->folds < n ? o->folds : n};
    if (n < 2 || f->folds < 2)
        return vs_fail(err, VS_E_RANGE, "relation %s: two pairs at least, in two parts, are wanted; %s has %zu",
                       r->name, s->name, n);
    bool fits = vs_mul(n, d, &cells);
    f->a = fits ? vs_alloc(cells, sizeof *f->a) : NULL;
    f->b = fits ? vs_alloc(cells, sizeof *f->b) : NULL;
    f->query = vs_alloc(d, sizeof *f->query);
    f->offset = vs_alloc(d, sizeof *f->offset);
    f->fold = vs_alloc(n, sizeof *f->fold);
    f->partner = vs_alloc(n, sizeof *f->partner);
    if (!f->a || !f->b || !f->query || !f->offset || !f->fold || !f->partner) return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        VS_TRY(load(err, s, r->pair[i].a, o->unit, f->a + i * d));
        VS_TRY(load(err, s, r->pair[i].b[0], o->unit, f->b + i * d));
    }
    vs_rng *rng;
    VS_TRY(vs_rng_new(err, o->seed, &rng));
    size_t *order = f->partner;
    for (size_t i = 0; i < n; i++) order[i] = i;
    for (size_t i = n; i-- > 1;) { /* Fisher and Yates */
        size_t k = vs_rng_below(rng, (uint32_t)(i + 1)), t = order[i];
        order[i] = order[k];
        order[k] = t;
    }
    for (size_t i = 0; i < n; i++) f->fold[order[i]] = i % f->folds;
    for (size_t i = 0; i < n; i++) order[i] = i;
    for (size_t i = n; i-- > 1;) { /* Sattolo: one cycle, so that none keeps its own */
        size_t k = vs_rng_below(rng, (uint32_t)i), t = order[i];
        order[i] = order[k];
        order[k] = t;
    }
    vs_rng_free(rng);
    return VS_OK;
}

/* The mean of b - a over the pairs that are not in part `out` (folds: over all), b the partner's where shuffled. */
static void mean_offset(fit *f, size_t out, bool shuffled) {
    size_t taken = 0;
    memset(f->offset, 0, f->d * sizeof *f->offset);
    for (size_t i = 0; i < f->n; i++) {
        if (f->fold[i] == out) continue;
        const float *a = f->a + i * f->d, *b = f->b + (shuffled ? f->partner[i] : i) * f->d;
        for (size_t j = 0; j < f->d; j++) f->offset[j] += (double)b[j] - (double)a[j];
        taken++;
    }
    for (size_t j = 0; j < f->d; j++) f->offset[j] /= (double)taken;
}

/* Whether two rows spell one word, whatever the case, with or without a leading blank. */
static bool same_spelling(const vs_space *s, size_t x, size_t y, vs_buf *work) {
    size_t n, m;
    const char *a = vs_space_key(s, x, &n), *b = vs_space_key(s, y, &m);
    if (x == y) return true;
    a = vs__past_blank(a, &n);
    vs_buf_clear(work);
    vs_utf8_case(VS_CASE_LOWER, a, n, work);
    size_t len = work->len;
    b = vs__past_blank(b, &m);
    vs_utf8_case(VS_CASE_LOWER, b, m, work);
    return !work->failed && work->len == 2 * len && !memcmp(work->s, work->s + len, len);
}

/* Ask a + offset of pair i; right answers are those of pair `whose`.  *rank 1..5, or 0; *first the best answer. */
static vs_status ask(vs_err *err, const fit *f, size_t i, size_t whose, bool offset, vs_buf *work, unsigned *rank,
                     size_t *first) {
    size_t row[ANSWERS + SPELLINGS], found;
    float score[ANSWERS + SPELLINGS];
    const vs_pair *p = &f->r->pair[i], *right = &f->r->pair[whose];
    for (size_t j = 0; j < f->d; j++) f->query[j] = (float)((double)f->a[i * f->d + j] + (offset ? f->offset[j] : 0));
    VS_TRY(vs_space_near(err, f->s, f->query, ANSWERS + SPELLINGS, &p->a, 1, row, score, &found));
    *rank = 0;
    *first = SIZE_MAX;
    unsigned n = 0;
    for (size_t k = 0; k < found && n < ANSWERS; k++) {
        if (same_spelling(f->s, row[k], p->a, work)) continue;
        n++;
        if (*first == SIZE_MAX) *first = row[k];
        for (size_t b = 0; b < right->n_b && !*rank; b++)
            if (same_spelling(f->s, row[k], right->b[b], work)) *rank = n;
    }
    return VS_OK;
}

/* The cosine of a pair's difference with the offset. */
static double along(const fit *f, size_t i, size_t whose) {
    double dot = 0, own = 0, all = 0;
    for (size_t j = 0; j < f->d; j++) {
        double x = (double)f->b[whose * f->d + j] - (double)f->a[i * f->d + j];
        dot += x * f->offset[j];
        own += x * x;
        all += f->offset[j] * f->offset[j];
    }
    return own > 0 && all > 0 ? dot / sqrt(own * all) : 0;
}

typedef enum how { FIT, SHUFFLED, NONE } how;

static vs_status score(vs_err *err, fit *f, how way, const vs_progress *p, vs_buf *work, vs_relation_score *out,
                       vs_relation_result *keep) {
    *out = (vs_relation_score){.cosine = way == NONE ? (double)NAN : 0};
    for (size_t part = 0; part < f->folds; part++) {
        if (way != NONE) mean_offset(f, part, way == SHUFFLED);
        for (size_t i = 0; i < f->n; i++) {
            if (f->fold[i] != part) continue;
            if (vs_interrupted()) return vs_fail(err, VS_E_STOPPED, "relation %s: interrupted", f->r->name);
            unsigned rank;
            size_t first, whose = way == SHUFFLED ? f->partner[i] : i;
            VS_TRY(ask(err, f, i, whose, way != NONE, work, &rank, &first));
            out->first += rank == 1;
            out->five += rank != 0;
            if (way != NONE) out->cosine += along(f, i, whose) / (double)f->n;
            if (keep) {
                keep->answer[i] = first;
                keep->rank[i] = rank;
            }
        }
        vs_tick(p, f->r->name, (uint64_t)way * f->folds + part + 1, 3 * (uint64_t)f->folds);
    }
    return work->failed ? no_memory(err) : VS_OK;
}

vs_status vs_relation_fit(vs_err *err, vs_space *s, const vs_relation *r, const vs_relation_options *o,
                          const vs_progress *p, float *offset, vs_relation_result *out) {
    *out = (vs_relation_result){.pairs = r->n};
    fit f;
    vs_buf work = {0};
    vs_status st = fit_new(err, s, r, o, &f);
    if (st == VS_OK) {
        out->answer = vs_alloc(r->n, sizeof *out->answer);
        out->rank = vs_alloc(r->n, sizeof *out->rank);
        if (!out->answer || !out->rank) st = no_memory(err);
    }
    if (st == VS_OK) st = score(err, &f, FIT, p, &work, &out->fit, out);
    vs_wilson(out->fit.first, r->n, &out->low, &out->high);
    if (st == VS_OK) st = score(err, &f, SHUFFLED, p, &work, &out->shuffled, NULL);
    if (st == VS_OK) st = score(err, &f, NONE, p, &work, &out->none, NULL);
    if (st == VS_OK) {
        mean_offset(&f, f.folds, false);
        for (size_t j = 0; j < f.d; j++) offset[j] = (float)f.offset[j];
    }
    vs_buf_free(&work);
    fit_free(&f);
    if (st != VS_OK) vs_relation_result_free(out);
    return st;
}

void vs_relation_result_free(vs_relation_result *r) {
    vs_free(r->answer);
    vs_free(r->rank);
    *r = (vs_relation_result){0};
}
