/* sample.c - choosing a token from logits. */
#include <math.h>
#include <string.h>

#include "../base/alloc.h"
#include "../tensor/kernels.h"
#include "sample.h"

/* SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators"): integers only, so the same
 * draws on every machine. */
static uint64_t draw(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

uint64_t vs_sample_state(uint64_t seed, size_t i) {
    uint64_t state = i; /* two rounds: neighbouring seeds and samples have nothing in common */
    if (!i) return seed;
    state = draw(&state) ^ seed;
    return draw(&state);
}

/* log(sum exp x). */
static double log_sum(const float *x, size_t V) {
    double top = (double)x[vs_argmax(x, V)], sum = 0;
    for (size_t v = 0; v < V; v++) sum += exp((double)x[v] - top);
    return top + log(sum);
}

double vs_log_prob(const float *x, size_t V, size_t t) { return (double)x[t] - log_sum(x, V); }

double vs_divergence(const float *p, const float *q, size_t V) {
    double a = log_sum(p, V), b = log_sum(q, V), sum = 0;
    for (size_t v = 0; v < V; v++) {
        double share = exp((double)p[v] - a);
        if (share > 0) sum += share * (((double)p[v] - a) - ((double)q[v] - b));
    }
    return sum > 0 ? sum : 0; /* rounding may bring it just below */
}

vs_status vs_penalise(vs_err *err, float *x, size_t V, const int32_t *ids, size_t n, float penalty) {
    if (penalty == 1) return VS_OK;
    bool *seen = vs_zalloc(V, sizeof *seen);
    if (!seen) return vs_fail(err, VS_E_NOMEM, "no memory for %zu tokens", V);
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || (size_t)ids[i] >= V || seen[ids[i]]) continue;
        seen[ids[i]] = true;
        float *y = &x[ids[i]];
        *y = *y < 0 ? *y * penalty : *y / penalty;
    }
    vs_free(seen);
    return VS_OK;
}

/* a comes before b in the order of preference: NaN last, ties to the lower index. */
static bool better(const float *x, size_t a, size_t b) {
    if (isnan(x[a]) || isnan(x[b])) return isnan(x[a]) == isnan(x[b]) ? a < b : isnan(x[b]);
    return x[a] > x[b] || (x[a] == x[b] && a < b);
}

/* idx[0..k) is a heap with the worst on top: sink the top to its place. */
static void sink(const float *x, size_t *idx, size_t k, size_t i) {
    for (;;) {
        size_t worst = i, l = 2 * i + 1, r = l + 1;
        if (l < k && better(x, idx[worst], idx[l])) worst = l;
        if (r < k && better(x, idx[worst], idx[r])) worst = r;
        if (worst == i) return;
        size_t t = idx[i];
        idx[i] = idx[worst];
        idx[worst] = t;
        i = worst;
    }
}

size_t vs_top_k(const float *x, size_t n, size_t k, size_t *idx) {
    if (k > n) k = n;
    if (k == 0) return 0;
    for (size_t i = 0; i < k; i++) idx[i] = i;
    for (size_t i = k / 2; i-- > 0;) sink(x, idx, k, i);
    for (size_t i = k; i < n; i++)
        if (better(x, i, idx[0])) {
            idx[0] = i;
            sink(x, idx, k, 0);
        }
    for (size_t left = k; left > 1; left--) { /* the worst goes to the end */
        size_t t = idx[0];
        idx[0] = idx[left - 1];
        idx[left - 1] = t;
        sink(x, idx, left - 1, 0);
    }
    return k;
}

/* Of the k best (idx, best first, of probabilities p): how many make up `mass`, all k where they do not; the sum of those
 * taken in *sum. */
static size_t nucleus(const float *p, const size_t *idx, size_t k, double mass, double *sum) {
    size_t n = 0;
    for (*sum = 0; n < k && (n == 0 || *sum < mass); n++) *sum += (double)p[idx[n]];
    return n;
}

/* The tokens to choose among: the top_k best, of those the fewest that make up top_p of their probability, and of those
 * the ones not far behind the best.  Without top_k the best are sorted a few at a time, until they suffice: a nucleus is
 * small beside a vocabulary. */
static size_t *shortlist(const vs_sampling *how, const float *p, size_t V, size_t *n, double *sum) {
    double mass = how->top_p > 0 && how->top_p < 1 ? (double)how->top_p : 1;
    for (size_t k = how->top_k && how->top_k < V ? how->top_k : V < 256 ? V : 256;; k = k > V / 8 ? V : k * 8) {
        size_t *idx = vs_alloc(k, sizeof *idx);
        if (!idx) return NULL;
        vs_top_k(p, V, k, idx);
        double whole = 1;
        if (how->top_k) nucleus(p, idx, k, 2, &whole);
        *n = nucleus(p, idx, k, mass * whole, sum);
        float least = how->min_p * p[idx[0]];
        bool far = p[idx[*n - 1]] < least; /* the last one is too far behind: so are all after it */
        while (p[idx[*n - 1]] < least) --*n;
        if (far) nucleus(p, idx, *n, 2, sum);
        if (how->top_k || k == V || far || *sum >= mass) return idx;
        vs_free(idx);
    }
}

int32_t vs_sample(const vs_sampling *how, const float *logits, size_t V, uint64_t *state) {
    if (V == 0) return -1;
    size_t best = vs_argmax(logits, V);
    if (!(how->temperature > 0)) return (int32_t)best;
    float *p = vs_alloc(V, sizeof *p);
    if (!p) return -1;
    for (size_t i = 0; i < V; i++) p[i] = (logits[i] - logits[best]) / how->temperature;
    bool all = how->top_k == 0 && !(how->top_p > 0 && how->top_p < 1) && !(how->min_p > 0);
    size_t n = V, *idx = NULL;
    double sum = 0, at = 0;
    bool ok = vs_softmax(p, V);
    if (ok && all) {
        for (size_t i = 0; i < V; i++) sum += (double)p[i];
    } else if (ok) {
        idx = shortlist(how, p, V, &n, &sum);
        ok = idx != NULL;
    }
    size_t chosen = 0;
    if (ok) {
        double u = (double)(draw(state) >> 11) * 0x1p-53 * sum; /* in [0, sum) */
        for (size_t i = 0; i < n; i++) {
            size_t token = idx ? idx[i] : i;
            if (p[token] > 0) chosen = token;
            at += (double)p[token];
            if (at > u) break;
        }
    }
    vs_free(idx);
    vs_free(p);
    return ok ? (int32_t)chosen : -1;
}
