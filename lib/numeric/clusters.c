/* clusters.c - silhouettes, and how far two divisions agree. */
#include "clusters.h"

#include <math.h>
#include <string.h>

#include "../base/alloc.h"
#include "../base/parallel.h"

typedef struct silhouettes {
    const float *x;
    size_t n, d, k;
    const uint32_t *which;
    size_t *count; /* [k] */
    double *sum;   /* [threads, k] */
    double *each;
} silhouettes;

static double distance(const float *a, const float *b, size_t d) {
    double sum = 0;
    for (size_t i = 0; i < d; i++) {
        double by = (double)a[i] - (double)b[i];
        sum += by * by;
    }
    return sqrt(sum);
}

static void span(void *arg, size_t begin, size_t end, int worker) {
    const silhouettes *s = arg;
    double *sum = s->sum + (size_t)worker * s->k;
    for (size_t i = begin; i < end && !vs_interrupted(); i++) {
        uint32_t own = s->which[i];
        memset(sum, 0, s->k * sizeof *sum);
        for (size_t j = 0; j < s->n; j++) sum[s->which[j]] += distance(s->x + i * s->d, s->x + j * s->d, s->d);
        double a = s->count[own] > 1 ? sum[own] / (double)(s->count[own] - 1) : 0, b = INFINITY;
        for (size_t c = 0; c < s->k; c++)
            if (c != own && s->count[c]) b = fmin(b, sum[c] / (double)s->count[c]);
        double most = fmax(a, b);
        s->each[i] = s->count[own] > 1 && most > 0 ? (b - a) / most : 0;
    }
}

vs_status vs_silhouette(vs_err *err, const float *x, size_t n, size_t d, const uint32_t *which, size_t k, double *each,
                        double *mean) {
    silhouettes s = {.x = x, .n = n, .d = d, .k = k, .which = which, .each = each};
    size_t filled = 0;
    s.count = vs_zalloc(k, sizeof *s.count);
    s.sum = vs_alloc((size_t)vs_threads() * k, sizeof *s.sum);
    vs_status st = s.count && s.sum ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for the silhouettes of %zu rows", n);
    for (size_t i = 0; st == VS_OK && i < n; i++) {
        if (which[i] >= k) st = vs_fail(err, VS_E_RANGE, "row %zu is in cluster %u of %zu", i, which[i], k);
        else filled += s.count[which[i]]++ == 0;
    }
    if (st == VS_OK && filled < 2) st = vs_fail(err, VS_E_RANGE, "silhouettes want two clusters with rows, there is %zu", filled);
    if (st == VS_OK) vs_parallel_for(n, 8, span, &s);
    if (st == VS_OK && vs_interrupted()) st = vs_fail(err, VS_E_STOPPED, "stopped");
    if (st == VS_OK && mean) {
        *mean = 0;
        for (size_t i = 0; i < n; i++) *mean += each[i];
        *mean /= (double)n;
    }
    vs_free(s.count);
    vs_free(s.sum);
    return st;
}

static double pairs(size_t n) { return 0.5 * (double)n * ((double)n - 1); }

vs_status vs_agreement(vs_err *err, const uint32_t *a, size_t ka, const uint32_t *b, size_t kb, size_t n, double *purity,
                       double *rand) {
    size_t cells;
    if (!n) return vs_fail(err, VS_E_RANGE, "two divisions of nothing do not agree or differ");
    size_t *both = vs_mul(ka, kb, &cells) ? vs_zalloc(cells, sizeof *both) : NULL;
    size_t *of_a = vs_zalloc(ka, sizeof *of_a), *of_b = vs_zalloc(kb, sizeof *of_b);
    vs_status st = both && of_a && of_b ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu clusters beside %zu", ka, kb);
    for (size_t i = 0; st == VS_OK && i < n; i++) {
        if (a[i] >= ka || b[i] >= kb) st = vs_fail(err, VS_E_RANGE, "thing %zu is in no cluster", i);
        else both[a[i] * kb + b[i]]++, of_a[a[i]]++, of_b[b[i]]++;
    }
    if (st == VS_OK) {
        double in_both = 0, in_a = 0, in_b = 0, pure = 0;
        for (size_t i = 0; i < ka; i++) {
            size_t most = 0;
            for (size_t j = 0; j < kb; j++) {
                size_t here = both[i * kb + j];
                in_both += pairs(here);
                if (here > most) most = here;
            }
            pure += (double)most;
            in_a += pairs(of_a[i]);
        }
        for (size_t j = 0; j < kb; j++) in_b += pairs(of_b[j]);
        double chance = n > 1 ? in_a * in_b / pairs(n) : 0, most = 0.5 * (in_a + in_b);
        *purity = pure / (double)n;
        *rand = most == chance ? 1 : (in_both - chance) / (most - chance); /* both of one cluster, or all alone: the same */
    }
    vs_free(both);
    vs_free(of_a);
    vs_free(of_b);
    return st;
}
