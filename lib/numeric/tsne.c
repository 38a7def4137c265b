/* tsne.c - see tsne.h.
 *
 * Repulsion comes from a quadtree.  Points are sorted along a curve that keeps cells together (Morton), so a cell is a
 * span of them; cells lie one behind another in the order of a walk down, each knowing where the next one beside it
 * begins, so the walk is a loop. */
#include "tsne.h"

#include <math.h>
#include <string.h>

#include "../base/alloc.h"

enum { EXAGGERATED = 250, DIGIT = 11, LEVELS = 2 * DIGIT, DIGITS = 1 << DIGIT };
static const double exaggeration = 12;

/* A cell: its centre, how many points it holds, its width squared (0: a leaf), the cell behind all those inside it. */
typedef struct cell {
    float x, y, count, width2;
    uint32_t skip;
} cell;

typedef struct layout {
    size_t n;
    vs_graph near;
    float *y;      /* [n,2], the caller's */
    float *speed;  /* [n,2] */
    float *gain;   /* [n,2] */
    float *pull;   /* [n,2] sum of p (y_i - y_j) / (1 + d^2) */
    float *push;   /* [n,2] sum of (y_i - y_j) / (1 + d^2)^2 */
    float *weight; /* [n] sum of 1 / (1 + d^2) */
    uint64_t *code, *code2;
    uint32_t *order, *order2; /* points along the curve */
    cell *cells;              /* [2 n] */
    size_t n_cells;
    float theta2;
} layout;

static void layout_free(layout *l) {
    vs_graph_free(&l->near);
    vs_free(l->speed);
    vs_free(l->gain);
    vs_free(l->pull);
    vs_free(l->push);
    vs_free(l->weight);
    vs_free(l->code);
    vs_free(l->code2);
    vs_free(l->order);
    vs_free(l->order2);
    vs_free(l->cells);
}

static bool layout_new(layout *l) {
    size_t n = l->n;
    l->speed = vs_zalloc(n, 2 * sizeof *l->speed);
    l->gain = vs_alloc(n, 2 * sizeof *l->gain);
    l->pull = vs_alloc(n, 2 * sizeof *l->pull);
    l->push = vs_alloc(n, 2 * sizeof *l->push);
    l->weight = vs_alloc(n, sizeof *l->weight);
    l->code = vs_alloc(n, sizeof *l->code);
    l->code2 = vs_alloc(n, sizeof *l->code2);
    l->order = vs_alloc(n, sizeof *l->order);
    l->order2 = vs_alloc(n, sizeof *l->order2);
    l->cells = vs_alloc(n, 2 * sizeof *l->cells);
    return l->speed && l->gain && l->pull && l->push && l->weight && l->code && l->code2 && l->order && l->order2 &&
           l->cells;
}

/* ---- similarities ---- */

/* The p_j|i of one point: Gaussian in the distance, as wide as makes their entropy log(perplexity). */
static void similarities(const float *dist, size_t k, double want, float *p) {
    double beta = 1, low = 0, high = INFINITY, nearest = (double)dist[0] * (double)dist[0], sum = 0;
    for (int round = 0; round < 100; round++) {
        double mean = 0;
        sum = 0;
        for (size_t j = 0; j < k; j++) {
            double d2 = (double)dist[j] * (double)dist[j] - nearest, e = exp(-beta * d2);
            sum += e;
            mean += e * d2;
        }
        double entropy = log(sum) + beta * mean / sum;
        if (fabs(entropy - want) < 1e-5) break;
        if (entropy > want) {
            low = beta;
            beta = isinf(high) ? beta * 2 : (low + high) / 2;
        } else {
            high = beta;
            beta = (low + high) / 2;
        }
    }
    for (size_t j = 0; j < k; j++) p[j] = (float)(exp(-beta * ((double)dist[j] * (double)dist[j] - nearest)) / sum);
}

typedef struct widths {
    const vs_knn *near;
    double want;
    float *p;
} widths;

static void widths_span(void *arg, size_t begin, size_t end, int worker) {
    (void)worker;
    const widths *w = arg;
    size_t k = w->near->k;
    for (size_t i = begin; i < end; i++) similarities(w->near->dist + i * k, k, w->want, w->p + i * k);
}

static float sum_of(float a, float b) { return a + b; }

static vs_status affinities(vs_err *err, const vs_knn *near, double perplexity, vs_graph *out) {
    size_t edges;
    float *p = vs_mul(near->n, near->k, &edges) ? vs_alloc(edges, sizeof *p) : NULL;
    if (!p) return vs_fail(err, VS_E_NOMEM, "no memory for the neighbours of %zu points", near->n);
    widths w = {near, log(perplexity), p};
    vs_parallel_for(near->n, 64, widths_span, &w);
    vs_status s = vs_graph_symmetric(err, near, p, sum_of, out);
    vs_free(p);
    for (size_t e = 0; s == VS_OK && e < out->first[near->n]; e++) out->weight[e] /= 2 * (float)near->n;
    return s;
}

/* ---- the tree ---- */

/* The bits of v with a gap behind each. */
static uint64_t spread(uint64_t v) {
    v = (v | v << 16) & 0x0000FFFF0000FFFFULL;
    v = (v | v << 8) & 0x00FF00FF00FF00FFULL;
    v = (v | v << 4) & 0x0F0F0F0F0F0F0F0FULL;
    v = (v | v << 2) & 0x3333333333333333ULL;
    return (v | v << 1) & 0x5555555555555555ULL;
}

/* Codes of all points in the square around them; its width. */
static float encode(layout *l) {
    float low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (size_t i = 0; i < 2 * l->n; i++) {
        low[i % 2] = fminf(low[i % 2], l->y[i]);
        high[i % 2] = fmaxf(high[i % 2], l->y[i]);
    }
    float width = fmaxf(high[0] - low[0], high[1] - low[1]);
    if (!(width > 0)) width = 1;
    const uint64_t most = (1U << LEVELS) - 1;
    for (size_t i = 0; i < l->n; i++) {
        uint64_t at[2];
        for (size_t a = 0; a < 2; a++) {
            double v = ((double)l->y[2 * i + a] - (double)low[a]) / (double)width * (double)(most + 1);
            at[a] = v >= (double)most ? most : v > 0 ? (uint64_t)v : 0;
        }
        l->code[i] = spread(at[0]) | spread(at[1]) << 1;
        l->order[i] = (uint32_t)i;
    }
    return width;
}

/* Codes and order sorted by code, of equals the lower point: a digit at a time. */
static void sort_codes(layout *l) {
    for (int shift = 0; shift < 2 * LEVELS; shift += DIGIT) {
        size_t count[DIGITS + 1] = {0};
        for (size_t i = 0; i < l->n; i++) count[(l->code[i] >> shift & (DIGITS - 1)) + 1]++;
        for (size_t d = 0; d < DIGITS; d++) count[d + 1] += count[d];
        for (size_t i = 0; i < l->n; i++) {
            size_t at = count[l->code[i] >> shift & (DIGITS - 1)]++;
            l->code2[at] = l->code[i];
            l->order2[at] = l->order[i];
        }
        uint64_t *code = l->code;
        l->code = l->code2;
        l->code2 = code;
        uint32_t *order = l->order;
        l->order = l->order2;
        l->order2 = order;
    }
}

/* The cell of sorted points [begin, end), which agree above `level` (counted from the finest, 1), and all inside it. */
static void build(layout *l, size_t begin, size_t end, int level, float width) {
    /* cells that would hold the same points are one, the smallest */
    while (level > 0 && l->code[begin] >> (2 * level - 2) == l->code[end - 1] >> (2 * level - 2)) {
        level--;
        width /= 2;
    }
    cell *c = &l->cells[l->n_cells++];
    double x = 0, y = 0;
    if (level == 0) { /* one point, or several that no code tells apart */
        for (size_t i = begin; i < end; i++) {
            x += (double)l->y[2 * l->order[i]];
            y += (double)l->y[2 * l->order[i] + 1];
        }
    } else {
        for (size_t b = begin, e; b < end; b = e) {
            uint64_t quarter = l->code[b] >> (2 * level - 2);
            for (e = b + 1; e < end && l->code[e] >> (2 * level - 2) == quarter; e++) continue;
            const cell *inside = &l->cells[l->n_cells];
            build(l, b, e, level - 1, width / 2);
            x += (double)inside->count * (double)inside->x;
            y += (double)inside->count * (double)inside->y;
        }
    }
    double count = (double)(end - begin);
    *c = (cell){(float)(x / count), (float)(y / count), (float)count, level ? width * width : 0, (uint32_t)l->n_cells};
}

/* ---- forces ---- */

static void forces_span(void *arg, size_t begin, size_t end, int worker) {
    (void)worker;
    layout *l = arg;
    const cell *cells = l->cells;
    uint32_t n_cells = (uint32_t)l->n_cells;
    float theta2 = l->theta2;
    for (size_t o = begin; o < end; o++) {
        size_t i = l->order[o];
        float x = l->y[2 * i], y = l->y[2 * i + 1], sum = 0, px = 0, py = 0;
        for (uint32_t c = 0; c < n_cells;) {
            float dx = x - cells[c].x, dy = y - cells[c].y, d2 = dx * dx + dy * dy;
            if (cells[c].width2 <= theta2 * d2) {
                float q = 1 / (1 + d2), nq = cells[c].count * q;
                sum += nq;
                px += nq * q * dx;
                py += nq * q * dy;
                c = cells[c].skip;
            } else {
                c++;
            }
        }
        l->weight[i] = sum - 1; /* less itself */
        l->push[2 * i] = px;
        l->push[2 * i + 1] = py;
        px = py = 0;
        for (size_t e = l->near.first[i]; e < l->near.first[i + 1]; e++) {
            size_t j = l->near.to[e];
            float dx = x - l->y[2 * j], dy = y - l->y[2 * j + 1], pq = l->near.weight[e] / (1 + dx * dx + dy * dy);
            px += pq * dx;
            py += pq * dy;
        }
        l->pull[2 * i] = px;
        l->pull[2 * i + 1] = py;
    }
}

/* Forces on all points as they stand; the sum of all 1 / (1 + d^2). */
static double forces(layout *l) {
    float width = encode(l);
    sort_codes(l);
    l->n_cells = 0;
    build(l, 0, l->n, LEVELS, width);
    vs_parallel_for(l->n, 64, forces_span, l);
    double z = 0;
    for (size_t i = 0; i < l->n; i++) z += (double)l->weight[i];
    return z > 1e-12 ? z : 1e-12;
}

static void step(layout *l, double z, double exaggerate, double momentum, double rate) {
    double mean[2] = {0, 0};
    for (size_t i = 0; i < 2 * l->n; i++) {
        double g = 4 * (exaggerate * (double)l->pull[i] - (double)l->push[i] / z);
        double gain = g * (double)l->speed[i] < 0 ? (double)l->gain[i] + 0.2 : (double)l->gain[i] * 0.8;
        if (gain < 0.01) gain = 0.01;
        l->gain[i] = (float)gain;
        l->speed[i] = (float)(momentum * (double)l->speed[i] - rate * gain * g);
        l->y[i] += l->speed[i];
        mean[i % 2] += (double)l->y[i];
    }
    for (size_t i = 0; i < 2 * l->n; i++) l->y[i] -= (float)(mean[i % 2] / (double)l->n);
}

/* KL(P | Q) over the edges there are. */
static double divergence(layout *l) {
    double z = forces(l), sum = 0;
    for (size_t i = 0; i < l->n; i++)
        for (size_t e = l->near.first[i]; e < l->near.first[i + 1]; e++) {
            size_t j = l->near.to[e];
            double dx = (double)l->y[2 * i] - (double)l->y[2 * j],
                   dy = (double)l->y[2 * i + 1] - (double)l->y[2 * j + 1];
            double p = (double)l->near.weight[e];
            if (p > 0) sum += p * log(p * z * (1 + dx * dx + dy * dy));
        }
    return sum;
}

vs_status vs_tsne(vs_err *err, const vs_knn *near, const vs_tsne_options *opt, const vs_progress *p, float *y,
                  double *kl) {
    size_t n = near->n;
    if (n < 2 || n > UINT32_MAX / 2 || !near->k || !(opt->perplexity > 0 && opt->perplexity <= (double)near->k) ||
        opt->theta < 0)
        return vs_fail(err, VS_E_RANGE, "t-SNE: perplexity %g of %zu points with %zu neighbours", opt->perplexity, n,
                       near->k);
    for (size_t i = 0; i < n * near->k; i++)
        if (!isfinite(near->dist[i])) return vs_fail(err, VS_E_NUMERIC, "t-SNE: a distance that is not finite");
    for (size_t i = 0; i < 2 * n; i++)
        if (!isfinite(y[i])) return vs_fail(err, VS_E_NUMERIC, "t-SNE: a beginning that is not finite");
    layout l = {.n = n, .y = y, .theta2 = (float)(opt->theta * opt->theta)};
    vs_status s = affinities(err, near, opt->perplexity, &l.near);
    if (s == VS_OK && !layout_new(&l)) s = vs_fail(err, VS_E_NOMEM, "no memory for t-SNE of %zu points", n);
    for (size_t i = 0; s == VS_OK && i < 2 * n; i++) l.gain[i] = 1;
    double rate = fmax((double)n / (4 * exaggeration), 50);
    for (int i = 0; s == VS_OK && i < opt->iterations; i++) {
        bool early = i < EXAGGERATED;
        step(&l, forces(&l), early ? exaggeration : 1, early ? 0.5 : 0.8, rate);
        if (vs_interrupted()) s = vs_fail(err, VS_E_STOPPED, "interrupted");
        vs_tick(p, "t-SNE", (uint64_t)i + 1, (uint64_t)opt->iterations);
    }
    if (s == VS_OK && kl) *kl = divergence(&l);
    layout_free(&l);
    return s;
}
