/* nn.c - exact nearest neighbours.
 *
 * The score of a row has the same bits whatever else is scanned (space.h says what it is), so the answer does not depend on
 * threads, on the order of the scan or on the questions beside it.  A distance is worked out only where a bound says
 * that the row may be near enough. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/alloc.h"
#include "../tensor/kernels.h"
#include "nn_impl.h"

/* ---- norms ---- */

/* |row|^2 in this range is exact enough in f32: nothing overflows, nothing that counts is lost to underflow.  A row
 * outside it (its inverse is NaN) is scored in double. */
static const float square_low = 1e-24F, square_high = 1e30F;

typedef struct norms {
    const vs_space *s;
    float *inverse;
    atomic_bool failed;
} norms;

static float inverse_norm(const float *row, size_t d) {
    float square = vs_sum_squares(row, d);
    if (square >= square_low && square <= square_high) return 1.0F / sqrtf(square);
    if (square == 0) {
        size_t j = 0;
        while (j < d && row[j] == 0) j++;
        if (j == d) return 0; /* a zero row */
    }
    return NAN;
}

static void norms_span(void *arg, size_t begin, size_t end, int worker) {
    (void)worker;
    norms *q = arg;
    const float *data = vs_space_data(q->s);
    size_t d = q->s->d;
    float *row = data ? NULL : vs_alloc(d, sizeof *row);
    if (!data && !row) {
        atomic_store(&q->failed, true);
        return;
    }
    for (size_t r = begin; r < end; r++) {
        if (row) vs_widen(q->s->rows.dtype, vs_tensor_row(&q->s->rows, r), row, d);
        q->inverse[r] = inverse_norm(row ? row : data + r * d, d);
    }
    vs_free(row);
}

vs_status vs__space_inverse_norms(vs_err *err, vs_space *s, const float **out) {
    *out = atomic_load(&s->inverse);
    if (*out) return VS_OK;
    norms q = {.s = s, .inverse = vs_alloc(s->n, sizeof *q.inverse)};
    if (!q.inverse) return vs_fail(err, VS_E_NOMEM, "%s: no memory for the norms of %zu rows", s->name, s->n);
    enum { GRAIN = 1024 };
    vs_parallel_for(s->n, GRAIN, norms_span, &q);
    if (atomic_load(&q.failed)) {
        vs_free(q.inverse);
        return vs_fail(err, VS_E_NOMEM, "%s: no memory for a row of %zu numbers", s->name, s->d);
    }
    float *none = NULL;
    if (!atomic_compare_exchange_strong(&s->inverse, &none, q.inverse)) {
        vs_free(q.inverse);
        *out = none; /* another thread was first */
    } else {
        *out = q.inverse;
    }
    return VS_OK;
}

/* Codes are worth it where they are read faster than the rows themselves, and for the second question to a large space,
 * or for several at once: a first one is answered sooner without.  NULL: scan the rows themselves. */
static const vs__codes *codes_of(vs_space *s, const float *inverse, bool several) {
    enum { LARGE = 1 << 20 };
    vs__codes *codes = atomic_load(&s->codes);
    const vs_dtype_info *info = vs_dtype_of(s->rows.dtype);
    bool small = 2 * info->block_bytes < 3 * info->block; /* 8 bits a number already */
    if (codes || small || s->n < LARGE / s->d || !(several || atomic_load(&s->asked))) return codes;
    vs__codes *none = NULL;
    codes = vs__codes_new(s, inverse);
    if (!codes || atomic_compare_exchange_strong(&s->codes, &none, codes)) return codes;
    vs__codes_free(codes);
    return none;
}

/* ---- the best k ---- */

/* a comes before b in the answer. */
static bool better(vs__hit a, vs__hit b) { return a.score > b.score || (a.score == b.score && a.row < b.row); }

static void sift_down(vs__best *b, size_t i) {
    for (;;) {
        size_t worst = i, l = 2 * i + 1;
        if (l < b->n && better(b->at[worst], b->at[l])) worst = l;
        if (l + 1 < b->n && better(b->at[worst], b->at[l + 1])) worst = l + 1;
        if (worst == i) return;
        vs__hit t = b->at[i];
        b->at[i] = b->at[worst];
        b->at[worst] = t;
        i = worst;
    }
}

void vs__best_keep(vs__best *b, vs__hit h) {
    if (b->n < b->k) {
        size_t i = b->n++;
        for (; i && better(b->at[(i - 1) / 2], h); i = (i - 1) / 2) b->at[i] = b->at[(i - 1) / 2];
        b->at[i] = h;
    } else if (better(h, b->at[0])) {
        b->at[0] = h;
        sift_down(b, 0);
    }
}

double vs__best_floor(const vs__best *b) { return b->n < b->k ? -(double)INFINITY : b->at[0].score; }

static int by_rank(const void *a, const void *b) {
    const vs__hit *x = a, *y = b;
    return better(*x, *y) ? -1 : better(*y, *x) ? 1 : 0;
}

/* ---- the scan ---- */

static int by_size(const void *a, const void *b) {
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

static bool skipped(const vs__query *q, size_t row) {
    return q->n_skip && bsearch(&row, q->skip, q->n_skip, sizeof row, by_size);
}

const float *vs__search_row(const vs__search *q, int worker, size_t r) {
    const float *data = vs_space_data(q->s);
    size_t d = q->s->d;
    if (data) return data + r * d;
    float *wide = q->wide + (size_t)worker * d;
    vs_widen(q->s->rows.dtype, vs_tensor_row(&q->s->rows, r), wide, d);
    return wide;
}

/* The cosine or the product of a row whose norm is beyond f32; NaN where the row holds NaN or an infinity. */
static double score_in_double(const vs__search *q, const float *x, size_t row, int worker) {
    const float *y = vs__search_row(q, worker, row);
    double dot = 0, square = 0;
    for (size_t j = 0; j < q->s->d; j++) {
        dot += (double)x[j] * (double)y[j];
        square += (double)y[j] * (double)y[j];
    }
    if (!isfinite(square)) return (double)NAN;
    return q->measure == VS_MEASURE_DOT ? dot : (double)(float)(dot / sqrt(square));
}

double vs__round_off(size_t d) { return ((double)d / 16 + 16) * 0x1p-23; }

/* Whether a row is farther away than the worst there is: |x - y|^2 = |x|^2 + |y|^2 - 2 x.y, where what f32 rounds away is
 * at most round (|x|^2 + |y|^2) for the product (2 |x| |y| is less than that) and as much and a little for |y|^2. */
static bool beyond(const vs__search *q, const vs__query *u, double floor, float inverse, float dot) {
    if (isnan(inverse)) return false;
    double round = vs__round_off(q->s->d), square = inverse > 0 ? 1 / ((double)inverse * (double)inverse) : 0;
    double most = u->square + square, least = most - 2 * (double)dot - most * (2 * round + 0x1p-20);
    return least > floor * floor * (1 + round); /* NaN is not */
}

static double score_of(const vs__search *q, const vs__query *u, int worker, size_t row, float dot) {
    float inverse = q->inverse[row];
    double far;
    switch (q->measure) {
    case VS_MEASURE_COSINE:
        if (isnan(inverse)) break;
        return (double)(dot * inverse);
    case VS_MEASURE_DOT:
        if (isnan(inverse)) break;
        return (double)dot;
    default:
        far = vs_l2(u->x, vs__search_row(q, worker, row), q->s->d);
        return isfinite(far) ? -far : (double)NAN;
    }
    return score_in_double(q, u->x, row, worker);
}

void vs__search_offer(const vs__search *q, size_t i, int worker, size_t row, float dot) {
    const vs__query *u = &q->query[i];
    vs__best *b = &u->best[worker];
    double floor = vs__best_floor(b);
    if (q->measure == VS_MEASURE_L2 && !u->plain && beyond(q, u, floor, q->inverse[row], dot)) return;
    double score = score_of(q, u, worker, row, dot);
    if (score >= floor && !skipped(u, row)) vs__best_keep(b, (vs__hit){score, row}); /* NaN is no answer */
}

static bool may_answer(const vs__search *q, size_t r) { return !q->allow || q->allow[r / 64] >> (r % 64) & 1; }

/* Rows r0 .. r1 for query i, whose products with them are known.  What cannot reach is told from by the least work. */
static void offer_span(const vs__search *q, size_t i, int worker, size_t r0, size_t r1, const float *dots) {
    const vs__best *b = &q->query[i].best[worker];
    for (size_t r = r0; r < r1; r++) {
        float dot = dots[r - r0], floor = (float)vs__best_floor(b);
        if (!may_answer(q, r)) continue;
        if (q->measure == VS_MEASURE_COSINE && dot * q->inverse[r] < floor) continue;
        vs__search_offer(q, i, worker, r, dot);
    }
}

static size_t count_allowed(const vs__search *q, size_t r0, size_t r1) {
    size_t n = 0;
    if (!q->allow) return r1 - r0;
    for (size_t r = r0; r < r1; r += VS__CODE_ROWS) n += (size_t)__builtin_popcount(vs__allowed(q, r));
    return n;
}

/* The rows themselves, in blocks whose products with many queries stay in cache; where few may answer, one by one. */
static void scan_span(void *arg, size_t begin, size_t end, int worker) {
    const vs__search *q = arg;
    enum { ROWS = 64, QUERIES = 96, SOME = 8 };
    float dots[ROWS * QUERIES];
    size_t d = q->s->d, block = q->n == 1 ? 4 * ROWS : ROWS;
    for (size_t r0 = begin; r0 < end; r0 += block) {
        size_t r1 = r0 + block < end ? r0 + block : end, some = count_allowed(q, r0, r1);
        if (!some) continue;
        for (size_t i = 0; i < q->n; i += QUERIES) {
            size_t n = q->n - i < QUERIES ? q->n - i : QUERIES, step = some < (r1 - r0) / SOME ? 1 : r1 - r0;
            for (size_t r = r0; r < r1; r += step) {
                if (step == 1 && !may_answer(q, r)) continue;
                vs_matmul_span(q->x + i * d, n, d, d, &q->s->rows, NULL, r, r + step, dots, step);
                for (size_t j = 0; j < n; j++) offer_span(q, i + j, worker, r, r + step, dots + j * step);
            }
        }
    }
}

/* ---- questions ---- */

/* x, square and power of a query. */
static vs_status prepare(vs_err *err, vs_measure measure, const float *q, size_t d, float *x, vs__query *out) {
    double square = 0, most = 0;
    for (size_t j = 0; j < d; j++) {
        square += (double)q[j] * (double)q[j];
        most = fmax(most, fabs((double)q[j]));
    }
    if (!isfinite(square)) return vs_fail(err, VS_E_NUMERIC, "the query holds a number that is NaN or infinite");
    double by = 1;
    if (measure == VS_MEASURE_COSINE && square > 0) by = 1 / sqrt(square);
    if (measure == VS_MEASURE_DOT && most > 0) {
        (void)frexp(most, &out->power);
        by = ldexp(1, -out->power);
    }
    out->square = 0;
    for (size_t j = 0; j < d; j++) {
        x[j] = (float)((double)q[j] * by);
        out->square += (double)x[j] * (double)x[j];
    }
    out->plain = measure == VS_MEASURE_L2 && square != 0 && !(square >= (double)square_low && square <= (double)square_high);
    out->x = x;
    return VS_OK;
}

/* Gather what each worker found, the best first. */
static size_t merge(vs__hit *all, const vs__query *q, size_t workers, size_t k, vs_measure measure, const vs_ask *to) {
    size_t n = 0;
    for (size_t w = 0; w < workers; w++)
        for (size_t i = 0; i < q->best[w].n; i++) all[n++] = q->best[w].at[i];
    qsort(all, n, sizeof *all, by_rank);
    if (n > k) n = k;
    for (size_t i = 0; i < n; i++) {
        to->idx[i] = all[i].row;
        to->score[i] = (float)(measure == VS_MEASURE_L2 ? -all[i].score : ldexp(all[i].score, q->power));
    }
    return n;
}

/* The scan itself: of the codes where there are any and it does not look at few rows only. */
static void scan(vs__search *q) {
    enum { GRAIN = 1024, FEW = 16 };
    bool coded = q->codes && count_allowed(q, 0, q->s->n) > q->s->n / FEW && vs__codes_ask(q);
    if (coded)
        vs_parallel_for((q->s->n + VS__CODE_ROWS - 1) / VS__CODE_ROWS, GRAIN / VS__CODE_ROWS, vs__codes_scan, q);
    else
        vs_parallel_for(q->s->n, GRAIN, scan_span, q);
    vs__codes_done(q);
}

/* What n questions of one scan need. */
typedef struct room {
    vs__query *query;
    vs__best *best; /* [n, workers] */
    vs__hit *hit;   /* [n, workers, k] */
    size_t *skip;   /* all lists, one after another */
    vs__hit *all;   /* [workers, k] */
} room;

static vs_status make_room(vs_err *err, vs__search *q, const vs_ask *ask, size_t k, size_t workers, room *m) {
    size_t skips = 0, slots = 0, numbers = 0, wide = 0;
    bool fits = vs_mul(workers, k, &slots) && vs_mul(q->n, q->s->d, &numbers) && vs_mul(workers, q->s->d, &wide);
    for (size_t i = 0; i < q->n; i++) skips += ask[i].n_skip;
    *m = (room){.query = vs_zalloc(q->n, sizeof *m->query),
                .best = vs_alloc(q->n * workers, sizeof *m->best),
                .hit = fits ? vs_alloc(q->n, slots * sizeof *m->hit) : NULL,
                .skip = vs_alloc(skips, sizeof *m->skip),
                .all = fits ? vs_alloc(slots, sizeof *m->all) : NULL};
    q->x = fits ? vs_alloc(numbers, sizeof *q->x) : NULL;
    q->wide = fits ? vs_alloc(wide, sizeof *q->wide) : NULL;
    q->query = m->query;
    if (!m->query || !m->best || !m->hit || !m->skip || !m->all || !q->x || !q->wide)
        return vs_fail(err, VS_E_NOMEM, "%s: no memory for %zu neighbours", q->s->name, k);
    size_t *skip = m->skip;
    for (size_t i = 0; i < q->n; i++) {
        vs__query *u = &m->query[i];
        u->best = m->best + i * workers;
        for (size_t w = 0; w < workers; w++) u->best[w] = (vs__best){.at = m->hit + (i * workers + w) * k, .k = k};
        if (ask[i].n_skip) memcpy(skip, ask[i].skip, ask[i].n_skip * sizeof *skip);
        qsort(skip, ask[i].n_skip, sizeof *skip, by_size);
        u->skip = skip;
        u->n_skip = ask[i].n_skip;
        skip += ask[i].n_skip;
    }
    return VS_OK;
}

/* The q->n questions at ask. */
static vs_status near_some(vs_err *err, vs__search *q, vs_ask *ask, size_t k) {
    size_t workers = (size_t)vs_threads(), d = q->s->d;
    room m;
    vs_status status = make_room(err, q, ask, k, workers, &m);
    for (size_t i = 0; i < q->n && status == VS_OK; i++)
        status = prepare(err, q->measure, ask[i].q, d, q->x + i * d, &m.query[i]);
    if (status == VS_OK) {
        scan(q);
        for (size_t i = 0; i < q->n; i++) ask[i].found = merge(m.all, &m.query[i], workers, k, q->measure, &ask[i]);
    }
    vs_free(m.query);
    vs_free(m.best);
    vs_free(m.hit);
    vs_free(m.skip);
    vs_free(m.all);
    vs_free(q->x);
    vs_free(q->wide);
    return status;
}

vs_status vs_space_near_many(vs_err *err, vs_space *s, vs_ask *ask, size_t n, size_t k, vs_measure measure,
                             const uint64_t *allow) {
    enum { SEVERAL = 8, HITS = 1 << 22, MOST = 1024 }; /* what one scan holds: hits, questions */
    for (size_t i = 0; i < n; i++) ask[i].found = 0;
    if (k > s->n) k = s->n;
    if (!k || !n) return VS_OK;
    vs__search q = {.s = s, .measure = measure, .allow = allow};
    VS_TRY(vs__space_inverse_norms(err, s, &q.inverse));
    q.codes = codes_of(s, q.inverse, n >= SEVERAL);
    atomic_store(&s->asked, true);
    size_t most = HITS / k / (size_t)vs_threads();
    most = most < 1 ? 1 : most > MOST ? MOST : most;
    for (size_t i = 0; i < n; i += q.n) {
        q.n = n - i < most ? n - i : most;
        VS_TRY(near_some(err, &q, ask + i, k));
        if (i + q.n < n && vs_interrupted())
            return vs_fail(err, VS_E_STOPPED, "%s: stopped after %zu of %zu questions", s->name, i + q.n, n);
    }
    return VS_OK;
}

vs_status vs_space_near(vs_err *err, vs_space *s, const float *q, size_t k, const size_t *skip, size_t n_skip, size_t *idx,
                        float *score, size_t *found) {
    vs_ask ask = {.q = q, .skip = skip, .n_skip = n_skip, .idx = idx, .score = score};
    vs_status status = vs_space_near_many(err, s, &ask, 1, k, VS_MEASURE_COSINE, NULL);
    *found = status == VS_OK ? ask.found : 0;
    return status;
}
