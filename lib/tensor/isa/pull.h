/* pull.h - steps of skip-gram with negative sampling; part of body.c.
 *
 * A run of pairs with one row of x is one step: their dot products first, sixteen side by side through one exponential,
 * then x and the rows of y together, column by column. */
#ifndef VS_TENSOR_PULL_H
#define VS_TENSOR_PULL_H

/* The step of k <= 16 pairs of the row x. */
INLINE void pull_run(const vs_pull *p, size_t k, float *x, float *y, size_t n, float rate) {
    float f[16] = {0}, sign[16] = {0}, g[16];
    float *row[16];
    for (size_t j = 0; j < k; j++) {
        row[j] = y + (size_t)(p[j].y >> 1) * n;
        sign[j] = p[j].y & 1 ? 1 : 0;
        v16 s = v_zero();
        for (size_t i = 0; i < n; i += 16) s = v_fma(v_load(x + i), v_load(row[j] + i), s);
        f[j] = v_total(s);
    }
    v16 one = v_set(1), likely = v_div(one, v_add(one, v_exp(v_sub(v_zero(), v_load(f)))));
    v_store(g, v_mul(v_sub(v_load(sign), likely), v_set(rate)));
    for (size_t i = 0; i < n; i += 16) {
        v16 at = v_load(x + i), step = v_zero();
        for (size_t j = 0; j < k; j++) {
            v16 other = v_load(row[j] + i), by = v_set(g[j]);
            step = v_fma(by, other, step);
            v_store(row[j] + i, v_fma(by, at, other));
        }
        v_store(x + i, v_add(at, step));
    }
}

static void pull_pairs(const vs_pull *p, size_t pairs, float *x, float *y, size_t n, float rate) {
    enum { AHEAD = 16, LINE = 16 };
    for (size_t i = 0; i < pairs;) {
        size_t k = 1;
        while (k < 16 && i + k < pairs && p[i + k].x == p[i].x) k++;
        for (size_t j = i + AHEAD; j < pairs && j < i + AHEAD + k; j++)
            for (size_t c = 0; c < n; c += LINE) __builtin_prefetch(y + (size_t)(p[j].y >> 1) * n + c, 1);
        pull_run(p + i, k, x + (size_t)p[i].x * n, y, n, rate);
        i += k;
    }
}

#endif
