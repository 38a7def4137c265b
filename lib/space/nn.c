/* nn.c - exact nearest neighbours by cosine.
 *
 * The score of a row is vs_dot(unit query, row) times 1/|row|, both f32; the same bits whatever
 * else is scanned, so the answer does not depend on threads or on the order of the scan. */
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

/* The rows in 8 bits, made for the second question to a large space: the first is answered sooner without.  NULL: scan
 * the rows themselves. */
static const vs__codes *codes_of(vs_space *s, const float *inverse) {
    enum { LARGE = 1 << 20 };
    vs__codes *codes = atomic_load(&s->codes);
    if (codes || !vs_space_data(s) || s->n < LARGE / s->d || !atomic_load(&s->asked)) return codes;
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

float vs__best_floor(const vs__best *b) { return b->n < b->k ? -INFINITY : b->at[0].score; }

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

/* The cosine of a row whose norm is beyond f32; NaN where the row holds NaN or an infinity. */
static float score_in_double(const vs__query *q, size_t row, float *wide) {
    size_t d = q->s->d;
    vs_widen(q->s->rows.dtype, vs_tensor_row(&q->s->rows, row), wide, d);
    double dot = 0, square = 0;
    for (size_t j = 0; j < d; j++) {
        dot += (double)q->unit[j] * (double)wide[j];
        square += (double)wide[j] * (double)wide[j];
    }
    return isfinite(square) ? (float)(dot / sqrt(square)) : NAN;
}

void vs__query_offer(const vs__query *q, int worker, size_t row, float dot) {
    vs__best *b = &q->of_worker[worker];
    float score = dot * q->inverse[row];
    if (isnan(score)) score = score_in_double(q, row, q->wide + (size_t)worker * q->s->d);
    if (score >= vs__best_floor(b) && !skipped(q, row)) vs__best_keep(b, (vs__hit){score, row}); /* NaN is no answer */
}

static void scan_span(void *arg, size_t begin, size_t end, int worker) {
    const vs__query *q = arg;
    enum { BLOCK = 256 };
    float dots[BLOCK];
    size_t d = q->s->d;
    for (size_t r0 = begin; r0 < end; r0 += BLOCK) {
        size_t r1 = r0 + BLOCK < end ? r0 + BLOCK : end;
        vs_matmul_span(q->unit, 1, d, d, &q->s->rows, NULL, r0, r1, dots, BLOCK);
        for (size_t r = r0; r < r1; r++) vs__query_offer(q, worker, r, dots[r - r0]);
    }
}

/* unit = q over its norm, computed in double; a zero query stays zero. */
static vs_status unit_query(vs_err *err, const float *q, size_t d, float *unit) {
    double square = 0;
    for (size_t j = 0; j < d; j++) square += (double)q[j] * (double)q[j];
    if (!isfinite(square)) return vs_fail(err, VS_E_NUMERIC, "the query holds a number that is NaN or infinite");
    double inverse = square > 0 ? 1 / sqrt(square) : 0;
    for (size_t j = 0; j < d; j++) unit[j] = (float)((double)q[j] * inverse);
    return VS_OK;
}

/* Gather what each worker found, the best first. */
static size_t merge(vs__query *q, size_t workers, size_t k, size_t *idx, float *score) {
    vs__hit *all = q->of_worker[0].at;
    size_t n = 0;
    for (size_t w = 0; w < workers; w++)
        for (size_t i = 0; i < q->of_worker[w].n; i++) all[n++] = q->of_worker[w].at[i];
    qsort(all, n, sizeof *all, by_rank);
    if (n > k) n = k;
    for (size_t i = 0; i < n; i++) {
        idx[i] = all[i].row;
        score[i] = all[i].score;
    }
    return n;
}

/* The scan itself: of the codes where there are any. */
static void scan(vs__query *q) {
    enum { GRAIN = 1024 };
    int16_t *buffer = NULL;
    if (q->codes && vs__codes_query(q, &buffer))
        vs_parallel_for((q->s->n + VS__CODE_ROWS - 1) / VS__CODE_ROWS, GRAIN / VS__CODE_ROWS, vs__codes_scan, q);
    else
        vs_parallel_for(q->s->n, GRAIN, scan_span, q);
    vs_free(buffer);
}

vs_status vs_space_near(vs_err *err, vs_space *s, const float *q, size_t k, const size_t *skip, size_t n_skip, size_t *idx,
                        float *score, size_t *found) {
    *found = 0;
    if (k > s->n) k = s->n;
    if (!k) return VS_OK;
    size_t workers = (size_t)vs_threads(), slots;
    vs__query job = {.s = s, .n_skip = n_skip};
    VS_TRY(vs__space_inverse_norms(err, s, &job.inverse));
    job.codes = codes_of(s, job.inverse);
    atomic_store(&s->asked, true);
    float *unit = vs_alloc(s->d, sizeof *unit);
    size_t *sorted = vs_alloc(n_skip, sizeof *sorted);
    vs__hit *hits = vs_mul(workers, k, &slots) ? vs_alloc(slots, sizeof *hits) : NULL;
    job.wide = vs_mul(workers, s->d, &slots) ? vs_alloc(slots, sizeof *job.wide) : NULL;
    job.of_worker = vs_alloc(workers, sizeof *job.of_worker);
    vs_status status = VS_OK;
    if (!unit || !sorted || !hits || !job.wide || !job.of_worker)
        status = vs_fail(err, VS_E_NOMEM, "%s: no memory for %zu neighbours", s->name, k);
    if (status == VS_OK) status = unit_query(err, q, s->d, unit);
    if (status == VS_OK) {
        if (n_skip) memcpy(sorted, skip, n_skip * sizeof *sorted);
        qsort(sorted, n_skip, sizeof *sorted, by_size);
        job.unit = unit;
        job.skip = sorted;
        for (size_t w = 0; w < workers; w++) job.of_worker[w] = (vs__best){.at = hits + w * k, .k = k};
        scan(&job);
        *found = merge(&job, workers, k, idx, score);
    }
    vs_free(unit);
    vs_free(sorted);
    vs_free(hits);
    vs_free(job.wide);
    vs_free(job.of_worker);
    return status;
}
