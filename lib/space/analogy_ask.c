/* analogy_ask.c - one question "a is to b as c is to …", by any of the methods; see analogy.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../tensor/kernels.h"
#include "eval_words.h"
#include "nn_impl.h"

typedef struct ask {
    const vs_space *s;
    const vs_analogy_question *q;
    const float *inverse;
    float *unit; /* [4, d]: unit a, b, c; what tells the class */
    float odds, shift, over;
    vs__best *best;
    float *row; /* [workers, d] */
} ask;

static bool is_skipped(const vs_analogy_question *q, size_t row) {
    if (q->allow && !(q->allow[row / 64] >> row % 64 & 1)) return true;
    for (size_t i = 0; i < q->n_skip; i++)
        if (q->skip[i] == row) return true;
    return false;
}

static void ask_span(void *arg, size_t begin, size_t end, int worker) {
    const ask *k = arg;
    vs_analogy_method m = k->q->method;
    size_t d = k->s->d;
    float *x = k->row + (size_t)worker * d;
    const float *a = k->unit, *b = a + d, *c = b + d, *w = c + d;
    for (size_t r = begin; r < end; r++) {
        if (isnan(k->inverse[r])) {
            vs_widen(k->s->rows.dtype, vs_tensor_row(&k->s->rows, r), x, d);
            if (!isfinite((double)vs_sum(x, d))) continue; /* a row that is not finite is no answer */
        }
        vs__unit_row(k->s, k->inverse, r, x);
        float of_class = m == VS_ANALOGY_LRCOS ? vs_dot(w, x, d) : 0;
        if (m == VS_ANALOGY_LRCOS) vs__sigmoid(&of_class, k->odds, 1);
        float shared = m == VS_ANALOGY_LRCOS ? of_class : vs__analogy_x(m, vs_dot(a, x, d), vs_dot(b, x, d));
        float score = vs__analogy_score(m, shared, vs_dot(c, x, d), k->shift) * k->over;
        vs__best *best = &k->best[worker];
        if ((double)score >= vs__best_floor(best) && !is_skipped(k->q, r)) vs__best_keep(best, (vs__hit){.score = (double)score, .row = r});
    }
}

static vs_status unit_of(vs_err *err, const char *which, const float *v, size_t d, float *out) {
    double square = 0;
    for (size_t j = 0; j < d; j++) square += (double)v[j] * (double)v[j];
    if (!(square > 0) || !isfinite(square)) return vs_fail(err, VS_E_NUMERIC, "%s is zero or not finite: it has no direction", which);
    for (size_t j = 0; j < d; j++) out[j] = (float)((double)v[j] / sqrt(square));
    return VS_OK;
}

/* The class, b in it, against a and as many random rows as the class has others. */
static vs_status learn(vs_err *err, ask *k) {
    const vs_analogy_question *q = k->q;
    size_t d = k->s->d, n = q->n_group, room;
    if (!n) return vs_fail(err, VS_E_USAGE, "lrcos wants a class: words of the kind that is looked for");
    float *x = vs_mul(2 * n + 2, d, &room) ? vs_alloc(room, sizeof *x) : NULL;
    if (!x) return vs_fail(err, VS_E_NOMEM, "no memory for a class of %zu words", n);
    for (size_t i = 0; i < n; i++) vs__unit_row(k->s, k->inverse, q->group[i], x + i * d);
    memcpy(x + n * d, k->unit + d, d * sizeof *x);
    memcpy(x + (n + 1) * d, k->unit, d * sizeof *x);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t key[] = {q->seed, i};
        vs__unit_row(k->s, k->inverse, (size_t)(vs_hash(key, sizeof key) % k->s->n), x + (n + 2 + i) * d);
    }
    vs_status st = vs__class_fit(err, x, n + 1, n + 1, d, k->unit + 3 * d, &k->odds);
    vs_free(x);
    return st;
}

static vs_status prepare(vs_err *err, ask *k) {
    const vs_analogy_question *q = k->q;
    size_t d = k->s->d;
    VS_TRY(unit_of(err, "a", q->a, d, k->unit));
    VS_TRY(unit_of(err, "b", q->b, d, k->unit + d));
    VS_TRY(unit_of(err, "c", q->c, d, k->unit + 2 * d));
    k->over = 1;
    if (q->method == VS_ANALOGY_LRCOS) return learn(err, k);
    const float *a = k->unit, *b = a + d, *c = b + d;
    float ab = vs_dot(a, b, d), bc = vs_dot(b, c, d), ac = vs_dot(a, c, d);
    /* what is the same for all rows makes a cosine of the score */
    if (q->method == VS_ANALOGY_PAIR) {
        if (2 - 2 * ab < 1e-6F) return vs_fail(err, VS_E_NUMERIC, "a and b are the same: from one to the other there is no direction");
        k->shift = bc - ac;
        k->over = 1 / sqrtf(fmaxf(2 - 2 * ab, 1e-6F));
    } else if (q->method == VS_ANALOGY_ADD) {
        k->over = 1 / sqrtf(fmaxf(3 - 2 * ab - 2 * ac + 2 * bc, 1e-6F));
    }
    return VS_OK;
}

static int better(const void *a, const void *b) {
    const vs__hit *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static vs_status search(vs_err *err, ask *k, size_t most, vs__hit *hit, size_t workers, size_t *found) {
    for (size_t w = 0; w < workers; w++) k->best[w] = (vs__best){.at = hit + w * most, .k = most};
    enum { GRAIN = 1024 };
    vs_parallel_for(k->s->n, GRAIN, ask_span, k);
    if (vs_interrupted()) return vs_fail(err, VS_E_STOPPED, "the analogy was interrupted");
    *found = 0;
    for (size_t w = 0; w < workers; w++) {
        memmove(hit + *found, k->best[w].at, k->best[w].n * sizeof *hit);
        *found += k->best[w].n;
    }
    qsort(hit, *found, sizeof *hit, better);
    if (*found > most) *found = most;
    return VS_OK;
}

vs_status vs_analogy_ask(vs_err *err, vs_space *s, const vs_analogy_question *q, size_t k, size_t *idx, float *score,
                         size_t *found) {
    *found = 0;
    if (k > s->n) k = s->n;
    size_t workers = (size_t)vs_threads(), rows, all;
    ask a = {.s = s, .q = q};
    VS_TRY(vs__space_inverse_norms(err, s, &a.inverse));
    bool fits = vs_mul(workers, s->d, &rows) && vs_mul(workers, k, &all);
    a.unit = vs_alloc(s->d, 4 * sizeof *a.unit);
    a.row = fits ? vs_alloc(rows, sizeof *a.row) : NULL;
    a.best = vs_zalloc(workers, sizeof *a.best);
    vs__hit *hit = fits ? vs_alloc(all, sizeof *hit) : NULL;
    vs_status st = a.unit && a.row && a.best && hit ? prepare(err, &a) : vs_fail(err, VS_E_NOMEM, "no memory for an analogy");
    if (st == VS_OK && k) st = search(err, &a, k, hit, workers, found);
    for (size_t i = 0; i < *found && st == VS_OK; i++) {
        idx[i] = hit[i].row;
        score[i] = (float)hit[i].score;
    }
    vs_free(a.unit);
    vs_free(a.row);
    vs_free(a.best);
    vs_free(hit);
    return st;
}
