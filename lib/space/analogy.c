/* analogy.c - questions "a is to b as c is to …" over all rows of a space.
 *
 * Every score is made of the cosines of an answer with a, b and c, and a file asks about few different words.  So
 * the rows are taken a block at a time: one product gives the cosines of all words with them, and each question then
 * needs three rows of that product, which are still in the cache.  Questions that follow one another share a and b, so
 * what only these say is worked out once for all of them. */
#include "analogy.h"

#include <math.h>
#include <string.h>

#include "../base/map.h"
#include "../numeric/stats.h"
#include "../tensor/kernels.h"
#include "eval_words.h"
#include "space_impl.h"

/* ---- names ---- */

#define WORD(name, word) word,
#define AND(name, word) " " word
static const char *const method_names[] = {VS_ANALOGY_METHODS(WORD)}, *const rules_names[] = {VS_ANALOGY_RULES(WORD)};
static const char all_methods[] = VS_ANALOGY_METHODS(AND), all_rules[] = VS_ANALOGY_RULES(AND);
#undef WORD
#undef AND

enum { METHODS = sizeof method_names / sizeof *method_names, RULES = sizeof rules_names / sizeof *rules_names };

const char *vs_analogy_method_name(vs_analogy_method m) { return method_names[m]; }
const char *vs_analogy_rules_name(vs_analogy_rules r) { return rules_names[r]; }

vs_status vs_analogy_method_find(vs_err *err, const char *name, vs_analogy_method *out) {
    for (int i = 0; i < METHODS; i++)
        if (strcmp(name, method_names[i]) == 0) {
            *out = (vs_analogy_method)i;
            return VS_OK;
        }
    return vs_fail(err, VS_E_UNKNOWN, "no method is called %s; there are%s", name, all_methods);
}

vs_status vs_analogy_rules_find(vs_err *err, const char *name, vs_analogy_rules *out) {
    for (int i = 0; i < RULES; i++)
        if (strcmp(name, rules_names[i]) == 0) {
            *out = (vs_analogy_rules)i;
            return VS_OK;
        }
    return vs_fail(err, VS_E_UNKNOWN, "no rules are called %s; there are%s", name, all_rules);
}

/* ---- the questions ---- */

/* Words by their numbers; which section. */
typedef struct question {
    uint32_t a, b, c, d, section;
} question;

typedef struct best {
    float score;
    uint32_t row;
} best;

typedef struct eval {
    const char *path;
    vs_space *s;
    size_t rows; /* that can be answers */
    vs_analogy_method method;
    vs__words words;
    question *q;
    size_t n, cap;
    vs_analogy_result *out;
    float *unit;      /* [words, d] unit vectors of the words; zero where a word has no row */
    const float *inverse; /* [rows] 1 / norm */
    size_t keep;      /* how many of the best are kept for each question: with other spellings about, five */
    best *best;       /* [workers, n, keep] the best first */
    float *scratch;   /* [workers, scratch_size]: cosines of a block [words, block], its rows turned [d, block], one more
                         of each: [block], [d] */
    size_t scratch_size, block;
    const vs_progress *progress;
} eval;

static vs_status open_section(vs_err *err, eval *e, const vs__line *line) {
    const char *s = line->s + 1;
    size_t n = line->n - 1;
    while (n && (*s == ' ' || *s == '\t' || *s == ':')) s++, n--;
    while (n && (s[n - 1] == ' ' || s[n - 1] == '\t')) n--;
    vs_analogy_result *r = e->out;
    vs_analogy_section *grown = vs_grow(r->section, r->n, r->n + 1, sizeof *grown);
    if (grown) r->section = grown;
    char *name = vs_arena_strndup(&r->arena, s, n);
    if (!grown || !name) return vs_fail(err, VS_E_NOMEM, "%s: no memory for its sections", e->path);
    r->section[r->n++] = (vs_analogy_section){.name = name};
    return VS_OK;
}

static vs_status read_line(vs_err *err, void *arg, const vs__line *line) {
    eval *e = arg;
    if (line->n > 1 && line->s[0] == ':' && line->s[1] == ' ') return open_section(err, e, line);
    if (e->out->n == 0)
        return vs_fail(err, VS_E_FORMAT, "%s: line %zu: want \": SECTION\" before the first question", e->path, line->number);
    if (line->fields != 4) return VS_OK;
    if (e->n == e->cap) {
        size_t cap = e->cap ? 2 * e->cap : 1024;
        question *grown = vs_grow(e->q, e->n, cap, sizeof *grown);
        if (!grown) return vs_fail(err, VS_E_NOMEM, "%s: no memory for its questions", e->path);
        e->q = grown;
        e->cap = cap;
    }
    question *q = &e->q[e->n];
    uint32_t *const word[] = {&q->a, &q->b, &q->c, &q->d};
    for (size_t i = 0; i < 4; i++) VS_TRY(vs__words_add(err, &e->words, line->field[i], line->len[i], word[i]));
    q->section = (uint32_t)(e->out->n - 1);
    e->n++;
    return VS_OK;
}

/* Leave out the questions whose words have no row. */
static void drop_unknown(eval *e) {
    const uint32_t *row = e->words.row;
    size_t kept = 0;
    for (size_t i = 0; i < e->n; i++) {
        question q = e->q[i];
        vs_analogy_section *s = &e->out->section[q.section];
        if (row[q.a] == VS__NO_ROW || row[q.b] == VS__NO_ROW || row[q.c] == VS__NO_ROW || row[q.d] == VS__NO_ROW) {
            s->skipped++;
            continue;
        }
        s->total++;
        e->q[kept++] = q;
    }
    e->n = kept;
}

/* ---- scores ---- */

/* What a and b alone say of each row w of a block: x[w]. */
static void of_a_and_b(const eval *e, const float *a, const float *b, size_t n, float *x) {
    for (size_t w = 0; w < n; w++)
        x[w] = e->method == VS_ANALOGY_MUL ? (b[w] + 1) / 2 / ((a[w] + 1) / 2 + 0.001F) : b[w] - a[w];
}

/* The score of a row from x, its cosine with c, and for PAIR shift = cos(c,b) - cos(c,a).
 * PAIR leaves out the factor 1 / |b - a|, the same for all rows. */
static float score_of(vs_analogy_method method, float x, float c, float shift) {
    switch (method) {
    case VS_ANALOGY_ADD: return x + c;
    case VS_ANALOGY_MUL: return x * ((c + 1) / 2);
    case VS_ANALOGY_PAIR: return (x - shift) / sqrtf(fmaxf(2 - 2 * c, 1e-6F));
    }
    return 0;
}

static float shift_of(const eval *e, const question *q) {
    size_t d = e->s->d;
    const float *c = e->unit + q->c * d;
    return e->method == VS_ANALOGY_PAIR ? vs_dot(c, e->unit + q->b * d, d) - vs_dot(c, e->unit + q->a * d, d) : 0;
}

static bool is_asked(const eval *e, const question *q, size_t row) {
    const uint32_t *r = e->words.row;
    return row == r[q->a] || row == r[q->b] || row == r[q->c];
}

/* Into the best so far, of equals the first. */
static void insert(best *b, size_t keep, best now) {
    size_t at = keep - 1;
    for (; at > 0 && now.score > b[at - 1].score; at--) b[at] = b[at - 1];
    b[at] = now;
}

/* Look closely at a block that may hold a better answer. */
static void look(const eval *e, const question *q, const float *x, const float *c, float shift, size_t r0, size_t n, best *b) {
    for (size_t w = 0; w < n; w++) {
        float score = score_of(e->method, x[w], c[w], shift);
        if (score > b[e->keep - 1].score && !is_asked(e, q, r0 + w)) insert(b, e->keep, (best){score, (uint32_t)(r0 + w)});
    }
}

/* Questions [i, j) share a and b: ask them of a block of n rows, whose cosines with word u are at p + u * block. */
static void ask(const eval *e, size_t i, size_t j, const float *p, size_t r0, size_t n, float *x, best *b) {
    enum { AT_ONCE = 64 };
    of_a_and_b(e, p + e->q[i].a * e->block, p + e->q[i].b * e->block, n, x);
    for (size_t k = i; k < j; k += AT_ONCE) {
        size_t some = j - k < AT_ONCE ? j - k : AT_ONCE;
        float floor[AT_ONCE];
        bool above[AT_ONCE];
        uint32_t c[AT_ONCE];
        for (size_t t = 0; t < some; t++) {
            c[t] = e->q[k + t].c;
            floor[t] = b[(k + t + 1) * e->keep - 1].score;
        }
        if (e->method == VS_ANALOGY_ADD) vs_sums_above(x, p, e->block, c, some, n, floor, above);
        for (size_t t = 0; t < some; t++)
            if (e->method != VS_ANALOGY_ADD || above[t])
                look(e, &e->q[k + t], x, p + c[t] * e->block, shift_of(e, &e->q[k + t]), r0, n, &b[(k + t) * e->keep]);
    }
}

/* The unit vector of a row; zero for one that is zero or not finite. */
static void unit_row(const eval *e, size_t row, float *x) {
    size_t d = e->s->d;
    vs_widen(e->s->rows.dtype, vs_tensor_row(&e->s->rows, row), x, d);
    float inverse = e->inverse[row];
    if (!isnan(inverse)) {
        vs_scale_by(x, inverse, d);
        return;
    }
    double square = 0;
    for (size_t j = 0; j < d; j++) square += (double)x[j] * (double)x[j];
    for (size_t j = 0; j < d; j++) x[j] = isfinite(square) ? (float)((double)x[j] / sqrt(square)) : 0;
}

static void eval_span(void *arg, size_t begin, size_t end, int worker) {
    const eval *e = arg;
    size_t words = e->words.n, d = e->s->d;
    float *p = e->scratch + (size_t)worker * e->scratch_size;
    float *turned = p + words * e->block, *x = turned + d * e->block, *row = x + e->block;
    best *b = e->best + (size_t)worker * e->n * e->keep;
    for (size_t r0 = begin; r0 < end && !vs_interrupted(); r0 += e->block) {
        size_t n = end - r0 < e->block ? end - r0 : e->block;
        for (size_t w = 0; w < n; w++) {
            unit_row(e, r0 + w, row);
            for (size_t j = 0; j < d; j++) turned[j * e->block + w] = row[j];
        }
        vs_mix_block(e->unit, words, d, turned, d, e->block, n, p, e->block);
        for (size_t i = 0, j; i < e->n; i = j) {
            for (j = i + 1; j < e->n && e->q[j].a == e->q[i].a && e->q[j].b == e->q[i].b;) j++;
            ask(e, i, j, p, r0, n, x, b);
        }
        if (worker == 0) vs_tick(e->progress, "analogies", r0 - begin, end - begin);
    }
}

/* ---- the whole ---- */

/* The answer of gensim's rules: the first of the best that is no spelling of a, b or c; else the last. */
static bool is_correct(const eval *e, const question *q, const best *b) {
    uint32_t word = VS__NO_ROW;
    for (size_t i = 0; i < e->keep && b[i].row != VS__NO_ROW; i++) {
        word = vs__words_of_row(&e->words, b[i].row);
        if (word == VS__NO_ROW || (word != q->a && word != q->b && word != q->c)) break;
    }
    return word == q->d;
}

static void count(eval *e, size_t workers) {
    for (size_t i = 0; i < e->n; i++) {
        best *b = e->best + i * e->keep;
        for (size_t w = 1; w < workers; w++) { /* workers have ascending rows, so the first of equals stays */
            const best *other = b + w * e->n * e->keep;
            for (size_t k = 0; k < e->keep; k++)
                if (other[k].score > b[e->keep - 1].score) insert(b, e->keep, other[k]);
        }
        e->out->section[e->q[i].section].correct += is_correct(e, &e->q[i], b);
    }
    for (size_t i = 0; i < e->out->n; i++) {
        e->out->correct += e->out->section[i].correct;
        e->out->total += e->out->section[i].total;
        e->out->skipped += e->out->section[i].skipped;
    }
    vs_wilson(e->out->correct, e->out->total, &e->out->low, &e->out->high);
}

static vs_status allocate(vs_err *err, eval *e, size_t workers) {
    enum { CACHE = 256 * 1024, LEAST = 64, MOST = 4096 }; /* floats of a block: about what a core's own cache holds */
    e->block = CACHE / (e->words.n + 1) / LEAST * LEAST;
    e->block = e->block < LEAST ? LEAST : e->block > MOST ? MOST : e->block;
    size_t unit, scratch, kept;
    bool fits = vs_mul(e->words.n, e->s->d, &unit) && vs_mul(e->words.n + e->s->d + 1, e->block, &e->scratch_size) &&
                vs_add(e->scratch_size, e->s->d, &e->scratch_size) && vs_mul(e->scratch_size, workers, &scratch) && vs_mul(e->n * e->keep, workers, &kept);
    e->unit = fits ? vs_alloc(unit, sizeof *e->unit) : NULL;
    e->scratch = fits ? vs_alloc(scratch, sizeof *e->scratch) : NULL;
    e->best = fits ? vs_alloc(kept, sizeof *e->best) : NULL;
    if (!e->unit || !e->scratch || !e->best)
        return vs_fail(err, VS_E_NOMEM, "%s: no memory for %zu questions over %zu words", e->path, e->n, e->words.n);
    for (size_t i = 0; i < kept; i++) e->best[i] = (best){-INFINITY, VS__NO_ROW};
    return VS_OK;
}

static vs_status ask_all(vs_err *err, eval *e) {
    VS_TRY(vs__words_locate(err, &e->words, e->s, e->rows));
    drop_unknown(e);
    size_t located = 0, workers = (size_t)vs_threads();
    for (size_t u = 0; u < e->words.n; u++) located += e->words.row[u] != VS__NO_ROW;
    e->keep = e->words.spellings > located ? 5 : 1;
    VS_TRY(vs__space_inverse_norms(err, e->s, &e->inverse));
    VS_TRY(allocate(err, e, workers));
    for (size_t u = 0; u < e->words.n; u++) {
        if (e->words.row[u] == VS__NO_ROW)
            memset(e->unit + u * e->s->d, 0, e->s->d * sizeof *e->unit);
        else
            unit_row(e, e->words.row[u], e->unit + u * e->s->d);
    }
    vs_parallel_for(e->rows, e->block, eval_span, e);
    if (vs_interrupted()) return vs_fail(err, VS_E_STOPPED, "%s: interrupted", e->path);
    count(e, workers);
    return VS_OK;
}

void vs_analogy_result_free(vs_analogy_result *r) {
    vs_free(r->section);
    vs_arena_free(&r->arena);
    *r = (vs_analogy_result){0};
}

vs_status vs__analogy_text(vs_err *err, vs_space *s, const char *path, const char *text, size_t n,
                           const vs_analogy_options *o, const vs_progress *p, vs_analogy_result *out) {
    enum { GENSIM_ROWS = 300000 };
    *out = (vs_analogy_result){0};
    eval e = {.path = path, .s = s, .method = o->method, .out = out, .progress = p};
    e.rows = o->restrict_rows ? o->restrict_rows : GENSIM_ROWS;
    if (e.rows > s->n) e.rows = s->n;
    vs_status status = vs__lines(err, path, text, n, 0, read_line, &e);
    if (status == VS_OK && e.n == 0) status = vs_fail(err, VS_E_FORMAT, "%s: no questions in it", path);
    if (status == VS_OK) status = ask_all(err, &e);
    out->rows = e.rows;
    vs__words_free(&e.words);
    vs_free(e.q);
    vs_free(e.unit);
    vs_free(e.best);
    vs_free(e.scratch);
    if (status != VS_OK) vs_analogy_result_free(out);
    return status;
}

vs_status vs_analogy_eval(vs_err *err, vs_space *s, const char *path, const vs_analogy_options *o, const vs_progress *p,
                          vs_analogy_result *out) {
    *out = (vs_analogy_result){0};
    vs_map file;
    VS_TRY(vs_map_open(err, path, &file));
    vs_status status = vs__analogy_text(err, s, path, (const char *)file.bytes, file.size, o, p, out);
    vs_map_close(&file);
    return status;
}
