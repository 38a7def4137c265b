/* senses.c - see senses.h. */
#include "senses.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/alloc.h"
#include "../numeric/clusters.h"
#include "../numeric/kmeans.h"
#include "../numeric/rng.h"
#include "../tensor/kernels.h"

enum { SAMPLE = 1000 };

typedef struct work {
    float *rows;     /* [n,d] made comparable */
    float *few;      /* [m,d] a sample of them */
    size_t *at;      /* [m] which */
    float *centre;   /* [to,d] */
    uint32_t *which; /* [n] */
    uint32_t *fews;  /* [m] their clusters */
    double *each;    /* [m] silhouettes */
    double *sum;     /* [2 d] */
    size_t m;
} work;

static vs_status no_memory(vs_err *err, size_t n) { return vs_fail(err, VS_E_NOMEM, "no memory for the senses of %zu rows", n); }

void vs_senses_free(vs_senses *s) {
    vs_free(s->which);
    vs_free(s->size);
    vs_free(s->away);
    vs_free(s->central);
    vs_free(s->tight);
    *s = (vs_senses){0};
}

static void work_free(work *w) {
    vs_free(w->rows);
    vs_free(w->few);
    vs_free(w->at);
    vs_free(w->centre);
    vs_free(w->which);
    vs_free(w->fews);
    vs_free(w->each);
    vs_free(w->sum);
}

static bool work_new(work *w, size_t n, size_t d, size_t to) {
    size_t nd, kd;
    w->m = n < SAMPLE ? n : SAMPLE;
    if (!vs_mul(n, d, &nd) || !vs_mul(to, d, &kd)) return false;
    w->rows = vs_alloc_wide(nd, sizeof *w->rows);
    w->few = vs_alloc(w->m * d, sizeof *w->few);
    w->at = vs_alloc(w->m, sizeof *w->at);
    w->centre = vs_alloc(kd, sizeof *w->centre);
    w->which = vs_alloc(n, sizeof *w->which);
    w->fews = vs_alloc(w->m, sizeof *w->fews);
    w->each = vs_alloc(w->m, sizeof *w->each);
    w->sum = vs_zalloc(d, 2 * sizeof *w->sum);
    return w->rows && w->few && w->at && w->centre && w->which && w->fews && w->each && w->sum;
}

/* A row over its norm; zero stays zero. */
static void unit(float *row, size_t d) {
    float norm = sqrtf(vs_sum_squares(row, d));
    if (norm > 0) vs_scale_by(row, 1.0f / norm, d);
}

/* w->rows from x; false where every coordinate is the same in all rows. */
static bool comparable(const float *x, size_t n, size_t d, work *w) {
    double *mean = w->sum, *var = w->sum + d;
    bool any = false;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++) mean[j] += (double)x[i * d + j];
    for (size_t j = 0; j < d; j++) mean[j] /= (double)n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++) {
            double by = (double)x[i * d + j] - mean[j];
            var[j] += by * by;
        }
    for (size_t j = 0; j < d; j++) {
        double sd = sqrt(var[j] / (double)n), size = fabs(mean[j]);
        bool varies = sd > 1e-6 * size && sd > 0; /* below that it is the rounding of one number */
        var[j] = varies ? 1 / sd : 0;
        any |= varies;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < d; j++) w->rows[i * d + j] = (float)(((double)x[i * d + j] - mean[j]) * var[j]);
        unit(w->rows + i * d, d);
    }
    return any;
}

/* m of the n rows at random, in their order (Knuth, algorithm S): corpora that alternate have no evenly spaced sample. */
static vs_status draw_sample(vs_err *err, size_t n, size_t d, uint64_t seed, work *w) {
    vs_rng *rng;
    VS_TRY(vs_rng_new(err, seed, &rng));
    for (size_t i = 0, got = 0; got < w->m; i++) {
        if (vs_rng_uniform(rng) * (double)(n - i) >= (double)(w->m - got)) continue;
        memcpy(w->few + got * d, w->rows + i * d, d * sizeof *w->few);
        w->at[got++] = i;
    }
    vs_rng_free(rng);
    return VS_OK;
}

/* The mean silhouette of a division of the rows, by its sample. */
static vs_status silhouette(vs_err *err, work *w, size_t d, size_t k, double *mean) {
    size_t filled = 0;
    bool seen[VS_SENSES_MOST] = {false};
    for (size_t i = 0; i < w->m; i++) {
        w->fews[i] = w->which[w->at[i]];
        filled += !seen[w->fews[i]];
        seen[w->fews[i]] = true;
    }
    if (filled > 1) return vs_silhouette(err, w->few, w->m, d, w->fews, k, w->each, mean);
    for (size_t i = 0; i < w->m; i++) w->each[i] = 0;
    *mean = 0;
    return VS_OK;
}

/* What no senses give: the same with every coordinate of the sample shuffled among its rows. */
static vs_status by_chance(vs_err *err, const work *w, size_t d, size_t k, uint64_t seed, double *out) {
    vs_rng *rng = NULL;
    size_t m = w->m;
    work v = {.m = m};
    v.at = vs_alloc(m, sizeof *v.at);
    v.few = vs_alloc(m * d, sizeof *v.few);
    v.centre = vs_alloc(k * d, sizeof *v.centre);
    v.which = vs_alloc(m, sizeof *v.which);
    v.fews = vs_alloc(m, sizeof *v.fews);
    v.each = vs_alloc(m, sizeof *v.each);
    vs_status st = v.few && v.at && v.centre && v.which && v.fews && v.each ? vs_rng_new(err, seed, &rng) : no_memory(err, m);
    if (st == VS_OK) {
        memcpy(v.few, w->few, m * d * sizeof *v.few);
        for (size_t j = 0; j < d; j++)
            for (size_t i = m - 1; i > 0; i--) { /* Fisher and Yates */
                size_t other = vs_rng_below(rng, (uint32_t)i + 1);
                float x = v.few[i * d + j];
                v.few[i * d + j] = v.few[other * d + j];
                v.few[other * d + j] = x;
            }
        for (size_t i = 0; i < m; i++) {
            v.at[i] = i;
            unit(v.few + i * d, d);
        }
        st = vs_kmeans(err, v.few, m, d, k, seed, v.centre, v.which, NULL);
    }
    if (st == VS_OK) st = silhouette(err, &v, d, k, out);
    vs_rng_free(rng);
    work_free(&v);
    return st;
}

/* Senses in the order of their sizes: w->which is numbered anew. */
typedef struct place {
    size_t size, first;
    uint32_t was;
} place;
static int larger_first(const void *a, const void *b) {
    const place *x = a, *y = b;
    return x->size != y->size ? (x->size < y->size ? 1 : -1) : (x->first > y->first) - (x->first < y->first);
}
static void sort_senses(work *w, size_t n, size_t *k) {
    place at[VS_SENSES_MOST];
    uint32_t now[VS_SENSES_MOST];
    for (size_t c = 0; c < *k; c++) at[c] = (place){.first = n, .was = (uint32_t)c};
    for (size_t i = n; i-- > 0;) {
        at[w->which[i]].size++;
        at[w->which[i]].first = i;
    }
    qsort(at, *k, sizeof *at, larger_first);
    while (*k > 1 && !at[*k - 1].size) --*k; /* fewer rows differ than there are centres */
    for (size_t c = 0; c < VS_SENSES_MOST && c < *k; c++) now[at[c].was] = (uint32_t)c;
    for (size_t i = 0; i < n; i++) w->which[i] = now[w->which[i]];
}

/* Everything that is told of the senses, from w->which. */
static vs_status describe(vs_err *err, const float *x, work *w, vs_senses *out) {
    size_t n = out->n, d = out->d, k = out->k, seen[VS_SENSES_MOST] = {0};
    out->which = vs_alloc(n, sizeof *out->which);
    out->size = vs_zalloc(k, sizeof *out->size);
    out->away = vs_zalloc(k * d, sizeof *out->away);
    out->central = vs_alloc(n, sizeof *out->central);
    out->tight = vs_zalloc(k, sizeof *out->tight);
    if (!out->which || !out->size || !out->away || !out->central || !out->tight) return no_memory(err, n);
    memcpy(out->which, w->which, n * sizeof *out->which);
    memset(w->centre, 0, k * d * sizeof *w->centre);
    for (size_t i = 0; i < n; i++) {
        out->size[w->which[i]]++;
        vs_axpy(1.0f, w->rows + i * d, w->centre + w->which[i] * d, d);
    }
    for (size_t c = 0; c < k; c++) unit(w->centre + c * d, d);
    for (size_t i = 0; i < n; i++) out->central[i] = (double)vs_dot(w->rows + i * d, w->centre + w->which[i] * d, d);
    for (size_t c = 0; c < k; c++) { /* in double: the coordinates of a stream differ by 1e4 */
        double *sum = w->sum + d; /* w->sum[0..d) is the mean of all */
        memset(sum, 0, d * sizeof *sum);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; w->which[i] == c && j < d; j++) sum[j] += (double)x[i * d + j];
        for (size_t j = 0; j < d && out->size[c]; j++) out->away[c * d + j] = (float)(sum[j] / (double)out->size[c] - w->sum[j]);
    }
    double mean;
    VS_TRY(silhouette(err, w, d, k, &mean));
    for (size_t i = 0; i < w->m; i++) {
        out->tight[w->fews[i]] += w->each[i];
        seen[w->fews[i]]++;
    }
    for (size_t c = 0; c < k; c++) out->tight[c] /= seen[c] ? (double)seen[c] : 1;
    return VS_OK;
}

static vs_status find(vs_err *err, const float *x, uint64_t seed, work *w, vs_senses *out) {
    size_t n = out->n, d = out->d;
    for (size_t i = 0; i < n * d; i++)
        if (!isfinite(x[i])) return vs_fail(err, VS_E_NUMERIC, "row %zu holds a number that is not finite", i / d);
    if (!comparable(x, n, d, w))
        return vs_fail(err, VS_E_RANGE, "the %zu vectors are all the same: there are no senses to tell apart", n);
    VS_TRY(draw_sample(err, n, d, seed, w));
    for (size_t k = out->from; k <= out->to; k++) {
        VS_TRY(vs_kmeans(err, w->rows, n, d, k, seed, w->centre, w->which, NULL));
        VS_TRY(silhouette(err, w, d, k, &out->tried[k]));
        if (!out->k || out->tried[k] > out->tried[out->k]) out->k = k;
    }
    if (out->k != out->to) VS_TRY(vs_kmeans(err, w->rows, n, d, out->k, seed, w->centre, w->which, NULL));
    VS_TRY(by_chance(err, w, d, out->k, seed, &out->chance));
    sort_senses(w, n, &out->k);
    return describe(err, x, w, out);
}

vs_status vs_senses_find(vs_err *err, const float *x, size_t n, size_t d, size_t from, size_t to, uint64_t seed, vs_senses *out) {
    *out = (vs_senses){.n = n, .d = d, .from = from, .to = to};
    if (from < 2 || from > to || to > VS_SENSES_MOST)
        return vs_fail(err, VS_E_RANGE, "how many senses: from 2 to %d, not %zu..%zu", (int)VS_SENSES_MOST, from, to);
    if (n <= to) return vs_fail(err, VS_E_RANGE, "%zu vectors are too few to tell %zu senses apart", n, to);
    work w = {0};
    vs_status st = work_new(&w, n, d, to) ? find(err, x, seed, &w, out) : no_memory(err, n);
    work_free(&w);
    if (st != VS_OK) vs_senses_free(out);
    return st;
}
