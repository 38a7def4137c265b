/* umap.c - see umap.h. */
#include "umap.h"

#include <math.h>

#include <gsl/gsl_errno.h>
#include <gsl/gsl_multifit_nlinear.h>
#include <gsl/gsl_rng.h>

#include "../base/alloc.h"

/* ---- the curve ---- */

enum { CURVE = 300, PUSHES = 5 };

typedef struct wanted {
    double spread, min_dist;
} wanted;

static int misfit(const gsl_vector *ab, void *arg, gsl_vector *out) {
    const wanted *w = arg;
    double a = gsl_vector_get(ab, 0), b = gsl_vector_get(ab, 1);
    for (size_t i = 0; i < CURVE; i++) {
        double x = 3 * w->spread * (double)i / (CURVE - 1);
        double want = x < w->min_dist ? 1 : exp(-(x - w->min_dist) / w->spread);
        gsl_vector_set(out, i, 1 / (1 + a * pow(x, 2 * b)) - want);
    }
    return GSL_SUCCESS;
}

vs_status vs_umap_curve(vs_err *err, double spread, double min_dist, double *a, double *b) {
    if (!(spread > 0 && min_dist >= 0 && min_dist <= 3 * spread))
        return vs_fail(err, VS_E_RANGE, "a least distance of %g with a spread of %g: want 0 to %g", min_dist, spread,
                       3 * spread);
    gsl_set_error_handler_off();
    wanted w = {spread, min_dist};
    gsl_multifit_nlinear_fdf f = {.f = misfit, .n = CURVE, .p = 2, .params = &w};
    gsl_multifit_nlinear_parameters how = gsl_multifit_nlinear_default_parameters();
    gsl_multifit_nlinear_workspace *work = gsl_multifit_nlinear_alloc(gsl_multifit_nlinear_trust, &how, CURVE, 2);
    if (!work) return vs_fail(err, VS_E_NOMEM, "no memory to fit a curve");
    double begin[2] = {1, 1};
    gsl_vector_view at = gsl_vector_view_array(begin, 2);
    int info, status = gsl_multifit_nlinear_init(&at.vector, &f, work);
    if (status == GSL_SUCCESS) status = gsl_multifit_nlinear_driver(200, 1e-10, 1e-10, 0, NULL, NULL, &info, work);
    *a = gsl_vector_get(gsl_multifit_nlinear_position(work), 0);
    *b = gsl_vector_get(gsl_multifit_nlinear_position(work), 1);
    gsl_multifit_nlinear_free(work);
    return status == GSL_SUCCESS && isfinite(*a) && isfinite(*b)
               ? VS_OK
               : vs_fail(err, VS_E_NUMERIC, "a curve of spread %g and least distance %g: %s", spread, min_dist,
                         gsl_strerror(status));
}

/* ---- the fuzzy graph ---- */

void vs_umap_memberships(const float *dist, size_t k, double mean, float *p) {
    double rho = 0, want = log2((double)k + 1), low = 0, high = INFINITY, sigma = 1, own = 0;
    for (size_t j = 0; j < k; j++) {
        if (rho <= 0 && dist[j] > 0) rho = (double)dist[j];
        own += (double)dist[j] / (double)k;
    }
    for (int round = 0; round < 64; round++) {
        double sum = 0;
        for (size_t j = 0; j < k; j++) sum += (double)dist[j] > rho ? exp(-((double)dist[j] - rho) / sigma) : 1;
        if (fabs(sum - want) < 1e-5) break;
        if (sum > want) {
            high = sigma;
            sigma = (low + high) / 2;
        } else {
            low = sigma;
            sigma = isinf(high) ? sigma * 2 : (low + high) / 2;
        }
    }
    sigma = fmax(sigma, 1e-3 * (rho > 0 ? own : mean)); /* a floor, where all are nearly equally far */
    for (size_t j = 0; j < k; j++)
        p[j] = (double)dist[j] > rho && sigma > 0 ? (float)exp(-((double)dist[j] - rho) / sigma) : 1;
}

static float either(float a, float b) { return a + b - a * b; }

static vs_status fuzzy(vs_err *err, const vs_knn *near, vs_graph *out) {
    size_t n = near->n, k = near->k, edges;
    float *p = vs_mul(n, k, &edges) ? vs_alloc(edges, sizeof *p) : NULL;
    if (!p) return vs_fail(err, VS_E_NOMEM, "no memory for the neighbours of %zu points", n);
    double mean = 0;
    for (size_t e = 0; e < edges; e++) mean += (double)near->dist[e] / (double)edges;
    for (size_t i = 0; i < n; i++) vs_umap_memberships(near->dist + i * k, k, mean, p + i * k);
    vs_status s = vs_graph_symmetric(err, near, p, either, out);
    vs_free(p);
    return s;
}

/* ---- the descent ---- */

typedef struct descent {
    size_t n;
    vs_graph near;
    float *y;
    float *pull_at, *push_at; /* [edges] the epoch of an edge's next pull, of its next push */
    float top;                /* the heaviest edge: pulled at each epoch */
    double a, b;
    float rate;
    gsl_rng *rng;
} descent;

static float clipped(double g) { return (float)(g > 4 ? 4 : g < -4 ? -4 : g); }

static void pull(descent *d, float *y, float *other) {
    double dx = (double)(y[0] - other[0]), dy = (double)(y[1] - other[1]), d2 = dx * dx + dy * dy;
    if (d2 <= 0) return;
    double near = pow(d2, d->b), g = -2 * d->a * d->b * near / d2 / (d->a * near + 1);
    float gx = clipped(g * dx) * d->rate, gy = clipped(g * dy) * d->rate;
    y[0] += gx;
    y[1] += gy;
    other[0] -= gx;
    other[1] -= gy;
}

static void push(descent *d, float *y, const float *other) {
    double dx = (double)(y[0] - other[0]), dy = (double)(y[1] - other[1]), d2 = dx * dx + dy * dy;
    if (d2 <= 0) return;
    double g = 2 * d->b / ((0.001 + d2) * (d->a * pow(d2, d->b) + 1));
    y[0] += clipped(g * dx) * d->rate;
    y[1] += clipped(g * dy) * d->rate;
}

static void epoch(descent *d, float now) {
    for (size_t i = 0; i < d->n; i++) {
        float *y = d->y + 2 * i;
        for (size_t e = d->near.first[i]; e < d->near.first[i + 1]; e++) {
            if (d->pull_at[e] > now) continue;
            float every = d->top / d->near.weight[e];
            pull(d, y, d->y + 2 * (size_t)d->near.to[e]);
            d->pull_at[e] += every;
            int pushes = (int)((now - d->push_at[e]) * PUSHES / every);
            for (int k = 0; k < pushes; k++) {
                size_t other = gsl_rng_uniform_int(d->rng, (unsigned long)d->n);
                if (other != i) push(d, y, d->y + 2 * other);
            }
            d->push_at[e] += (float)pushes * every / PUSHES;
        }
    }
}

static vs_status descend(vs_err *err, descent *d, int epochs, const vs_progress *p) {
    size_t edges = d->near.first[d->n];
    for (size_t e = 0; e < edges; e++)
        if (d->near.weight[e] > d->top) d->top = d->near.weight[e];
    for (size_t e = 0; e < edges; e++) { /* an edge too light to be pulled even once has no epoch */
        float every = d->top / d->near.weight[e];
        d->pull_at[e] = d->near.weight[e] * (float)epochs < d->top ? INFINITY : every;
        d->push_at[e] = every / PUSHES;
    }
    for (int i = 0; i < epochs; i++) {
        if (vs_interrupted()) return vs_fail(err, VS_E_STOPPED, "interrupted");
        d->rate = 1 - (float)i / (float)epochs;
        epoch(d, (float)i);
        vs_tick(p, "UMAP", (uint64_t)i + 1, (uint64_t)epochs);
    }
    return VS_OK;
}

vs_status vs_umap(vs_err *err, const vs_knn *near, const vs_umap_options *opt, const vs_progress *p, float *y) {
    size_t n = near->n;
    if (n < 2 || !near->k || opt->epochs < 1)
        return vs_fail(err, VS_E_RANGE, "UMAP of %zu points with %zu neighbours, %d epochs", n, near->k, opt->epochs);
    for (size_t i = 0; i < n * near->k; i++)
        if (!isfinite(near->dist[i])) return vs_fail(err, VS_E_NUMERIC, "UMAP: a distance that is not finite");
    for (size_t i = 0; i < 2 * n; i++)
        if (!isfinite(y[i])) return vs_fail(err, VS_E_NUMERIC, "UMAP: a beginning that is not finite");
    descent d = {.n = n, .y = y};
    VS_TRY(vs_umap_curve(err, opt->spread, opt->min_dist, &d.a, &d.b));
    VS_TRY(fuzzy(err, near, &d.near));
    size_t edges = d.near.first[n];
    d.pull_at = vs_alloc(edges, sizeof *d.pull_at);
    d.push_at = vs_alloc(edges, sizeof *d.push_at);
    d.rng = gsl_rng_alloc(gsl_rng_taus2);
    vs_status s = VS_OK;
    if (!d.pull_at || !d.push_at || !d.rng) s = vs_fail(err, VS_E_NOMEM, "no memory for UMAP of %zu points", n);
    if (d.rng) gsl_rng_set(d.rng, (unsigned long)(opt->seed ^ opt->seed >> 32));
    if (s == VS_OK) s = descend(err, &d, opt->epochs, p);
    if (d.rng) gsl_rng_free(d.rng);
    vs_free(d.pull_at);
    vs_free(d.push_at);
    vs_graph_free(&d.near);
    return s;
}
