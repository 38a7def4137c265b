/* backward.h - derivatives of what body.c computes, a row at a time; included by body.c. */

static void add_rows(const float *x, size_t rows, size_t ldx, size_t n, float *y) {
#define LOAD(load, i) v16 p = load(x + i), q = load(y + i);
    for (size_t r = 0; r < rows; r++, x += ldx) EACH(n, LOAD, v_add(q, p), y);
#undef LOAD
}

/* dx = k (a - mean a - xh mean(a xh)) with a = dy g, xh = (x - m) k; without the mean of a where the norm takes none. */
INLINE void norm_back(bool centred, const float *x, const float *g, float mean, float k, const float *dy, float *dx,
                      size_t n) {
    v16 m = v_set(mean), kk = v_set(k), sa = v_zero(), sb = v_zero();
    size_t i = 0;
#define LOAD(load, i)                                                                                                  \
    v16 a = load(dy + i), xh = v_mul(v_sub(load(x + i), m), kk);                                                       \
    if (g) a = v_mul(a, load(g + i));
#define SUM                                                                                                            \
    sa = v_add(sa, a);                                                                                                 \
    sb = v_fma(a, xh, sb);
    for (; i + 16 <= n; i += 16) {
        LOAD(v_load, i)
        SUM
    }
    if (i < n) { /* beyond the end a is 0 */
        size_t left = n - i;
        LOAD(v_load_left, i)
        SUM
    }
    v16 ma = v_set(centred ? v_total(sa) / (float)n : 0), mb = v_set(v_total(sb) / (float)n);
    EACH(n, LOAD, v_mul(kk, v_sub(v_sub(a, ma), v_mul(xh, mb))), dx);
#undef SUM
#undef LOAD
}

/* As layer_norm() and rms_norm() have them, to the bit. */
static void layer_norm_back(const float *x, const float *g, float eps, const float *dy, float *dx, float stats[2],
                            size_t n) {
    stats[0] = sum(x, n) / (float)n;
    stats[1] = 1.0f / sqrtf(squares_about(x, stats[0], n) / (float)n + eps);
    norm_back(true, x, g, stats[0], stats[1], dy, dx, n);
}

static void rms_norm_back(const float *x, const float *g, float eps, const float *dy, float *dx, float stats[2],
                          size_t n) {
    stats[0] = 0;
    stats[1] = 1.0f / sqrtf(dot(x, x, n) / (float)n + eps);
    norm_back(false, x, g, 0, stats[1], dy, dx, n);
}

static void norm_gain_back(const float *x, const float *dy, const float *stats, size_t rows, size_t ld, size_t n,
                           float *dg, float *db) {
    for (size_t r = 0; r < rows; r++, x += ld, dy += ld, stats += 2) {
        v16 m = v_set(stats[0]), k = v_set(stats[1]);
#define LOAD(load, i) v16 p = load(dy + i), xh = v_mul(v_sub(load(x + i), m), k), q = load(dg + i);
        EACH(n, LOAD, v_fma(p, xh, q), dg);
#undef LOAD
    }
    if (db) add_rows(dy - rows * ld, rows, ld, n, db);
}

static void softmax_back(const float *p, const float *dp, float *ds, size_t n) {
    v16 mean = v_set(dot(p, dp, n));
#define LOAD(load, i) v16 b = load(dp + i);
    EACH(n, LOAD, v_sub(b, mean), ds);
#undef LOAD
    v16 rest = v_set(dot(p, ds, n)); /* what the first leaves is small beside dp, and so is its rounding */
#define LOAD(load, i) v16 a = load(p + i), b = load(ds + i);
    EACH(n, LOAD, v_mul(a, v_sub(b, rest)), ds);
#undef LOAD
}

/* s + x s (1 - s) slope, the derivative of x s(u) for s = 1 / (1 + exp(-u)), u' = slope; 1 - s is s exp(-u). */
INLINE v16 gate_slope(v16 x, v16 u, v16 slope) {
    v16 e = v_exp(v_min(v_set(80), v_sub(v_zero(), u))), s = v_div(v_set(1), v_add(v_set(1), e));
    return v_fma(v_mul(v_mul(x, s), v_mul(s, e)), slope, s);
}

/* The derivative of act_of().  Beyond +-100 all are constant, and products of huge numbers would overflow. */
INLINE v16 slope_of(vs_act act, v16 x) {
    v16 one = v_set(1), t;
    x = v_min(v_set(100), v_max(v_set(-100), x));
    switch (act) {
    case VS_ACT_RELU: return v_less(v_zero(), x, one, v_zero());
    case VS_ACT_SILU: return gate_slope(x, x, one);
    case VS_ACT_TANH:
        t = v_tanh(x);
        return v_sub(one, v_mul(t, t));
    case VS_ACT_GELU: /* normal(x) + x density(x) */
        t = v_mul(v_exp(v_mul(v_mul(x, v_set(-0.5f)), x)), v_set(0.398942280401433f));
        return v_fma(x, t, v_normal(x));
    case VS_ACT_GELU_TANH: /* u = 2 sqrt(2/pi) (x + 0.044715 x^3) */
        t = v_mul(v_fma(v_mul(x, x), v_set(3 * 0.044715f), one), v_set(2 * 0.797884560802865f));
        return gate_slope(x, v_mul(v_fma(v_mul(v_mul(x, x), x), v_set(0.044715f), x), v_set(2 * 0.797884560802865f)), t);
    }
    return one;
}

static void activate_back(vs_act act, const float *x, const float *dy, float *dx, size_t n) {
#define LOAD(load, i) v16 a = load(x + i), d = load(dy + i);
#define CASE(which)                                                                                                    \
    case which: EACH(n, LOAD, v_mul(d, slope_of(which, a)), dx); break
    switch (act) {
        CASE(VS_ACT_RELU);
        CASE(VS_ACT_SILU);
        CASE(VS_ACT_TANH);
        CASE(VS_ACT_GELU);
        CASE(VS_ACT_GELU_TANH);
    }
#undef CASE
#undef LOAD
}
