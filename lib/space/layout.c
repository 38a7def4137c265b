/* layout.c - see layout.h. */
#include "layout.h"

#include <math.h>
#include <string.h>

#include "../base/alloc.h"
#include "../numeric/principal.h"
#include "../numeric/tsne.h"
#include "../numeric/umap.h"
#include "../tensor/kernels.h"
#include "space.h"

enum { BATCH = 256, EXACT = 500, ASKED = 1000, NEAR = 10, TSNE_ROUNDS = 1000, FEW = 10000 };

typedef struct plane {
    size_t n, d, k;
    float *unit;   /* [n,d] directions */
    uint32_t *idx; /* [n,k] nearest others */
    float *dist;   /* [n,k] */
    vs_space *space;
} plane;

static void plane_free(plane *p) {
    vs_space_free(p->space);
    vs_free(p->unit);
    vs_free(p->idx);
    vs_free(p->dist);
}

static const char *no_key(void *self, size_t row, size_t *len) {
    (void)self;
    (void)row;
    *len = 0;
    return "";
}

/* The directions of the rows, as a space to look for neighbours in. */
static vs_status directions(vs_err *err, plane *p, const float *x) {
    size_t n = p->n, d = p->d, nd;
    p->unit = vs_mul(n, d, &nd) ? vs_alloc_wide(nd, sizeof *p->unit) : NULL;
    if (!p->unit) return vs_fail(err, VS_E_NOMEM, "no memory for %zu vectors", n);
    for (size_t i = 0; i < n; i++) {
        double square = 0;
        for (size_t j = 0; j < d; j++) square += (double)x[i * d + j] * (double)x[i * d + j];
        if (!isfinite(square)) return vs_fail(err, VS_E_NUMERIC, "vector %zu holds a number that is not finite", i + 1);
        double by = square > 0 ? 1 / sqrt(square) : 0;
        for (size_t j = 0; j < d; j++) p->unit[i * d + j] = (float)((double)x[i * d + j] * by);
    }
    vs_space_desc desc = {.name = "layout", .place = "layout", .keys = {.key = no_key}};
    VS_TRY(vs_tensor_over(err, p->unit, VS_F32, 2, (size_t[]){n, d}, &desc.rows, NULL));
    return vs_space_new(err, &desc, &p->space);
}

static double distance(const float *a, const float *b, size_t d) {
    double sum = 0;
    for (size_t j = 0; j < d; j++) sum += (double)(a[j] - b[j]) * (double)(a[j] - b[j]);
    return sqrt(sum);
}

/* Questions to the space of directions that are asked at once: the k nearest others of some rows. */
typedef struct asking {
    vs_ask ask[BATCH];
    size_t row[BATCH];
    size_t *idx;  /* [BATCH,k] */
    float *score; /* [BATCH,k] */
} asking;

static void asking_free(asking *a) {
    if (!a) return;
    vs_free(a->idx);
    vs_free(a->score);
    vs_free(a);
}

static asking *asking_new(size_t k) {
    asking *a = vs_zalloc(1, sizeof *a);
    if (!a) return NULL;
    a->idx = vs_alloc(k, BATCH * sizeof *a->idx);
    a->score = vs_alloc(k, BATCH * sizeof *a->score);
    if (a->idx && a->score) return a;
    asking_free(a);
    return NULL;
}

/* Ask for a->row[0..many). */
static vs_status ask(vs_err *err, plane *p, asking *a, size_t many, size_t k) {
    for (size_t b = 0; b < many; b++)
        a->ask[b] = (vs_ask){.q = p->unit + a->row[b] * p->d,
                             .skip = &a->row[b],
                             .n_skip = 1,
                             .idx = a->idx + b * k,
                             .score = a->score + b * k};
    VS_TRY(vs_space_near_many(err, p->space, a->ask, many, k, VS_MEASURE_COSINE, NULL));
    for (size_t b = 0; b < many; b++)
        if (a->ask[b].found < k)
            return vs_fail(err, VS_E_NUMERIC, "%zu neighbours of vector %zu where %zu are wanted", a->ask[b].found,
                           a->row[b] + 1, k);
    return VS_OK;
}

/* The k nearest others of every row. */
static vs_status neighbours(vs_err *err, plane *p, size_t k, const vs_progress *progress) {
    size_t n = p->n, d = p->d, nk;
    p->k = k;
    p->idx = vs_mul(n, k, &nk) ? vs_alloc(nk, sizeof *p->idx) : NULL;
    p->dist = p->idx ? vs_alloc(nk, sizeof *p->dist) : NULL;
    asking *a = asking_new(k);
    vs_status s = VS_OK;
    if (!p->dist || !a) s = vs_fail(err, VS_E_NOMEM, "no memory for %zu neighbours of %zu vectors", k, n);
    for (size_t i = 0, many; s == VS_OK && i < n; i += many) {
        many = n - i < BATCH ? n - i : BATCH;
        for (size_t b = 0; b < many; b++) a->row[b] = i + b;
        s = vs_interrupted() ? vs_fail(err, VS_E_STOPPED, "interrupted") : ask(err, p, a, many, k);
        for (size_t j = 0; s == VS_OK && j < many * k; j++) {
            p->idx[i * k + j] = (uint32_t)a->idx[j];
            p->dist[i * k + j] = (float)distance(p->unit + (i + j / k) * d, p->unit + a->idx[j] * d, d);
        }
        vs_tick(progress, "neighbours", i + many, n);
    }
    asking_free(a);
    return s;
}

/* y [n,2] = rows along their first two components; of rows of one number, the second is 0. */
static vs_status project(vs_err *err, const float *x, size_t n, size_t d, float *y, double share[2]) {
    float *mean = vs_alloc(d, sizeof *mean), *v = vs_zalloc(d, 2 * sizeof *v);
    share[0] = share[1] = 0;
    vs_status s = mean && v ? vs_principal(err, x, n, d, d < 2 ? d : 2, mean, v, share)
                            : vs_fail(err, VS_E_NOMEM, "no memory for components of %zu numbers", d);
    for (size_t i = 0; s == VS_OK && i < n; i++)
        for (size_t a = 0; a < 2; a++) {
            double sum = 0;
            for (size_t j = 0; j < d; j++) sum += ((double)x[i * d + j] - (double)mean[j]) * (double)v[a * d + j];
            y[2 * i + a] = (float)sum;
        }
    vs_free(mean);
    vs_free(v);
    return s;
}

/* y scaled so that its first axis has this standard deviation (most: so that its largest number is this). */
static void rescale(float *y, size_t n, double want, bool most) {
    double square = 0, top = 0;
    for (size_t i = 0; i < n; i++) square += (double)y[2 * i] * (double)y[2 * i] / (double)n;
    for (size_t i = 0; i < 2 * n; i++) top = fmax(top, fabs((double)y[i]));
    double now = most ? top : sqrt(square);
    for (size_t i = 0; i < 2 * n; i++) y[i] = now > 0 ? (float)((double)y[i] * want / now) : 0;
}

/* A speck of noise, so that no two points begin at one place: they would never part. */
static void jitter(float *y, size_t n, double by) {
    uint64_t state = 0x9E3779B97F4A7C15ULL;
    for (size_t i = 0; i < 2 * n; i++) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        y[i] += (float)(by * (double)(int32_t)(state >> 32) * 0x1p-31);
    }
}

static vs_status tsne(vs_err *err, plane *p, const vs_layout_options *opt, float *y, vs_layout_facts *f) {
    size_t n = p->n, most = (n - 1) / 3;
    f->perplexity = opt->perplexity > 0 ? opt->perplexity : most < 1 ? 1 : most < 30 ? (double)most : 30;
    if (!(f->perplexity >= 1) || f->perplexity * 3 > (double)(n > 4 ? n - 1 : 3))
        return vs_fail(err, VS_E_RANGE, "a perplexity of %g wants three times as many points, not %zu", f->perplexity,
                       n);
    f->exact = n <= EXACT;
    VS_TRY(neighbours(err, p, f->exact ? n - 1 : (size_t)(3 * f->perplexity + 1), opt->progress));
    rescale(y, n, 1e-4, false);
    jitter(y, n, 1e-6);
    vs_tsne_options o = {.perplexity = f->perplexity, .theta = f->exact ? 0 : 0.5, .iterations = TSNE_ROUNDS};
    return vs_tsne(err, &(vs_knn){n, p->k, p->idx, p->dist}, &o, opt->progress, y, &f->kl);
}

static vs_status umap(vs_err *err, plane *p, const vs_layout_options *opt, float *y, vs_layout_facts *f) {
    size_t n = p->n;
    f->neighbours = opt->neighbours ? opt->neighbours : n < 15 ? n : 15;
    if (f->neighbours < 2 || f->neighbours > n)
        return vs_fail(err, VS_E_RANGE, "%zu neighbours of %zu points: want 2 to as many as there are", f->neighbours,
                       n);
    VS_TRY(neighbours(err, p, f->neighbours - 1, opt->progress));
    rescale(y, n, 10, true);
    jitter(y, n, 1e-4);
    vs_umap_options o = {.min_dist = opt->min_dist, .spread = 1, .epochs = n <= FEW ? 500 : 200, .seed = opt->seed};
    return vs_umap(err, &(vs_knn){n, p->k, p->idx, p->dist}, &o, opt->progress, y);
}

/* ---- how true it is ---- */

/* The k nearest others of point i in the plane, of equals the lower. */
static void near_in_plane(const float *y, size_t n, size_t i, size_t k, size_t *idx, float *dist) {
    size_t have = 0;
    for (size_t j = 0; j < n; j++) {
        float dx = y[2 * j] - y[2 * i], dy = y[2 * j + 1] - y[2 * i + 1], d2 = dx * dx + dy * dy;
        if (j == i || (have == k && d2 >= dist[k - 1])) continue;
        size_t at = have < k ? have++ : k - 1;
        for (; at && dist[at - 1] > d2; at--) {
            dist[at] = dist[at - 1];
            idx[at] = idx[at - 1];
        }
        dist[at] = d2;
        idx[at] = j;
    }
}

static vs_status how_true(vs_err *err, plane *p, const float *y, vs_layout_facts *f) {
    size_t n = p->n, asked = n < ASKED ? n : ASKED, k = (n - 1) / 4 < 1 ? 1 : (n - 1) / 4 < NEAR ? (n - 1) / 4 : NEAR, hits = 0, in_plane[NEAR];
    float dist[NEAR];
    asking *a = asking_new(k);
    vs_status s = a ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu neighbours", k);
    for (size_t i = 0, many; s == VS_OK && i < asked; i += many) {
        many = asked - i < BATCH ? asked - i : BATCH;
        for (size_t b = 0; b < many; b++) a->row[b] = (i + b) * n / asked;
        s = ask(err, p, a, many, k);
        for (size_t b = 0; s == VS_OK && b < many; b++) {
            near_in_plane(y, n, a->row[b], k, in_plane, dist);
            for (size_t j = 0; j < k * k; j++) hits += a->idx[b * k + j / k] == in_plane[j % k];
        }
    }
    f->near = k;
    f->kept = (double)hits / (double)(asked * k);
    asking_free(a);
    return s;
}

vs_status vs_layout(vs_err *err, const float *x, size_t n, size_t d, const vs_layout_options *opt, float *y,
                    vs_layout_facts *facts) {
    *facts = (vs_layout_facts){0};
    if (n < 3 || !d || n > UINT32_MAX / 2)
        return vs_fail(err, VS_E_RANGE, "a layout wants three vectors at least, not %zu", n);
    plane p = {.n = n, .d = d};
    vs_status s = directions(err, &p, x);
    if (s == VS_OK) s = project(err, opt->kind == VS_LAYOUT_PCA ? x : p.unit, n, d, y, facts->share);
    if (s == VS_OK && opt->kind == VS_LAYOUT_TSNE) s = tsne(err, &p, opt, y, facts);
    if (s == VS_OK && opt->kind == VS_LAYOUT_UMAP) s = umap(err, &p, opt, y, facts);
    if (s == VS_OK) s = how_true(err, &p, y, facts);
    plane_free(&p);
    return s;
}
