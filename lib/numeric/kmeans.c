/* kmeans.c - see kmeans.h.
 *
 * Distances are |x|^2 - 2 x.c + |c|^2 over rows less their mean, so that the difference loses little; products are
 * kernels, means are sums in double in the order of rows: the same bits for any number of threads. */
#include "kmeans.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_errno.h>
#include <gsl/gsl_rng.h>

#include "../base/alloc.h"
#include "../base/parallel.h"
#include "../tensor/kernels.h"

enum { ROUNDS = 300, BLOCK = 64 };

typedef struct means {
    size_t n, d, k;
    float *x;          /* [n,d] less the mean */
    double *mean;      /* [d] */
    float *square;     /* [n] |x|^2 */
    float *centre;     /* [k,d], the caller's */
    float *half;       /* [k] |c|^2 / 2 */
    uint32_t *which;   /* [n], the caller's */
    uint32_t *before;  /* [n] the round before's */
    float *near;       /* [n] squared distance to the nearest centre */
    float *try;        /* [n] the same with one centre more, of a draw */
    float *best;       /* [n] of the best draw */
    uint32_t *order;   /* [n] rows, those of a centre side by side */
    size_t *first;     /* [k + 1] where in order a centre's rows begin */
    double *sum;       /* [threads, d] */
    float *dots;       /* [threads, BLOCK, k] */
    const float *seen; /* [d] the row that a draw measures from */
    float seen_square;
} means;

static void means_free(means *m) {
    vs_free(m->x);
    vs_free(m->mean);
    vs_free(m->square);
    vs_free(m->half);
    vs_free(m->before);
    vs_free(m->near);
    vs_free(m->try);
    vs_free(m->best);
    vs_free(m->order);
    vs_free(m->first);
    vs_free(m->sum);
    vs_free(m->dots);
}

static bool means_new(means *m) {
    size_t n = m->n, d = m->d, k = m->k, workers = (size_t)vs_threads(), nd, wd, wk;
    if (!vs_mul(n, d, &nd) || !vs_mul(workers, d, &wd) || !vs_mul(workers * BLOCK, k, &wk)) return false;
    m->x = vs_alloc_wide(nd, sizeof *m->x);
    m->mean = vs_zalloc(d, sizeof *m->mean);
    m->square = vs_alloc(n, sizeof *m->square);
    m->half = vs_alloc(k, sizeof *m->half);
    m->before = vs_alloc(n, sizeof *m->before);
    m->near = vs_alloc(n, sizeof *m->near);
    m->try = vs_alloc(n, sizeof *m->try);
    m->best = vs_alloc(n, sizeof *m->best);
    m->order = vs_alloc(n, sizeof *m->order);
    m->first = vs_alloc(k + 1, sizeof *m->first);
    m->sum = vs_alloc(wd, sizeof *m->sum);
    m->dots = vs_alloc(wk, sizeof *m->dots);
    return m->x && m->mean && m->square && m->half && m->before && m->near && m->try && m->best && m->order &&
           m->first && m->sum && m->dots;
}

/* The rows less their mean. */
static vs_status centred(vs_err *err, means *m, const float *x) {
    size_t n = m->n, d = m->d;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++) {
            if (!isfinite(x[i * d + j]))
                return vs_fail(err, VS_E_NUMERIC, "k-means: row %zu holds a number that is not finite", i);
            m->mean[j] += (double)x[i * d + j];
        }
    for (size_t j = 0; j < d; j++) m->mean[j] /= (double)n;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < d; j++) m->x[i * d + j] = (float)((double)x[i * d + j] - m->mean[j]);
        m->square[i] = vs_sum_squares(m->x + i * d, d);
        if (!isfinite(m->square[i]))
            return vs_fail(err, VS_E_NUMERIC, "k-means: the numbers of row %zu are too large", i);
    }
    return VS_OK;
}

/* ---- the first centres ---- */

static void draw_span(void *arg, size_t begin, size_t end, int worker) {
    (void)worker;
    means *m = arg;
    float dots[BLOCK];
    for (size_t r0 = begin; r0 < end; r0 += BLOCK) {
        size_t r1 = r0 + BLOCK < end ? r0 + BLOCK : end;
        vs_dot_rows(m->seen, m->x + r0 * m->d, r1 - r0, m->d, m->d, dots);
        for (size_t r = r0; r < r1; r++) {
            float to = fmaxf(0, m->square[r] - 2 * dots[r - r0] + m->seen_square);
            m->try[r] = fminf(to, m->near[r]);
        }
    }
}

/* m->try = squared distances where row is a centre too; their sum. */
static double draw(means *m, size_t row) {
    enum { GRAIN = 1024 };
    m->seen = m->x + row * m->d;
    m->seen_square = m->square[row];
    vs_parallel_for(m->n, GRAIN, draw_span, m);
    m->try[row] = 0;
    double sum = 0;
    for (size_t i = 0; i < m->n; i++) sum += (double)m->try[i];
    return sum;
}

/* A row, each with a chance in proportion to its squared distance. */
static size_t pick(const means *m, double whole, gsl_rng *rng) {
    double at = gsl_rng_uniform(rng) * whole;
    size_t last = 0;
    for (size_t i = 0; i < m->n; i++) {
        if (m->near[i] <= 0) continue;
        last = i;
        at -= (double)m->near[i];
        if (at < 0) break;
    }
    return last;
}

static void keep_draw(means *m, float **from) {
    float *was = m->near;
    m->near = *from;
    *from = was;
}

static vs_status plus_plus(vs_err *err, means *m, gsl_rng *rng) {
    size_t draws = 2 + (size_t)log((double)m->k), row = (size_t)(gsl_rng_uniform(rng) * (double)m->n);
    for (size_t i = 0; i < m->n; i++) m->near[i] = INFINITY;
    double whole = draw(m, row);
    keep_draw(m, &m->try);
    memcpy(m->centre, m->x + row * m->d, m->d * sizeof *m->x);
    for (size_t c = 1; c < m->k; c++) {
        if (vs_interrupted()) return vs_fail(err, VS_E_STOPPED, "interrupted");
        double least = INFINITY;
        size_t chosen = row; /* where no row is apart from the centres: one of them again */
        for (size_t t = 0; t < draws && whole > 0; t++) {
            size_t candidate = pick(m, whole, rng);
            double sum = draw(m, candidate);
            if (sum >= least) continue;
            least = sum;
            chosen = candidate;
            float *swap = m->best;
            m->best = m->try;
            m->try = swap;
        }
        memcpy(m->centre + c * m->d, m->x + chosen * m->d, m->d * sizeof *m->x);
        if (whole <= 0) continue;
        whole = least;
        keep_draw(m, &m->best);
    }
    return VS_OK;
}

/* ---- rounds ---- */

static void assign_span(void *arg, size_t begin, size_t end, int worker) {
    means *m = arg;
    size_t d = m->d, k = m->k;
    float *dots = m->dots + (size_t)worker * BLOCK * k;
    vs_tensor c = {
        .data = m->centre, .dtype = VS_F32, .ndim = 2, .shape = {k, d}, .stride = {d * sizeof(float), sizeof(float)}};
    for (size_t r0 = begin; r0 < end; r0 += BLOCK) {
        size_t r1 = r0 + BLOCK < end ? r0 + BLOCK : end;
        vs_matmul_span(m->x + r0 * d, r1 - r0, d, d, &c, NULL, 0, k, dots, k);
        for (size_t r = r0; r < r1; r++) {
            const float *to = dots + (r - r0) * k;
            size_t best = 0;
            for (size_t j = 1; j < k; j++)
                if (to[j] - m->half[j] > to[best] - m->half[best]) best = j;
            m->which[r] = (uint32_t)best;
            m->near[r] = fmaxf(0, m->square[r] - 2 * (to[best] - m->half[best]));
        }
    }
}

/* Each row to its nearest centre; false where none has changed. */
static bool assign(means *m) {
    enum { GRAIN = 1024 };
    memcpy(m->before, m->which, m->n * sizeof *m->which);
    for (size_t c = 0; c < m->k; c++) m->half[c] = vs_sum_squares(m->centre + c * m->d, m->d) / 2;
    vs_parallel_for(m->n, GRAIN, assign_span, m);
    return memcmp(m->before, m->which, m->n * sizeof *m->which) != 0;
}

static void group(means *m) {
    memset(m->first, 0, (m->k + 1) * sizeof *m->first);
    for (size_t i = 0; i < m->n; i++) m->first[m->which[i] + 1]++;
    for (size_t c = 0; c < m->k; c++) m->first[c + 1] += m->first[c];
    for (size_t i = 0; i < m->n; i++) m->order[m->first[m->which[i]]++] = (uint32_t)i;
    memmove(m->first + 1, m->first, m->k * sizeof *m->first); /* each was counted up to the next's beginning */
    m->first[0] = 0;
}

static void mean_span(void *arg, size_t begin, size_t end, int worker) {
    means *m = arg;
    size_t d = m->d;
    double *sum = m->sum + (size_t)worker * d;
    for (size_t c = begin; c < end; c++) {
        size_t rows = m->first[c + 1] - m->first[c];
        if (!rows) continue;
        memset(sum, 0, d * sizeof *sum);
        for (size_t i = m->first[c]; i < m->first[c + 1]; i++)
            for (size_t j = 0; j < d; j++) sum[j] += (double)m->x[m->order[i] * d + j];
        for (size_t j = 0; j < d; j++) m->centre[c * d + j] = (float)(sum[j] / (double)rows);
    }
}

/* Centres without rows take the rows that are farthest from theirs, which leave more than themselves behind. */
static bool fill_empty(means *m) {
    bool moved = false;
    for (size_t c = 0; c < m->k; c++) {
        if (m->first[c + 1] > m->first[c]) continue;
        size_t far = 0;
        for (size_t i = 1; i < m->n; i++)
            if (m->near[i] > m->near[far]) far = i;
        if (m->near[far] <= 0) break; /* fewer than k rows differ */
        memcpy(m->centre + c * m->d, m->x + far * m->d, m->d * sizeof *m->x);
        m->near[far] = 0;
        moved = true;
    }
    return moved;
}

static vs_status lloyd(vs_err *err, means *m) {
    memset(m->which, 0xff, m->n * sizeof *m->which);
    bool moving = assign(m);
    for (int round = 0; moving && round < ROUNDS; round++) {
        if (vs_interrupted()) return vs_fail(err, VS_E_STOPPED, "interrupted");
        group(m);
        vs_parallel_for(m->k, 1, mean_span, m);
        moving = fill_empty(m);
        moving |= assign(m);
    }
    return VS_OK;
}

vs_status vs_kmeans(vs_err *err, const float *x, size_t n, size_t d, size_t k, uint64_t seed, float *centre,
                    uint32_t *which, double *inertia) {
    if (!k || k > n || !d || n > UINT32_MAX)
        return vs_fail(err, VS_E_RANGE,
                       "k-means: %zu centres of %zu rows of %zu numbers: want from 1 to as many as rows", k, n, d);
    means m = {.n = n, .d = d, .k = k, .centre = centre, .which = which};
    gsl_set_error_handler_off();
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    vs_status s = VS_OK;
    if (!means_new(&m) || !rng) VS_TRY_TO(end, vs_fail(err, VS_E_NOMEM, "no memory for k-means of %zu rows", n));
    gsl_rng_set(rng, (unsigned long)(seed ^ seed >> 32));
    VS_TRY_TO(end, centred(err, &m, x));
    VS_TRY_TO(end, plus_plus(err, &m, rng));
    VS_TRY_TO(end, lloyd(err, &m));
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)m.near[i];
    if (inertia) *inertia = sum;
    for (size_t c = 0; c < k; c++)
        for (size_t j = 0; j < d; j++) centre[c * d + j] = (float)((double)centre[c * d + j] + m.mean[j]);
end:
    if (rng) gsl_rng_free(rng);
    means_free(&m);
    return s;
}
